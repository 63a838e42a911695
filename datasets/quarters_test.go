package datasets

import (
	"slices"
	"strings"
	"testing"
)

// Day numbers in the roles of admission and discharge are no dates: read as days
// since 1970 they would put every patient into 1970Q1. The quarter then comes
// from the period; with dates it comes from them, patient by patient.
func TestQuartersTakeDatesAlone(t *testing.T) {
	const dictionary = `name: q
privacy: {allowances: [{column: quarter, by: test, reason: invented}]}
resources:
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: quarter, type: string, role: period}
        - {name: in, type: TYPE, role: admitted}
        - {name: out, type: TYPE, role: discharged}
`
	load := func(kind, rows string) ([]string, []Role) {
		t.Helper()
		d, err := ParseDictionary("q.yaml", []byte(strings.ReplaceAll(dictionary, "TYPE", kind)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := Load(t.Context(), d, LoadOptions{Open: OpenText(map[string]string{"p.csv": "id,quarter,in,out\n" + rows})})
		if err != nil {
			t.Fatal(err)
		}
		return c.Quarters()
	}
	quarters, from := load("integer", "a,2026Q3,40,68\nb,2026Q2,10,\nc,,10,38\n")
	if !slices.Equal(quarters, []string{"2026Q3", "2026Q2", ""}) || !slices.Equal(from, []Role{RolePeriod}) {
		t.Errorf("day numbers: %q from %q", quarters, from)
	}
	quarters, from = load("date", "a,2026Q3,2026-01-05,2026-04-01\nb,2026Q2,2026-03-31,\nc,2025Q1,,\n")
	if !slices.Equal(quarters, []string{"2026Q2", "2026Q1", "2025Q1"}) || len(from) != 3 {
		t.Errorf("dates: %q from %q", quarters, from)
	}
}
