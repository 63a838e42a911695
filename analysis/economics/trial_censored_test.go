package economics_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/economics"
	"recoup/datasets/open"
)

const censoredCohort = `name: made
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: number, role: covariate}
        - {name: followed, type: number}
        - {name: died, type: integer}
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: utility, type: number, role: outcome, unit: utility}
  - name: costs
    path: costs.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: cost, type: number, role: cost, unit: USD}
arms: [{value: program}, {value: usual}]
visits:
  - {value: before, week: 0, baseline: true}
  - {value: mid, week: %d}
  - {value: end, week: %d}
`

// censoredTrial opens a trial of three visits.
func censoredTrial(t *testing.T, mid, end int, patients, visits, costs string) analysis.Input {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"cohort.yaml": fmt.Sprintf(censoredCohort, mid, end), "patients.csv": "id,arm,age,followed,died\n" + patients, "visits.csv": "id,visit,utility\n" + visits, "costs.csv": "id,day,cost\n" + costs,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := open.Cohort(t.Context(), filepath.Join(dir, "cohort.yaml"), open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return analysis.Input{Cohort: c}
}

// handTrial is that of TestCensoredCostsByHand, a day there a week here, with utilities: A
// dies on day 28 of 70, B is lost on day 42, C and D reach the end. In usual care all cost
// twice as much and have half the utility.
func handTrial(t *testing.T) analysis.Input {
	var p, v, c strings.Builder
	for k, arm := range []string{"program", "usual"} {
		f, h := k+1, 1/float64(k+1)
		fmt.Fprintf(&p, "a%d,%s,50,28,1\nb%d,%s,40,42,0\nc%d,%s,60,70,0\nd%d,%s,45,300,1\n", k, arm, k, arm, k, arm, k, arm)
		fmt.Fprintf(&v, "a%d,before,%g\n", k, 0.5*h)
		fmt.Fprintf(&v, "b%d,before,%g\nb%d,mid,%g\n", k, 0.4*h, k, 0.6*h)
		fmt.Fprintf(&v, "c%d,before,%g\nc%d,mid,%g\nc%d,end,%g\n", k, 0.2*h, k, 0.4*h, k, 0.8*h)
		fmt.Fprintf(&v, "d%d,before,%g\nd%d,mid,%g\nd%d,end,%g\n", k, 1*h, k, 1*h, k, 0.5*h)
		fmt.Fprintf(&c, "a%d,0,%d\nb%d,30,%d\nb%d,36,%d\nc%d,20,%d\nc%d,60,%d\nd%d,0,%d\nd%d,50,%d\n", k, 40*f, k, 30*f, k, 5*f, k, 20*f, k, 10*f, k, 50*f, k, 30*f)
		fmt.Fprintf(&c, "c%d,-1,999\nc%d,70,999\n", k, k)
	}
	return censoredTrial(t, 5, 10, p.String(), v.String(), c.String())
}

func censoredSet(censoring string, more ...string) map[string]string {
	set := map[string]string{"effect": "qaly", "baseline": "false", "wtp": "100", "replicates": "200", "censoring": censoring, "followed": "followed", "ended": "died"}
	for i := 0; i < len(more); i += 2 {
		set[more[i]] = more[i+1]
	}
	return set
}

// By hand: costs as in TestCensoredCostsByHand, 51.25 weighted and 50 partitioned. Areas in
// days: A 0.5·28/2 = 7 to death; B 17.5 and lost; C 10.5 + 21; D 35 + 26.25. Losses: K is 1
// to day 42 and 2/3 after. Weighted: (7 + 31.5·1.5 + 61.25·1.5)/4 = 36.53125. Partitioned:
// (7 + 17.5 + 10.5 + 35)/4 + (21 + 26.25)·1.5/4 = 17.5 + 17.71875 = 35.21875.
func TestCensoredTrialByHand(t *testing.T) {
	in := handTrial(t)
	for censoring, want := range map[string][2]float64{"weighted": {51.25, 36.53125}, "partitioned": {50, 35.21875}} {
		r := tried(t, in, asked, censoredSet(censoring))
		cost, qaly := want[0], want[1]/365.25
		for i, w := range []float64{cost, 2 * cost, qaly, qaly / 2, -cost, qaly / 2} {
			close(t, fmt.Sprint(censoring, " ", r.Estimates[i].Term), r.Estimates[i].Value, w)
		}
		close(t, censoring+" net benefit", term(t, r, "net_benefit", "willingness to pay 100").Value, 100*qaly/2+cost)
		if e := r.Estimates[4]; e.N.Arm != 4 || e.N.Missing != 0 || !strings.Contains(e.Method.Name, "2 of 8 patients were not followed") {
			t.Errorf("%+v", e)
		}
		// The costs are those of economics/costs with the same patients.
		c := ofMethod(t, in, map[string]string{"method": censoring, "horizon": "70", "step": "35", "followed": "followed", "ended": "died", "replicates": "100"})
		close(t, censoring+" as economics/costs", r.Estimates[0].Value, float64(c.Estimates[0].Value))
	}
	// Of complete cases C and D alone are left, too few; with nobody lost all ways agree.
	if _, err := economics.Trial.Run(t.Context(), in, asked, map[string]string{"effect": "qaly", "baseline": "false"}); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("two complete patients: %v", err)
	}
}

