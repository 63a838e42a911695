package catalog_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/catalog"
)

// group is patients whose statistics are given to a calculation.
type group struct{ before, after []float64 }

func (g group) change() []float64 {
	out := make([]float64, len(g.before))
	for i := range out {
		out[i] = g.after[i] - g.before[i]
	}
	return out
}

func meanSD(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / float64(len(x)-1)
	}
	return mean, math.Sqrt(sd)
}

// made-up patients of two groups, by a formula.
func twoGroups() [2]group {
	var out [2]group
	for k, n := range []int{23, 31} {
		for i := range n {
			b := 5 + math.Mod(float64(i*i*7+k*3), 11)/2
			out[k].before = append(out[k].before, b)
			out[k].after = append(out[k].after, b*0.6+math.Mod(float64(i*13+k), 9)/2-float64(1-k))
		}
	}
	return out
}

func writeGroups(gs [2]group) map[string]string {
	var people, visits strings.Builder
	people.WriteString("id,arm\n")
	visits.WriteString("id,visit,outcome\n")
	for k, g := range gs {
		for i := range g.before {
			fmt.Fprintf(&people, "%d-%d,%d\n", k, i, k)
			fmt.Fprintf(&visits, "%d-%d,0,%.17g\n%d-%d,1,%.17g\n", k, i, g.before[i], k, i, g.after[i])
		}
	}
	return map[string]string{"people.csv": people.String(), "visits.csv": visits.String()}
}

const patientsFile = `
name: patients
visits: [{value: "0", name: baseline, baseline: true}, {value: "1", name: visit}]
arms: [{value: "0", name: arm}, {value: "1", name: reference}]
resources:
  - name: people
    path: people.csv
    schema: {fields: [{name: id, type: string, role: patient}, {name: arm, type: string, role: arm}]}
  - name: visits
    path: visits.csv
    schema: {fields: [{name: id, type: string, role: patient}, {name: visit, type: string, role: visit}, {name: outcome, type: number, role: outcome}]}
`

