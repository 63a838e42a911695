package longitudinal_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/datasets"
)

// Hard data give the right number, or a refusal that says what is wrong.
func TestHardTrials(t *testing.T) {
	missing := math.NaN()
	keep := func(f func(p, v int) bool) func(p, v int, y float64) float64 {
		return func(p, v int, y float64) float64 {
			if !f(p, v) {
				return missing
			}
			return y
		}
	}
	for name, c := range map[string]struct {
		change func(p, v int, y float64) float64
		set    map[string]string
		says   string
		is     error
	}{
		"one patient":                     {keep(func(p, _ int) bool { return p == 0 }), nil, "no visit after baseline has values", analysis.ErrCannot},
		"one patient in each arm":         {keep(func(p, _ int) bool { return p < 2 }), nil, "", analysis.ErrCannot},
		"all values equal":                {func(_, _ int, _ float64) float64 { return 4 }, map[string]string{"baseline": "none"}, "without error", analysis.ErrCannot},
		"all values equal, with baseline": {func(_, _ int, _ float64) float64 { return 4 }, nil, "the baseline at mid follows from", analysis.ErrCannot},
		"equal at each visit":             {func(_, v int, _ float64) float64 { return 1e9 + float64(v)/3 }, map[string]string{"baseline": "none"}, "without error", analysis.ErrCannot},
		"a covariance by number":          {nil, map[string]string{"covariance-by": "copy"}, "group them first", analysis.ErrCannot},
		"a covariance by nothing known":   {nil, map[string]string{"covariance-by": "colour"}, "", datasets.ErrUnknownName},
		"a covariate twice":               {nil, map[string]string{"covariates": "age,age"}, "the covariate age follows from", analysis.ErrCannot},
		"weights that are negative":       {nil, map[string]string{"patient-weights": "copy"}, "must be above 0", analysis.ErrCannot},
		"a combination":                   {nil, map[string]string{"df": "kenward-roger", "errors": "model"}, "go with each other alone", analysis.ErrOptions},
		"a combination of likelihood":     {nil, map[string]string{"df": "kenward-roger", "method": "ml"}, "restricted likelihood", analysis.ErrOptions},
		"full form elsewhere":             {nil, map[string]string{"df": "kenward-roger", "errors": "kenward-roger", "covariance": "sp_exp"}, "linear form", analysis.ErrOptions},
	} {
		change := c.change
		if name == "weights that are negative" {
			change = func(p, v int, y float64) float64 {
				if p == 3 && v == 0 {
					return -2
				}
				return y
			}
		}
		r, err := ask(t, constrained(t, change), c.set)
		if err == nil {
			t.Errorf("%s: answered with %+v", name, r.Estimates[len(r.Estimates)-1])
			continue
		}
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A baseline that follows from a covariate is refused by its name; the covariate alone
// does as well as the baseline as far as they are the same.
func TestBaselineAndItsCopy(t *testing.T) {
	one := func(p, v int, y float64) float64 {
		if v > 1 {
			return math.NaN()
		}
		return y
	}
	_, err := ask(t, constrained(t, one), map[string]string{"covariates": "copy"})
	if err == nil || !strings.Contains(err.Error(), "the covariate copy follows from") {
		t.Errorf("a copy of the baseline at the only visit: %v", err)
	}
	// With a slope for each visit the copy is their sum.
	_, err = ask(t, constrained(t, nil), map[string]string{"covariates": "copy"})
	if err == nil || !strings.Contains(err.Error(), "the covariate copy follows from") {
		t.Errorf("a copy of the baseline: %v", err)
	}
	a := find(t, answered(t, constrained(t, one), nil), "adjusted_difference", "A", "mid")
	b := find(t, answered(t, constrained(t, one), map[string]string{"covariates": "copy", "baseline": "none"}), "adjusted_difference", "A", "mid")
	nearly(t, "difference", b.Value, float64(a.Value), 1e-9)
	nearly(t, "error", b.SE, float64(a.SE), 1e-9)
}

// Adding to all values moves means alone, multiplying scales everything, however
// large: what is left of the digits of the data decides.
func TestShiftAndScale(t *testing.T) {
	for _, set := range []map[string]string{nil, {"baseline": "response"}, {"covariance": "toeph", "errors": "CR2"}} {
		r := answered(t, constrained(t, nil), set)
		// At 1e10 numbers are 2e-6 apart.
		for _, k := range []struct{ add, times, tolerance float64 }{{1e10, 1, 1e-5}, {0, 1e8, 1e-8}, {0, 1e-8, 1e-8}} {
			s := answered(t, constrained(t, func(_, _ int, y float64) float64 { return k.times*y + k.add }), set)
			for i, e := range r.Estimates {
				o, w := s.Estimates[i], float64(e.Value)*k.times
				if strings.HasSuffix(e.Term, "_mean") {
					w += k.add
				}
				unit := analysis.Num(k.times)
				nearly(t, e.Term, (o.Value-analysis.Num(w))/unit, 0, k.tolerance)
				nearly(t, e.Term+" error", o.SE/unit, float64(e.SE), k.tolerance)
				nearly(t, e.Term+" df", o.DF, float64(e.DF), 1e-5)
			}
		}
	}
}

// A patient of whom an arm has no other, and a visit that few have, give numbers with
// a warning; a covariance that they cannot bear goes on to a simpler one, logged.
func TestFewPatients(t *testing.T) {
	alone := constrained(t, func(p, _ int, y float64) float64 {
		if p%2 == 0 && p > 0 {
			return math.NaN()
		}
		return y
	})
	r := answered(t, alone, nil)
	if e := find(t, r, "adjusted_difference", "A", "mid"); e.N.Arm != 1 || !(e.SE > 0) {
		t.Errorf("one patient in an arm: %+v", e)
	}
	warned := func(r analysis.Result, code string) bool {
		for _, w := range r.Warnings {
			if w.Code == code {
				return true
			}
		}
		return false
	}
	if !warned(r, analysis.WarnSmallCount) {
		t.Errorf("one patient in an arm: warnings %+v", r.Warnings)
	}
	// At the last visit one patient of each arm, neither seen before, so that the
	// covariance with other visits is in nobody's values.
	few := constrained(t, func(p, v int, y float64) float64 {
		if v == 0 {
			return float64(p%5) + 1
		}
		if (v == 3) != (p < 4) {
			return math.NaN()
		}
		if v == 3 {
			return float64(p*p%7) + 1
		}
		return y
	})
	r = answered(t, few, nil)
	rows := table(t, r, "structures")
	if !warned(r, "covariance-fallback") || len(rows) < 2 || rows[0]["structure"].Text != "us" || rows[0]["outcome"].Text == "converged" || rows[len(rows)-1]["outcome"].Text != "converged" {
		t.Errorf("a covariance in nobody's values: %v, %+v", rows, r.Warnings)
	}
	if _, err := ask(t, few, map[string]string{"fallback": "false"}); !errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), "did not converge") {
		t.Errorf("without going on: %v", err)
	}
	oneSite := constrained(t, func(p, v int, y float64) float64 {
		if p%3 == 1 && v == 3 {
			return math.NaN()
		}
		return y
	})
	if _, err := ask(t, oneSite, map[string]string{"covariance-by": "site"}); !errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), "a level of site has no values at late") {
		t.Errorf("a covariance of a site that is not seen: %v", err)
	}
	noStart := constrained(t, func(p, v int, y float64) float64 {
		if v == 0 && p%2 == 0 {
			return math.NaN()
		}
		return y
	})
	if e := find(t, answered(t, noStart, map[string]string{"baseline": "response"}), "adjusted_change", "A", "mid"); !(e.SE > 0) || e.N.Arm == 0 {
		t.Errorf("an arm without the baseline that both share: %+v", e)
	}
	everyone := constrained(t, func(p, v int, y float64) float64 {
		if v == 1+p%3 {
			return math.NaN()
		}
		return y
	})
	if r := answered(t, everyone, map[string]string{"covariance": "cs"}); !warned(r, "complete-cases") {
		t.Errorf("nobody seen at all visits: %+v", r.Warnings)
	}
}

