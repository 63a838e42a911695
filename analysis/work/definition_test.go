package work_test

import (
	"fmt"
	"slices"
	"testing"

	"recoup/analysis"
	"recoup/analysis/work"
)

const oneYAML = `name: s
resources:
  - name: spells
    path: spells.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: integer, role: start, unit: days}
        - {name: to, type: integer, role: end, unit: days}
        - {name: status, type: string, role: work_status, categories: [off work, full duty, part time, full time]}
`

// One patient each, off work but for one stretch of work and followed to day 1,200: which
// definitions count it as return, of those read from spells and a horizon of 900 days.
func TestDefinitionsSeparate(t *testing.T) {
	all := []string{
		"any-work", "full-duty", "full-time", "sustained-28-days", "sustained-30-days", "sustained-90-days", "sustained-13-weeks",
		"within-3-months", "within-2-years", "within-2-years-sustained-6-months",
	}
	for _, c := range []struct {
		start, days int
		status      string
		counts      []string
	}{
		{10, 27, "part time", []string{"any-work", "within-3-months", "within-2-years"}},
		{10, 27, "full duty", []string{"any-work", "full-duty", "within-3-months", "within-2-years"}},
		{10, 27, "full time", []string{"any-work", "full-time", "within-3-months", "within-2-years"}},
		{91, 28, "part time", []string{"any-work", "sustained-28-days", "within-3-months", "within-2-years"}},
		{92, 29, "part time", []string{"any-work", "sustained-28-days", "within-2-years"}},
		{730, 30, "part time", []string{"any-work", "sustained-28-days", "sustained-30-days", "within-2-years"}},
		{731, 89, "part time", []string{"any-work", "sustained-28-days", "sustained-30-days"}},
		{731, 90, "part time", []string{"any-work", "sustained-28-days", "sustained-30-days", "sustained-90-days"}},
		{731, 91, "part time", []string{"any-work", "sustained-28-days", "sustained-30-days", "sustained-90-days", "sustained-13-weeks"}},
		{730, 182, "part time", []string{"any-work", "sustained-28-days", "sustained-30-days", "sustained-90-days", "sustained-13-weeks", "within-2-years"}},
		{730, 183, "part time", []string{"any-work", "sustained-28-days", "sustained-30-days", "sustained-90-days", "sustained-13-weeks", "within-2-years", "within-2-years-sustained-6-months"}},
		{731, 183, "part time", []string{"any-work", "sustained-28-days", "sustained-30-days", "sustained-90-days", "sustained-13-weeks"}},
		{901, 200, "full duty", nil},
	} {
		csv := fmt.Sprintf("id,from,to,status\n1,0,%d,off work\n1,%d,%d,%s\n1,%d,1200,off work\n", c.start-1, c.start, c.start+c.days-1, c.status, c.start+c.days)
		// A second patient declares the levels that the first may lack, and never works.
		csv += "2,0,1200,off work\n"
		in := cohort(t, map[string]string{"cohort.yaml": oneYAML, "spells.csv": csv})
		r := run(t, in, analysis.Question{}, map[string]string{"horizon": "900"})
		for _, d := range all {
			e := find(t, r, d, "returned_all", map[string]string{"within-3-months": "day 91", "within-2-years": "day 730", "within-2-years-sustained-6-months": "day 730"}[d]+map[bool]string{true: "day 900"}[!slices.Contains([]string{"within-3-months", "within-2-years", "within-2-years-sustained-6-months"}, d)], "all")
			want := 0.0
			if slices.Contains(c.counts, d) {
				want = 0.5
			}
			near(t, fmt.Sprintf("%d days of %s from day %d, %s", c.days, c.status, c.start, d), e.Value, want)
		}
	}
}

// Off benefit: no sick leave at the visit, whatever the work.
func TestOffBenefit(t *testing.T) {
	in := cohort(t, map[string]string{"visits.csv": "id,visit,leave\n1,a,full\n1,b,none\n2,a,full\n2,b,partial\n3,a,none\n3,b,none\n4,a,full\n", "cohort.yaml": `name: b
resources:
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: leave, type: string, role: sick_leave, categories: [none, partial, full]}
visits:
  - {value: a, name: entry, week: 0, baseline: true}
  - {value: b, name: two years, week: 104}
`})
	r := run(t, in, analysis.Question{Definition: "off-benefit"}, nil)
	near(t, "of all", find(t, r, "off-benefit", "returned_all", "two years", "all").Value, 2./4)
	near(t, "of those seen", find(t, r, "off-benefit", "returned_all_seen", "two years", "all").Value, 2./3)
}

// Of those off work at entry in x (visits of return_test.go) 1 and 2 returned between
// entry and day 28, 3 had not by day 364, and 4 was never seen. So 2/3 returned by day 28,
// and of a rate λ the likelihood is (1-exp(-28λ))² exp(-364λ), largest where
// exp(28λ) - 1 = 56/364.
func TestBetweenVisits(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": visitsYAML, "visits.csv": visits})
	q := analysis.Question{Arm: "x", Definition: "any-work"}
	r := answer(t, work.IntervalCensored, in, q, map[string]string{"at": "10,28,300"})
	for term, want := range map[string][]float64{"returned_at_least": {0, 2. / 3, 2. / 3}, "returned_at_most": {2. / 3, 2. / 3, 2. / 3}} {
		for i, day := range []string{"day 10", "day 28", "day 300"} {
			e := withArm(t, r, term, "x", day)
			if d := float64(e.Value) - want[i]; d > 1e-9 || d < -1e-9 {
				t.Errorf("%s %s: %v", term, day, e.Value)
			}
			if e.N.Arm != 3 || e.N.Missing != 1 {
				t.Errorf("%+v", e.N)
			}
		}
	}
	p := answer(t, work.ParametricAnalysis, in, q, map[string]string{"times": "visits", "distribution": "exponential"})
	const rate = 0.0051107 // log(1 + 56/364)/28
	m := withArm(t, p, "median_time", "x", "")
	if want := 0.69314718 / rate; float64(m.Value) < want*0.9999 || float64(m.Value) > want*1.0001 {
		t.Errorf("median %v, want %v", m.Value, want)
	}
}

// The restricted means of timesYAML's arms a and c, as in return_test.go: of a 61/12 weeks
// of 8, of c 8 weeks; 2 of a's 8 weeks' patients are at work on average 8 - 61/12.
func TestRestrictedMeansByHand(t *testing.T) {
	csv := "id,arm,weeks,back\n1,a,3,1\n2,a,9,1\n3,a,1,1\n4,a,3,0\n5,a,7,0\n6,a,2,0\n7,a,5,1\n8,a,3,1\n11,c,9,0\n12,c,9,1\n"
	in := cohort(t, map[string]string{"cohort.yaml": timesYAML, "times.csv": csv})
	r := answer(t, work.RestrictedMeans, in, analysis.Question{Arm: "a", Reference: "c"}, map[string]string{"tau": "56"})
	near(t, "mean", withArm(t, r, "restricted_mean", "a", "day 56").Value, 7*61./12)
	near(t, "gained", withArm(t, r, "mean_time_gained", "a", "day 56").Value, 56-7*61./12)
	near(t, "difference", withArm(t, r, "difference", "a", "day 56").Value, 7*61./12-56)
	near(t, "ratio", withArm(t, r, "ratio", "a", "day 56").Value, 61./96)
	if e := withArm(t, r, "ratio_gained", "a", "day 56"); e.Value.OK() || !warned(e, analysis.WarnTooFew) {
		t.Errorf("nobody of c returned by then: %+v", e)
	}
}
