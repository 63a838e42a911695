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

// Who was referred and never came has no date of admission or discharge. Left without a
// quarter they would be missing from those referred, and every quarter would admit all.
func TestQuarterOfThoseWhoNeverBegan(t *testing.T) {
	const dictionary = `name: q
privacy: {dates: {are: KIND, by: test, reason: invented}}
resources:
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: asked, type: date, role: referred}
        - {name: in, type: date, role: admitted}
        - {name: out, type: date, role: discharged}
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
visits:
  - {value: first, week: 0, baseline: true}
`
	load := func(kind string) ([]string, []Role) {
		t.Helper()
		d, err := ParseDictionary("q.yaml", []byte(strings.ReplaceAll(dictionary, "KIND", kind)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := Load(t.Context(), d, LoadOptions{Open: OpenText(map[string]string{
			// a came and left, b came and has not left, c never came, d came on no known day.
			"p.csv": "id,asked,in,out\na,2023-12-31,2024-02-29,2024-04-01\nb,2024-01-02,2024-03-31,\nc,2024-02-29,,\nd,2024-02-29,,\n",
			"v.csv": "id,visit,pain\na,first,5\nd,first,6\n",
		})})
		if err != nil {
			t.Fatal(err)
		}
		return c.Quarters()
	}
	quarters, from := load("limited-data-set")
	if !slices.Equal(quarters, []string{"2024Q2", "2024Q1", "2024Q1", ""}) || !slices.Equal(from, []Role{RoleDischarged, RoleAdmitted, RoleReferred}) {
		t.Errorf("%q from %q", quarters, from)
	}
	if quarters, from = load("shifted"); quarters != nil || from != nil {
		t.Errorf("shifted dates: %q from %q", quarters, from)
	}
}
