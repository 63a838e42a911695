package disclosure_test

import (
	"testing"

	"recoup/datasets/synthetic"
	"recoup/reports"
	"recoup/reports/disclosure"
)

// quarter is the report of a quarter in which much is small: 400 patients in two arms,
// three sites and eight quarters.
func quarter(t testing.TB, site int) reports.Report {
	t.Helper()
	o := synthetic.Default
	o.Patients, o.Comparison = 400, true
	f, err := synthetic.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if site >= 0 {
		sites, err := reports.Sites(c)
		if err != nil {
			t.Fatal(err)
		}
		c = sites[site].Cohort
	}
	r, err := reports.Quarterly(t.Context(), c, reports.QuarterlyOptions{Quarter: "2026Q2", Level: 0.95, Fewest: 11})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func BenchmarkQuarter(b *testing.B) {
	r, p := quarter(b, -1), disclosure.Policies()[0]
	for b.Loop() {
		disclosure.Apply(r, p)
	}
}

func BenchmarkQuarterOfSite(b *testing.B) {
	r, p := quarter(b, 0), disclosure.Policies()[0]
	for b.Loop() {
		disclosure.Apply(r, p)
	}
}
