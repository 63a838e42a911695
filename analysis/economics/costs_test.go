package economics_test

import (
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

const costsCohort = `name: made
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: followed, type: number}
        - {name: died, type: integer}
        - {name: age, type: number, role: covariate}
  - name: costs
    path: costs.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: cost, type: number, role: cost, unit: USD}
arms: [{value: program}, {value: usual}]
`

func opened(t *testing.T, patients, costs string) analysis.Input {
	t.Helper()
	return openedAs(t, costsCohort, patients, "id,day,cost\n"+costs)
}

func openedAs(t *testing.T, cohort, patients, costs string) analysis.Input {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"cohort.yaml": cohort, "patients.csv": "id,arm,followed,died,age\n" + patients, "costs.csv": costs} {
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

var ofCosts = analysis.Question{Arm: "program", Reference: "usual", Level: 0.95, Seed: 1}

// four are the patients of TestCensoredCostsByHand in both arms, at twice the cost in usual
// care; costs outside the horizon of 10 days count nothing.
func four(t *testing.T) analysis.Input {
	var p, c strings.Builder
	for k, arm := range []string{"program", "usual"} {
		f := k + 1
		fmt.Fprintf(&p, "a%d,%s,4,1,50\nb%d,%s,6,0,40\nc%d,%s,10,0,60\nd%d,%s,300,1,45\n", k, arm, k, arm, k, arm, k, arm)
		fmt.Fprintf(&c, "a%d,0,%d\nb%d,4,%d\nb%d,5,%d\nc%d,3,%d\nc%d,9,%d\nd%d,0,%d\nd%d,7,%d\n", k, 40*f, k, 30*f, k, 5*f, k, 20*f, k, 10*f, k, 50*f, k, 30*f)
		fmt.Fprintf(&c, "c%d,-1,999\nc%d,10,999\n", k, k)
	}
	return opened(t, p.String(), c.String())
}

func ofMethod(t *testing.T, in analysis.Input, set map[string]string) analysis.Result {
	t.Helper()
	r, err := economics.Costs.Run(t.Context(), in, ofCosts, set)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The means by hand in TestCensoredCostsByHand: 51.25, 50 and 46.25; 46.25 is also the
// plain mean, (40 + 35 + 30 + 80)/4. Twice that in usual care: the ratio is a half.
func TestCostsOfArms(t *testing.T) {
	in := four(t)
	for method, want := range map[string]float64{"weighted": 51.25, "partitioned": 50, "lin": 46.25, "mean": 46.25} {
		r := ofMethod(t, in, map[string]string{"method": method, "horizon": "10", "step": "5", "followed": "followed", "ended": "died", "replicates": "200"})
		for i, w := range []float64{want, 2 * want, -want, 0.5} {
			close(t, method, r.Estimates[i].Value, w)
		}
		if e := r.Estimates[2]; !(e.SE > 0) || e.N.Arm != 4 || e.Unit != "USD" {
			t.Errorf("%s: %+v", method, e)
		}
		if warned := strings.Contains(fmt.Sprint(r.Warnings), "2 of 8 patients were not followed"); warned != (method == "mean") {
			t.Errorf("%s: warnings %v", method, r.Warnings)
		}
	}
}

// 1000 on day 0 and 1000 after two years, of 730.5 days, at 10 % are 1000 + 1000/1.21; and
// the interval of 2 costs each alike has no error.
func TestCostsAreDiscounted(t *testing.T) {
	in := opened(t, "a,program,800,0,1\nb,program,800,0,2\nc,usual,800,0,3\nd,usual,800,0,4\n", "a,0,1000\na,731,1000\nb,0,1000\nb,731,1000\nc,0,500\nd,0,500\n")
	r := ofMethod(t, in, map[string]string{"horizon": "800", "rate": "0.1", "replicates": "100"})
	close(t, "discounted", r.Estimates[0].Value, 1000+1000*math.Pow(1.1, -731/365.25))
	close(t, "at admission", r.Estimates[1].Value, 500)
	if r.Estimates[2].SE.OK() || len(r.Estimates[2].Warnings) == 0 {
		t.Errorf("costs all alike have an error: %+v", r.Estimates[2])
	}
	if r := ofMethod(t, in, map[string]string{"horizon": "800", "replicates": "100"}); !strings.Contains(fmt.Sprint(r.Warnings), "not discounted") {
		t.Errorf("two years without a rate: %v", r.Warnings)
	}
}

// Without covariates the gamma model has the means of the arms, and the two-part model too:
// the share with costs times their mean.
func TestModelsOfCostsWithoutCovariatesAreMeans(t *testing.T) {
	in := opened(t, "a,program,9,0,1\nb,program,9,0,2\nc,program,9,0,3\nd,usual,9,0,4\ne,usual,9,0,5\nf,usual,9,0,6\n", "a,0,10\nb,0,30\nd,0,20\ne,0,50\nc,1,5\nf,1,20\n")
	r := ofMethod(t, in, map[string]string{"method": "gamma", "horizon": "9", "replicates": "100"})
	close(t, "program", r.Estimates[0].Value, 15)
	close(t, "usual", r.Estimates[1].Value, 30)
	r = ofMethod(t, in, map[string]string{"method": "two-part", "horizon": "1", "replicates": "100"})
	close(t, "program, c without costs", r.Estimates[0].Value, 40.0/3)
	close(t, "usual, f without costs", r.Estimates[1].Value, 70.0/3)
	if _, err := economics.Costs.Run(t.Context(), in, ofCosts, map[string]string{"method": "gamma", "horizon": "1"}); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("gamma of costs of 0: %v", err)
	}
}

func TestCostsRefuse(t *testing.T) {
	in := four(t)
	for what, set := range map[string]map[string]string{
		"no days under observation": {"method": "partitioned"},
		"a model of censored costs": {"method": "gamma", "followed": "followed"},
		"covariates of a mean":      {"covariates": "age"},
		"a rate of 3":               {"rate": "3"},
		"no horizon":                {"horizon": "0"},
	} {
		if _, err := economics.Costs.Run(t.Context(), in, ofCosts, set); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%s: %v", what, err)
		}
	}
	lost := opened(t, "a,program,3,0,1\nb,program,4,0,1\nc,usual,9,0,1\nd,usual,9,0,1\n", "a,0,1\nb,0,1\nc,0,1\nd,0,1\n")
	for _, method := range []string{"lin", "weighted", "partitioned"} {
		if _, err := economics.Costs.Run(t.Context(), lost, ofCosts, map[string]string{"method": method, "horizon": "9", "step": "3", "followed": "followed"}); !errors.Is(err, analysis.ErrCannot) {
			t.Errorf("%s of an arm of which nobody was followed to the last interval: %v", method, err)
		}
	}
}

// By hand: 100 of 2019, of an index of 250, is 120 of 2024, of one of 300.
func TestCostsOfAnotherPriceYear(t *testing.T) {
	cohort := strings.Replace(costsCohort, "unit: USD}\n", "unit: USD}\n        - {name: year, type: string, role: price_year}\n", 1)
	patients := "a,program,9,0,1\nb,program,9,0,2\nc,usual,9,0,3\nd,usual,9,0,4\n"
	in := openedAs(t, cohort, patients, "id,day,cost,year\na,0,100,2019\nb,0,100,2019\nc,0,50,2019\nd,0,50,2019\n")
	set := map[string]string{"horizon": "9", "replicates": "100", "price_year": "2024", "index": "2019:250,2024:300"}
	r := ofMethod(t, in, set)
	close(t, "program", r.Estimates[0].Value, 120)
	close(t, "usual", r.Estimates[1].Value, 60)
	if u := r.Estimates[0].Unit; u != "USD of 2024" {
		t.Errorf("unit %q", u)
	}
	for _, index := range []string{"2019:250", "2024:300", "2019:250,2024:0", "2019:250,2019:251,2024:300", "2019,2024"} {
		set["index"] = index
		if _, err := economics.Costs.Run(t.Context(), in, ofCosts, set); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("index %s: %v", index, err)
		}
	}
	set["index"] = "2019:250,2020:255,2024:300"
	mixed := openedAs(t, cohort, patients, "id,day,cost,year\na,0,100,2019\nb,0,100,2020\nc,0,50,2019\nd,0,50,2019\n")
	for what, in := range map[string]analysis.Input{"two price years": mixed, "none": opened(t, patients, "a,0,1\nb,0,2\nc,0,3\nd,0,4\n")} {
		if _, err := economics.Costs.Run(t.Context(), in, ofCosts, set); !errors.Is(err, analysis.ErrCannot) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Of twenty patients in two arms care is recorded every 30th day to day 90: no year's cost
// is known of them, though 90 days' are, and a year's with the days they were followed.
// Were the records to stop by chance, all 20 would have to be in a fourth of the year:
// 0.25²⁰. Of the program's cost alone nothing tells an end of records from one of costs.
func TestCostsThatDoNotReachTheHorizon(t *testing.T) {
	kinds := strings.Replace(costsCohort, "        - {name: cost, type", "        - {name: kind, type: string, role: category}\n        - {name: cost, type", 1)
	made := func(to int, kind string) analysis.Input {
		var people, costs strings.Builder
		costs.WriteString("id,day,kind,cost\n")
		for i := range 20 {
			fmt.Fprintf(&people, "p%d,%s,%d,0,50\n", i, []string{"program", "usual"}[i%2], 91+300*(i/18))
			for day := 0; day <= to; day += 30 {
				fmt.Fprintf(&costs, "p%d,%d,%s,%d\n", i, day, map[bool]string{true: "program", false: kind}[day == 0], 10+i%3)
			}
		}
		return openedAs(t, kinds, people.String(), costs.String())
	}
	for _, c := range []struct {
		what string
		in   analysis.Input
		set  map[string]string
		ok   bool
	}{
		{"a year's records", made(360, "visit"), nil, true},
		{"records to day 300, in the last quarter", made(300, "visit"), nil, true},
		{"records to day 90", made(90, "visit"), nil, false},
		{"records to day 90, of 90 days", made(90, "visit"), map[string]string{"horizon": "90"}, true},
		{"records to day 90, patients followed", made(90, "visit"), map[string]string{"followed": "followed", "method": "weighted"}, true},
		{"the program alone", made(90, "program"), nil, true},
	} {
		_, err := economics.Costs.Run(t.Context(), c.in, ofCosts, c.set)
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), "stop 90 days after admission")) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
