package queue

import (
	"context"
	"fmt"
	"math"

	"recoup/simulate"
)

// Measure is one figure of a queue. Exact is null where there is no formula, Mean and
// MCSE where nothing was simulated.
type Measure struct {
	Name  string       `json:"name"`
	Class string       `json:"class,omitempty"` // empty for all patients
	Unit  string       `json:"unit"`
	Exact simulate.Num `json:"exact"`
	Mean  simulate.Num `json:"simulated"`
	MCSE  simulate.Num `json:"mcse"`
}

// Answer is what a queue does.
type Answer struct {
	Formula  string             `json:"formula"` // which formula is exact here; empty if none
	Errors   string             `json:"errors"`  // how the Monte Carlo standard errors were made; empty if nothing was simulated
	WarmUp   float64            `json:"warm_up"` // time left out
	Horizon  float64            `json:"horizon"` // time counted in each replication
	Runs     int                `json:"replications"`
	Events   int                `json:"events"`
	Measures []Measure          `json:"measures"`
	Warnings []simulate.Warning `json:"warnings"`
}

// Default returns the size of a run that is long enough to be trusted: a warm-up of 20
// relaxation times, 1/(√(c·μ) − √λ)² or, where patients give up or are turned away, the
// longest of the mean times; a horizon of at least 5 warm-ups and 50,000 patients; 20
// replications.
func (s System) Default() Size {
	rate, patient := s.demand()
	longest := s.Service.Mean
	for _, c := range s.Classes {
		if c.impatient() {
			longest = math.Max(longest, c.Patience.Mean)
		}
	}
	if capacity := float64(s.Servers) / s.Service.Mean; patient && !s.NoList && capacity > rate {
		gap := math.Sqrt(capacity) - math.Sqrt(rate)
		longest = math.Max(longest, 1/(gap*gap))
	}
	warm := 20 * longest
	return Size{Replications: 20, WarmUp: warm, Horizon: math.Max(5*warm, 50_000/rate), Batches: 20}
}

// Solve works a queue out: by formula where there is one, by simulation where there
// is none or where z asks for replications. A queue whose list grows without end is
// refused, unless z.Empty asks what happens by a horizon.
func Solve(ctx context.Context, s System, z Size, o Options) (Answer, error) {
	if err := s.Check(withRuns(z)); err != nil {
		return Answer{}, err
	}
	a := Answer{Warnings: []simulate.Warning{}, Measures: s.measures(z)}
	if !z.Empty {
		if err := s.exact(&a, z.Over); err != nil {
			return a, err
		}
	}
	if z.Replications == 0 && a.Formula != "" {
		if over := len(names); z.Over > 0 && math.IsNaN(float64(a.Measures[over].Exact)) {
			a.Warnings = append(a.Warnings, simulate.Warning{Code: "no-formula", Message: "there is no formula here for the share that waits longer than a time; ask for replications"})
		}
		return a, nil
	}
	z = withRuns(z)
	runs, err := Simulate(ctx, s, z, o)
	if err != nil {
		return a, err
	}
	a.WarmUp, a.Horizon, a.Runs = z.WarmUp, z.Horizon, z.Replications
	for _, r := range runs {
		a.Events += r.Events
	}
	a.simulated(s, z, runs)
	return a, nil
}

func withRuns(z Size) Size {
	if z.Replications == 0 {
		z.Replications = 20
	}
	return z
}

// names of the measures, their units and their place in Answer.Measures: all patients
// first, then each class.
var names = []struct{ name, unit string }{
	{"mean_wait", "time"},
	{"wait_probability", "share"},
	{"mean_wait_if_waiting", "time"},
	{"lost", "share"},
	{"mean_list", "patients"},
	{"places_busy", "places"},
}

func (s System) measures(z Size) []Measure {
	nan := simulate.Num(math.NaN())
	var out []Measure
	add := func(class string) {
		for _, n := range names {
			out = append(out, Measure{n.name, class, n.unit, nan, nan, nan})
		}
		if z.Over > 0 {
			out = append(out, Measure{"wait_over", class, "share", nan, nan, nan})
		}
		if z.Empty {
			out = append(out, Measure{"list_at_end", class, "patients", nan, nan, nan}, Measure{"list_growth", class, "patients per unit of time", nan, nan, nan})
		}
	}
	add("")
	if len(s.Classes) > 1 {
		for _, c := range s.Classes {
			add(c.Name)
		}
	}
	return out
}