// A covariance that falls with time needs the weeks of the visits, each its own.
func TestSpatialNeedsWeeks(t *testing.T) {
	text := "id,arm,visit,pain\n"
	for i := range 12 {
		for v, visit := range []string{"start", "mid", "end"} {
			text += fmt.Sprintf("p%d,%s,%s,%d\n", i, "AB"[i%2:i%2+1], visit, (i*7+v*v*3+i*v)%11)
		}
	}
	for from, c := range map[string]struct{ to, says string }{
		"{value: end, week: 8}": {"{value: end, week: 4}", "mid and end are in the same"},
		"{value: mid, week: 4}": {"{value: mid}", "the week of each visit, and mid has none"},
	} {
		cohort := analysistest.Cohort(t, strings.Replace(small, from, c.to, 1), map[string]string{"v.csv": text})
		_, err := ask(t, cohort, map[string]string{"covariance": "sp_exp"})
		if !errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.to, err)
		}
		answered(t, cohort, map[string]string{"covariance": "ar1"})
	}
}

// A spatial covariance where values swing about the mean has no correlation, and says
// that this is its edge; the numbers are those of independent values.
func TestSpatialEdge(t *testing.T) {
	swing := constrained(t, func(p, v int, _ float64) float64 {
		return float64(5+v) + float64(1-v%2*2)*float64(p%7-3) + float64((p*p*3+v*v*5+p*v)%5)/10
	})
	warned := func(r analysis.Result) bool {
		return slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return w.Code == "covariance-edge" })
	}
	r := answered(t, swing, map[string]string{"covariance": "sp_exp", "baseline": "none"})
	if !warned(r) || quantity(t, r, "-2 log likelihood") <= quantity(t, answered(t, swing, map[string]string{"covariance": "ar1", "baseline": "none"}), "-2 log likelihood") {
		t.Errorf("warnings %+v", r.Warnings)
	}
	if warned(answered(t, constrained(t, nil), map[string]string{"covariance": "sp_exp"})) {
		t.Error("warned of a correlation that is there")
	}
}
