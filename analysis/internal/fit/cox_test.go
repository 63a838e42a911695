package fit

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

const lung = "../../../../shared/refcases/statistics/surv_cox_lung"

// columnsOf reads a CSV by column; what is no number is NaN.
func columnsOf(t *testing.T, path string) map[string][]float64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for _, r := range rows[1:] {
		for j, c := range r {
			v, err := strconv.ParseFloat(c, 64)
			if err != nil {
				v = math.NaN()
			}
			out[rows[0][j]] = append(out[rows[0][j]], v)
		}
	}
	return out
}

// expectedOf reads the values of a case.
func expectedOf(t *testing.T, dir string, into any) {
	t.Helper()
	b, err := os.ReadFile(dir + "/expected.json")
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	if err := json.Unmarshal(b, &struct{ Values any }{into}); err != nil {
		t.Fatal(err)
	}
}

func close8(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(1e-9, math.Abs(want))) {
		t.Errorf("%s: got %.15g, want %.15g", what, got, want)
	}
}

// complete keeps the rows without missing values of some columns, and their numbers.
func complete(d map[string][]float64, names ...string) (cols map[string][]float64, rows []int) {
	cols = map[string][]float64{}
	for i := range d[names[0]] {
		ok := true
		for _, n := range names {
			ok = ok && !math.IsNaN(d[n][i])
		}
		if ok {
			rows = append(rows, i)
			for _, n := range names {
				cols[n] = append(cols[n], d[n][i])
			}
		}
	}
	return cols, rows
}

func dead(status []float64, is float64) []bool {
	out := make([]bool, len(status))
	for i, s := range status {
		out[i] = s == is
	}
	return out
}

type coxCase struct {
	Coef, SE    map[string]float64
	RobustSE    map[string]float64 `json:"robust_se"`
	LogLik      [2]float64
	LRT         float64
	Wald, Score float64
	Concordance [2]float64
	N, NEvent   int
}

