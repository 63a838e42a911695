package open

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recoup/datasets"
)

const sameCells = `
name: same
checks: {attribute-changes: off}
resources:
  - name: visits
    path: FILE
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, decimalChar: ",", missingValues: ["", {value: CODE, label: refused}]}
        - {name: score, type: number, decimalChar: ",", groupChar: "."}
        - {name: count, type: integer}
        - {name: sex, type: string, categories: [{value: "1", label: male}, {value: "2", label: female}]}
        - {name: seen, type: date, format: "%d/%m/%Y"}
        - {name: at, type: datetime}
        - {name: note, type: string}
visits: [{value: entry}, {value: end}]
`

// The same cells give the same digest from CSV and from the files of the three
// statistical packages (testdata/make.R), and the reason why cells are missing
// comes with them.
func TestDigestOfStatisticalPackages(t *testing.T) {
	var want string
	for _, c := range []struct{ file, code string }{
		{"same.csv", "-99"}, {"same114.dta", ".a"}, {"same.dta", ".a"}, {"same.sav", "-99"}, {"same.zsav", "-99"}, {"same.xpt", ".A"}, {"same5.xpt#same", ".A"},
	} {
		dir := t.TempDir()
		name, _, _ := strings.Cut(c.file, "#")
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "cohort.yaml")
		text := strings.NewReplacer("FILE", `"`+c.file+`"`, "CODE", `"`+c.code+`"`).Replace(sameCells)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		co, _, err := Examine(context.Background(), path, Options{})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		o, err := co.Origin(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = o.Digest
		}
		// Of 60 rows every 7th refused (8) and every 11th is empty (5); none is both.
		r := co.Tables()[0].MissingReasons("pain")
		if o.Digest != want || o.Patients != 30 || o.Rows != 60 || len(r) != 2 || r[0].Cells != 5 || r[1].Cells != 8 || r[1].Label != "refused" {
			t.Errorf("%s: digest %s of %d patients and %d rows, want %s; missing %+v", c.file, o.Digest, o.Patients, o.Rows, want, r)
		}
		for _, p := range co.Notes() {
			t.Errorf("%s: %s", c.file, p)
		}
	}
}

// A bare file of a statistical package is described by itself.
func TestBareStatisticalFile(t *testing.T) {
	for file, code := range map[string]string{"same.dta": ".a", "same.zsav": "-99", "same.xpt": ".A"} {
		co, _, err := Examine(context.Background(), "testdata/"+file, Options{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		reason := 0
		for _, r := range co.Tables()[0].MissingReasons("pain") {
			if r.Code == code {
				reason = r.Cells
			}
		}
		for _, f := range co.Tables()[0].Fields() {
			switch {
			case f.Name == "sex" && file != "same.xpt" && (len(f.Categories) != 2 || f.Categories[1].Label != "female" || f.Type != datasets.TypeString),
				f.Name == "seen" && f.Type != datasets.TypeDate, f.Name == "at" && f.Type != datasets.TypeDatetime:
				t.Errorf("%s: %+v", file, f)
			}
		}
		if co.Patients() != 30 || reason != 8 {
			t.Errorf("%s: %d patients, %d cells refused, want 30 and 8", file, co.Patients(), reason)
		}
	}
}