// What is calculated from the statistics of patients is what the analysis says of the
// patients, to 1e-9; and terms that the statistics do not suffice for are left out.
func TestCalculationsAreTheAnalyses(t *testing.T) {
	gs := twoGroups()
	co := analysistest.Cohort(t, patientsFile, writeGroups(gs))
	give := map[string]func(g group) string{
		"all": func(g group) string {
			mb, sb := meanSD(g.before)
			ma, sa := meanSD(g.after)
			_, sc := meanSD(g.change())
			return fmt.Sprintf("n=%d,mean-baseline=%.17g,sd-baseline=%.17g,mean=%.17g,sd=%.17g,sd-change=%.17g", len(g.before), mb, sb, ma, sa, sc)
		},
		"r": func(g group) string {
			mb, sb := meanSD(g.before)
			mc, sc := meanSD(g.change())
			_, sa := meanSD(g.after)
			n := math.Sqrt(float64(len(g.before)))
			return fmt.Sprintf("n=%d,mean-baseline=%.17g,se-baseline=%.17g,mean-change=%.17g,se=%.17g,r=%.17g", len(g.before), mb, sb/n, mc, sa/n, (sb*sb+sa*sa-sc*sc)/(2*sb*sa))
		},
		"visit": func(g group) string {
			ma, sa := meanSD(g.after)
			n := float64(len(g.after))
			half := analysis.TQuantile(n-1, 0.95) * sa / math.Sqrt(n)
			return fmt.Sprintf("n=%d,low=%.17g,high=%.17g", len(g.before), ma-half, ma+half)
		},
		"change": func(g group) string {
			mc, sc := meanSD(g.change())
			return fmt.Sprintf("n=%d,mean-change=%.17g,sd-change=%.17g", len(g.before), mc, sc)
		},
		"change and baseline": func(g group) string {
			mc, sc := meanSD(g.change())
			mb, sb := meanSD(g.before)
			return fmt.Sprintf("n=%d,mean-change=%.17g,sd-change=%.17g,mean-baseline=%.17g,sd-baseline=%.17g", len(g.before), mc, sc, mb, sb)
		},
		"baseline": func(g group) string {
			mb, sb := meanSD(g.before)
			return fmt.Sprintf("n=%d,mean-baseline=%.17g,sd-baseline=%.17g", len(g.before), mb, sb)
		},
	}
	for _, k := range []struct {
		name, given string
		set         map[string]string
		terms       []string // nil for a refusal
	}{
		{"effect/mean-change", "all", nil, []string{"mean_baseline", "sd_baseline", "mean_visit", "sd_visit", "change", "sd_change", "percent_of_means", "difference_in_change", "difference_at_visit"}},
		{"effect/mean-change", "r", map[string]string{"variance": "pooled"}, []string{"mean_baseline", "sd_baseline", "mean_visit", "sd_visit", "change", "sd_change", "percent_of_means", "difference_in_change", "difference_at_visit"}},
		{"effect/mean-change", "visit", nil, []string{"mean_visit", "sd_visit", "difference_at_visit"}},
		{"effect/mean-change", "change", nil, []string{"change", "sd_change", "difference_in_change"}},
		{"effect/mean-change", "change and baseline", nil, []string{"mean_baseline", "sd_baseline", "change", "sd_change", "difference_in_change"}},
		{"effect/mean-change", "baseline", nil, []string{"mean_baseline", "sd_baseline"}},
		{"effect/hedges-g", "change", nil, []string{"hedges_g"}},
		{"effect/hedges-g", "change", map[string]string{"correction": "none"}, []string{"cohens_d"}},
		{"effect/hedges-g", "visit", map[string]string{"denominator": "post"}, []string{"hedges_g"}},
		{"effect/hedges-g", "change and baseline", map[string]string{"denominator": "baseline"}, []string{"hedges_g"}},
		{"effect/hedges-g", "visit", nil, nil},
		{"effect/hedges-g", "change", map[string]string{"denominator": "post"}, nil},
		{"effect/standardised-differences", "all", nil, []string{"d_z", "d_av", "d_av_mean", "d_rm", "d_pre", "d_pre_unequal", "d_post", "d_pooled", "d_unequal", "glass_reference", "glass_arm", "d_baseline"}},
		{"effect/standardised-differences", "change and baseline", nil, []string{"d_z", "d_pre_unequal", "d_pooled", "d_unequal", "glass_reference", "glass_arm", "d_baseline"}},
		{"effect/standardised-differences", "visit", map[string]string{"values": "visit"}, []string{"d_pooled", "d_unequal", "glass_reference", "glass_arm"}},
		{"effect/percent-change", "r", nil, []string{"percent_of_means", "ratio_of_means", "ratio_at_visit"}},
		{"effect/percent-change", "visit", nil, []string{"ratio_at_visit"}},
		{"effect/ancova", "all", nil, []string{"adjusted_difference", "adjusted_mean", "slope_baseline"}},
		{"effect/ancova", "change and baseline", nil, nil},
	} {
		what := k.name + " from " + k.given
		c, err := catalog.FindCalculation(k.name)
		if err != nil {
			t.Fatal(err)
		}
		var st analysis.Stratum
		if st.Arm, err = analysis.ParseSummary("name=arm," + give[k.given](gs[0])); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if st.Reference, err = analysis.ParseSummary("name=reference," + give[k.given](gs[1])); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got, err := c.Run(t.Context(), []analysis.Stratum{st}, true, 0.9, k.set)
		if k.terms == nil {
			if !errors.Is(err, analysis.ErrOptions) {
				t.Errorf("%s is not refused: %v", what, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		analysistest.Conforms(t, c.Analysis, got)
		want, err := c.Analysis.Run(t.Context(), analysis.Input{Cohort: co}, analysis.Question{Outcome: "outcome", Visit: "visit", Arm: "arm", Reference: "reference", Level: 0.9}, k.set)
		if err != nil {
			t.Fatal(err)
		}
		byKey := map[analysis.Key]analysis.Estimate{}
		for _, e := range want.Estimates {
			e.Definition = ""
			byKey[e.Key()] = e
		}
		var terms []string
		for _, e := range got.Estimates {
			if !slices.Contains(terms, e.Term) {
				terms = append(terms, e.Term)
			}
			w, ok := byKey[e.Key()]
			for _, pair := range [][2]analysis.Num{{e.Value, w.Value}, {e.SE, w.SE}, {e.DF, w.DF}, {e.CI.Low, w.CI.Low}, {e.CI.High, w.CI.High}, {e.P, w.P}} {
				if !ok || pair[0].OK() != pair[1].OK() || pair[0].OK() && math.Abs(float64(pair[0]-pair[1])) > 1e-9*math.Max(1, math.Abs(float64(pair[1]))) {
					t.Errorf("%s: %s %s: %v, of the patients %v", what, e.Term, e.Arm, pair[0], pair[1])
				}
			}
			if e.N != w.N {
				t.Errorf("%s: %s: counts %v, want %v", what, e.Term, e.N, w.N)
			}
		}
		slices.Sort(terms)
		slices.Sort(k.terms)
		if !slices.Equal(terms, k.terms) {
			t.Errorf("%s: terms %v, want %v", what, terms, k.terms)
		}
		for _, w := range got.Warnings {
			if w.Code == analysis.WarnLowFollowUp {
				t.Errorf("%s: an occasion that was not given counts as not seen", what)
			}
		}
	}
}

func calculate(t *testing.T, name string, arms, references []string, set map[string]string) analysis.Result {
	t.Helper()
	c, err := catalog.FindCalculation(name)
	if err != nil {
		t.Fatal(err)
	}
	var strata []analysis.Stratum
	for i := range arms {
		st := analysis.Stratum{Name: fmt.Sprint("s", i)}
		if st.Arm, err = analysis.ParseSummary(arms[i]); err != nil {
			t.Fatal(err)
		}
		st.Arm.Name = "arm"
		if references != nil {
			if st.Reference, err = analysis.ParseSummary(references[i]); err != nil {
				t.Fatal(err)
			}
		}
		st.Reference.Name = "reference"
		strata = append(strata, st)
	}
	r, err := c.Run(t.Context(), strata, references != nil, 0.95, set)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// By hand, from counts. 33 of 50 with the event and 10 of 51, 3 not seen: 33/50 less
// 10/54 of all. Pairs 59, 6, 16, 80: (59+16 - 59-6)/161. Two strata, Mantel-Haenszel
// odds ratio: (20·27/78 + 15·18/52) / (20·11/78 + 10·9/52).
func TestCalculationsFromCounts(t *testing.T) {
	near := func(e analysis.Estimate, want float64) {
		t.Helper()
		if math.Abs(float64(e.Value)-want) > 1e-12 || e.Definition != "" {
			t.Errorf("%s: %v, want %v (%q)", e.Term, e.Value, want, e.Definition)
		}
	}
	r := calculate(t, "effect/responders", []string{"n=50,events=33"}, []string{"n=51,events=10,missing=3"}, nil)
	near(analysistest.Find(t, r, "risk_difference_all", "arm"), 33.0/50-10.0/54)
	near(analysistest.Find(t, r, "risk_difference_seen", "arm"), 33.0/50-10.0/51)
	r = calculate(t, "effect/paired-shares", []string{"both=59,first=6,second=16,neither=80"}, nil, nil)
	near(analysistest.Find(t, r, "change_in_share", "arm"), 10.0/161)
	r = calculate(t, "effect/stratified-responders", []string{"n=40,events=20", "n=25,events=15"}, []string{"n=38,events=11", "n=27,events=9"}, nil)
	near(analysistest.Find(t, r, "odds_ratio", "arm"), (20.0*27/78+15.0*18/52)/(20.0*11/78+10.0*9/52))
	if r := calculate(t, "power/means", nil, nil, map[string]string{"difference": "1", "sd": "2.2"}); len(r.Estimates) == 0 {
		t.Error("no sample size")
	}
}

func TestSummaryProblems(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "name=value pairs",
		"mean=3":               "number of patients",
		"n=0":                  "at least 1",
		"n=x,mean=y,foo=1":     "no statistic \"foo\"",
		"n=5,n=6":              "given twice",
		"n=5,mean=1,sd=-1":     "at least 0",
		"n=5,mean=1,sd=1,se=2": "expected one of sd",
		"n=5,low=1":            "both low and high",
		"n=1,mean=1,sd=1":      "one patient has no",
		"n=5,mean=1,mean-baseline=2,mean-change=-1":                       "the third follows",
		"n=5,mean=1,sd=1,mean-baseline=2,sd-baseline=1,r=0.5,sd-change=1": "one follows from the other",
		"n=5,mean=1,sd=1,mean-baseline=2,sd-baseline=1,sd-change=3":       "no correlation gives this SD",
		"n=5,mean=1,sd=1,r=0.5":                                           "expected both their SDs",
		"n=5,mean=1,sd=1,mean-baseline=2,sd-baseline=1,r=1.5":             "from -1 to 1",
		"n=2,mean=1,sd=1,mean-baseline=2,sd-baseline=1,r=0.5":             "with two patients",
		"n=5,events=6":                          "at most n",
		"both=1,first=2":                        "number of patients",
		"n=4,both=1,first=2":                    "add up to n",
		"n=4,both=1,first=2,second=1,neither=1": "add up to n",
		"n=9999999,mean=1":                      "whole number from 0",
	} {
		if _, err := analysis.ParseSummary(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := catalog.FindCalculation("effect/superiority"); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("an analysis of more than summary statistics is not refused: %v", err)
	}
	c, err := catalog.FindCalculation("effect/responders")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Run(t.Context(), nil, false, 0.95, map[string]string{"rule": "points"}); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("a rule is not refused: %v", err)
	}
}
