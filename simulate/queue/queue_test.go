package queue

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"recoup/simulate/simulatetest"
	"recoup/simulate/stream"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(1, math.Abs(want))) {
		t.Errorf("%s is %.15g, want %.15g", what, got, want)
	}
}

func must(t *testing.T) func(Steady, error) Steady {
	return func(s Steady, err error) Steady {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestWaitingListCases(t *testing.T) {
	c := simulatetest.ReadCase(t, "mmc_waiting_list")
	var in struct {
		Queues map[string]struct {
			Lam, Mu float64
			C       int
		}
	}
	c.Inputs(&in)
	for name, q := range in.Queues {
		at := "queues/" + name + "/"
		s := must(t)(Exponential(q.Lam, 1/q.Mu, q.C))
		c.Near(at+"rho", s.Used, 1e-9)
		c.Near(at+"p_wait", s.Wait, 1e-9)
		c.Near(at+"Wq", s.MeanWait, 1e-9)
		c.Near(at+"Lq", s.List, 1e-9)
		c.Near(at+"W", s.Stay, 1e-9)
		c.Near(at+"L", s.System, 1e-9)
		c.Near(at+"wait_if_waiting", s.IfWaiting, 1e-9)
		c.Near(at+"erlang_B", ErlangB(q.C, s.Load), 1e-9)
		for p, at2 := range map[string]float64{"1": 1, "2": 2, "4": 4, "8": 8, "13": 13, "26": 26} {
			c.Near(at+"p_wait_longer/"+p, s.Longer(at2), 1e-9)
		}
	}
	d := must(t)(Fixed(0.9, 1, 1))
	c.Near("md1/Wq", d.MeanWait, 1e-9)
	c.Near("md1/Lq", d.List, 1e-9)
	c.Near("mg1/Wq", must(t)(Single(0.9, 1, 1.5)).MeanWait, 1e-9)
	c.Near("overloaded/list_growth_per_week", Growth(10, 3, 24), 1e-9)
}

// The event loop on every queue of the case, each mean wait, share that waits and mean
// list within 4.5 standard errors of the formula: 33 checks, by chance one in 4,000
// seeds. Little's law, list = λ·wait, holds within the noise of the ends.
func TestLoopFindsTheFormulas(t *testing.T) {
	for name, s := range map[string]System{
		"24 beds":       {Classes: []Class{{Arrivals: 7.5}}, Servers: 24, Service: Time{Mean: 3}},
		"40 beds":       {Classes: []Class{{Arrivals: 4.5}}, Servers: 40, Service: Time{Mean: 8}},
		"60 places":     {Classes: []Class{{Arrivals: 18}}, Servers: 60, Service: Time{Mean: 3}},
		"single":        {Classes: []Class{{Arrivals: 0.9}}, Servers: 1, Service: Time{Mean: 1}},
		"therapists":    {Classes: []Class{{Arrivals: 8}}, Servers: 10, Service: Time{Mean: 1}},
		"fixed":         {Classes: []Class{{Arrivals: 0.9}}, Servers: 1, Service: Time{Mean: 1, Form: FixedTime}},
		"fixed 6":       {Classes: []Class{{Arrivals: 5.4}}, Servers: 6, Service: Time{Mean: 1, Form: FixedTime}},
		"lognormal":     {Classes: []Class{{Arrivals: 0.9}}, Servers: 1, Service: Time{Mean: 1, Form: LogNormalTime, CV: 1.5}},
		"patience":      {Classes: []Class{{Arrivals: 10, Patience: Time{Mean: 4}}}, Servers: 24, Service: Time{Mean: 3}},
		"loss":          {Classes: []Class{{Arrivals: 7.5}}, Servers: 24, Service: Time{Mean: 3, Form: FixedTime}, NoList: true},
		"priorities":    {Classes: []Class{{Name: "urgent", Arrivals: 2}, {Name: "soon", Arrivals: 3}, {Name: "routine", Arrivals: 2.5}}, Servers: 24, Service: Time{Mean: 3}},
		"one, priority": {Classes: []Class{{Name: "urgent", Arrivals: 0.3}, {Name: "routine", Arrivals: 0.5}}, Servers: 1, Service: Time{Mean: 1, Form: FixedTime}},
	} {
		t.Run(name, func(t *testing.T) {
			z := s.Default()
			z.Seed, z.Horizon, z.Over = 11, z.Horizon/2, 1.5
			a, err := Solve(t.Context(), s, z, Options{Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			if name == "one, priority" {
				holdPriorities(t, a)
			}
			held := 0
			for _, m := range a.Measures {
				exact, got, se := float64(m.Exact), float64(m.Mean), float64(m.MCSE)
				if math.IsNaN(exact) || exact == 0 && got == 0 {
					continue
				}
				held++
				if !(math.Abs(got-exact) <= 4.5*se) {
					t.Errorf("%s %s: %.6g, exact %.6g, %.1f standard errors", m.Class, m.Name, got, exact, math.Abs(got-exact)/se)
				}
				if se > 0.2*exact {
					t.Errorf("%s %s: standard error %g of %g says nothing", m.Class, m.Name, se, exact)
				}
			}
			if held < 3 {
				t.Errorf("%d figures held", held)
			}
			rate := 0.0
			for _, c := range s.Classes {
				rate += c.Arrivals
			}
			if list, wait := float64(a.Measures[4].Mean), float64(a.Measures[0].Mean); math.Abs(list-rate*wait) > 5*rate*float64(a.Measures[0].MCSE)+1e-9 {
				t.Errorf("Little's law: list %g, arrivals times wait %g", list, rate*wait)
			}
		})
	}
}

// One place, two classes, fixed time 1, λ = 0.3 and 0.5, by hand: W₀ = 0.8/2 = 0.4;
// W₁ = 0.4/0.7 = 0.571429, W₂ = 0.4/(0.7·0.2) = 2.857143. Kleinrock's law:
// Σρₖ·Wₖ = ρ·W of one class = 0.8·2 = 1.6 = 0.3·0.571429 + 0.5·2.857143.
func holdPriorities(t *testing.T, a Answer) {
	t.Helper()
	near(t, "wait of the urgent", float64(a.Measures[7].Exact), 0.4/0.7, 1e-12)
	near(t, "wait of the others", float64(a.Measures[14].Exact), 0.4/0.14, 1e-12)
	near(t, "wait of all", float64(a.Measures[0].Exact), 2, 1e-12)
}

// By hand: a = 2, c = 3. B(1) = 2/3, B(2) = (4/3)/(2 + 4/3) = 0.4, B(3) = 0.8/3.8 =
// 4/19; C = (4/19)/(1 − 2/3·15/19) = (4/19)/(9/19) = 4/9.
func TestErlangByHand(t *testing.T) {
	near(t, "B", ErlangB(3, 2), 4./19, 1e-15)
	near(t, "C", ErlangC(3, 2), 4./9, 1e-15)
	near(t, "B of no load", ErlangB(3, 0), 0, 0)
}

// M/D/2 at a = 1 (ρ = ½): the one root in (−1, 0) of z² = exp(z − 1) is found by
// bisection here; the two ways to compute agree where both can.
func TestFixedByTwoWays(t *testing.T) {
	lo, hi := -1.0, 0.0
	for range 100 {
		if m := (lo + hi) / 2; m*m > math.Exp(m-1) {
			lo = m
		} else {
			hi = m
		}
	}
	none, list := crommelin(1, 2)
	near(t, "P(no wait)", none, 1/(1-lo), 1e-13)
	near(t, "list", list, 1/(1-lo)-0.5, 1e-13)
	for _, c := range []int{1, 2, 7, 24, 60} {
		for _, rho := range []float64{0.5, 0.7, 0.8, 0.9} {
			n1, l1 := crommelin(rho*float64(c), c)
			n2, l2 := spitzer(rho*float64(c), c)
			if math.Abs(n1-n2) > 1e-10 || math.Abs(l1-l2) > 1e-9 {
				t.Errorf("%d places at %g: %.12g, %.12g and %.12g, %.12g", c, rho, n1, l1, n2, l2)
			}
		}
	}
}

// With endless patience Erlang A is Erlang C; with none it is Erlang B. By hand, one
// place, λ = μ = θ = 1: πₙ = e⁻¹/n!, so P(wait) = 1 − e⁻¹, the list is
// Σ(n−1)πₙ over n ≥ 1 = 1 − (1 − e⁻¹) = e⁻¹, and lost e⁻¹.
func TestPatience(t *testing.T) {
	s := must(t)(Patience(1, 1, 1, 1))
	near(t, "P(wait)", s.Wait, 1-math.Exp(-1), 1e-14)
	near(t, "list", s.List, math.Exp(-1), 1e-14)
	near(t, "lost", s.Lost, math.Exp(-1), 1e-14)
	near(t, "busy", s.Busy, 1-math.Exp(-1), 1e-14)
	s = must(t)(Patience(7.5, 3, 24, 1e9))
	near(t, "patient: P(wait)", s.Wait, ErlangC(24, 22.5), 1e-6)
	s = must(t)(Patience(7.5, 3, 24, 1e-9))
	near(t, "impatient: lost", s.Lost, ErlangB(24, 22.5), 1e-6)
	// Far over capacity the flow decides: of 2000 a week 500 are served; λ = cμ + θ·list.
	s = must(t)(Patience(2000, 1, 500, 10))
	near(t, "overload: lost", s.Lost, 0.75, 1e-12)
	near(t, "overload: list", s.List, 15000, 1e-12)
	// Far under capacity nobody waits.
	s = must(t)(Patience(1, 1, 400, 1))
	near(t, "no load: busy", s.Busy, 1, 1e-13)
	near(t, "no load: P(wait)", s.Wait, 0, 0)
	// What comes in goes out: λ·(1 − lost) = busy·μ.
	s = must(t)(Patience(10, 3, 24, 4))
	near(t, "flow", 10*(1-s.Lost), s.Busy/3, 1e-12)
}

// One place, deterministic everything but the arrivals: the tallies of a run agree
// with a plain calculation, patient by patient, by Lindley's recursion.
func TestLoopIsLindley(t *testing.T) {
	s := System{Classes: []Class{{Arrivals: 0.8}}, Servers: 1, Service: Time{Mean: 1, Form: FixedTime}}
	z := Size{Seed: 3, Replications: 1, WarmUp: 50, Horizon: 400, Batches: 4}
	runs, err := Simulate(t.Context(), s, z, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var arrivals []float64
	clock := 0.0
	for n := uint64(0); clock < 500; n++ {
		clock += interarrival(z.Seed, 0, n, 0.8)
		arrivals = append(arrivals, clock)
	}
	want := make([]Tally, 4)
	free := 0.0
	for _, at := range arrivals {
		start := math.Max(at, free)
		free = start + 1
		if at < 50 || at >= 450 {
			continue
		}
		w := &want[int((at-50)/100)]
		w.Arrived++
		w.Wait += start - at
		if start > at {
			w.Waited++
		}
	}
	for i, w := range want {
		got := runs[0].Parts[i][0]
		if got.Arrived != w.Arrived || got.Waited != w.Waited || math.Abs(got.Wait-w.Wait) > 1e-9 {
			t.Errorf("part %d: %+v, want %+v", i, got, w)
		}
	}
}

// With few replications the parts of the horizon are the units: the list and the
// places busy are averages over time, within 4.5 standard errors as before.
func TestBatchMeans(t *testing.T) {
	s := System{Classes: []Class{{Arrivals: 8}}, Servers: 10, Service: Time{Mean: 1}}
	a, err := Solve(t.Context(), s, Size{Seed: 2, Replications: 2, WarmUp: 100, Horizon: 20_000, Batches: 20}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Errors != "batch means" || len(a.Warnings) > 0 {
		t.Errorf("errors by %q, warnings %v", a.Errors, a.Warnings)
	}
	for _, i := range []int{0, 1, 4, 5} {
		m := a.Measures[i]
		if z := math.Abs(float64((m.Mean - m.Exact) / m.MCSE)); !(z < 4.5) || !(m.MCSE > 0) {
			t.Errorf("%s: %g (%g), exact %g", m.Name, m.Mean, m.MCSE, m.Exact)
		}
	}
	// Parts shorter than the queue's memory are correlated, which is said.
	a, err = Solve(t.Context(), System{Classes: []Class{{Arrivals: 0.95}}, Servers: 1, Service: Time{Mean: 1}}, Size{Seed: 2, Replications: 1, WarmUp: 1000, Horizon: 10_000, Batches: 1000}, Options{})
	if err != nil || len(a.Warnings) != 1 || a.Warnings[0].Code != "correlated-batches" {
		t.Errorf("warnings %v, error %v", a.Warnings, err)
	}
}

func TestWorkersDoNotChangeABit(t *testing.T) {
	s := System{Classes: []Class{{Name: "a", Arrivals: 3, Patience: Time{Mean: 5}}, {Name: "b", Arrivals: 4, Patience: Time{Mean: 9, Form: FixedTime}}}, Servers: 10, Service: Time{Mean: 2, Form: LogNormalTime, CV: 0.5}}
	var first []byte
	for _, workers := range []int{1, 2, 5} {
		a, err := Solve(t.Context(), s, Size{Seed: 5, Replications: 12, WarmUp: 20, Horizon: 300, Batches: 3}, Options{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if string(b) != string(first) {
			t.Errorf("%d workers give other bytes", workers)
		}
	}
}

// 10 a week for 24 places of 3 weeks: 8 a week are served, the list grows by 2 a
// week. Without a horizon that is refused by name; from empty over 200 weeks the list
// ends near 2·200 less the 24·(start) that fill the places: (10·200 − 24 − 8·200) is
// met within 4.5 standard errors plus the 24 places' filling, 30.
func TestOverload(t *testing.T) {
	s := System{Classes: []Class{{Arrivals: 10}}, Servers: 24, Service: Time{Mean: 3}}
	if _, err := Solve(t.Context(), s, s.Default(), Options{}); !errors.Is(err, ErrUnstable) {
		t.Errorf("error %v, want ErrUnstable", err)
	}
	a, err := Solve(t.Context(), s, Size{Seed: 1, Horizon: 200, Batches: 1, Replications: 100, Empty: true}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	end := a.Measures[6]
	if math.Abs(float64(end.Mean)-376) > 4.5*float64(end.MCSE)+30 {
		t.Errorf("list at the end %g (%g), want about 376", end.Mean, end.MCSE)
	}
	if g := a.Measures[7]; math.Abs(float64(g.Mean)-2) > 0.3 {
		t.Errorf("growth %g a week, want about 2", g.Mean)
	}
}

// Urgent patients take every place for the whole run; the others give up unseen, and
// the run ends all the same.
func TestUnreachedPatientsGiveUp(t *testing.T) {
	s := System{Classes: []Class{{Name: "urgent", Arrivals: 50, Patience: Time{Mean: 1e6}}, {Name: "routine", Arrivals: 5, Patience: Time{Mean: 1}}}, Servers: 1, Service: Time{Mean: 1}}
	a, err := Solve(t.Context(), s, Size{Seed: 1, Replications: 10, WarmUp: 5, Horizon: 10, Batches: 1}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wait, lost := a.Measures[12], a.Measures[15]
	if wait.Class != "routine" || lost.Name != "lost" || lost.Mean != 1 {
		t.Errorf("%s of %s is %g, want all lost", lost.Name, wait.Class, lost.Mean)
	}
	if z := math.Abs(float64((wait.Mean - 1) / wait.MCSE)); !(z < 4.5) {
		t.Errorf("they wait %g (%g), want their patience of 1", wait.Mean, wait.MCSE)
	}
}

func TestBadQueuesAreRefused(t *testing.T) {
	good := System{Classes: []Class{{Arrivals: 1}}, Servers: 2, Service: Time{Mean: 1}}
	size := good.Default()
	for what, change := range map[string]func(*System, *Size){
		"no classes":        func(s *System, _ *Size) { s.Classes = nil },
		"no places":         func(s *System, _ *Size) { s.Servers = 0 },
		"no time":           func(s *System, _ *Size) { s.Service.Mean = 0 },
		"NaN time":          func(s *System, _ *Size) { s.Service.Mean = math.NaN() },
		"unknown form":      func(s *System, _ *Size) { s.Service.Form = "gaussian" },
		"no spread":         func(s *System, _ *Size) { s.Service.Form = LogNormalTime },
		"no arrivals":       func(s *System, _ *Size) { s.Classes[0].Arrivals = 0 },
		"negative patience": func(s *System, _ *Size) { s.Classes[0].Patience.Mean = -1 },
		"no horizon":        func(_ *System, z *Size) { z.Horizon = 0 },
		"no parts":          func(_ *System, z *Size) { z.Batches = 0 },
		"endless run":       func(s *System, z *Size) { s.Classes[0].Arrivals = 1.9999999; *z = s.Default() },
		"negative wait":     func(_ *System, z *Size) { z.Over = -1 },
		"endless warm-up":   func(_ *System, z *Size) { z.WarmUp = math.Inf(1) },
	} {
		s, z := good, size
		s.Classes = append([]Class{}, good.Classes...)
		change(&s, &z)
		if _, err := Solve(t.Context(), s, z, Options{}); !errors.Is(err, ErrSettings) {
			t.Errorf("%s: error %v, want ErrSettings", what, err)
		}
	}
}

// The event loop: at least 5 million events a second on one processor.
func BenchmarkEventLoop(b *testing.B) {
	s := System{Classes: []Class{{Arrivals: 7.5}}, Servers: 24, Service: Time{Mean: 3}}
	z := s.Default()
	z.Replications = 1
	events := 0
	for b.Loop() {
		runs, err := Simulate(b.Context(), s, z, Options{Workers: 1})
		if err != nil {
			b.Fatal(err)
		}
		events += runs[0].Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

func interarrival(seed, replication, n uint64, rate float64) float64 {
	key := stream.New(seed, "queue").Sub(replication).Key()
	return -stream.Log(stream.Uniform(stream.Word(key, 4*n))) / rate
}
