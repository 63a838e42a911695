package taper_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/taper"
)

// x falls in a straight line from 100 on day 0 to 10 on day 90 and stays unrecorded: -1 a day is -30 % of
// baseline a month by both lines. y halves every 30 days from 80: -50 % a month on the log
// scale; z is as x with one day of 1000, which moves least squares and not Theil-Sen.
func TestVelocityByHand(t *testing.T) {
	var line, half, wrong []seg
	for d := range 91 {
		at := float64(d)
		line = append(line, seg{at, at, 100 - at})
		half = append(half, seg{at, at, 80 * math.Exp2(-at/30)})
		v := 100 - at
		if d == 80 {
			v = 1000
		}
		wrong = append(wrong, seg{at, at, v})
	}
	half = append(half, seg{91, 209, 0}) // after the stop: nothing on the log scale
	in := admitted(t,
		person{id: "x", arm: "x", doses: append(line, seg{-28, -1, 100})},
		person{id: "y", arm: "y", doses: append(half, seg{-28, -1, 80})},
		person{id: "z", arm: "z", doses: append(wrong, seg{-28, -1, 100})},
	)
	r := run(t, taper.VelocityAnalysis, in, analysis.Question{}, nil)
	for _, c := range []struct {
		term, arm string
		want      float64
	}{
		{"slope_linear_mean", "x", -30},
		{"theil_sen_mean", "x", -30},
		{"slope_log_median", "y", -50},
		{"theil_sen_median", "z", -30},
		{"max_monthly_mean", "x", 30}, // months of 85.5, 55.5, 25.5 and one day of 10, which is not a month
	} {
		near(t, c.term+" "+c.arm, analysistest.Find(t, r, c.term, c.arm).Value, c.want, 1e-9)
	}
	if v := analysistest.Find(t, r, "slope_linear_mean", "z").Value; v < -20 {
		t.Errorf("a wrong day leaves least squares at %v", v)
	}
	// A tenth of every dose is the same velocity.
	people := []person{{id: "x", arm: "x", doses: append(line, seg{-28, -1, 100})}}
	for i := range people[0].doses {
		people[0].doses[i].mme /= 10
	}
	tenth := run(t, taper.VelocityAnalysis, admitted(t, people...), analysis.Question{}, nil)
	for _, term := range []string{"slope_linear_mean", "slope_log_mean", "theil_sen_mean", "max_monthly_mean"} {
		near(t, term+" of a tenth", analysistest.Find(t, tenth, term, "x").Value, float64(analysistest.Find(t, r, term, "x").Value), 1e-9)
	}
}

const tapers = "../../../shared/refcases/statistics/taper_sim_longitudinal"

const tapersFile = `
name: tapers
resources:
  - name: patients
    path: p
    schema: {fields: [{name: id, type: string, role: patient}, {name: arm, type: string, role: arm}]}
  - name: doses
    path: d
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: mme, type: number, role: dose, unit: MME/day}
`

// simulated loads the reference case as a cohort, of the patients whose number is kept.
func simulated(t *testing.T, keep func(id int) bool) analysis.Input {
	t.Helper()
	f, err := os.Open(filepath.Join(tapers, "data.csv"))
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var ps, ds strings.Builder
	ps.WriteString("id,arm\n")
	ds.WriteString("id,day,mme\n")
	last := ""
	for _, r := range rows[1:] {
		id, err1 := strconv.Atoi(r[0])
		week, err2 := strconv.Atoi(r[2])
		if err1 != nil || err2 != nil {
			t.Fatal("the reference case is not as expected")
		}
		if !keep(id) {
			continue
		}
		if r[0] != last {
			fmt.Fprintf(&ps, "%s,%s\n", r[0], r[1])
			last = r[0]
		}
		fmt.Fprintf(&ds, "%s,%d,%s\n", r[0], 7*week, r[3])
	}
	return analysis.Input{Cohort: analysistest.Cohort(t, tapersFile, map[string]string{"p": ps.String(), "d": ds.String()})}
}

func everyone(int) bool { return true }

// expected are the numbers of the case that this package answers: slopes, responders,
// first events and their curve. Its mixed models, estimating equations and Cox models
// are other packages'.
type expected struct {
	OLS struct {
		Head []float64 `json:"head"`
		Mean []float64 `json:"mean_by_arm"`
		T    float64   `json:"t"`
		DF   float64   `json:"df"`
		P    float64   `json:"p"`
	} `json:"ols_slopes"`
	TheilSen   []float64 `json:"theil_sen_head5"`
	Responders []float64 `json:"responder26"`
	Head       struct {
		T50  []float64 `json:"t50"`
		E50  []float64 `json:"e50"`
		T50S []float64 `json:"t50_sustained"`
		E50S []float64 `json:"e50s"`
	} `json:"first_event_head"`
	Events struct {
		E50  []int `json:"e50"`
		EDC  []int `json:"edc"`
		E50S []int `json:"e50s"`
	} `json:"events"`
	KM struct {
		Median, Lo, Hi []*float64
		Surv12         []float64 `json:"surv12"`
		Sustained      []float64 `json:"surv12_sustained"`
	} `json:"km50"`
}

