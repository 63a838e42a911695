package catalog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/catalog"
	"recoup/analysis/compare"
	"recoup/analysis/economics"
	"recoup/analysis/effect"
	"recoup/analysis/impute"
	"recoup/analysis/longitudinal"
	"recoup/analysis/quality"
	"recoup/analysis/resample"
	"recoup/analysis/taper"
	"recoup/analysis/work"
	"recoup/datasets"
	"recoup/datasets/synthetic"
)

// made returns a synthetic cohort, its rows in file order or reversed.
func made(t *testing.T, patients int, comparison, reversed bool) *datasets.Cohort {
	t.Helper()
	o := synthetic.Default
	o.Patients, o.Comparison = patients, comparison
	f, err := synthetic.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if comparison {
		withTimes(&f)
	}
	if reversed {
		for i, x := range f.Tables {
			lines := strings.Split(strings.TrimSuffix(string(x.Data), "\n"), "\n")
			slices.Reverse(lines[1:])
			f.Tables[i].Data = []byte(strings.Join(lines, "\n") + "\n")
		}
	}
	c, err := f.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withTimes adds a table of one time and event a patient.
func withTimes(f *synthetic.Files) {
	const table = `  - name: times
    path: times.csv
    schema:
      fields:
        - {name: patient, type: string, role: patient}
        - {name: days, type: number, role: time, unit: days}
        - {name: back, type: string, role: event}
`
	f.Cohort.Data = []byte(strings.Replace(string(f.Cohort.Data), "\narms:\n", "\n"+table+"arms:\n", 1))
	var b strings.Builder
	b.WriteString("patient,days,back\n")
	for i, line := range strings.Split(strings.TrimSpace(string(f.Tables[0].Data)), "\n")[1:] {
		id, _, _ := strings.Cut(line, ",")
		fmt.Fprintf(&b, "%s,%d,%d\n", id, 20+(i*7919)%400, (i*31)%3%2)
	}
	f.Tables = append(f.Tables, synthetic.File{Name: "times.csv", Data: []byte(b.String())})
}

// questions are what each analysis is asked here.
func questions(a *analysis.Analysis, arms bool) []analysis.Question {
	q := analysis.Question{}
	if !strings.HasPrefix(a.Name, "taper/") && !strings.HasPrefix(a.Name, "describe/") && !strings.HasPrefix(a.Name, "work/") {
		q.Outcome, q.Visit = "pain", "discharge"
	}
	if a.Name == "compare/published" {
		q.Outcome, q.Visit = "", "month12"
	}
	if !arms {
		return []analysis.Question{q}
	}
	two := q
	two.Arm, two.Reference = "program", "usual care"
	return []analysis.Question{q, two}
}

// settings are of analyses that have no sound default for something.
var settings = map[*analysis.Analysis]map[string]string{
	taper.DoseByWeek:               {"unit": "mme"}, // several drugs do not add as recorded
	taper.TrajectoriesAnalysis:     {"most": "2"},   // more take longer and show no more here
	effect.PairedShares:            {"threshold": "3"},
	effect.ReliableChange:          {"reliability": "0.9"},
	resample.BootstrapAnalysis:     {"analysis": "effect/mean-change", "replicates": "100"},
	resample.PermutationAnalysis:   {"analysis": "effect/mean-change", "replicates": "100"},
	effect.RegressionToMean:        {"reliability": "0.8", "mean": "5", "sd": "2", "entry": "over", "threshold": "4"},
	longitudinal.InterruptedSeries: {"at": "2025Q4"},
	impute.Chained:                 {"imputations": "5", "iterations": "4", "covariates": "age,weeks_off_work,condition", "auxiliary": "interference"},
	impute.ReferenceBased:          {"imputations": "4"},
	impute.Bounds:                  {"imputations": "3", "iterations": "2"},
	impute.TippingPoint:            {"imputations": "3", "deltas": "0,1"},
	compare.MAIC:                   {"target.age": "48", "target.sex.female": "0.6", "target.pain.sd": "1.5", "target.pain": "6.5", "theirs.value": "-1.2", "theirs.se": "0.3"},
	compare.STC:                    {"target.age": "48", "target.sex.female": "0.6", "theirs.value": "-1.2", "theirs.se": "0.3"},
	compare.Bucher:                 {"first_value": "-4.1", "first_se": "2", "second_value": "1.1", "second_low": "-5.9", "second_high": "8.2"},
	compare.Propensity:             {"covariates": "age,sex,payer"},
	compare.Balance:                {"covariates": "age,sex,payer", "by": "matching"},
	compare.Matched:                {"covariates": "age,sex,payer"},
	compare.Weighted:               {"covariates": "age,sex,payer"},
	compare.WeightedSurvival:       {"covariates": "age,sex,payer"},
	compare.DoublyRobust:           {"covariates": "age,sex,payer", "measure": "responder"},
	compare.NegativeControl:        {"covariates": "age,sex,payer", "outcomes": "phq9,isi", "before": "gad7"},
	quality.BenchmarkAnalysis:      {"value": "0.5", "se": "0.03"},
	compare.Sensitivity:            {"estimate": "0.7", "low": "0.5", "high": "0.9"},
}

// comparisons need an arm and a reference.
var comparisons = []*analysis.Analysis{
	effect.Ancova,
	effect.Contrasts,
	effect.Subgroups,
	effect.AdjustedResponders,
	effect.StratifiedResponders,
	effect.SuperiorityAnalysis,
	resample.PermutationAnalysis,
	impute.ReferenceBased,
	impute.TippingPoint,
	work.LogRankAnalysis,
	work.CoxAnalysis,
	work.FineGrayAnalysis,
	compare.Propensity,
	compare.Balance,
	compare.Matched,
	compare.Weighted,
	compare.WeightedSurvival,
	compare.DoublyRobust,
	compare.NegativeControl,
	economics.Trial,
	economics.Costs,
}

// What holds for every analysis: its entry is complete, its result conforms, the
// same input gives the same bytes, and the order of rows changes nothing.
func TestEveryAnalysis(t *testing.T) {
	type cohort struct {
		name            string
		c, back         *datasets.Cohort
		arms, mayRefuse bool
	}
	cohorts := []cohort{
		{"a program", made(t, 400, false, false), made(t, 400, false, true), false, false},
		{"two arms", made(t, 400, true, false), made(t, 400, true, true), true, false},
		{"five people", made(t, 5, false, false), made(t, 5, false, true), false, true},
		{"one person", made(t, 1, false, false), made(t, 1, false, true), false, true},
	}
	name := regexp.MustCompile(`^[a-z]+/[a-z-]+$`)
	seen := map[string]bool{}
	for _, a := range catalog.All {
		if !name.MatchString(a.Name) || seen[a.Name] || a.Title == "" || a.Estimand == "" || a.Doc == "" || len(a.Refs) == 0 {
			t.Errorf("%s: the entry must have a name of its own, title, estimand, doc and references", a.Name)
		}
		seen[a.Name] = true
		if found, err := catalog.Find(a.Name); err != nil || found != a {
			t.Errorf("%s is not found by its name", a.Name)
		}
		for _, o := range a.Options() {
			if o.Name == "" || o.Doc == "" {
				t.Errorf("%s: every setting needs a name and a doc", a.Name)
			}
		}
		set := settings[a]
		answered := 0
		for _, k := range cohorts {
			for _, q := range questions(a, k.arms) {
				r, err := a.Run(t.Context(), analysis.Input{Cohort: k.c, Find: catalog.Find}, q, set)
				if err != nil {
					// Some describe one group, and some compare two: both refuse the other.
					one := q.Reference != "" && errors.Is(err, analysis.ErrOptions)
					two := slices.Contains(comparisons, a) && q.Reference == "" && (errors.Is(err, analysis.ErrOptions) || errors.Is(err, analysis.ErrCannot))
					small := k.mayRefuse && (errors.Is(err, analysis.ErrCannot) || errors.Is(err, datasets.ErrUnknownName))
					if !one && !two && !small {
						t.Errorf("%s on %s: %v", a.Name, k.name, err)
					}
					continue
				}
				answered++
				analysistest.Conforms(t, a, r)
				again, err := a.Run(t.Context(), analysis.Input{Cohort: k.c, Find: catalog.Find}, q, set)
				if err != nil || !slices.Equal(encoded(t, r), encoded(t, again)) {
					t.Errorf("%s on %s: two runs differ", a.Name, k.name)
				}
				back, err := a.Run(t.Context(), analysis.Input{Cohort: k.back, Find: catalog.Find}, q, set)
				if err != nil {
					t.Errorf("%s on %s reversed: %v", a.Name, k.name, err)
					continue
				}
				sameNumbers(t, a.Name+" on "+k.name, r, back)
			}
		}
		if answered == 0 {
			t.Errorf("%s answered nothing", a.Name)
		}
	}
}

func encoded(t *testing.T, r analysis.Result) []byte {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameNumbers compares two results whose rows came in another order: levels of
// texts may be listed in another order, so estimates are found by what they are.
func sameNumbers(t *testing.T, what string, a, b analysis.Result) {
	t.Helper()
	if len(a.Estimates) != len(b.Estimates) {
		t.Errorf("%s: %d estimates in one order, %d in the other", what, len(a.Estimates), len(b.Estimates))
		return
	}
	other := map[analysis.Key]analysis.Estimate{}
	for _, e := range b.Estimates {
		other[e.Key()] = e
	}
	near := func(x, y analysis.Num) bool {
		if !x.OK() || !y.OK() {
			return x.OK() == y.OK()
		}
		return x == y || math.Abs(float64(x-y)) <= 1e-9*math.Max(1, math.Abs(float64(x)))
	}
	for _, e := range a.Estimates {
		f, ok := other[e.Key()]
		if !ok || !near(e.Value, f.Value) || !near(e.SE, f.SE) || !near(e.CI.Low, f.CI.Low) || !near(e.CI.High, f.CI.High) || e.N != f.N {
			t.Errorf("%s: %s %s %s: %v (%v) in one order, %v (%v) in the other", what, e.Term, e.Visit, e.Definition, e.Value, e.N, f.Value, f.N)
		}
	}
}
