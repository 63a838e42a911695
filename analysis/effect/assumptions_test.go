package effect_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/effect"
)

// Unequal slopes and unequal variances are told with advice, equal ones are not: two
// arms whose lines cross, and residuals that grow with the baseline, both without
// chance. With robust errors nothing need be said of variances.
func TestAdviceOfAssumptions(t *testing.T) {
	rows := func(slope, spread float64) [][]string {
		var out [][]string
		for i := range 24 {
			base, sign := float64(1+i/4), float64(1-2*(i/2%2)) // each baseline twice in each arm, above and below the line
			arm, b := "program", slope
			if i%2 == 1 {
				arm, b = "usual", 1
			}
			after := b*base + sign*(0.5+spread*base)
			out = append(out, []string{arm, strconv.FormatFloat(base, 'f', -1, 64), strconv.FormatFloat(after, 'f', -1, 64)})
		}
		return out
	}
	q := analysis.Question{Arm: "program", Reference: "usual", Outcome: "score", Visit: "end"}
	for _, c := range []struct {
		slope, spread     float64
		errors            string
		slopes, variances bool
	}{{1, 0, "model", false, false}, {-1, 0, "model", true, false}, {1, 2, "model", false, true}, {1, 2, "HC3", false, false}} {
		r := run(t, effect.Ancova, trialOf(t, []string{"program", "usual"}, nil, rows(c.slope, c.spread)), q, map[string]string{"errors": c.errors})
		s, v := analysistest.Find(t, r, "homogeneity_of_slopes", ""), analysistest.Find(t, r, "breusch_pagan", "")
		if len(s.Warnings) > 0 != c.slopes || len(v.Warnings) > 0 != c.variances {
			t.Errorf("slope %v, spread %v, %s: slopes p %v %v, variances p %v %v", c.slope, c.spread, c.errors, s.P, s.Warnings, v.P, v.Warnings)
		}
	}
	// By hand: slopes 1 and 1 with the same spread in both: F is 0.
	r := run(t, effect.Ancova, trialOf(t, []string{"program", "usual"}, nil, rows(1, 0)), q, nil)
	if s := analysistest.Find(t, r, "homogeneity_of_slopes", ""); !(math.Abs(float64(s.Value)) < 1e-20) || math.Abs(float64(s.P)-1) > 1e-9 {
		t.Errorf("like slopes: F %v, p %v", s.Value, s.P)
	}
	// A baseline alike in an arm leaves it no slope of its own.
	flat := [][]string{{"program", "5", "3"}, {"program", "5", "4"}, {"program", "5", "2"}, {"usual", "5", "5"}, {"usual", "6", "4"}, {"usual", "7", "8"}}
	r = run(t, effect.Ancova, trialOf(t, []string{"program", "usual"}, nil, flat), q, nil)
	if s := analysistest.Find(t, r, "homogeneity_of_slopes", ""); s.Value.OK() || s.P.OK() || len(s.Warnings) == 0 {
		t.Errorf("no slope in one arm: %v with %v", s.Value, s.Warnings)
	}
}

// The coefficients do not depend on the order of rows, nor the reference level of a
// text; a large common offset moves the intercept alone.
func TestCoefficientsTable(t *testing.T) {
	set := map[string]string{"covariates": "age,site"}
	text := trialText(t)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Reverse(lines[1:])
	r, back := run(t, effect.Ancova, trial(t, text), between, set), run(t, effect.Ancova, trial(t, strings.Join(lines, "\n")+"\n"), between, set)
	table := r.Tables[0]
	for i, row := range table.Rows {
		for j, v := range row {
			w := back.Tables[0].Rows[i][j]
			if v.Text != w.Text || v.Num.OK() && math.Abs(float64(v.Num-w.Num)) > 1e-9*math.Max(1, math.Abs(float64(v.Num))) {
				t.Errorf("row %d, %s: %v, with the rows reversed %v", i, table.Columns[j], v, w)
			}
		}
	}
	if last := table.Rows[len(table.Rows)-1]; last[0].Text != "site" || last[1].Text != "W" {
		t.Errorf("the sites N, S and W by name, N for reference: %v", last)
	}
	// The intercept is what the model says at zero: the adjusted mean of the reference
	// less slopes times the centre, so that the fitted mean of the data is its mean.
	var rows [][]string
	for _, x := range [][3]string{{"program", "1", "4"}, {"program", "3", "6"}, {"program", "2", "6"}, {"usual", "1", "2"}, {"usual", "2", "3"}, {"usual", "4", "6"}} {
		rows = append(rows, x[:])
	}
	r = run(t, effect.Ancova, trialOf(t, []string{"program", "usual"}, nil, rows), analysis.Question{Arm: "program", Reference: "usual", Outcome: "score", Visit: "end"}, nil)
	at := func(row int) float64 { return cell(t, r, "coefficients", row, "estimate") }
	if got, want := at(0)+at(1)/2+at(2)*13.0/6, 27.0/6; math.Abs(got-want) > 1e-12 {
		t.Errorf("the fitted mean is %v, want %v", got, want)
	}
	// By hand, about the means: program baselines -1 1 0 and scores -4/3 2/3 2/3, products
	// 2, squares 2; usual -4/3 -1/3 5/3 and -5/3 -2/3 7/3, products 57/9, squares 42/9:
	// the slope is (2 + 57/9)/(2 + 42/9) = 75/60.
	if math.Abs(at(2)-1.25) > 1e-12 {
		t.Errorf("slope %v, want 1.25", at(2))
	}
}

