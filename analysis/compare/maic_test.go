package compare

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/datasets"
)

func askIndirect(t *testing.T, a *analysis.Analysis, c *datasets.Cohort, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := a.Run(t.Context(), analysis.Input{Cohort: c}, q, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, a, r)
	return r
}

// refcase reads a reference case, or skips the test where it is not there.
func refcase(t *testing.T, name string) (read func(file string) []map[string]string, leaves map[string]float64, tol float64) {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "refcases", "statistics", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: the reference case %s, which is not installed here", name)
	}
	read = func(file string) []map[string]string {
		f, err := os.Open(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var out []map[string]string
		for _, row := range rows[1:] {
			m := map[string]string{}
			for i, h := range rows[0] {
				m[h] = row[i]
			}
			out = append(out, m)
		}
		return out
	}
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tol    float64 `json:"rel_tol"`
		Values any     `json:"values"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	leaves = map[string]float64{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch x := v.(type) {
		case map[string]any:
			for k, y := range x {
				walk(strings.TrimPrefix(path+"."+k, "."), y)
			}
		case []any:
			for i, y := range x {
				walk(fmt.Sprintf("%s.%d", path, i), y)
			}
		case float64:
			leaves[path] = x
		default:
			t.Fatalf("%s is no number", path)
		}
	}
	walk("", file.Values)
	return read, leaves, file.Tol
}

const satFile = `
name: sat
arms: [{value: A, name: ours}, {value: B, name: curve}]
resources:
  - name: people
    path: people.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: number, role: covariate}
        - {name: sex, type: string, role: covariate}
        - {name: smoke, type: string, role: covariate}
        - {name: ecog0, type: string, role: covariate}
        - {name: npr, type: number, role: covariate}
        - {name: response, type: string, role: covariate}
  - name: follow
    path: follow.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: time, type: number, role: time, unit: days}
        - {name: event, type: string, role: event}
