package resample_test

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/catalog"
	"recoup/analysis/resample"
	"recoup/datasets"
)

const dictionary = `
name: trial
visits:
  - {value: "0", name: before, baseline: true}
  - {value: "1", name: after}
arms:
  - {value: a}
  - {value: b}
resources:
  - name: people
    path: people.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: site, type: string, role: site}
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
`

type person struct {
	arm, site     string
	before, after float64
}

func trial(t *testing.T, people []person) *datasets.Cohort {
	t.Helper()
	var p, v strings.Builder
	p.WriteString("id,arm,site\n")
	v.WriteString("id,visit,pain\n")
	for i, x := range people {
		fmt.Fprintf(&p, "p%05d,%s,%s\n", i, x.arm, x.site)
		fmt.Fprintf(&v, "p%05d,0,%g\np%05d,1,%g\n", i, x.before, i, x.after)
	}
	return analysistest.Cohort(t, dictionary, map[string]string{"people.csv": p.String(), "visits.csv": v.String()})
}

// people are made by a formula: changes of many values, skewed in arm a.
func people(n int, scale float64) []person {
	out := make([]person, n)
	for i := range out {
		x := person{arm: "a", site: string(rune('k' + i%7)), before: 6 + float64(i*7%11)/4}
		if i%3 == 0 {
			x.arm = "b"
		}
		fall := math.Pow(float64(i*37%101)/40, 2)
		x.after = x.before - fall + float64(i*13%17)/9
		x.before, x.after = x.before*scale, x.after*scale
		out[i] = x
	}
	return out
}

func run(t *testing.T, a *analysis.Analysis, c *datasets.Cohort, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	q.Outcome, q.Visit, q.Seed = "pain", "after", 11
	r, err := a.Run(t.Context(), analysis.Input{Cohort: c, Find: catalog.Find}, q, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, a, r)
	return r
}

var versus = analysis.Question{Arm: "a", Reference: "b"}

// The analysis draws what the kernel draws: for the mean change of one arm the
// kernel's statistic over that arm's patients in the order of their identifiers, from
// the same streams, has the same error and bounds, by the jackknife of every patient
// and of every estimate of the same run.
func TestBootstrapIsTheKernels(t *testing.T) {
	data := people(60, 1)
	r := run(t, resample.BootstrapAnalysis, trial(t, data), versus, map[string]string{"analysis": "effect/mean-change", "replicates": "400"})
	c := resample.Classes{}
	for _, x := range data {
		stratum := 1
		if x.arm == "b" {
			stratum = 2
		}
		c.Sizes, c.Strata = append(c.Sizes, 1), append(c.Strata, stratum)
	}
	mean := func(w []float64, arm string) float64 {
		s, n := 0.0, 0.0
		for i, x := range data {
			if x.arm == arm {
				s += w[i] * (x.after - x.before)
				n += w[i]
			}
		}
		return s / n
	}
	for _, k := range []struct {
		term string
		f    func(w []float64) float64
	}{
		{"change", func(w []float64) float64 { return mean(w, "a") }},
		{"difference_in_change", func(w []float64) float64 { return mean(w, "a") - mean(w, "b") }},
	} {
		d, err := resample.Bootstrap(t.Context(), func(w []float64) (float64, float64) { return k.f(w), math.NaN() }, c, resample.Plan{Replicates: 400, Seed: 11})
		if err != nil {
			t.Fatal(err)
		}
		e := analysistest.Find(t, r, k.term, "a")
		ci := d.Interval(resample.BCa, 0.95)
		for what, pair := range map[string][2]float64{
			"value": {float64(e.Value), d.Value}, "error": {float64(e.SE), d.StandardError()},
			"low": {float64(e.CI.Low), float64(ci.Low)}, "high": {float64(e.CI.High), float64(ci.High)},
		} {
			if !(math.Abs(pair[0]-pair[1]) < 1e-9) {
				t.Errorf("%s: %s %.12g, the kernel's %.12g", k.term, what, pair[0], pair[1])
			}
		}
		if e.P.OK() || e.DF.OK() {
			t.Errorf("%s: p or degrees of freedom of another distribution are left", k.term)
		}
	}
}

