package cli

import (
	"context"
	"math"
	"strings"
	"testing"

	"recoup/analysis/economics"
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
	"recoup/simulate/rehab"
)

func exampleJob(t *testing.T, draws, patients int) simulationJob {
	t.Helper()
	s, err := design.ParseScenario("default", design.DefaultScenario())
	if err != nil {
		t.Fatal(err)
	}
	ev, err := evidence.Default()
	if err != nil {
		t.Fatal(err)
	}
	s.Draws, s.Patients = draws, patients
	return simulationJob{Scenario: s, Evidence: ev}
}

// From every perspective: the years of a patient add up to what one undiscounted run over
// all of them costs; kinds of cost add up to the total they are part of; a budget in which everyone gets the strategy is the sum of
// the patients' years; and no uptake has no impact.
func TestBudgetAddsUp(t *testing.T) {
	for _, p := range []string{design.HealthSystem, design.Insurer, design.Societal} {
		t.Run(p, func(t *testing.T) { budgetAddsUp(t, p) })
	}
}

func budgetAddsUp(t *testing.T, perspective string) {
	job := exampleJob(t, 3, 60)
	job.Scenario.Perspective = perspective
	ctx := context.Background()
	a := &app{Streams: Streams{Out: &strings.Builder{}, Err: &strings.Builder{}}}
	b, err := a.budget(ctx, job, budgetFlags{years: 3, patients: []float64{1, 0}, uptake: []float64{1}, payment: math.NaN()})
	if err != nil {
		t.Fatal(err)
	}
	s := job.Scenario
	s.HorizonWeeks, s.Discounting.Cost = 156, 0
	r, err := rehab.Run(ctx, s, job.Evidence, simulate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	type yearOf struct {
		kind string
		year int
	}
	sum := map[string]float64{}
	parts := map[yearOf]float64{}
	for _, y := range b.Years {
		sum[y.Kind] += float64(y.With)
		if y.PartOf != "" {
			parts[yearOf{y.PartOf, y.Year}] += float64(y.Impact)
		}
	}
	if len(parts) != 2*3 {
		t.Errorf("%d sums of parts, want those of cost and cost_medical in 3 years", len(parts))
	}
	for _, kind := range []string{"cost", "cost_program", "cost_medical", "cost_work_loss"} {
		if want := float64(estimateOf(r.Strategies[1], kind).Mean); math.Abs(sum[kind]-want) > 1e-6*want {
			t.Errorf("%s: the years add up to %v, one run to %v", kind, sum[kind], want)
		}
	}
	for _, y := range b.Years {
		if p, ok := parts[yearOf{y.Kind, y.Year}]; ok && math.Abs(p-float64(y.Impact)) > 1e-6*math.Abs(p) {
			t.Errorf("year %d: the parts of %s add up to %v, it is %v", y.Year, y.Kind, p, y.Impact)
		}
	}
	none, err := a.budget(ctx, job, budgetFlags{years: 2, patients: []float64{10}, uptake: []float64{0}, payment: math.NaN()})
	if err != nil {
		t.Fatal(err)
	}
	for _, y := range none.Years {
		if y.Impact != 0 {
			t.Errorf("without uptake %s of year %d has an impact of %v", y.Kind, y.Year, y.Impact)
		}
	}
}

// By hand: the built-in design costs a group what its group hours cost, which does not
// depend on how many sit in it.
func TestBreakEvenOfADesign(t *testing.T) {
	job := exampleJob(t, 0, 50)
	d, _, err := job.Scenario.Design(job.Scenario.Strategies[1])
	if err != nil {
		t.Fatal(err)
	}
	group, single := 0.0, 0.0
	for _, p := range d.Phases {
		for _, s := range p.Staff {
			group += float64(p.Weeks) * s.Price * s.GroupHours * (1 + d.Overhead)
			single += float64(p.Weeks) * s.Price * s.IndividualHours * (1 + d.Overhead)
		}
		single += float64(p.Weeks) * p.BedDays * d.BedDayPrice
	}
	a := &app{Streams: Streams{Out: &strings.Builder{}, Err: &strings.Builder{}}}
	b, err := a.budget(context.Background(), job, budgetFlags{years: 1, patients: []float64{1}, uptake: []float64{1}, payment: single + group/4})
	if err != nil {
		t.Fatal(err)
	}
	o := b.Occupancy[0]
	if math.Abs(float64(o.Fixed)-group) > 1e-6*group || math.Abs(float64(o.Variable)-single) > 1e-6*single || math.Abs(float64(o.Patients)-4) > 1e-6 {
		t.Errorf("fixed %v, variable %v, patients %v; want %v, %v, 4", o.Fixed, o.Variable, o.Patients, group, single)
	}
}

// A tornado's base case and its ends are what whole runs with these values give.
func TestMoverIsARun(t *testing.T) {
	job := exampleJob(t, 0, 100)
	m := newMover(job.Scenario, job.Evidence, 1, 100, 0)
	for _, v := range []float64{math.NaN(), 0.7} {
		ev, values := job.Evidence, map[string]float64(nil)
		if !math.IsNaN(v) {
			values = map[string]float64{"effect.pain": v}
			ev.Parameters = append([]evidence.Parameter{}, ev.Parameters...)
			for i, p := range ev.Parameters {
				if p.Name == "effect.pain" {
					ev.Parameters[i].Value = v
				}
			}
		}
		got, err := m.at(context.Background(), values)
		if err != nil {
			t.Fatal(err)
		}
		r, err := rehab.Run(context.Background(), job.Scenario, ev, simulate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := drawsOf(r)
		for s := range want.Strategies {
			if got.Cost[s][0] != want.Cost[s][0] || got.Effect[s][0] != want.Effect[s][0] {
				t.Errorf("effect.pain %v, %s: %v and %v, a run gives %v and %v", v, want.Strategies[s], got.Cost[s][0], got.Effect[s][0], want.Cost[s][0], want.Effect[s][0])
			}
		}
	}
	if _, _, err := economics.Best(economics.Draws{}, 1); err == nil {
		t.Error("no strategies are not refused")
	}
}

func TestRangeOfAParameter(t *testing.T) {
	low, high := 1.0, 4.0
	for _, c := range []struct {
		p         evidence.Parameter
		low, high float64
		ok        bool
	}{
		// A 95 % interval is the range; the median of a lognormal is the root of its ends.
		{evidence.Parameter{Name: "a", Value: 2, Distribution: simulate.LogNormal, Low: &low, High: &high}, 1, 4, true},
		// 2.5 % of a uniform from 1 to 4 is 1.075.
		{evidence.Parameter{Name: "b", Value: 2, Distribution: simulate.Uniform, Low: &low, High: &high}, 1.075, 3.925, true},
		{evidence.Parameter{Name: "c", Value: 2, Distribution: simulate.Fixed}, 0, 0, false},
	} {
		l, h, ok, err := rangeOf(c.p)
		if err != nil || ok != c.ok || math.Abs(l-c.low) > 1e-9 || math.Abs(h-c.high) > 1e-9 {
			t.Errorf("%s: %v to %v, %v, %v", c.p.Name, l, h, ok, err)
		}
	}
}