`

// satCohort has the patients of the case and, in an arm of their own, those read off
// the published curve.
func satCohort(t *testing.T, read func(string) []map[string]string) *datasets.Cohort {
	t.Helper()
	var b, f strings.Builder
	b.WriteString("id,arm,age,sex,smoke,ecog0,npr,response\n")
	f.WriteString("id,time,event\n")
	for _, r := range read("data.csv") {
		fmt.Fprintf(&b, "a%s,A,%s,%s,%s,%s,%s,%s\n", r["USUBJID"], r["AGE"], r["SEX"], r["SMOKE"], r["ECOG0"], r["N_PR_THER"], r["RESPONSE"])
		fmt.Fprintf(&f, "a%s,%s,%s\n", r["USUBJID"], r["TIME"], r["EVENT"])
	}
	for i, r := range read("comparator_pseudo_ipd.csv") {
		fmt.Fprintf(&b, "b%d,B,,,,,,\n", i)
		fmt.Fprintf(&f, "b%d,%s,%s\n", i, r["TIME"], r["EVENT"])
	}
	return analysistest.Cohort(t, satFile, map[string]string{"people.csv": b.String(), "follow.csv": f.String()})
}

func aggregatesOf(r map[string]string) map[string]string {
	share := func(key string) string {
		var x, n float64
		_, _ = fmt.Sscan(r[key], &x)
		_, _ = fmt.Sscan(r["N"], &n)
		return fmt.Sprintf("%.17g", x/n)
	}
	return map[string]string{
		"target.age": r["AGE_MEAN"], "target.age.median": r["AGE_MEDIAN"], "target.age.sd": r["AGE_SD"], "target.sex.Male": share("SEX_MALE_COUNT"),
		"target.ecog0.1": share("ECOG0_COUNT"), "target.smoke.1": share("SMOKE_COUNT"), "target.npr.median": r["N_PR_THER_MEDIAN"],
	}
}

func with(a map[string]string, more ...string) map[string]string {
	out := map[string]string{}
	for k, v := range a {
		out[k] = v
	}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// Every number of the case, which R's maicplus, survival and sandwich made with exact
// weights. It has age² - (m² + s²) where the analysis has (age - m)² - s², which equals
// it less 2m(age - m): the coefficient of age is then smaller by 2m times that of the
// square.
func TestSatReference(t *testing.T) {
	read, want, tol := refcase(t, "maic_unanchored_sat")
	c := satCohort(t, read)
	set := aggregatesOf(read("agd.csv")[0])
	checked := map[string]bool{
		"maicplus_ess": true, // where R's optim stopped short of the optimum, 2e-5 away
	}
	check := func(name string, got float64) {
		t.Helper()
		w, ok := want[name]
		if !ok {
			t.Errorf("the case has no %s", name)
		}
		if checked[name] = true; !(math.Abs(got-w) <= tol*math.Abs(w)) {
			t.Errorf("%s: %.15g, want %.15g", name, got, w)
		}
	}
	share := with(set, "column", "response", "measure", "share", "working", "1", "theirs.events", "280", "theirs.n", "400")
	q := analysis.Question{Arm: "ours"}
	coefficients := func(name string, r analysis.Result) {
		alpha := map[string]float64{}
		for _, row := range r.Tables[0].Rows {
			alpha[row[1].Text+" "+strings.Fields(row[2].Text)[0]] = float64(row[6].Num)
		}
		square := alpha["age sd"]
		check(name+".age", alpha["age mean"]-2*51*square)
		check(name+".age_sq", square)
		check(name+".sex", alpha["sex = Male share"])
		check(name+".ecog", alpha["ecog0 = 1 share"])
		check(name+".smoke", alpha["smoke = 1 share"])
		if _, ok := want[name+".npr"]; ok {
			check(name+".age_median", alpha["age share"])
			check(name+".npr", alpha["npr share"])
		}
	}
	r := askIndirect(t, MAIC, c, q, with(share, "errors", "HC0"))
	coefficients("coef", r)
	for _, row := range r.Tables[0].Rows {
		switch row[1].Text + " " + row[2].Text {
		case "age mean":
			check("weighted_age.0", float64(row[4].Num))
		case "age sd":
			check("weighted_age.1", float64(row[4].Num))
		}
	}
	check("ess", float64(pick(t, r, "effective_sample_size", "ours").Value))
	check("n", float64(pick(t, r, "ours_matched", "ours").N.Arm))
	check("resp_A_weighted", float64(pick(t, r, "ours_matched", "ours").Value))
	or := pick(t, r, "odds_ratio_matched", "published")
	check("logit_maic.coef", math.Log(float64(or.Value)))
	check("logit_maic.se_HC0", float64(or.SE/or.Value))
	check("logrr_maic", math.Log(float64(pick(t, r, "risk_ratio_matched", "published").Value)))
	or = pick(t, askIndirect(t, MAIC, c, q, with(share, "errors", "HC3")), "odds_ratio_matched", "published")
	// R's HC3 also takes the leverage of the published 400, each 1/400, out.
	a, b := float64(pick(t, r, "ours_matched", "ours").Value), 0.7
	ours := float64(pick(t, askIndirect(t, MAIC, c, q, with(share, "errors", "HC3")), "ours_matched", "ours").SE) / (a * (1 - a))
	theirs := 1 / math.Sqrt(400*b*(1-b))
	check("logit_maic.se_HC3", math.Hypot(ours, theirs/(1-1.0/400)))
	if got := float64(or.SE / or.Value); math.Abs(got-math.Hypot(ours, theirs)) > 1e-12 {
		t.Errorf("HC3 of both sides: %v", got)
	}
	five := askIndirect(t, MAIC, c, q, with(share, "covariates", "age,sex,ecog0,smoke"))
	if len(five.Tables[0].Rows) != 6 {
		t.Fatalf("%d aggregates", len(five.Tables[0].Rows))
	}
	delete(share, "target.age.median")
	delete(share, "target.npr.median")
	five = askIndirect(t, MAIC, c, q, share)
	coefficients("subset5.coef", five)
	check("subset5.ess", float64(pick(t, five, "effective_sample_size", "ours").Value))

	time := askIndirect(t, MAIC, c, q, with(set, "measure", "time", "pseudo", "curve", "errors", "HC0"))
	un, ad := pick(t, time, "hazard_ratio_unadjusted", "curve"), pick(t, time, "hazard_ratio_matched", "curve")
	check("cox_unadj.coef", math.Log(float64(un.Value)))
	check("cox_unadj.se", float64(un.SE/un.Value))
	check("cox_maic.coef", math.Log(float64(ad.Value)))
	check("cox_maic.se_robust", float64(ad.SE/ad.Value))
	weightLeaves(t, c, q, share, set, check)
	for name := range want {
		if !checked[name] {
			t.Errorf("no check consumed %s", name)
		}
	}
}

// weightLeaves checks the weights themselves, which no result shows one by one.
func weightLeaves(t *testing.T, c *datasets.Cohort, q analysis.Question, share, set map[string]string, check func(string, float64)) {
	t.Helper()
	in := analysis.Input{Cohort: c}
	target := map[string]string{}
	for k, v := range set {
		target[strings.TrimPrefix(k, "target.")] = v
	}
	a := indirectAsk{target: target, measure: MeasureTime, working: publishedDefaults.Working, pseud: "curve"}
	s, err := a.subject(in, q)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := a.aggregates(in)
	if err != nil {
		t.Fatal(err)
	}
	groups, _, err := in.Groups(q)
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.complete(in, q, s, list, groups)
	if err != nil {
		t.Fatal(err)
	}
	w, err := p.match()
	if err != nil {
		t.Fatal(err)
	}
	// The case's z has another zero of its exponent: x² - m² - s² is (x-m)² - s² plus
	// 2m(x-m), so the exponents are the same.
	check("w_unscaled_range.0", slices.Min(w.W))
	check("w_unscaled_range.1", slices.Max(w.W))
	scaled := p.scaled(w.W, float64(len(w.W)))
	for i, at := range p.index {
		if at < 5 {
			check(fmt.Sprintf("w_scaled_first5.%d", at), scaled[i])
		}
	}
	mine := make([]bool, len(p.index))
	for i, at := range p.index {
		mine[i] = s.event[at]
	}
	h := hazards{p: p, mine: mine}
	for i := range s.y {
		if c.ArmOf()[i] == 1 {
			h.theirTime, h.theirEvents = append(h.theirTime, s.y[i]), append(h.theirEvents, s.event[i])
		}
	}
	cox, err := h.cox(scaled, nil)
	if err != nil {
		t.Fatal(err)
	}
	check("cox_maic.se_naive", math.Sqrt(cox.Cov.At(0, 0)))
}
