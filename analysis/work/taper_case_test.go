package work

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"recoup/analysis/internal/fit"
)

// The simulated tapers of the reference cases, by patient: the first visit after week 0 at
// half of the first dose or under, else the last visit; the visit before it; and the first
// dose.
type halved struct {
	time, before, base []float64
	event              []bool
	arm                []int
}

func readHalved(t *testing.T, dir string) halved {
	t.Helper()
	f, err := os.Open(dir + "data.csv")
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var h halved
	last := ""
	for _, r := range rows[1:] {
		week, err1 := strconv.ParseFloat(r[2], 64)
		mme, err2 := strconv.ParseFloat(r[3], 64)
		if err1 != nil || err2 != nil {
			t.Fatal("the reference case is not as expected")
		}
		if r[0] != last {
			last = r[0]
			h.time, h.before, h.base = append(h.time, 0), append(h.before, 0), append(h.base, mme)
			h.event, h.arm = append(h.event, false), append(h.arm, int(r[1][0]-'0'))
			continue
		}
		if i := len(h.time) - 1; !h.event[i] {
			h.before[i], h.time[i] = h.time[i], week
			h.event[i] = mme <= 0.5*h.base[i]
		}
	}
	return h
}

// The log-rank test, the Cox model on the visits' grid and the Weibull model between
// visits of the case on tapers.
func TestTaperCase(t *testing.T) {
	const dir = "../../../shared/refcases/statistics/taper_sim_longitudinal/"
	h := readHalved(t, dir)
	b, err := os.ReadFile(dir + "expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Values struct {
			Logrank float64
			Cox50   struct {
				Coef map[string]float64
				SE   []float64
			}
			Weibull struct {
				Coef          map[string]float64
				Scale, Loglik float64
			} `json:"interval_weibull"`
			Grouped struct{ Est, SE float64 } `json:"cloglog_arm"`
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	w := want.Values
	near(t, "log-rank", CompareRanks(h.time, h.event, h.arm, nil, 2, Weighting{Kind: WeightLogRank}).ChiSq, w.Logrank, 1e-9)

	one, arm, base := make([]float64, len(h.time)), make([]float64, len(h.time)), make([]float64, len(h.time))
	lower, upper := make([]float64, len(h.time)), make([]float64, len(h.time))
	for i := range h.time {
		one[i], arm[i], base[i] = 1, float64(h.arm[i]), math.Log(h.base[i])
		lower[i], upper[i] = h.time[i], math.Inf(1)
		if h.event[i] {
			lower[i], upper[i] = math.Max(h.before[i], 1e-6), h.time[i]
		}
	}
	c, err := fit.ProportionalHazards(fit.CoxData{Stop: h.time, Event: h.event, X: [][]float64{arm, base}}, fit.TiesEfron)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "arm", c.Coef[0], w.Cox50.Coef["arm1"], 1e-8)
	near(t, "log of the first dose", c.Coef[1], w.Cox50.Coef["log(base)"], 1e-8)
	for j, se := range w.Cox50.SE {
		near(t, "its error", math.Sqrt(c.Cov.At(j, j)), se, 1e-8)
	}

	p, err := FitParametric(lower, upper, [][]float64{one, arm}, DistWeibull)
	if err != nil {
		t.Fatal(err)
	}
	// survreg stops when its likelihood gains under 1e-9 of itself: its own tolerance.
	near(t, "constant", p.Coef[0], w.Weibull.Coef["(Intercept)"], 1e-5)
	near(t, "arm, between visits", p.Coef[1], w.Weibull.Coef["arm1"], 1e-5)
	near(t, "scale", p.Shape[0], w.Weibull.Scale, 1e-5)
	near(t, "log likelihood", p.LogLik, w.Weibull.Loglik, 1e-9)

	for i := range lower {
		if h.event[i] {
			lower[i] = h.before[i]
		}
	}
	g, err := fit.GroupedHazards(lower, upper, [][]float64{arm})
	if err != nil {
		t.Fatal(err)
	}
	k := len(g.Grid)
	near(t, "grouped", g.Coef[0], w.Grouped.Est, 1e-7)
	near(t, "its error", math.Sqrt(g.Cov.At(k, k)), w.Grouped.SE, 1e-7)
}
