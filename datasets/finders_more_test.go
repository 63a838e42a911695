package datasets

import (
	"strings"
	"testing"
)

// Rows are told by the file they are in, and a wide table by the rows of its file.
func TestChecksOfSeveralFilesAndWideTables(t *testing.T) {
	file := `
name: c
resources:
  - name: costs
    path: [one.csv, two.csv]
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: cost, type: number, role: cost}
  - name: visits
    path: wide.csv
    reshape: {outcome: pain, columns: {p0: a, p4: b, p9: c}}
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: p0, type: number, role: outcome, instrument: nrs}
        - {name: p4, type: number, role: outcome, instrument: nrs}
        - {name: p9, type: number, role: outcome, instrument: nrs}
visits: [{value: a, week: 0, baseline: true}, {value: b, week: 4}, {value: c, week: 9}]
`
	c, err := load(t, file, map[string]string{
		"one.csv":  "id,day,cost\nx,1,5\nx,2,-5\n",
		"two.csv":  "id,day,cost\ny,1,-1\nx,1,5\n",
		"wide.csv": "id,p0,p4,p9\nx,1,2,3\ny,10,0,10\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range c.Notes() {
		got = append(got, strings.SplitN(p.String(), ", column", 2)[0]+" "+p.Code)
	}
	want := []string{
		"costs (two.csv) row 2 (line 3): expected no row twice; these are the same as another in every column (1 row); remove the second row, or correct the row, or switch the check off under checks in the cohort file [duplicate-row] duplicate-row",
		"costs (one.csv) row 2 (line 3) negative-cost",
		"costs (two.csv) row 1 (line 2) negative-cost",
		"visits (wide.csv) row 2 (line 3) impossible-jump",
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || g == w
		}
		if !found {
			t.Errorf("not told: %s", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("told: %q", got)
	}
}