func readExpected(t *testing.T) expected {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(tapers, "expected.json"))
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	var v struct{ Values expected }
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v.Values
}

var visits = map[string]string{"baseline": "0:0", "days": "0:182"}

// Slopes of the dose over its baseline by week in R are 7/3000 of percent a month.
func TestSlopesOfReferenceCase(t *testing.T) {
	want := readExpected(t)
	in := simulated(t, everyone)
	r := run(t, taper.VelocityAnalysis, in, analysis.Question{Arm: "0", Reference: "1"}, visits)
	d := analysistest.Find(t, r, "difference_slope_linear", "0")
	const week = 7. / 3000
	near(t, "difference", d.Value*week, want.OLS.Mean[0]-want.OLS.Mean[1], 1e-9)
	near(t, "t", d.Statistic, want.OLS.T, 1e-9)
	near(t, "df", d.DF, want.OLS.DF, 1e-7)
	near(t, "p", d.P, want.OLS.P, 1e-15)
	for i, arm := range []string{"0", "1"} {
		near(t, "mean of arm "+arm, analysistest.Find(t, r, "slope_linear_mean", arm).Value*week, want.OLS.Mean[i], 1e-9)
	}
	for i := range want.OLS.Head {
		one := run(t, taper.VelocityAnalysis, simulated(t, func(id int) bool { return id == i+1 }), analysis.Question{}, visits)
		near(t, "slope of one", analysistest.Find(t, one, "slope_linear_mean", "").Value*week, want.OLS.Head[i], 1e-9)
		near(t, "Theil-Sen of one", analysistest.Find(t, one, "theil_sen_median", "").Value*week, want.TheilSen[i], 1e-9)
	}
}

// R's table of arm by response at week 26, down its columns.
func TestRespondersOfReferenceCase(t *testing.T) {
	want := readExpected(t)
	r := run(t, taper.Reduction, simulated(t, everyone), analysis.Question{}, map[string]string{"baseline": "0:0", "windows": "182:182"})
	for i, arm := range []string{"0", "1"} {
		e := analysistest.Find(t, r, "reduced_50_known", arm)
		if float64(e.N.Events) != want.Responders[2+i] || float64(e.N.Arm-e.N.Events) != want.Responders[i] {
			t.Errorf("arm %s: %+v, want %v", arm, e.N, want.Responders)
		}
	}
}

// Weeks of the case are 7 days here. Its Kaplan-Meier curves take the event at the
// visit at which it was seen.
func TestTimesOfReferenceCase(t *testing.T) {
	want := readExpected(t)
	in := simulated(t, everyone)
	set := map[string]string{"baseline": "0:0", "at": "84", "follow_up": "182", "method": "kaplan-meier"}
	r := run(t, taper.TimeAnalysis, in, analysis.Question{}, set)
	optional := func(v *float64) float64 {
		if v == nil {
			return math.NaN()
		}
		return 7 * *v
	}
	for i, arm := range []string{"0", "1"} {
		near(t, "half by week 12", analysistest.Find(t, r, "half_first_share", arm).Value, 1-want.KM.Surv12[i], 1e-12)
		near(t, "for good", analysistest.Find(t, r, "half_sustained_share", arm).Value, 1-want.KM.Sustained[i], 1e-12)
		m := analysistest.Find(t, r, "half_first_median", arm)
		near(t, "median", m.Value, optional(want.KM.Median[i]), 1e-9)
		if i == 1 {
			near(t, "its lower limit", m.CI.Low, optional(want.KM.Lo[i]), 1e-9)
			near(t, "its upper limit", m.CI.High, optional(want.KM.Hi[i]), 1e-9)
		}
		for term, n := range map[string]int{"half_first": want.Events.E50[i], "half_sustained": want.Events.E50S[i], "zero_first": want.Events.EDC[i]} {
			if e := analysistest.Find(t, r, term+"_median", arm); e.N.Events != n {
				t.Errorf("%s in arm %s: %d events, want %d", term, arm, e.N.Events, n)
			}
		}
	}
	for i := range want.Head.T50 {
		one := run(t, taper.TimeAnalysis, simulated(t, func(id int) bool { return id == i+1 }), analysis.Question{}, set)
		for _, s := range one.Series {
			if len(s.Points) == 0 { // nobody stopped, so nobody can resume
				continue
			}
			p := s.Points[0]
			switch s.Name {
			case "taper-time/half-first":
				if float64(p.X) != 7*want.Head.T50[i] || float64(p.Events) != want.Head.E50[i] {
					t.Errorf("patient %d: %+v, want %v", i+1, p, want.Head.T50[i])
				}
			case "taper-time/half-sustained":
				if float64(p.X) != 7*want.Head.T50S[i] || float64(p.Events) != want.Head.E50S[i] {
					t.Errorf("patient %d for good: %+v, want %v", i+1, p, want.Head.T50S[i])
				}
			}
		}
	}
	// Left to itself it takes the visits for what they are: the share by week 12, at which
	// all are seen who are still there, lies between its bounds, which are one.
	auto := run(t, taper.TimeAnalysis, in, analysis.Question{Definition: "half-first"}, map[string]string{"baseline": "0:0", "at": "84,91", "follow_up": "182"})
	least := auto.Estimates
	if least[0].Term != "half_first_share_least" || least[0].Value != least[1].Value {
		t.Errorf("at a visit: %v to %v", least[0].Value, least[1].Value)
	}
	near(t, "as seen", least[0].Value, 1-want.KM.Surv12[0], 0.03)
	if arm := least[len(least)/2+2:]; !(arm[0].Value < arm[1].Value) {
		t.Errorf("between visits: %v to %v", arm[0].Value, arm[1].Value)
	}
}

