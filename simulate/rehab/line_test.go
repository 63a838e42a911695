package rehab

import (
	"math"
	"testing"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/queue"
	"recoup/simulate/stream"
)

// oneLine is one place with stays of 4 weeks and 0.2 arrivals a week, ρ = 0.8, where the
// 40 % under compensation go first.
func oneLine(t *testing.T) (*line, *population) {
	t.Helper()
	d := steps()
	d.Phases = d.Phases[:1]
	d.Phases[0].Weeks = 4
	d.Capacity = &design.Capacity{ArrivalsPerWeek: 0.2, Groups: 1, Priority: &design.Priority{For: design.FirstCompensation}}
	pop := newPopulation(scenario(t, 1).Population)
	pop.Compensation = 0.4
	l, err := newLine(&d, &pop)
	if err != nil {
		t.Fatal(err)
	}
	return l, &pop
}

// Who is overtaken waits as Cobham's formula says in the mean, and with the variance of
// K first passages from 1 to 0, each of mean 1/(μ−λ₁) and variance (μ+λ₁)/(μ−λ₁)³, with
// K geometric. 100,000 waits; the mean within 4.5 standard errors, the SD within 5 %.
func TestOvertakenWaitAsThePrioritiesFormulaSays(t *testing.T) {
	l, _ := oneLine(t)
	const n = 100_000
	b := &simulate.Block{Keys: make([]uint64, 1)}
	sum, squares := 0.0, 0.0
	for i := range n {
		b.Keys[0] = stream.Child(1, uint64(i))
		x := l.overtaken(stream.Uniform(stream.Word(b.Keys[0], 0)), b, 0, 1e6)
		sum += x
		squares += x * x
	}
	mean := sum / n
	sd := math.Sqrt(squares/n - mean*mean)
	w, err := queue.Priorities([]float64{0.08, 0.12}, 4, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := w[1] / 0.8; math.Abs(mean-want) > 4.5*sd/math.Sqrt(n) { // of those who wait
		t.Errorf("mean %.3f (SD %.3f), want %.3f", mean, sd, want)
	}
	const mu, first = 0.25, 0.08
	k, one := 1/(1-0.8), 1/(mu-first)
	want := math.Sqrt(k*(mu+first)/((mu-first)*(mu-first)*(mu-first)) + 0.8/(0.2*0.2)*one*one)
	if math.Abs(sd/want-1) > 0.05 {
		t.Errorf("SD %.3f, want %.3f", sd, want)
	}
}

// Both classes through the model: 0.8 of each wait. Those under compensation wait for
// 1/(0.25 − 0.08) weeks on average, in whole weeks rounded up 1/(1 − e^(−0.17)); all
// together as long as without a priority (the discharges are the same), up to the
// rounding. Within 4.5 standard errors.
func TestPriorityInTheModel(t *testing.T) {
	s := scenario(t, 8000)
	s.HorizonWeeks = 520
	d := steps()
	d.Phases = d.Phases[:1]
	d.Phases[0].Weeks = 4
	d.Capacity = &design.Capacity{ArrivalsPerWeek: 0.2, Groups: 1, Priority: &design.Priority{For: design.FirstCompensation}}
	s.Designs, s.Strategies, s.Outputs = []design.Design{d}, []string{"steps"}, []string{"weeks_waited"}
	s.Population.Compensation = 1
	check := func(name string, want float64) {
		t.Helper()
		if e := estimate(t, run(t, s, still(t, &s), 2), "steps", "weeks_waited"); math.Abs(float64(e.Mean)-want) > 4.5*float64(e.MCSE)+0.05 {
			t.Errorf("%s: %.3f (%.3f) weeks, want %.3f", name, e.Mean, e.MCSE, want)
		}
	}
	whole := func(rate float64) float64 { return 0.8 / (1 - math.Exp(-rate)) }
	check("all go first", whole(0.25-0.2))
	s.Population.Compensation = 0
	check("nobody goes first", whole(0.25-0.2))
	s.Population.Compensation = 0.4
	check("some go first", whole(0.25-0.2))
}

func TestShareOfAPriority(t *testing.T) {
	pop := newPopulation(scenario(t, 1).Population)
	pop.Interference = design.Spread{Mean: 7, SD: 2}
	pop.Age = design.Range{Mean: 60, SD: 10, Minimum: 18, Maximum: 80}
	pop.RetirementAge = 70
	for _, c := range []struct {
		what string
		from float64
		want float64
	}{
		{design.FirstInterference, 9, 0.15865525393145707}, // one SD over the mean
		{design.FirstInterference, 10.5, 0},                // off the scale
		{design.FirstOpioids, 0, pop.OpioidShare},
		{design.FirstOffWork, 0, pop.Work.Off * 0.8413447460685429}, // who are not retired
	} {
		if got := pop.share(c.what, c.from); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s from %g: %v, want %v", c.what, c.from, got, c.want)
		}
	}
}

