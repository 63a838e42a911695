package work

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
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

var (
	nan = math.NaN()
	z95 = analysis.NormalQuantile(0.95)
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > tol*math.Max(1, math.Abs(want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// leaves are the values of a reference case by path. A check consumes its leaf, and
// done fails for those that no check consumed.
type leaves struct {
	t    *testing.T
	tol  float64
	want map[string]any
	used map[string]bool
}

func caseLeaves(t *testing.T, name string, tol float64) (l *leaves, header []string, rows [][]string) {
	t.Helper()
	var values any
	header, rows = sharedCase(t, name, &values)
	l = &leaves{t, tol, map[string]any{}, map[string]bool{}}
	l.spread("", values)
	return l, header, rows
}

func (l *leaves) spread(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			l.spread(strings.TrimPrefix(path+"/"+k, "/"), x)
		}
	case []any:
		for i, x := range v {
			l.spread(fmt.Sprintf("%s/%d", path, i), x)
		}
	default:
		l.want[path] = v
	}
}

// is checks numbers against the leaf at a path, or against those of the list there.
func (l *leaves) is(path string, got ...float64) {
	l.t.Helper()
	for i, g := range got {
		at := path
		if _, ok := l.want[path]; !ok {
			at = fmt.Sprintf("%s/%d", path, i)
		}
		want, ok := l.want[at].(float64)
		if !ok {
			l.t.Errorf("no reference number %s", at)
			continue
		}
		l.used[at] = true
		if !(math.Abs(g-want) <= l.tol*math.Max(1e-3, math.Abs(want))) {
			l.t.Errorf("%s: %.12g, want %.12g", at, g, want)
		}
	}
}

// skip consumes leaves that are no results.
func (l *leaves) skip(why string, prefixes ...string) {
	for path := range l.want {
		for _, p := range prefixes {
			if strings.HasPrefix(path, p) && why != "" {
				l.used[path] = true
			}
		}
	}
}

func (l *leaves) done() {
	l.t.Helper()
	for path := range l.want {
		if !l.used[path] {
			l.t.Errorf("no check consumed %s", path)
		}
	}
}

// numbersAt returns the list of reference numbers at a path.
func (l *leaves) numbersAt(path string) []float64 {
	var out []float64
	for i := 0; ; i++ {
		v, ok := l.want[fmt.Sprintf("%s/%d", path, i)].(float64)
		if !ok {
			return out
		}
		out = append(out, v)
	}
}

// codedGroups turns texts into numbers of groups, in the order of their names.
func codedGroups(cells []string) (of []int, names []string) {
	names = slices.Compact(slices.Sorted(slices.Values(cells)))
	for _, c := range cells {
		of = append(of, slices.Index(names, c))
	}
	return of, names
}

// split makes a curve of the patients whose group is g.
func split(time []float64, event []bool, group []string, g string) fit.Curve {
	var ts []float64
	var es []bool
	for i := range time {
		if group[i] == g {
			ts, es = append(ts, time[i]), append(es, event[i])
		}
	}
	return fit.KaplanMeier(ts, es)
}

func TestLungCase(t *testing.T) {
	l, header, rows := caseLeaves(t, "surv_km_lung", 1e-12)
	time, event := numbers(t, column(header, rows, "time")), equal(column(header, rows, "status"), "2")
	c := fit.KaplanMeier(time, event)
	hazard, hazardSE := c.NelsonAalen()
	for _, name := range []string{"plain", "log", "loglog", "logit", "arcsin"} {
		scale := name
		if other, ok := map[string]string{"loglog": fit.CurveLogLog, "arcsin": fit.CurveArcsine}[name]; ok {
			scale = other
		}
		for i, x := range l.numbersAt(name + "/time") {
			s, se := c.SurvivalAt(x)
			low, high := c.Bounds(x, scale, z95)
			for leaf, got := range map[string]float64{"time": x, "n_risk": float64(c.NumberAtRisk(x)), "surv": s, "se": se, "lo": low, "hi": high} {
				l.is(fmt.Sprintf("%s/%s/%d", name, leaf, i), got)
			}
			l.is(fmt.Sprintf("nelson_aalen/cumhaz/%d", i), hazard[c.Index(x)])
			l.is(fmt.Sprintf("nelson_aalen/se/%d", i), hazardSE[c.Index(x)])
		}
		for i, p := range []float64{0.25, 0.5, 0.75} {
			q, low, high := c.Quantile(p, scale, z95)
			l.is(fmt.Sprintf("%s/q/%d", name, i), q)
			l.is(fmt.Sprintf("%s/q_lo/%d", name, i), low)
			l.is(fmt.Sprintf("%s/q_hi/%d", name, i), high)
		}
	}
	sex, _ := codedGroups(column(header, rows, "sex"))
	men, women := split(time, event, column(header, rows, "sex"), "1"), split(time, event, column(header, rows, "sex"), "2")
	for i, c := range []fit.Curve{men, women} {
		q, low, high := c.Quantile(0.5, fit.CurveLog, z95)
		m, se := flatTo(c, max(men.Last(), women.Last())).RestrictedMean(max(men.Last(), women.Last()))
		for leaf, got := range map[string]float64{"median": q, "lo": low, "hi": high, "rmean": m, "rmean_se": se} {
			l.is(fmt.Sprintf("median_by_sex/%s/%d", leaf, i), got)
		}
	}
	test := CompareRanks(time, event, sex, nil, 2, Weighting{Kind: WeightLogRank})
	l.is("logrank_sex/chisq", test.ChiSq)
	l.is("logrank_sex/obs", test.Observed...)
	l.is("logrank_sex/exp", test.Expected...)
	l.is("logrank_sex/var", test.Covariance[0][0])
	l.is("logrank_sex/p", test.P)
	l.is("peto_rho1/chisq", CompareRanks(time, event, sex, nil, 2, Weighting{Kind: WeightFleming, Rho: 1}).ChiSq)
	inst, institutions := codedGroups(column(header, rows, "inst"))
	if institutions[0] != "" {
		t.Fatal("a patient of the case has no institution, whom R leaves out")
	}
	known := func(i int) bool { return inst[i] > 0 }
	l.is("stratified_inst/chisq", only(time, event, sex, inst, 2, known).ChiSq)
	ecog, levels := codedGroups(column(header, rows, "ph.ecog"))
	few := only(time, event, ecog, nil, len(levels), func(i int) bool { return levels[ecog[i]] != "" && levels[ecog[i]] != "3" })
	l.is("ecog3/chisq", few.ChiSq)
	l.is("ecog3/df", few.DF)
	l.is("ecog3/exp", few.Expected[1:4]...)
	l.done()
}

// only tests the rows that keep names.
func only(time []float64, event []bool, group, stratum []int, groups int, keep func(i int) bool) RankTest {
	var ts []float64
	var es []bool
	var gs, ss []int
	for i := range time {
		if keep(i) {
			ts, es, gs = append(ts, time[i]), append(es, event[i]), append(gs, group[i])
			if stratum != nil {
				ss = append(ss, stratum[i])
			}
		}
	}
	return CompareRanks(ts, es, gs, ss, groups, Weighting{Kind: WeightLogRank})
}

// flatTo carries the curve flat to a later time, as survfit does for a mean up to the
// common end of several curves.
func flatTo(c fit.Curve, t float64) fit.Curve {
	if n := len(c.Time) - 1; c.Last() < t {
		c.Time, c.AtRisk, c.Events, c.Censored = append(c.Time, t), append(c.AtRisk, 1), append(c.Events, 0), append(c.Censored, 1)
		c.Survival, c.Greenwood = append(c.Survival, c.Survival[n]), append(c.Greenwood, c.Greenwood[n])
	}
	return c
}

func TestRestrictedMeanCase(t *testing.T) {
	l, header, rows := caseLeaves(t, "surv_rmst_pbc", 1e-8)
	time, event := numbers(t, column(header, rows, "time")), equal(column(header, rows, "status"), "1")
	arm := column(header, rows, "arm")
	a, b := split(time, event, arm, "1"), split(time, event, arm, "0")
	z := analysis.NormalQuantile(0.95)
	for tau, name := range map[float64]string{10: "tau10", 5: "tau5"} {
		for i, c := range []fit.Curve{b, a} {
			m, se := c.RestrictedMean(tau)
			l.is(fmt.Sprintf("%s/arm%d", name, i), m, se, m-z*se, m+z*se)
			l.is(fmt.Sprintf("%s/rmtl%d", name, i), tau-m, se, tau-m-z*se, tau-m+z*se)
		}
		for i, term := range []string{RestrictedDifference, RestrictedRatio, RestrictedLostRatio} {
			e := compareRestricted(analysis.NewEstimate(term, ""), a, b, tau, term, 0.95)
			l.is(fmt.Sprintf("%s/diff_ratio_ratioRMTL/%d", name, i), float64(e.Value), float64(e.CI.Low), float64(e.CI.High), float64(e.P))
		}
	}
	group, _ := codedGroups(arm)
	x := [][]float64{make([]float64, len(time))}
	for i := range time {
		x[0][i] = 1
	}
	for _, name := range []string{"arm", "age", "bili", "albumin"} {
		x = append(x, numbers(t, column(header, rows, name)))
	}
	for i, scale := range []string{RestrictedDifference, RestrictedRatio, RestrictedLostRatio} {
		f, err := RestrictedMeanRegression(time, event, group, x, 10, scale)
		if err != nil {
			t.Fatal(err)
		}
		row := func(j int) []float64 {
			se := math.Sqrt(f.Cov.At(j, j))
			return []float64{f.Coef[j], se, f.Coef[j] / se, analysis.NormalP(f.Coef[j] / se), f.Coef[j] - z*se, f.Coef[j] + z*se}
		}
		r := row(1)
		if i == 0 {
			for j := range x {
				at := row(j)
				if j == 3 { // R writes 1 - pnorm, which is 0 here: below 1e-16
					at[3] = math.Round(at[3]*1e15) / 1e15
				}
				l.is(fmt.Sprintf("adjusted/diff/%d", j), at...)
			}
			l.is("adjusted/result/0", r[0], r[4], r[5], r[3])
			continue
		}
		l.is(fmt.Sprintf("adjusted/result/%d", i), math.Exp(r[0]), math.Exp(r[4]), math.Exp(r[5]), r[3])
	}
	l.skip("names of rows", "adjusted/names")
	l.done()
}
