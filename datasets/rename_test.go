package datasets

import (
	"context"
	"strings"
	"testing"
)

// A field may have another name in the file; several rows a patient and visit are
// allowed where one column tells them apart.
func TestColumnAndRepeat(t *testing.T) {
	cohort := `
name: c
resources:
  - name: falls
    path: f.csv
    schema:
      fields:
        - {name: id, column: Record ID, role: patient}
        - {name: n, column: Repeat Instance, type: integer, role: repeat}
        - {name: hurt, column: id, type: integer}
`
	open := func(ctx context.Context, path string, r Resource) (Source, error) {
		src, err := OpenText(map[string]string{"f.csv": "id,Record ID,Repeat Instance\n5,a,1\n6,a,2\n"})(ctx, path, r.AsInFile())
		if err != nil {
			return nil, err
		}
		return Renamed(src, r), nil
	}
	d, err := ParseDictionary("c", []byte(cohort))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(context.Background(), d, LoadOptions{Open: open})
	if err != nil {
		t.Fatal(err)
	}
	if v := c.Tables()[0].Floats("hurt"); c.Patients() != 1 || len(v) != 2 || v[0] != 5 || v[1] != 6 {
		t.Errorf("%d patients, %v", c.Patients(), v)
	}
	if f := c.Described(func(string) string { return "f.csv" }, true, nil).Resources[0].Schema.Fields[0]; f.Column != "" {
		t.Errorf("the written cohort still names the old file's column %q", f.Column)
	}
	if d, err = ParseDictionary("c", []byte(strings.Replace(cohort, ", role: repeat", "", 1))); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(context.Background(), d, LoadOptions{Open: open}); err == nil || !strings.Contains(err.Error(), "expected one row a patient") {
		t.Errorf("two rows a patient: %v", err)
	}
	if _, err := ParseDictionary("c", []byte(strings.Replace(cohort, "column: id", "column: Record ID", 1))); err == nil || !strings.Contains(err.Error(), "expected each column of the file for one field") {
		t.Errorf("one column for two fields: %v", err)
	}
}