// exact fills in what a formula gives.
func (s System) exact(a *Answer, over float64) error {
	rate, impatient := 0.0, false
	for _, c := range s.Classes {
		rate += c.Arrivals
		impatient = impatient || c.impatient()
	}
	form, mean := s.Service.Form, s.Service.Mean
	exponential := form == "" || form == ExponentialTime
	one := len(s.Classes) == 1
	p := s.Classes[0].Patience
	var x Steady
	var err error
	switch {
	case s.NoList:
		x, err = Loss(rate, mean, s.Servers)
		a.Formula = "Erlang B, M/G/c/c"
	case one && impatient && exponential && (p.Form == "" || p.Form == ExponentialTime):
		x, err = Patience(rate, mean, s.Servers, p.Mean)
		a.Formula = "Erlang A, M/M/c+M"
	case impatient:
		return nil
	case exponential:
		x, err = Exponential(rate, mean, s.Servers)
		a.Formula = "Erlang C, M/M/c"
	case form == FixedTime && one:
		x, err = Fixed(rate, mean, s.Servers)
		a.Formula = "M/D/c, Crommelin"
	case s.Servers == 1:
		x, err = Single(rate, mean, s.cv())
		a.Formula = "M/G/1, Pollaczek and Khinchine"
	default:
		return nil
	}
	if err != nil {
		return err
	}
	for i, v := range []float64{x.MeanWait, x.Wait, x.IfWaiting, x.Lost, x.List, x.Busy} {
		a.Measures[i].Exact = simulate.Num(v)
	}
	if one {
		if over > 0 && x.Longer != nil {
			a.Measures[len(names)].Exact = simulate.Num(x.Longer(over))
		}
		return nil
	}
	return s.exactClasses(a, rate, x, len(a.Measures)/(len(s.Classes)+1))
}

func (s System) cv() float64 {
	switch s.Service.Form {
	case FixedTime:
		return 0
	case LogNormalTime:
		return s.Service.CV
	}
	return 1
}

// exactClasses fills in the classes of a queue with priorities.
func (s System) exactClasses(a *Answer, rate float64, x Steady, block int) error {
	rates := make([]float64, len(s.Classes))
	for i, c := range s.Classes {
		rates[i] = c.Arrivals
	}
	waits := make([]float64, len(rates))
	if !s.NoList {
		var err error
		if waits, err = Priorities(rates, s.Service.Mean, s.cv(), s.Servers); err != nil {
			return err
		}
		a.Formula += "; priorities, Cobham"
	}
	all := 0.0
	for k, w := range waits {
		all += w * rates[k] / rate
		at := a.Measures[(k+1)*block:]
		for i, v := range []float64{w, x.Wait, w / x.Wait, x.Lost, w * rates[k], x.Busy * rates[k] / rate} {
			at[i].Exact = simulate.Num(v)
		}
		if s.NoList {
			at[2].Exact = simulate.Num(math.NaN())
		}
	}
	a.Measures[0].Exact, a.Measures[2].Exact, a.Measures[4].Exact = simulate.Num(all), simulate.Num(all/x.Wait), simulate.Num(all*rate)
	if s.NoList {
		a.Measures[2].Exact = simulate.Num(math.NaN())
	}
	return nil
}

// minRuns is how many replications their spread alone is trusted with.
const minRuns = 10

// simulated fills in what the replications found. The unit of the standard errors is
// the replication where there are at least 10, and else the part of a horizon (batch
// means).
func (a *Answer) simulated(s System, z Size, runs []Run) {
	a.Errors = "independent replications"
	units := make([][]Tally, 0, len(runs)*z.Batches)
	for _, r := range runs {
		if len(runs) < minRuns {
			units = append(units, r.Parts...)
			continue
		}
		units = append(units, pool(r.Parts))
	}
	length := z.Horizon
	if len(runs) < minRuns {
		a.Errors = "batch means"
		length /= float64(z.Batches)
		if r := correlation(runs); r > 0.3 {
			a.Warnings = append(a.Warnings, simulate.Warning{Code: "correlated-batches", Message: fmt.Sprintf("neighbouring batches are correlated (%.2f), so the Monte Carlo standard errors are too small; ask for at least %d replications or a longer horizon", r, minRuns)})
		}
	}
	block := len(a.Measures)
	if len(s.Classes) > 1 {
		block /= len(s.Classes) + 1
	}
	for k := range len(a.Measures) / block {
		at := a.Measures[k*block:]
		pick := func(u []Tally) (t Tally) {
			for i, x := range u {
				if k == 0 || i == k-1 {
					t.add(x)
				}
			}
			return t
		}
		for i, f := range []func(Tally) (float64, float64){
			func(t Tally) (float64, float64) { return t.Wait, float64(t.Arrived) },
			func(t Tally) (float64, float64) { return float64(t.Waited), float64(t.Arrived) },
			func(t Tally) (float64, float64) { return t.Wait, float64(t.Waited) },
			func(t Tally) (float64, float64) { return float64(t.Lost), float64(t.Arrived) },
			func(t Tally) (float64, float64) { return t.ListArea, length },
			func(t Tally) (float64, float64) { return t.BusyArea, length },
		} {
			at[i].Mean, at[i].MCSE = ratio(len(units), func(j int) (float64, float64) { return f(pick(units[j])) })
		}
		if s.NoList {
			at[2].Mean, at[2].MCSE = simulate.Num(math.NaN()), simulate.Num(math.NaN())
		}
		if over := len(names); z.Over > 0 {
			at[over].Mean, at[over].MCSE = ratio(len(units), func(j int) (float64, float64) { t := pick(units[j]); return float64(t.Over), float64(t.Arrived) })
		}
		if z.Empty {
			end := func(j int) (n float64) {
				for i, x := range runs[j].AtEnd {
					if k == 0 || i == k-1 {
						n += float64(x)
					}
				}
				return n
			}
			last, growth := &at[block-2], &at[block-1]
			last.Mean, last.MCSE = ratio(len(runs), func(j int) (float64, float64) { return end(j), 1 })
			growth.Mean, growth.MCSE = ratio(len(runs), func(j int) (float64, float64) { return end(j), z.Horizon })
		}
	}
	a.warn(s, z, runs)
}

