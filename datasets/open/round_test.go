package open

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recoup/datasets"
	"recoup/datasets/parquet"
)

const everyType = `
name: types
resources:
  - name: visits
    path: data.csv
    constants: {drug: oxycodone}
    schema:
      missingValues: ["", "NA"]
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: n, type: number, decimalChar: ","}
        - {name: i, type: integer}
        - {name: b, type: boolean, trueValues: ["yes"], falseValues: ["no"]}
        - {name: d, type: date, format: "%d/%m/%Y"}
        - {name: t, type: datetime}
        - {name: u, type: duration}
        - {name: s, type: string}
        - {name: c, type: string, categories: [{value: "1", label: one}, {value: "2", label: two}]}
`

const everyRow = "id;visit;n;i;b;d;t;u;s;c\n" +
	"007;x;1,5;3;yes;31/12/2020;2021-01-02T03:04:05;P2W;é;1\n" +
	"7;x;-0;NA;no;;;;=SUM(A1);2\n" +
	"a b;y;0,1;-9007199254740992;NA;01/02/1999;1999-02-01T00:00:00;PT36H;\"line\nbreak\";NA\n"

// The digest is of the typed values: the same from CSV, Arrow and Parquet, from
// one reading to the next, and another when a value, a name, an order or a
// missing cell is another.
func TestDigestAcrossFormats(t *testing.T) {
	dir := t.TempDir()
	put := func(name, s string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	digest := func(path string) (string, *datasets.Cohort) {
		c, _, err := Examine(context.Background(), path, Options{})
		if err != nil {
			t.Fatal(path, err)
		}
		o, err := c.Origin(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return o.Digest, c
	}
	put("data.csv", everyRow)
	want, c := digest(put("cohort.yaml", everyType))
	for _, ext := range []string{"csv", "arrow", "parquet"} {
		for _, table := range c.Tables() {
			f, err := os.Create(filepath.Join(dir, table.Name()+"."+ext))
			if err != nil {
				t.Fatal(err)
			}
			switch ext {
			case "csv":
				err = table.WriteCSV(f)
			case "arrow":
				err = table.WriteIPC(f)
			default:
				err = parquet.Write(f, table)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		y, err := c.Described(func(name string) string { return name + "." + ext }, ext == "csv", nil).YAML()
		if err != nil {
			t.Fatal(err)
		}
		got, again := digest(put(ext+".yaml", string(y)))
		if got != want {
			t.Errorf("%s: digest %s, want %s", ext, got, want)
		}
		if v := again.Tables()[0].Floats("u"); v[0] != 14 || v[2] != 1.5 {
			t.Errorf("%s: durations %v, want 14 and 1.5 days", ext, v)
		}
	}
	for name, change := range map[string][2]string{
		"a value": {"1,5;3", "1,25;3"}, "a missing cell": {"31/12/2020", ""}, "a text": {"é", "e"}, "an identifier": {"007", "07"},
	} {
		put("other/data.csv", strings.Replace(everyRow, change[0], change[1], 1))
		if got, _ := digest(put("other/cohort.yaml", everyType)); got == want {
			t.Errorf("%s is another, the digest is not", name)
		}
	}
	lines := strings.SplitAfter(everyRow, "\n")
	put("other/data.csv", lines[0]+lines[2]+lines[1]+lines[3]+lines[4])
	if got, _ := digest(put("other/cohort.yaml", everyType)); got == want {
		t.Error("the rows are in another order, the digest is not another")
	}
}

const coded = `
name: codes
visits: [{value: a, week: 0, baseline: true}, {value: b, week: 4}]
resources:
  - name: visits
    path: data.csv
    schema:
      missingValues: ["", {value: "-99", label: not asked}]
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, instrument: nrs, title: Pain, missingValues: ["", {value: "-9", label: refused}, {value: "-8", label: too ill}]}
        - {name: job, type: string, unit: none, categories: [{value: "1", label: works}, {value: "2", label: does not}]}
        - {name: note, type: string}
`

// Why a cell is missing, the labels and the rest of the description go through
// every format, and typed files carry them on their own.
func TestReasonsAcrossFormats(t *testing.T) {
	dir := t.TempDir()
	put := func(name, s string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("data.csv", "id,visit,pain,job,note\n1,a,5,1,x\n1,b,-9,-99,\n2,a,-8,2,NA\n2,b,,,y\n3,a,-9,,\"\"\n3,b,4,2,-99\n")
	c, err := Cohort(t.Context(), put("cohort.yaml", coded), Options{})
	if err != nil {
		t.Fatal(err)
	}
	said := func(c *datasets.Cohort) string {
		table := c.Tables()[0]
		return fmt.Sprint(table.MissingReasons("pain"), table.MissingReasons("job"), table.Missing("note"), c.Outcomes()[0].Title)
	}
	if want := "[{ 1} {-9 refused 2} {-8 too ill 1}] [{ 2} {-99 not asked 1}] 3Pain"; strings.Join(strings.Fields(said(c)), " ") != strings.Join(strings.Fields(want), " ") {
		t.Fatal(said(c))
	}
	for _, ext := range []string{"csv", "arrow", "parquet"} {
		f, err := os.Create(filepath.Join(dir, "visits."+ext))
		if err != nil {
			t.Fatal(err)
		}
		write := map[string]func(io.Writer) error{
			"csv": c.Tables()[0].WriteCSV, "arrow": c.Tables()[0].WriteIPC,
			"parquet": func(w io.Writer) error { return parquet.Write(w, c.Tables()[0]) },
		}[ext]
		if err := errors.Join(write(f), f.Close()); err != nil {
			t.Fatal(err)
		}
		y, err := c.Described(func(string) string { return "visits." + ext }, ext == "csv", nil).YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Cohort(t.Context(), put(ext+".yaml", string(y)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if said(again) != said(c) {
			t.Errorf("%s: %s, want %s", ext, said(again), said(c))
		}
		if ext == "csv" {
			continue
		}
		bare, err := Cohort(t.Context(), filepath.Join(dir, "visits."+ext), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if said(bare) != said(c) {
			t.Errorf("bare %s: %s, want %s", ext, said(bare), said(c))
		}
		if f := bare.Tables()[0].Fields()[3]; f.Categories[1].Label != "does not" || f.Unit != "none" {
			t.Errorf("bare %s: %+v", ext, f)
		}
	}
}

// Damaged and hostile files of the corpora end in an error or in rows: no panic,
// no hang.
func TestCorporaDoNotCrash(t *testing.T) {
	root := "../../../shared/corpora"
	if _, err := os.Stat(root); err != nil {
		t.Skip("SKIPPED: the corpora are absent from the shared folder beside the project")
	}
	files := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		if _, unknown := format(path); unknown == nil && st.Size() <= 8<<20 {
			files++
			_, _ = Draft(context.Background(), []string{path})
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Errorf("%d files, %v", files, err)
	}
}

// A bare data file is drafted in memory, and every guess is told.
func TestBareFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "visits.csv")
	if err := os.WriteFile(path, []byte("patient_id,visit,group,pain,age,seen\n007,baseline,A,6,44,2020-01-02\n007,end,A,3,44,2020-02-03\n8,baseline,B,NA,51,2020-01-05\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, _, err := Examine(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Dictionary()
	roles := map[string]datasets.Role{}
	kinds := map[string]datasets.Type{}
	for _, f := range d.Resources[0].Schema.Fields {
		roles[f.Name], kinds[f.Name] = f.Role, f.Type
	}
	if roles["patient_id"] != datasets.RolePatient || roles["visit"] != datasets.RoleVisit || roles["group"] != datasets.RoleArm || roles["pain"] != datasets.RoleOutcome || kinds["seen"] != datasets.TypeDate {
		t.Errorf("roles %v types %v", roles, kinds)
	}
	if v := c.Values("pain", "baseline"); c.Patients() != 2 || v[0] != 6 || v[1] == v[1] {
		t.Errorf("%d patients, pain %v", c.Patients(), v)
	}
	if !d.Drafted || len(c.Notes()) < 6 {
		t.Errorf("drafted %v, %d notes", d.Drafted, len(c.Notes()))
	}
}

// Files of the corpora that have no ending go straight to the reader of their
// folder: each ends in rows or in an error.
func TestDamagedFilesEndInErrors(t *testing.T) {
	root := "../../../shared/corpora"
	if _, err := os.Stat(root); err != nil {
		t.Skip("SKIPPED: the corpora are absent from the shared folder beside the project")
	}
	readers := []struct {
		folder string
		open   func(string, datasets.Resource) (datasets.Source, error)
	}{
		{"arrow/arrow-ipc-file", datasets.NewIPC},
		{"arrow/arrow-ipc-stream", datasets.NewIPC},
		{"arrow/parquet", parquet.Open},
		{"parquet/data", parquet.Open},
		{"parquet/bad_data", parquet.Open},
	}
	files, whole := 0, 0
	for _, r := range readers {
		entries, err := os.ReadDir(filepath.Join(root, r.folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			files++
			s, err := r.open(filepath.Join(root, r.folder, e.Name()), datasets.Resource{Name: "t"})
			if err != nil {
				continue
			}
			for err == nil {
				_, err = s.Next(t.Context())
			}
			if errors.Is(err, io.EOF) {
				whole++
			}
			if err := s.Close(); err != nil {
				t.Errorf("%s: %v", e.Name(), err)
			}
		}
	}
	if files < 200 || whole < 20 {
		t.Errorf("%d files, %d read to their end", files, whole)
	}
}