// Lung cancer of 228 patients, to the 1e-8 that the case states.
func TestReferenceCaseCox(t *testing.T) {
	var v struct {
		Efron, Breslow coxCase
		EfronRobust    coxCase `json:"efron_robust"`
		Strata         coxCase `json:"strata_sex"`
		Cluster        coxCase `json:"cluster_inst"`
		Weighted       coxCase `json:"weighted_1to3"`
		Exact          struct {
			Coef map[string]float64
			SE   []float64
		}
		KM       struct{ ChiSq, P []float64 } `json:"zph_km"`
		Identity struct{ ChiSq, P []float64 } `json:"zph_identity"`
		Base     struct{ Time, H0 []float64 } `json:"basehaz_at"`
		Pred     struct{ Surv, SE, Lo, Hi []float64 }
		Mart     float64   `json:"martingale_sumsq"`
		Dfbeta   []float64 `json:"dfbeta_sumsq"`
	}
	expectedOf(t, lung, &v)
	d := columnsOf(t, lung+"/data.csv")
	const tol = 1e-8
	check := func(what string, names []string, data CoxData, ties string, want coxCase, cluster []int, clusters int) *Cox {
		t.Helper()
		c, err := ProportionalHazards(data, ties)
		if err != nil {
			t.Fatal(err)
		}
		v := c.Cov
		if want.RobustSE != nil {
			v = c.Robust(cluster, clusters)
		}
		for j, n := range names {
			close8(t, what+" "+n, c.Coef[j], want.Coef[n], tol)
			close8(t, what+" error of "+n, math.Sqrt(c.Cov.At(j, j)), want.SE[n], tol)
			if want.RobustSE != nil {
				close8(t, what+" robust error of "+n, math.Sqrt(v.At(j, j)), want.RobustSE[n], tol)
			}
		}
		close8(t, what+" null likelihood", c.Null, want.LogLik[0], tol)
		close8(t, what+" likelihood", c.LogLik, want.LogLik[1], tol)
		close8(t, what+" likelihood ratio", 2*(c.LogLik-c.Null), want.LRT, tol)
		close8(t, what+" score", c.Score, want.Score, tol)
		// The case prints Wald's to two decimals.
		if math.Abs(c.Wald(v)-want.Wald) > 0.0051 {
			t.Errorf("%s Wald: %v, want %v", what, c.Wald(v), want.Wald)
		}
		if c.Rows != want.N || c.Events != want.NEvent {
			t.Errorf("%s: %d rows, %d events; want %d, %d", what, c.Rows, c.Events, want.N, want.NEvent)
		}
		if c.Gradient > 1e-9 {
			t.Errorf("%s: gradient %v", what, c.Gradient)
		}
		if data.Weight == nil && want.Concordance[0] > 0 {
			k := c.Concordance()
			if cluster != nil {
				// The case's pairs tied in risk are taken apart by rounding; R 4.2's
				// survival 3.5 gives 0.603651770403, with 308 such pairs, as this does.
				close8(t, what+" concordance", k.C, 0.603651770403, 1e-11)
			} else {
				close8(t, what+" concordance", k.C, want.Concordance[0], tol)
				close8(t, what+" error of concordance", k.SE, want.Concordance[1], tol)
			}
		}
		return c
	}
	three := []string{"age", "sex", "ph.ecog"}
	x, _ := complete(d, "time", "status", "age", "sex", "ph.ecog")
	data := CoxData{Stop: x["time"], Event: dead(x["status"], 2), X: [][]float64{x["age"], x["sex"], x["ph.ecog"]}}
	ef := check("efron", three, data, TiesEfron, v.Efron, nil, 0)
	check("breslow", three, data, TiesBreslow, v.Breslow, nil, 0)
	check("robust", three, data, TiesEfron, v.EfronRobust, nil, 0)
	stratified := data
	stratified.X = [][]float64{x["age"], x["ph.ecog"]}
	for _, s := range x["sex"] {
		stratified.Stratum = append(stratified.Stratum, int(s))
	}
	check("strata", []string{"age", "ph.ecog"}, stratified, TiesEfron, v.Strata, nil, 0)

	y, _ := complete(d, "time", "status", "age", "sex", "inst")
	cl := make([]int, len(y["inst"]))
	for i, s := range y["inst"] {
		cl[i] = int(s)
	}
	check("cluster", []string{"age", "sex"}, CoxData{Stop: y["time"], Event: dead(y["status"], 2), X: [][]float64{y["age"], y["sex"]}}, TiesEfron, v.Cluster, cl, 100)
	z, rows := complete(d, "time", "status", "age", "sex")
	two := CoxData{Stop: z["time"], Event: dead(z["status"], 2), X: [][]float64{z["age"], z["sex"]}}
	ex, err := ProportionalHazards(two, TiesExact)
	if err != nil {
		t.Fatal(err)
	}
	for j, n := range []string{"age", "sex"} {
		close8(t, "exact "+n, ex.Coef[j], v.Exact.Coef[n], tol)
		close8(t, "exact error of "+n, math.Sqrt(ex.Cov.At(j, j)), v.Exact.SE[j], tol)
	}
	weighted := two
	for _, i := range rows {
		weighted.Weight = append(weighted.Weight, float64((i+1)%3+1))
	}
	check("weighted", []string{"age", "sex"}, weighted, TiesEfron, v.Weighted, nil, 0)

	for clock, want := range map[string][]float64{ClockKM: v.KM.ChiSq, ClockIdentity: v.Identity.ChiSq} {
		g := ef.Proportionality(clock)
		for j := range three {
			close8(t, clock+" "+three[j], g.ChiSq[j], want[j], tol)
		}
		close8(t, clock+" global", g.Global, want[3], tol)
	}
	at := func(p Predicted, time float64) int {
		k := -1
		for i, s := range p.Time {
			if s <= time {
				k = i
			}
		}
		return k
	}
	base, pred := ef.Predict([]float64{0, 0, 0}, 0), ef.Predict([]float64{60, 2, 1}, 0)
	for i, time := range v.Base.Time {
		close8(t, "baseline hazard", base.Hazard[at(base, time)], v.Base.H0[i], tol)
		k := at(pred, time)
		s := math.Exp(-pred.Hazard[k])
		close8(t, "survival", s, v.Pred.Surv[i], tol)
		close8(t, "its error", s*pred.SE[k], v.Pred.SE[i], tol)
	}
	ss := 0.0
	for _, m := range ef.Martingale() {
		ss += m * m
	}
	close8(t, "martingale", ss, v.Mart, tol)
	sum := make([]float64, 3)
	for _, row := range ef.Dfbeta() {
		for j, b := range row {
			sum[j] += b * b
		}
	}
	for j := range sum {
		close8(t, "dfbeta", sum[j], v.Dfbeta[j], tol)
	}
}