// Over 400 patients the acceleration comes from blocks: near that of every patient.
func TestBlocksOfTheJackknife(t *testing.T) {
	data := people(2000, 1)
	f := func(w []float64) (float64, float64) {
		s, n := 0.0, 0.0
		for i, x := range data {
			s += w[i] * (x.after - x.before) * (x.after - x.before)
			n += w[i]
		}
		return s / n, math.NaN()
	}
	one := resample.Classes{Sizes: make([]int, len(data))}
	for i := range one.Sizes {
		one.Sizes[i] = 1
	}
	parts := one
	parts.Blocks = 400
	a, err := resample.Bootstrap(t.Context(), f, one, resample.Plan{Replicates: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := resample.Bootstrap(t.Context(), f, parts, resample.Plan{Replicates: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Jackknife) != 400 || math.Abs(a.Acceleration()-b.Acceleration()) > 0.003 || a.Acceleration() < 0.004 {
		t.Errorf("%d values, acceleration %.4g by blocks, %.4g by patients", len(b.Jackknife), b.Acceleration(), a.Acceleration())
	}
}

// Another unit of the outcome changes nothing but the unit; nor do the processors.
func TestBootstrapScalesWithTheOutcome(t *testing.T) {
	set := map[string]string{"analysis": "effect/ancova", "replicates": "200", "interval": "percentile"}
	a := run(t, resample.BootstrapAnalysis, trial(t, people(90, 1)), versus, set)
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	b := run(t, resample.BootstrapAnalysis, trial(t, people(90, 8)), versus, set)
	e, f := analysistest.Find(t, a, "adjusted_difference", "a"), analysistest.Find(t, b, "adjusted_difference", "a")
	for _, pair := range [][2]analysis.Num{{e.Value, f.Value}, {e.SE, f.SE}, {e.CI.Low, f.CI.Low}, {e.CI.High, f.CI.High}} {
		if !(math.Abs(float64(8*pair[0]-pair[1])) < 1e-9) {
			t.Errorf("eight times %v is not %v", pair[0], pair[1])
		}
	}
}

// Clusters are drawn whole: where the patients of a site are alike, the error of the
// mean is that of the sites' means. 7 sites of 20 patients with changes 1..7: the
// bootstrap error of the mean of seven equal sites is sqrt(4/7) = 0.756 (variance of
// 1..7 by 7, over 7). Within 3 of its Monte Carlo errors 0.756/sqrt(2*2000) = 0.012:
// fails falsely once in 370, and the seed is fixed.
func TestBootstrapOfClusters(t *testing.T) {
	var data []person
	for i := range 140 {
		data = append(data, person{arm: "a", site: fmt.Sprintf("s%d", i%7), before: 9, after: 9 - float64(1+i%7)})
	}
	c := trial(t, data)
	r := run(t, resample.BootstrapAnalysis, c, analysis.Question{Arm: "a"}, map[string]string{"analysis": "effect/mean-change", "cluster": "true", "replicates": "2000", "interval": "percentile"})
	e := analysistest.Find(t, r, "change", "a")
	if math.Abs(float64(e.SE)-math.Sqrt(4.0/7)) > 3*0.012 || len(r.Warnings) == 0 {
		t.Errorf("error %v, want 0.756; warnings %v", e.SE, r.Warnings)
	}
	r = run(t, resample.BootstrapAnalysis, c, analysis.Question{Arm: "a"}, map[string]string{"analysis": "effect/mean-change", "strata": "site", "replicates": "200"})
	if e = analysistest.Find(t, r, "change", "a"); e.SE.OK() || e.CI.Low.OK() || len(e.Warnings) == 0 {
		t.Errorf("within sites nothing varies: error %v, warnings %v", e.SE, e.Warnings)
	}
}

// Three patients against three with changes -6 -5 -4 and -3 -2 -1: of the 20 deals two
// give a difference as far from zero, so p = 0.1. With 3999 deals the Monte Carlo error
// is 0.0047; within 4 of them, which fails falsely once in 16,000 seeds.
func TestPermutation(t *testing.T) {
	var data []person
	for i := range 6 {
		arm := "a"
		if i > 2 {
			arm = "b"
		}
		data = append(data, person{arm: arm, site: "k", before: 10, after: 4 + float64(i)})
	}
	for _, set := range []map[string]string{
		{"analysis": "effect/mean-change", "replicates": "3999"},
		{"analysis": "effect/mean-change", "replicates": "3999", "studentise": "false", "strata": "site"},
		{"analysis": "effect/superiority", "replicates": "3999", "studentise": "false"},
	} {
		r := run(t, resample.PermutationAnalysis, trial(t, data), versus, set)
		found := false
		for _, e := range r.Estimates {
			if e.P.OK() {
				found = true
				if math.Abs(float64(e.P)-0.1) > 4*0.0047 {
					t.Errorf("%v: %s: p %v, want 0.1", set, e.Term, e.P)
				}
			}
			if e.Reference == "" && e.P.OK() {
				t.Errorf("%s of one group has a p value", e.Term)
			}
		}
		if !found {
			t.Errorf("%v: no p value", set)
		}
	}
	// Within strata of one arm each, every deal is the one seen.
	for i := range data {
		data[i].site = data[i].arm
	}
	r := run(t, resample.PermutationAnalysis, trial(t, data), versus, map[string]string{"analysis": "effect/mean-change", "replicates": "100", "strata": "site"})
	if e := analysistest.Find(t, r, "difference_in_change", "a"); e.P != 1 {
		t.Errorf("p %v, want 1", e.P)
	}
}

func TestWhatIsRefused(t *testing.T) {
	c := trial(t, people(12, 1))
	for _, k := range []struct {
		a   *analysis.Analysis
		q   analysis.Question
		set map[string]string
		say string
	}{
		{resample.BootstrapAnalysis, versus, nil, "expected the analysis to run"},
		{resample.BootstrapAnalysis, versus, map[string]string{"analysis": "effect/nothing"}, "no such analysis"},
		{resample.BootstrapAnalysis, versus, map[string]string{"analysis": "effect/mean-change", "with.nothing": "1"}, "has no setting"},
		{resample.BootstrapAnalysis, versus, map[string]string{"analysis": "effect/mean-change", "replicates": "5"}, "100 to 1,000,000"},
		{resample.BootstrapAnalysis, versus, map[string]string{"analysis": "effect/mean-change", "with": "5"}, "each setting by its name"},
		{resample.BootstrapAnalysis, versus, map[string]string{"analysis": "effect/mean-change", "cluster": "true", "strata": "site"}, "leave strata out"},
		{resample.PermutationAnalysis, analysis.Question{}, map[string]string{"analysis": "effect/mean-change"}, "needs an arm and a reference"},
	} {
		q := k.q
		q.Outcome, q.Visit = "pain", "after"
		_, err := k.a.Run(t.Context(), analysis.Input{Cohort: c, Find: catalog.Find}, q, k.set)
		if !errors.Is(err, analysis.ErrOptions) || !strings.Contains(err.Error(), k.say) {
			t.Errorf("%s %v: %v, want %q", k.a.Name, k.set, err, k.say)
		}
	}
}