// The regressions are those of R's lm with weights by survfit, of costs and QALYs over two
// years, discounted: the areas by integrate.
func TestCensoredTrialAgreesWithR(t *testing.T) {
	f, err := os.Open("testdata/trial_censored.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var p, v, c strings.Builder
	for _, r := range rows[1:] {
		fmt.Fprintf(&p, "%s,%s,%s,%s,%s\n", r[0], r[1], r[2], r[3], r[4])
		for k, visit := range []string{"before", "mid", "end"} {
			if r[5+k] != "NA" {
				fmt.Fprintf(&v, "%s,%s,%s\n", r[0], visit, r[5+k])
			}
		}
		for k := 8; k < 16; k += 2 {
			fmt.Fprintf(&c, "%s,%s,%s\n", r[0], r[k], r[k+1])
		}
	}
	in := censoredTrial(t, 26, 104, p.String(), v.String(), c.String())
	b, err := os.ReadFile("testdata/trial_censored.json")
	if err != nil {
		t.Fatal(err)
	}
	type pair struct{ Partitioned, Weighted float64 }
	var want struct {
		Plain, Adjusted struct{ Cost, QALY pair }
		Lost            int
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]struct{ Cost, QALY pair }{"plain": want.Plain, "adjusted": want.Adjusted} {
		more := []string{"rate", "0.05", "effect_rate", "0.03"}
		if name == "adjusted" {
			more = append(more, "baseline", "true", "covariates", "age")
		}
		for censoring, x := range map[string][2]float64{"partitioned": {w.Cost.Partitioned, w.QALY.Partitioned}, "weighted": {w.Cost.Weighted, w.QALY.Weighted}} {
			r := tried(t, in, asked, censoredSet(censoring, more...))
			close(t, name+" "+censoring+" cost", term(t, r, "cost_difference", "").Value, x[0])
			close(t, name+" "+censoring+" QALYs", term(t, r, "effect_difference", "").Value, x[1])
			if !strings.Contains(r.Estimates[0].Method.Name, fmt.Sprintf("%d of 90 patients", want.Lost)) || strings.Contains(fmt.Sprint(r.Warnings), "not discounted") {
				t.Errorf("%s; %v", r.Estimates[0].Method.Name, r.Warnings)
			}
			if e := term(t, r, "cost_difference", ""); !(e.SE > 0) || !(e.CI.Low < e.Value && e.Value < e.CI.High) {
				t.Errorf("%+v", e)
			}
		}
	}
}

// With nobody lost and nobody dead the weights are 1, and differences are those of complete
// cases.
func TestNobodyLost(t *testing.T) {
	var all []person
	for _, x := range people(t) {
		if x.u[2] != "NA" {
			all = append(all, x)
		}
	}
	complete := tried(t, made(t, all), asked, map[string]string{"effect": "qaly", "covariates": "age", "replicates": "100"})
	var p, v, c strings.Builder
	for _, x := range all {
		fmt.Fprintf(&p, "%s,%s,%s,364,0\n", x.id, x.arm, x.age)
		for k, visit := range []string{"before", "mid", "end"} {
			fmt.Fprintf(&v, "%s,%s,%s\n", x.id, visit, x.u[k])
		}
		fmt.Fprintf(&c, "%s,100,%s\n", x.id, x.cost)
	}
	in := censoredTrial(t, 12, 52, p.String(), v.String(), c.String())
	for _, censoring := range []string{"weighted", "partitioned"} {
		r := tried(t, in, asked, censoredSet(censoring, "baseline", "true", "covariates", "age"))
		for _, name := range []string{"cost_difference", "effect_difference"} {
			close(t, censoring+" "+name, term(t, r, name, "").Value, float64(term(t, complete, name, "").Value))
		}
	}
}

// Discounted costs and QALYs of complete cases, by hand: a utility of 1 over two years of
// 728 days is (1 - 1.1^-h)/ln 1.1 with h = 728/365.25; one that falls from 1 to 0 is
// 1/δ - (1 - e^-δh)/(δ²h). 100 on day 365 counts 100·1.05^-(365/365.25).
func TestTrialDiscounts(t *testing.T) {
	var p, v, c strings.Builder
	for i := range 8 {
		arm, end := "program", 1
		if i >= 4 {
			arm, end = "usual", 0
		}
		fmt.Fprintf(&p, "p%d,%s,50,0,0\n", i, arm)
		fmt.Fprintf(&v, "p%d,before,1\np%d,mid,%g\np%d,end,%d\n", i, i, float64(1+end)/2, i, end)
		fmt.Fprintf(&c, "p%d,365,%d\n", i, 100*end)
	}
	in := censoredTrial(t, 52, 104, p.String(), v.String(), c.String())
	r := tried(t, in, asked, map[string]string{"effect": "qaly", "baseline": "false", "rate": "0.05", "effect_rate": "0.1", "replicates": "100"})
	d, h := math.Log(1.1), 728/365.25
	close(t, "constant", r.Estimates[2].Value, (1-math.Pow(1.1, -h))/d)
	close(t, "falling", r.Estimates[3].Value, 1/d-(1-math.Exp(-d*h))/(d*d*h))
	close(t, "cost", r.Estimates[0].Value, 100*math.Pow(1.05, -365/365.25))
	// A small rate is close to none.
	none := tried(t, in, asked, map[string]string{"effect": "qaly", "baseline": "false", "replicates": "100"})
	small := tried(t, in, asked, map[string]string{"effect": "qaly", "baseline": "false", "effect_rate": "1e-9", "replicates": "100"})
	if a, b := float64(none.Estimates[3].Value), float64(small.Estimates[3].Value); math.Abs(a-b) > 1e-8 || a == b {
		t.Errorf("no rate %.12g, a small one %.12g", a, b)
	}
	if !strings.Contains(fmt.Sprint(none.Warnings), "not discounted") || strings.Contains(fmt.Sprint(r.Warnings), "not discounted") {
		t.Errorf("%v; %v", none.Warnings, r.Warnings)
	}
}

func TestCensoredTrialRefuses(t *testing.T) {
	in := handTrial(t)
	for says, set := range map[string]map[string]string{
		"needs followed":        {"censoring": "weighted"},
		"go with censoring":     {"followed": "followed"},
		"are the bootstrap's":   censoredSet("weighted", "interval", "model"),
		"leave horizon out":     censoredSet("weighted", "horizon", "70"),
		"goes with effect=qaly": censoredSet("weighted", "effect", "change", "effect_rate", "0.03"),
		"from 0 to under 1":     censoredSet("weighted", "rate", "3"),
		"go with price_year":    censoredSet("weighted", "currency", "USD"),
		"no price year":         censoredSet("weighted", "price_year", "2024"),
		"too few":               censoredSet("weighted", "covariates", "age", "baseline", "true"),
	} {
		if _, err := economics.Trial.Run(t.Context(), in, asked, set); err == nil || !strings.Contains(err.Error(), says) || !errors.Is(err, analysis.ErrCannot) && !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	r := tried(t, in, asked, censoredSet("partitioned", "price_year", "2024", "cost_year", "2019"))
	close(t, "moved", r.Estimates[0].Value, 50*313.689/255.657)
	if r.Estimates[0].Unit != "USD of 2024" || r.Tables[0].Name != "prices" {
		t.Errorf("%s, %v", r.Estimates[0].Unit, r.Tables[0].Name)
	}
	// Who was under observation at a visit and has no utility there is missing, not lost.
	var lost strings.Builder
	for i := range 10 {
		arm := "program"
		if i%2 == 1 {
			arm = "usual"
		}
		fmt.Fprintf(&lost, "p%d,%s,50,60,0\n", i, arm)
	}
	nobody := censoredTrial(t, 5, 10, lost.String(), "p0,before,1\n", "p0,0,1\n")
	if _, err := economics.Trial.Run(t.Context(), nobody, asked, censoredSet("weighted")); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("nobody followed to the end: %v", err)
	}
}