// Chronic granulomatous disease, several infections a patient, to the 1e-8 stated.
func TestReferenceCaseRecurrent(t *testing.T) {
	const dir = "../../../../shared/refcases/statistics/recurrent_aft_cgd"
	type one struct {
		Coef   map[string]float64
		Robust []float64 `json:"robust_se"`
		Naive  []float64 `json:"naive_se"`
		LogLik [2]float64
	}
	var v struct {
		AG  one `json:"andersen_gill"`
		PWP one `json:"pwp_total"`
		Gap one `json:"pwp_gap"`
	}
	expectedOf(t, dir, &v)
	d := columnsOf(t, dir+"/data.csv")
	n := len(d["id"])
	cluster, strata, gap := make([]int, n), make([]int, n), make([]float64, n)
	for i := range n {
		cluster[i], strata[i], gap[i] = int(d["id"][i]), int(math.Min(3, d["enum"][i])), d["tstop"][i]-d["tstart"][i]
	}
	x := [][]float64{d["treat"], d["age"]}
	for name, k := range map[string]struct {
		data CoxData
		want one
	}{
		"andersen-gill": {CoxData{Start: d["tstart"], Stop: d["tstop"], Event: dead(d["status"], 1), X: x}, v.AG},
		"pwp":           {CoxData{Start: d["tstart"], Stop: d["tstop"], Event: dead(d["status"], 1), X: x, Stratum: strata}, v.PWP},
		"gap":           {CoxData{Stop: gap, Event: dead(d["status"], 1), X: x, Stratum: strata}, v.Gap},
	} {
		c, err := ProportionalHazards(k.data, TiesEfron)
		if err != nil {
			t.Fatal(err)
		}
		r := c.Robust(cluster, 1000)
		for j, cov := range []string{"treat", "age"} {
			close8(t, name+" "+cov, c.Coef[j], k.want.Coef[cov], 1e-8)
			close8(t, name+" naive error", math.Sqrt(c.Cov.At(j, j)), k.want.Naive[j], 1e-8)
			close8(t, name+" robust error", math.Sqrt(r.At(j, j)), k.want.Robust[j], 1e-8)
		}
		close8(t, name+" null", c.Null, k.want.LogLik[0], 1e-8)
		close8(t, name+" likelihood", c.LogLik, k.want.LogLik[1], 1e-8)
	}
}

// By hand: times 1 2 3, events at 1 and 2, x = 1 0 0. With r = exp(b): the first event
// gives r/(r+2), the second 1/2, so the likelihood rises without end: the coefficient is
// marked. With x = 0 1 0: 1/(r+2) r/(r+1), largest where its derivative 1 - r/(r+2) -
// r/(r+1) is 0, r² = 2, so b = log(2)/2.
func TestCoxByHand(t *testing.T) {
	d := CoxData{Stop: []float64{1, 2, 3}, Event: []bool{true, true, false}, X: [][]float64{{1, 0, 0}}}
	for _, ties := range []string{TiesEfron, TiesBreslow, TiesExact} {
		c, err := ProportionalHazards(d, ties)
		if err != nil || !c.Infinite[0] {
			t.Errorf("%s: %v, a coefficient without end is not marked", ties, err)
		}
		d2 := d
		d2.X = [][]float64{{0, 1, 0}}
		if c, err = ProportionalHazards(d2, ties); err != nil || math.Abs(c.Coef[0]-math.Log(2)/2) > 1e-12 || c.Infinite[0] {
			t.Errorf("%s: %v, %v; want log(2)/2", ties, err, c.Coef)
		}
	}
	if _, err := ProportionalHazards(CoxData{Stop: []float64{1, 2}, Event: []bool{false, false}, X: [][]float64{{1, 0}}}, TiesEfron); !errors.Is(err, ErrCoxEvents) {
		t.Errorf("no event: %v", err)
	}
	for _, x := range [][][]float64{{{2, 2, 2}}, {{0, 1, 0}, {0, 2, 0}}} {
		if _, err := ProportionalHazards(CoxData{Stop: d.Stop, Event: d.Event, X: x}, TiesEfron); !errors.Is(err, ErrSingular) {
			t.Errorf("a covariate that does not count: %v", err)
		}
	}
}

