package work

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis/internal/fit"
)

func errorsOf(v *mat.SymDense) []float64 {
	var out []float64
	for j := range v.SymmetricDim() {
		out = append(out, math.Sqrt(v.At(j, j)))
	}
	return out
}

func TestCompetingCase(t *testing.T) {
	l, header, rows := caseLeaves(t, "cr_aj_gray_fg_mgus2", 1e-6)
	time := numbers(t, column(header, rows, "etime"))
	var cause []int
	for _, v := range numbers(t, column(header, rows, "ev")) {
		cause = append(cause, int(v))
	}
	sex, _ := codedGroups(column(header, rows, "sex"))
	a := fit.AalenJohansen(time, cause, 2)
	for i, x := range l.numbersAt("aj/time") {
		k := a.Index(x)
		se := []float64{a.SurvivalSE[k], a.SE[0][k], a.SE[1][k]}
		for j, s := range []float64{a.Survival[k], a.Share[0][k], a.Share[1][k]} {
			low, high := fit.Bounds(s, se[j], fit.CurveLog, z95)
			for leaf, got := range map[string]float64{"pstate": s, "se": se[j], "lo": low, "hi": high} {
				l.is(fmt.Sprintf("aj/%s/%d/%d", leaf, i, j), got)
			}
		}
		l.is(fmt.Sprintf("aj/time/%d", i), x)
		s, _ := fit.KaplanMeier(time, equal(column(header, rows, "ev"), "1")).SurvivalAt(x)
		l.is(fmt.Sprintf("one_minus_km_naive/%d", i), 1-s)
	}
	for g := range 2 {
		var ts []float64
		var cs []int
		for i, s := range sex {
			if s == g {
				ts, cs = append(ts, time[i]), append(cs, cause[i])
			}
		}
		a := fit.AalenJohansen(ts, cs, 2)
		k := a.Index(120)
		l.is(fmt.Sprintf("aj_sex_120/pstate/%d", g), a.Survival[k], a.Share[0][k], a.Share[1][k])
		l.is(fmt.Sprintf("aj_sex_120/se/%d", g), a.SurvivalSE[k], a.SE[0][k], a.SE[1][k])
		for c := range 2 {
			for i, x := range l.numbersAt("aj/time") {
				k := a.Index(x)
				l.is(fmt.Sprintf("cuminc/est/%d/%d", 2*c+g, i), a.Share[c][k])
				l.is(fmt.Sprintf("cuminc/var/%d/%d", 2*c+g, i), a.Delta[c][k]*a.Delta[c][k])
			}
		}
	}
	for c := range 2 {
		of := make([]int, len(cause))
		for i, v := range cause {
			of[i] = []int{0, 1 + c, 2 - c}[v]
		}
		g := CompareIncidence(time, of, sex, nil, 2, 0)
		l.is(fmt.Sprintf("gray/stat/%d", c), g.ChiSq)
		l.is(fmt.Sprintf("gray/p/%d", c), g.P)
		l.is(fmt.Sprintf("gray/df/%d", c), g.DF)
	}
	fineGrayCase(t, l, header, rows, time, cause)
	l.skip("names", "aj/states", "aj_sex_120/strata", "cuminc/names")
	l.done()
}

