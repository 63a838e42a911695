package economics_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/economics"
	"recoup/datasets"
	"recoup/datasets/open"
)

const trialCohort = `name: made
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: integer, role: covariate}
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
        - {name: category, type: string, role: category}
        - {name: cost, type: number, role: cost, unit: USD}
arms: [{value: program}, {value: usual}]
visits:
  - {value: before, week: 0, baseline: true}
  - {value: mid, week: 12}
  - {value: end, week: 52}
`

// person is a row of the made trial.
type person struct {
	id, arm, age string
	u            [3]string
	cost         string
}

func people(t testing.TB) []person {
	t.Helper()
	f, err := os.Open("testdata/trial.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []person
	for _, r := range rows[1:] {
		out = append(out, person{r[0], r[1], r[3], [3]string{r[2], r[4], r[5]}, r[6]})
	}
	return out
}

// made writes and opens the trial: what a patient cost falls on the first and the last day
// of the year, and costs of 99 just before and after it; or the last ones earlier.
func made(t testing.TB, all []person, stops ...int) analysis.Input {
	t.Helper()
	last := append(stops, 363)[0]
	var patients, visits, costs strings.Builder
	patients.WriteString("id,arm,age\n")
	visits.WriteString("id,visit,utility\n")
	costs.WriteString("id,day,category,cost\n")
	for _, p := range all {
		fmt.Fprintf(&patients, "%s,%s,%s\n", p.id, p.arm, p.age)
		for k, v := range []string{"before", "mid", "end"} {
			u := p.u[k]
			if u == "NA" {
				u = ""
			}
			fmt.Fprintf(&visits, "%s,%s,%s\n", p.id, v, u)
		}
		if p.cost != "" {
			fmt.Fprintf(&costs, "%s,-1,care,99\n%s,0,program,100\n%s,%d,care,%s\n%s,5,care,-100\n", p.id, p.id, p.id, last, p.cost, p.id)
			if stops == nil {
				fmt.Fprintf(&costs, "%s,364,care,99\n", p.id)
			}
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"cohort.yaml": trialCohort, "patients.csv": patients.String(), "visits.csv": visits.String(), "costs.csv": costs.String()} {
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

var asked = analysis.Question{Arm: "program", Reference: "usual", Outcome: "utility", Visit: "end", Level: 0.95, Seed: 3}

func tried(t testing.TB, in analysis.Input, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := economics.Trial.Run(t.Context(), in, q, set)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func term(t testing.TB, r analysis.Result, name, definition string) analysis.Estimate {
	t.Helper()
	for _, e := range r.Estimates {
		if e.Term == name && e.Definition == definition {
			return e
		}
	}
	t.Fatalf("no %s %s", name, definition)
	return analysis.Estimate{}
}

func close(t testing.TB, what string, got analysis.Num, want float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= 1e-8*math.Max(1, math.Abs(want))) {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}

// The regressions and Fieller's interval are those of R's lm and sandwich.
func TestTrialAgreesWithR(t *testing.T) {
	b, err := os.ReadFile("testdata/trial.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct {
		Cost, QALY, Benefit, Fieller []float64
		ICER                         float64
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	in := made(t, people(t))
	for name, set := range map[string]map[string]string{
		"plain":    {"effect": "qaly", "baseline": "false", "wtp": "50000", "replicates": "100"},
		"adjusted": {"effect": "qaly", "covariates": "age", "wtp": "50000", "interval": "model", "replicates": "100"},
	} {
		r, w := tried(t, in, asked, set), want[name]
		for _, c := range []struct {
			e analysis.Estimate
			w []float64
		}{
			{term(t, r, "cost_difference", ""), w.Cost},
			{term(t, r, "effect_difference", ""), w.QALY},
			{term(t, r, "net_benefit", "willingness to pay 50000"), w.Benefit},
		} {
			close(t, name+" "+c.e.Term, c.e.Value, c.w[0])
			close(t, name+" error of "+c.e.Term, c.e.SE, c.w[1])
			close(t, name+" df of "+c.e.Term, c.e.DF, c.w[2])
			if c.e.N.Arm+c.e.N.Reference != 58 || c.e.N.Missing != 2 {
				t.Errorf("%s: %+v", name, c.e.N)
			}
		}
		icer := term(t, r, "icer", "")
		close(t, name+" icer", icer.Value, w.ICER)
		close(t, name+" low", icer.CI.Low, w.Fieller[0])
		close(t, name+" high", icer.CI.High, w.Fieller[1])
	}
}

// Swapped arms turn every difference round, and costs in cents are a hundred times those in
// dollars; the share of samples in which the program is best goes with its net benefit.
func TestTrialRelations(t *testing.T) {
	all := people(t)
	in := made(t, all)
	set := map[string]string{"effect": "qaly", "wtp": "0,100000"}
	base := tried(t, in, asked, set)
	q := asked
	q.Arm, q.Reference = q.Reference, q.Arm
	back := tried(t, in, q, set)
	for _, name := range []string{"cost_difference", "effect_difference"} {
		a, b := term(t, base, name, ""), term(t, back, name, "")
		close(t, "swapped "+name, -b.Value, float64(a.Value))
		close(t, "swapped error of "+name, b.SE, float64(a.SE))
	}
	high := "willingness to pay 100000"
	p, low := term(t, base, "probability_cost_effective", high), term(t, base, "probability_cost_effective", "willingness to pay 0")
	if !(p.Value > 0.95 && low.Value < 0.05) {
		t.Errorf("probabilities %g and %g", p.Value, low.Value)
	}
	cents := slices.Clone(all)
	for i := range cents {
		cents[i].cost += "00"
	}
	e := term(t, tried(t, made(t, cents), asked, set), "cost_difference", "")
	close(t, "cents", e.Value, 100*float64(term(t, base, "cost_difference", "").Value))
}

// By hand: success is an improvement by 30 % of baseline, here from 0.5 to at least 0.65;
// without anyone's record costs are 0 or missing.
func TestTrialSuccess(t *testing.T) {
	var all []person
	for i := range 20 {
		p := person{id: fmt.Sprintf("p%02d", i), arm: "program", age: "40", u: [3]string{"0.5", "0.5", "0.64"}, cost: "1000"}
		switch {
		case i >= 10:
			p.arm, p.cost = "usual", fmt.Sprint(400+i)
		case i < 4:
			p.u[2], p.cost = "0.65", "1001"
		}
		if i == 10 {
			p.u[2] = "0.9"
		}
		if i == 19 {
			p.cost = ""
		}
		all = append(all, p)
	}
	in := made(t, all)
	q := asked
	set := map[string]string{"effect": "success", "baseline": "false"}
	// utility has no instrument: lower counts as better, and is warned of.
	r := tried(t, in, q, set)
	if !slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return w.Code == analysis.WarnNoDirection }) {
		t.Error("no word on the direction")
	}
	close(t, "successes", term(t, r, "effect_difference", "").Value, 0)
	// Usual care: 410 to 418 and one without a record, 0.
	close(t, "cost", term(t, r, "cost_difference", "").Value, 1000.4-(410+411+412+413+414+415+416+417+418)/10.0)
	set["no_record"] = "missing"
	close(t, "cost of those with a record", term(t, tried(t, in, q, set), "cost_difference", "").Value, 1000.4-414)
}

// What cannot be answered is refused with its reason.
func TestTrialRefuses(t *testing.T) {
	in := made(t, people(t))
	high := people(t)
	high[3].u[1] = "1.2"
	one := analysis.Question{Arm: "program", Outcome: "utility", Visit: "end", Level: 0.95}
	for says, ask := range map[string]func() (analysis.Result, error){
		"needs an arm and a reference": func() (analysis.Result, error) { return economics.Trial.Run(t.Context(), in, one, nil) },
		"utility of at most 1": func() (analysis.Result, error) {
			return economics.Trial.Run(t.Context(), made(t, high), asked, map[string]string{"effect": "qaly"})
		},
		"no category of costs": func() (analysis.Result, error) {
			return economics.Trial.Run(t.Context(), in, asked, map[string]string{"categories": "bed"})
		},
		"expected numbers": func() (analysis.Result, error) {
			return economics.Trial.Run(t.Context(), in, asked, map[string]string{"wtp": "much"})
		},
		"the records of care stop 200 days after admission": func() (analysis.Result, error) {
			return economics.Trial.Run(t.Context(), made(t, people(t), 200), asked, nil)
		},
		"too few": func() (analysis.Result, error) {
			return economics.Trial.Run(t.Context(), made(t, people(t)[:4]), asked, nil)
		},
	} {
		_, err := ask()
		if err == nil || !strings.Contains(err.Error(), says) || !errors.Is(err, analysis.ErrCannot) && !errors.Is(err, analysis.ErrOptions) && !errors.Is(err, datasets.ErrUnknownName) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