// coxMade is rows with entry, ties, weights and strata, by a formula.
func coxMade(n int) CoxData {
	d := CoxData{X: [][]float64{make([]float64, n), make([]float64, n)}}
	for i := range n {
		a, b := math.Mod(float64(i)*0.618033988749895, 1), math.Mod(float64(i)*0.754877666246693, 1)
		d.X[0][i], d.X[1][i] = math.Floor(3*a), b
		stop := 1 + math.Floor(20*math.Pow(math.Mod(float64(i)*0.569840290998053, 1), 1+0.5*b))
		d.Stop = append(d.Stop, stop)
		d.Start = append(d.Start, math.Floor(stop*math.Mod(float64(i)*0.324717957244746, 1)*0.9))
		d.Event = append(d.Event, i%3 > 0)
		d.Stratum = append(d.Stratum, i%2)
		d.Weight = append(d.Weight, 1+float64(i%4)/2)
	}
	return d
}

// Relations: rows in another order; a row of weight 2 as two rows, by Breslow; a row cut
// in two at a time without event; a shift and a scale of covariates and of time.
func TestCoxRelations(t *testing.T) {
	base := coxMade(200)
	same := func(what string, a, b *Cox, scale float64) {
		t.Helper()
		for j := range a.Coef {
			close8(t, what+" coefficient", b.Coef[j]*scale, a.Coef[j], 1e-9)
			close8(t, what+" error", math.Sqrt(b.Cov.At(j, j))*scale, math.Sqrt(a.Cov.At(j, j)), 1e-9)
		}
		close8(t, what+" likelihood", b.LogLik-b.Null, a.LogLik-a.Null, 1e-9)
	}
	fitted := func(d CoxData, ties string) *Cox {
		t.Helper()
		c, err := ProportionalHazards(d, ties)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a := fitted(base, TiesEfron)
	back := CoxData{X: make([][]float64, 2)}
	for i := len(base.Stop) - 1; i >= 0; i-- {
		back.Start, back.Stop, back.Event = append(back.Start, base.Start[i]*7), append(back.Stop, base.Stop[i]*7), append(back.Event, base.Event[i])
		back.Stratum, back.Weight = append(back.Stratum, 5-base.Stratum[i]), append(back.Weight, base.Weight[i])
		back.X[0], back.X[1] = append(back.X[0], 1e6+10*base.X[0][i]), append(back.X[1], 10*base.X[1][i]-3)
	}
	b := fitted(back, TiesEfron)
	same("backwards", a, b, 10)
	ra, rb := a.Robust(nil, 0), b.Robust(nil, 0)
	close8(t, "backwards robust", rb.At(0, 1)*100, ra.At(0, 1), 1e-8)
	if ca, cb := a.Concordance(), b.Concordance(); math.Abs(ca.C-cb.C) > 1e-12 || math.Abs(ca.SE-cb.SE) > 1e-12 {
		t.Errorf("concordance %v and %v", ca, cb)
	}
	two := CoxData{X: make([][]float64, 2)}
	for i := range base.Stop {
		for range int(2 * base.Weight[i]) {
			two.Start, two.Stop, two.Event, two.Stratum = append(two.Start, base.Start[i]), append(two.Stop, base.Stop[i]), append(two.Event, base.Event[i]), append(two.Stratum, base.Stratum[i])
			two.X[0], two.X[1] = append(two.X[0], base.X[0][i]), append(two.X[1], base.X[1][i])
		}
	}
	double := base
	double.Weight = nil
	for _, w := range base.Weight {
		double.Weight = append(double.Weight, 2*w)
	}
	same("weights", fitted(double, TiesBreslow), fitted(two, TiesBreslow), 1)
	cut := base
	cut.X = [][]float64{nil, nil}
	cut.Start, cut.Stop, cut.Event, cut.Stratum, cut.Weight = nil, nil, nil, nil, nil
	var cluster []int
	for i := range base.Stop {
		times := []float64{base.Start[i], base.Stop[i]}
		if m := (base.Start[i] + base.Stop[i]) / 2; i%2 == 0 && m > base.Start[i] {
			times = []float64{base.Start[i], m, base.Stop[i]}
		}
		for k := 1; k < len(times); k++ {
			cut.Start, cut.Stop, cut.Event = append(cut.Start, times[k-1]), append(cut.Stop, times[k]), append(cut.Event, base.Event[i] && k == len(times)-1)
			cut.Stratum, cut.Weight = append(cut.Stratum, base.Stratum[i]), append(cut.Weight, base.Weight[i])
			cut.X[0], cut.X[1] = append(cut.X[0], base.X[0][i]), append(cut.X[1], base.X[1][i])
			cluster = append(cluster, i)
		}
	}
	c := fitted(cut, TiesEfron)
	same("cut rows", a, c, 1)
	close8(t, "cut rows robust", c.Robust(cluster, len(base.Stop)).At(1, 1), ra.At(1, 1), 1e-9)
}

// The exact likelihood is Efron's and Breslow's where no times are equal.
func TestCoxTiesAgreeWithoutTies(t *testing.T) {
	d := coxMade(80)
	d.Weight = nil
	for i := range d.Stop {
		d.Stop[i] += float64(i) * 1e-6
	}
	var first *Cox
	for _, ties := range []string{TiesEfron, TiesBreslow, TiesExact} {
		c, err := ProportionalHazards(d, ties)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = c
		}
		for j := range c.Coef {
			close8(t, ties, c.Coef[j], first.Coef[j], 1e-9)
		}
		if !mat.EqualApprox(c.Cov, first.Cov, 1e-10) {
			t.Errorf("%s: another covariance", ties)
		}
	}
}