func fineGrayCase(t *testing.T, l *leaves, header []string, rows [][]string, time []float64, cause []int) {
	var ts []float64
	var cs, ds []int
	x := make([][]float64, 3)
	age, hgb, sex := column(header, rows, "age"), column(header, rows, "hgb"), column(header, rows, "sex")
	for i := range rows {
		if hgb[i] == "" {
			continue
		}
		male := 0.0
		if sex[i] == "M" {
			male = 1
		}
		ts, cs, ds = append(ts, time[i]), append(cs, cause[i]), append(ds, []int{0, 2, 1}[cause[i]])
		for j, v := range []float64{numbers(t, age[i:i+1])[0], male, numbers(t, hgb[i:i+1])[0]} {
			x[j] = append(x[j], v)
		}
	}
	f, err := FitFineGray(ts, cs, x)
	if err != nil {
		t.Fatal(err)
	}
	l.is("finegray_crr_pcm/coef", f.Coef...)
	l.is("finegray_crr_pcm/se", errorsOf(f.Cov)...)
	l.is("finegray_crr_pcm/invinf_se", errorsOf(f.Model)...)
	l.is("finegray_crr_pcm/loglik", f.LogLik)
	l.is("finegray_crr_pcm/loglik_null", f.Null)
	l.is("finegray_crr_pcm/n", float64(len(ts)))
	for i, at := range l.numbersAt("aj/time") {
		l.is(fmt.Sprintf("crr_pred_cif_age70_male_hgb13/%d", i), f.Share([]float64{70, 1, 13}, at))
	}
	death, err := FitFineGray(ts, ds, x)
	if err != nil {
		t.Fatal(err)
	}
	l.is("finegray_crr_death/coef", death.Coef...)
	l.is("finegray_crr_death/se", errorsOf(death.Cov)...)
	own := make([]bool, len(cs))
	for i, c := range cs {
		own[i] = c == 1
	}
	c, err := fit.ProportionalHazards(fit.CoxData{Stop: ts, Event: own, X: x}, fit.TiesEfron)
	if err != nil {
		t.Fatal(err)
	}
	l.is("cause_specific_pcm/coef", c.Coef...)
	l.is("cause_specific_pcm/se", errorsOf(c.Cov)...)
	d, id := expanded(ts, cs, x, true)
	efron, err := fit.ProportionalHazards(d, fit.TiesEfron)
	if err != nil {
		t.Fatal(err)
	}
	l.is("finegray_survival_breslow_na/coef", efron.Coef...)
	// R gives errors robust by row, for weights that are no whole numbers.
	l.is("finegray_survival_breslow_na/se", errorsOf(efron.Robust(nil, 0))...)
	l.is("finegray_survival_breslow_na/robust_se", errorsOf(efron.Robust(id, len(ts)))...)
	d, _ = expanded(ts, cs, x, false)
	breslow, err := fit.ProportionalHazards(d, fit.TiesBreslow)
	if err != nil {
		t.Fatal(err)
	}
	l.is("finegray_crr_pcm/coef", breslow.Coef...)
}

// expanded writes the weights of Fine and Gray as rows of a Cox model, a new one where
// a weight changes, as survival::finegray does: an independent way to the same likelihood.
// With leave, those with events at a time have left before losses at it, as finegray has
// it; crr counts them.
func expanded(time []float64, cause []int, x [][]float64, leave bool) (fit.CoxData, []int) {
	lost, own, ended := make([]bool, len(time)), make([]bool, len(time)), make([]bool, len(time))
	for i, c := range cause {
		lost[i], own[i], ended[i] = c == 0, c == 1, c > 0
	}
	g, left := fit.KaplanMeier(time, lost), fit.KaplanMeier(time, ended)
	follow := make([]float64, len(g.Time))
	s := 1.0
	for i, n := range g.AtRisk {
		if leave {
			n -= left.Events[i]
		}
		if n > 0 {
			s *= 1 - float64(g.Events[i])/float64(n)
		}
		follow[i] = s
	}
	before := func(t float64) float64 {
		if i := g.Index(math.Nextafter(t, 0)); i >= 0 {
			return follow[i]
		}
		return 1
	}
	events := fit.KaplanMeier(time, own)
	d := fit.CoxData{X: make([][]float64, len(x))}
	var id []int
	row := func(i int, start, stop, w float64, event bool) {
		d.Start, d.Stop, d.Weight, d.Event = append(d.Start, start), append(d.Stop, stop), append(d.Weight, w), append(d.Event, event)
		for j := range x {
			d.X[j] = append(d.X[j], x[j][i])
		}
		id = append(id, i)
	}
	for i, t := range time {
		row(i, -1, t, 1, own[i])
		if cause[i] < 2 {
			continue
		}
		for k, u := range events.Time {
			if u <= t || events.Events[k] == 0 {
				continue
			}
			w, last := before(u)/before(t), len(d.Stop)-1
			switch {
			case math.Abs(w-d.Weight[last]) < 1e-14:
				d.Stop[last] = u
			case w > 0:
				row(i, d.Stop[last], u, w, false)
			}
		}
	}
	return d, id
}