// At 66.5 years everyone retires in week 26 at 67: they work until then, lose no wages
// later, and are no longer in the shares of work. At 68 all are retired from the start.
func TestRetirementByHand(t *testing.T) {
	s := scenario(t, 20)
	s.HorizonWeeks, s.Strategies, s.Discounting.Cost = 52, []string{design.UsualCare}, 0
	ev := still(t, &s)
	ev = with(ev, map[string]float64{"work.off_full": 0, "work.off_modified": 0, "work.off_disability": 0})
	s.Population.Work = design.Work{Off: 1}
	s.Population.Age = design.Range{Mean: 66.5, Minimum: 18, Maximum: 75}
	r := run(t, s, ev, 1)
	got := func(o string) simulate.Num { return estimate(t, r, design.UsualCare, o).Mean }
	equal(t, "wages lost", got("cost_work_loss"), 1100*25.5) // weeks 1-25, half of week 0
	equal(t, "off work at 12 weeks", got("work_off_12w"), 1)
	equal(t, "retired at 26 weeks", got("retired_26w"), 1)
	if x := got("working_horizon"); x == x {
		t.Errorf("working %v of nobody", x)
	}
	s.Population.Age.Mean = 68
	r = run(t, s, ev, 1)
	equal(t, "no wages to lose", got("cost_work_loss"), 0)
	if x := got("sustained_return"); x == x {
		t.Errorf("sustained return %v of nobody", x)
	}
}

// The dead go back to no work: with a hazard of death of 20 a week nobody returns,
// however fast the others would.
func TestTheDeadDoNotReturn(t *testing.T) {
	s := scenario(t, 20)
	s.HorizonWeeks, s.Strategies = 52, []string{design.UsualCare}
	ev := with(still(t, &s), map[string]float64{"mortality.female_at_45": 1040, "mortality.male_at_45": 1040, "work.off_full": 5})
	s.Population.Work = design.Work{Off: 1}
	r := run(t, s, ev, 1)
	equal(t, "deaths", estimate(t, r, design.UsualCare, "death").Mean, 1)
	equal(t, "sustained return", estimate(t, r, design.UsualCare, "sustained_return").Mean, 0)
}

// By hand: men of 59.5 with a probability of dying of 0.1 a year under 60, 0.2 from 60 and
// nothing from 61 on. The table is read at entry and after 52 and 104 weeks, at ages 59,
// 60 and 61: 1 − 0.9·0.8 = 0.28 are dead after two years and after three; women live.
func TestLifeTableByHand(t *testing.T) {
	s := scenario(t, 20000)
	s.Strategies, s.HorizonWeeks = []string{design.UsualCare}, 156
	s.Outputs = []string{"death"}
	ev := with(still(t, &s), map[string]float64{"mortality.male_at_45": 5, "mortality.opioid_under_90": 1})
	s.Population.Age = design.Range{Mean: 59.5, Minimum: 18, Maximum: 75}
	s.Population.LifeTable = []design.LifeYear{{Age: 18, Male: 0.1}, {Age: 60, Male: 0.2}, {Age: 61}}
	for _, c := range []struct {
		weeks        int
		female, want float64
	}{{52, 0, 0.1}, {104, 0, 0.28}, {156, 0, 0.28}, {156, 1, 0}} {
		s.HorizonWeeks, s.Population.Female = c.weeks, c.female
		if e := estimate(t, run(t, s, ev, 2), design.UsualCare, "death"); math.Abs(float64(e.Mean)-c.want) > 4.5*math.Sqrt(c.want*(1-c.want)/20000) {
			t.Errorf("%d weeks, share of women %g: %.4f dead, want %.4f", c.weeks, c.female, e.Mean, c.want)
		}
	}
	s.Population.LifeTable = []design.LifeYear{{Age: 30, Male: 0.1}, {Age: 30, Male: 1.2}}
	if p := design.Check(s); len(p) != 3 {
		t.Errorf("%d problems of a bad table, want 3: %v", len(p), p)
	}
}
