package work

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"

	"recoup/analysis"
)

// sharedCase reads a case of reference numbers and its data, or skips loudly.
func sharedCase(t *testing.T, name string, values any) (header []string, rows [][]string) {
	t.Helper()
	dir := "../../../shared/refcases/statistics/" + name
	b, err := os.ReadFile(dir + "/expected.json")
	if err != nil {
		t.Skipf("SKIPPED: the reference case %s is absent from the shared folder beside the project", name)
	}
	var doc struct {
		Values json.RawMessage `json:"values"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(doc.Values, values); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(dir + "/data.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all[0], all[1:]
}

func column(header []string, rows [][]string, name string) []string {
	i := slices.Index(header, name)
	out := make([]string, len(rows))
	for r := range rows {
		out[r] = rows[r][i]
	}
	return out
}

func numbers(t *testing.T, cells []string) []float64 {
	t.Helper()
	out := make([]float64, len(cells))
	for i, s := range cells {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = v
	}
	return out
}

func equal(cells []string, s string) []bool {
	out := make([]bool, len(cells))
	for i := range cells {
		out[i] = cells[i] == s
	}
	return out
}

var kinds = map[string]string{"log": analysis.KindKMLog, "log-log": analysis.KindKMLogLog, "plain": analysis.KindKMPlain}

func TestLungCase(t *testing.T) {
	type limits struct {
		Time  []float64 `json:"time"`
		NRisk []int     `json:"n_risk"`
		Surv  []float64 `json:"surv"`
		SE    []float64 `json:"se"`
		Lo    []float64 `json:"lo"`
		Hi    []float64 `json:"hi"`
		Q     []float64 `json:"q"`
		QLo   []float64 `json:"q_lo"`
		QHi   []float64 `json:"q_hi"`
	}
	var want struct {
		Plain  limits `json:"plain"`
		Log    limits `json:"log"`
		LogLog limits `json:"loglog"`
		By     struct {
			Median []float64 `json:"median"`
			Lo     []float64 `json:"lo"`
			Hi     []float64 `json:"hi"`
		} `json:"median_by_sex"`
		LogRank struct {
			ChiSq float64   `json:"chisq"`
			Exp   []float64 `json:"exp"`
			Var   float64   `json:"var"`
			P     float64   `json:"p"`
		} `json:"logrank_sex"`
	}
	header, rows := sharedCase(t, "surv_km_lung", &want)
	time, event := numbers(t, column(header, rows, "time")), equal(column(header, rows, "status"), "2")
	c := KaplanMeier(time, event)
	const tol = 1e-12
	for kind, w := range map[string]limits{analysis.KindKMPlain: want.Plain, analysis.KindKMLog: want.Log, analysis.KindKMLogLog: want.LogLog} {
		for i, x := range w.Time {
			s, se := c.SurvivalAt(x)
			low, high := c.Bounds(x, kind, 0.95)
			near(t, "surv", s, w.Surv[i], tol)
			near(t, "se", se, w.SE[i], tol)
			near(t, kind+" low", low, w.Lo[i], tol)
			near(t, kind+" high", high, w.Hi[i], tol)
			if c.NumberAtRisk(x) != w.NRisk[i] {
				t.Errorf("at risk at %v: %d, want %d", x, c.NumberAtRisk(x), w.NRisk[i])
			}
		}
		for i, p := range []float64{0.25, 0.5, 0.75} {
			q, low, high := c.Quantile(p, kind, 0.95)
			near(t, "quantile", q, w.Q[i], 0)
			near(t, "quantile low", low, w.QLo[i], 0)
			near(t, "quantile high", high, w.QHi[i], 0)
		}
	}
	sex := column(header, rows, "sex")
	men, women := split(time, event, sex, "1"), split(time, event, sex, "2")
	for i, c := range []Curve{men, women} {
		q, low, high := c.Quantile(0.5, analysis.KindKMLog, 0.95)
		near(t, "median by sex", q, want.By.Median[i], 0)
		near(t, "its low", low, want.By.Lo[i], 0)
		near(t, "its high", high, want.By.Hi[i], 0)
	}
	l := CompareLogRank(men, women)
	near(t, "log-rank", l.ChiSq, want.LogRank.ChiSq, tol)
	near(t, "expected", l.Expected, want.LogRank.Exp[0], tol)
	near(t, "variance", l.Variance, want.LogRank.Var, tol)
	near(t, "p", l.P, want.LogRank.P, tol)
}

func TestRestrictedMeanCase(t *testing.T) {
	type taus struct {
		Arm0 []float64   `json:"arm0"`
		Arm1 []float64   `json:"arm1"`
		Both [][]float64 `json:"diff_ratio_ratioRMTL"`
	}
	var want struct {
		Tau10 taus `json:"tau10"`
		Tau5  taus `json:"tau5"`
	}
	header, rows := sharedCase(t, "surv_rmst_pbc", &want)
	time, event := numbers(t, column(header, rows, "time")), equal(column(header, rows, "status"), "1")
	arm := column(header, rows, "arm")
	a, b := split(time, event, arm, "1"), split(time, event, arm, "0")
	const tol = 1e-10
	for tau, w := range map[float64]taus{10: want.Tau10, 5: want.Tau5} {
		for i, c := range []Curve{a, b} {
			m, se := c.RestrictedMean(tau)
			ref := [][]float64{w.Arm1, w.Arm0}[i]
			near(t, "mean", m, ref[0], tol)
			near(t, "error", se, ref[1], tol)
		}
		e := restrictedMeanDifference(a, b, tau, 0.95)
		for i, v := range []analysis.Num{e.Value, e.CI.Low, e.CI.High, e.P} {
			near(t, "difference", float64(v), w.Both[0][i], tol)
		}
	}
}