func (a *Answer) warn(s System, z Size, runs []Run) {
	if s.NoList {
		a.Warnings = append(a.Warnings, simulate.Warning{Code: "no-list", Message: "nobody waits, so there is no mean wait of those who wait; wait_probability is that of finding no place"})
	}
	if len(runs) == 1 && z.Batches == 1 {
		a.Warnings = append(a.Warnings, simulate.Warning{Code: "one-replication", Message: "one replication in one part has no Monte Carlo standard error; ask for at least 10 replications"})
	}
	if z.Empty {
		a.Warnings = append(a.Warnings, simulate.Warning{Code: "from-empty", Message: fmt.Sprintf("every run starts empty and ends at the horizon of %.6g; those still waiting then are counted with the wait they have had", z.Horizon)})
		rate, patient := s.demand()
		if g := Growth(rate, s.Service.Mean, s.Servers); g > 0 && patient && !s.NoList {
			a.Warnings = append(a.Warnings, simulate.Warning{Code: "unstable", Message: fmt.Sprintf("%.6g arrive and at most %.6g can be served in a unit of time: in the long run the list grows by %.6g, without end; give more places, a shorter stay, fewer arrivals or patience", rate, float64(s.Servers)/s.Service.Mean, g)})
		}
	}
}

func (t *Tally) add(x Tally) {
	t.Arrived += x.Arrived
	t.Waited += x.Waited
	t.Lost += x.Lost
	t.Over += x.Over
	t.Wait += x.Wait
	t.ListArea += x.ListArea
	t.BusyArea += x.BusyArea
}

// pool adds the parts of a replication up by class.
func pool(parts [][]Tally) []Tally {
	out := make([]Tally, len(parts[0]))
	for _, p := range parts {
		for i, x := range p {
			out[i].add(x)
		}
	}
	return out
}

// ratio returns Σy/Σx over n units and its standard error by the delta method,
//
//	√(Σ(y − R·x)² / (n·(n−1))) / x̄
func ratio(n int, unit func(int) (y, x float64)) (mean, mcse simulate.Num) {
	var ys, xs float64
	for j := range n {
		y, x := unit(j)
		ys += y
		xs += x
	}
	nan := simulate.Num(math.NaN())
	if xs == 0 {
		return nan, nan
	}
	r, sq := ys/xs, 0.0
	for j := range n {
		y, x := unit(j)
		d := y - float64(r*x)
		sq += float64(d * d)
	}
	if n < 2 {
		return simulate.Num(r), nan
	}
	return simulate.Num(r), simulate.Num(math.Sqrt(sq/float64(n)/float64(n-1)) / (xs / float64(n)))
}

// correlation is that of the mean waits of neighbouring parts, over all replications.
func correlation(runs []Run) float64 {
	var x []float64
	for _, r := range runs {
		for _, p := range r.Parts {
			t := pool([][]Tally{p})
			all := Tally{}
			for _, c := range t {
				all.add(c)
			}
			x = append(x, all.Wait/math.Max(1, float64(all.Arrived)))
		}
	}
	m := 0.0
	for _, v := range x {
		m += v / float64(len(x))
	}
	var with, own float64
	for i, v := range x {
		own += float64((v - m) * (v - m))
		if i > 0 {
			with += float64((v - m) * (x[i-1] - m))
		}
	}
	if own == 0 {
		return 0
	}
	return with / own
}