// By hand. Three changes upwards: V = 1+2+3, one of 8 ways of signs each way: p 1/4.
// Of -1 2 2: ranks 1 2.5 2.5, V = 5; sums of at least 5 are 5 and 6: 2 of 8 ways, p 1/2.
// 3 of 4 against 1 of 4: |3 - 2| less a half is half of what it was: z/2. The
// skewness-corrected interval turns round with the arms and holds the difference; and
// the corrected Wilson interval of 1 of 2 solves |p - 0.5| = z √(p(1-p)/2) ± 0.25.
func TestFurtherMethodsByHand(t *testing.T) {
	for _, c := range []struct {
		changes []string
		v, p    float64
	}{{[]string{"1", "2", "3"}, 6, 0.25}, {[]string{"-1", "2", "2"}, 5, 0.5}, {[]string{"0", "-1", "2", "2"}, 5, 0.5}} {
		var rows [][]string
		for _, x := range c.changes {
			rows = append(rows, []string{"all", "0", x})
		}
		w := analysistest.Find(t, run(t, effect.MeanChange, trialOf(t, []string{"all"}, nil, rows), analysis.Question{Outcome: "score", Visit: "end"}, map[string]string{"ranks": "exact"}), "wilcoxon_signed_rank", "")
		if float64(w.Value) != c.v || math.Abs(float64(w.P)-c.p) > 1e-12 {
			t.Errorf("%v: V %v, p %v; want %v, %v", c.changes, w.Value, w.P, c.v, c.p)
		}
	}
	z, _ := analysis.PearsonP(3, 4, 1, 4)
	if y, _ := analysis.YatesP(3, 4, 1, 4); math.Abs(y-z/2) > 1e-12 {
		t.Errorf("Yates %v of %v, want half", y, z)
	}
	if y, p := analysis.YatesP(2, 4, 2, 4); y != 0 || p != 1 {
		t.Errorf("Yates of no difference: %v, %v", y, p)
	}
	for x1 := range 6 {
		for x2 := range 8 {
			a, b := analysis.SCAS(x1, 5, x2, 7, 0.9), analysis.SCAS(x2, 7, x1, 5, 0.9)
			d := float64(x1)/5 - float64(x2)/7
			if math.Abs(float64(a.Low+b.High)) > 1e-9 || float64(a.Low) > d || float64(a.High) < d {
				t.Errorf("%d of 5, %d of 7: %v, turned round %v", x1, x2, a, b)
			}
		}
	}
	w, q := analysis.WilsonCorrected(1, 2, 0.95), analysis.NormalQuantile(0.95)
	for _, p := range []float64{float64(w.Low), float64(w.High)} {
		if math.Abs(math.Abs(p-0.5)-0.25-q*math.Sqrt(p*(1-p)/2)) > 1e-12 {
			t.Errorf("corrected Wilson bound %v", p)
		}
	}
	for _, f := range []func(int, int, float64) analysis.Interval{analysis.WilsonCorrected, analysis.Wald} {
		if f(1, 0, 0.95).Low.OK() || f(3, 2, 0.95).Low.OK() {
			t.Error("a share of nothing has an interval")
		}
	}
	if w := analysis.WilsonCorrected(0, 1, 0.95); w.Low != 0 || !(w.High <= 1) {
		t.Errorf("0 of 1: %v", w)
	}
}