// Death on day 50 of one patient of two who stop on days 30 and 100: half by day 120,
// and the other is not censored but gone.
func TestDeathCompetes(t *testing.T) {
	file := strings.Replace(tapersFile, "{name: arm, type: string, role: arm}", "{name: died, type: integer, role: covariate}", 1)
	var ds strings.Builder
	ds.WriteString("id,day,mme\n")
	for _, id := range []string{"a", "b"} {
		for day := -28; day <= 150; day++ {
			if v, dead := 50, id == "b" && day > 50; !dead {
				if id == "a" && day >= 30 {
					v = 0
				}
				fmt.Fprintf(&ds, "%s,%d,%d\n", id, day, v)
			}
		}
	}
	in := analysis.Input{Cohort: analysistest.Cohort(t, file, map[string]string{"p": "id,died\na,\nb,50\n", "d": ds.String()})}
	q := analysis.Question{Definition: "stopped-30"}
	with := run(t, taper.TimeAnalysis, in, q, map[string]string{"at": "120", "death": "died"})
	near(t, "of all", analysistest.Find(t, with, "stopped_30_share", "").Value, 0.5, 1e-12)
	without := run(t, taper.TimeAnalysis, in, q, map[string]string{"at": "40"})
	near(t, "censored", analysistest.Find(t, without, "stopped_30_share", "").Value, 0.5, 1e-12)
	late := run(t, taper.TimeAnalysis, in, q, map[string]string{"at": "120"})
	near(t, "censored at 50", analysistest.Find(t, late, "stopped_30_share", "").Value, math.NaN(), 0)
}

// Death on day 90 of a patient whose doses end on day 50 competes with nothing: what came
// first is not known. On day 80, 30 days after, it does.
func TestDeathAfterLoss(t *testing.T) {
	file := strings.Replace(tapersFile, "{name: arm, type: string, role: arm}", "{name: died, type: integer, role: covariate}", 1)
	ds := "id,day,mme\n"
	for day := -28; day <= 150; day++ {
		v := 50
		if day >= 100 {
			v = 0
		}
		ds += fmt.Sprintf("a,%d,%d\n", day, v)
		if day <= 50 {
			ds += fmt.Sprintf("b,%d,50\n", day)
		}
	}
	q := analysis.Question{Definition: "stopped-30"}
	for died, want := range map[string]float64{"80": 0.5, "81": 1} {
		in := analysis.Input{Cohort: analysistest.Cohort(t, file, map[string]string{"p": "id,died\na,\nb," + died + "\n", "d": ds})}
		r := run(t, taper.TimeAnalysis, in, q, map[string]string{"at": "120", "death": "died"})
		near(t, "died on day "+died, analysistest.Find(t, r, "stopped_30_share", "").Value, want, 1e-12)
		warned := slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return strings.Contains(w.Message, "died more than 30 days after") })
		if warned != (died == "81") {
			t.Errorf("died on day %s: warned %v", died, warned)
		}
	}
}

// 100 on days 0 to 49 and 40 from day 50: half the dose 50 days after day 0, 30 after day
// 20. In milligrams the dose itself is what was recorded.
func TestTimeFromAnOrigin(t *testing.T) {
	in := admitted(t, person{id: "a", doses: []seg{{-28, 49, 100}, {50, 99, 40}}}, person{id: "b", doses: []seg{{-28, 49, 100}, {50, 99, 40}}})
	for origin, want := range map[string]float64{"0": 50, "20": 30} {
		r := run(t, taper.TimeAnalysis, in, analysis.Question{Definition: "half-first"}, map[string]string{"origin": origin, "follow_up": "90", "at": "10"})
		near(t, "from day "+origin, analysistest.Find(t, r, "half_first_median", "x").Value, want, 1e-12)
	}
	plain := run(t, taper.TrajectoriesAnalysis, in, analysis.Question{}, map[string]string{"groups": "1", "order": "0", "days": "0:99", "period": "50", "unit": "as-recorded"})
	near(t, "recorded dose", analysistest.Find(t, plain, "group_dose", "x").Value, math.Sqrt(101*41)-1, 1e-6) // log(1 + dose) has the mean of those of 100 and 40
}