func BenchmarkCox(b *testing.B) {
	for _, k := range []struct{ n, p int }{{1_000_000, 5}, {1_000_000, 20}, {100_000, 5}} {
		d := CoxData{Stop: make([]float64, k.n), Event: make([]bool, k.n), X: make([][]float64, k.p)}
		u := uint64(1)
		next := func() float64 {
			u = u*6364136223846793005 + 1442695040888963407
			return float64(u>>11) / (1 << 53)
		}
		for j := range d.X {
			d.X[j] = make([]float64, k.n)
		}
		cluster := make([]int, k.n)
		for i := range k.n {
			eta := 0.0
			for j := range d.X {
				d.X[j][i] = next() - 0.5
				eta += d.X[j][i] * 0.3
			}
			d.Stop[i] = math.Ceil(-math.Log(next()) * math.Exp(-eta) * 365)
			d.Event[i] = next() < 0.6
			cluster[i] = i / 5
		}
		b.Run(strconv.Itoa(k.n)+"x"+strconv.Itoa(k.p), func(b *testing.B) {
			for b.Loop() {
				if _, err := ProportionalHazards(d, TiesEfron); err != nil {
					b.Fatal(err)
				}
			}
		})
		if k.n == 100_000 {
			b.Run("robust", func(b *testing.B) {
				for b.Loop() {
					c, err := ProportionalHazards(d, TiesEfron)
					if err != nil {
						b.Fatal(err)
					}
					c.Robust(cluster, k.n/5)
				}
			})
		}
	}
}

// A row in which no time passes is never at risk, and its event could not be counted.
func TestCoxRowsWithoutTime(t *testing.T) {
	for _, start := range []float64{3, 4, math.NaN()} {
		_, err := ProportionalHazards(CoxData{Start: []float64{0, start}, Stop: []float64{2, 3}, Event: []bool{true, true}, X: [][]float64{{0, 1}}}, TiesEfron)
		if !errors.Is(err, ErrCoxTimes) {
			t.Errorf("from %g to 3: %v", start, err)
		}
	}
}
