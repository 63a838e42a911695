// Package queue says how long patients wait for a program with a given capacity:
// exactly where a formula exists, and by an event loop, with Monte Carlo standard
// errors, where none does. Times are in one unit of the caller's choosing throughout;
// patients arrive by a Poisson process.
package queue

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/mathext"
)

// ErrUnstable is wrapped when patients arrive faster than they can be served and
// nobody gives up, so the list grows without end.
var ErrUnstable = errors.New("the queue is not stable")

// ErrSettings is wrapped by what is wrong with a queue.
var ErrSettings = errors.New("not a queue")

// Steady is what holds of a queue in the long run.
type Steady struct {
	Load      float64 // offered load λ/μ: places busy if nobody had to wait
	Busy      float64 // mean places busy
	Used      float64 // share of the places busy
	Wait      float64 // P(wait > 0) of a patient who comes, turned away ones included if there is no list
	MeanWait  float64 // of all who join, those who give up included
	IfWaiting float64 // of those who wait at all
	List      float64 // mean number waiting
	System    float64 // mean number waiting or in the program
	Stay      float64 // mean wait plus time in the program, of all who join
	Lost      float64 // share turned away, or giving up
	// Longer, where there is a formula, is the probability of waiting longer than t.
	Longer func(t float64) float64
}

// check wants a queue that makes sense.
func check(arrivals, service float64, servers int) error {
	if !(arrivals > 0) || math.IsInf(arrivals, 1) || !(service > 0) || math.IsInf(service, 1) || servers < 1 {
		return fmt.Errorf("%w: %g arrivals a unit of time, %g the mean time in the program, %d places; all must be over 0", ErrSettings, arrivals, service, servers)
	}
	return nil
}

// Growth is how much the list grows in a unit of time in the long run when nobody
// gives up: max(0, λ − c/E[S]).
func Growth(arrivals, service float64, servers int) float64 {
	return math.Max(0, arrivals-float64(servers)/service)
}

func stable(arrivals, service float64, servers int) error {
	if err := check(arrivals, service, servers); err != nil {
		return err
	}
	if arrivals*service < float64(servers) {
		return nil
	}
	growth := fmt.Sprintf("the list grows by %.6g", Growth(arrivals, service, servers))
	if Growth(arrivals, service, servers) < 1e-9*arrivals {
		growth = "the list grows without end, like the square root of time"
	}
	return fmt.Errorf("%w: %.6g arrive and at most %.6g can be served in a unit of time, so %s; give more places, a shorter stay, fewer arrivals or patience, or ask what happens within a time from an empty start", ErrUnstable, arrivals, float64(servers)/service, growth)
}

// ErlangB returns the share of patients turned away by c places without a list at an
// offered load a, whatever the distribution of the time in the program:
//
//	B(0) = 1,  B(c) = a·B(c−1) / (c + a·B(c−1))
//
// Reference: Cooper 1981, Introduction to Queueing Theory, chapter 3.
func ErlangB(servers int, load float64) float64 {
	b := 1.0
	for c := 1; c <= servers; c++ {
		b = load * b / (float64(c) + float64(load*b))
	}
	return b
}

// ErlangC returns the probability that a patient has to wait for one of c places when
// nobody gives up, for exponential times in the program: B/(1 − ρ·(1 − B)).
func ErlangC(servers int, load float64) float64 {
	b, rho := ErlangB(servers, load), load/float64(servers)
	return b / (1 - float64(rho*(1-b)))
}

// steady completes what follows from the mean wait by Little's law.
func steady(arrivals, service float64, servers int, wait, meanWait float64) Steady {
	load := float64(arrivals * service)
	return Steady{
		Load: load, Busy: load, Used: load / float64(servers), Wait: wait, MeanWait: meanWait, IfWaiting: meanWait / wait,
		List: arrivals * meanWait, System: float64(arrivals*meanWait) + load, Stay: meanWait + service,
	}
}

// Exponential is M/M/c: exponential time in the program with the given mean, first
// come first served.
//
//	Wq = C/(c·μ − λ),  P(W > t) = C·exp(−(c·μ − λ)·t)
func Exponential(arrivals, service float64, servers int) (Steady, error) {
	if err := stable(arrivals, service, servers); err != nil {
		return Steady{}, err
	}
	c := ErlangC(servers, arrivals*service)
	spare := float64(servers)/service - arrivals
	s := steady(arrivals, service, servers, c, c/spare)
	s.IfWaiting = 1 / spare
	s.Longer = func(t float64) float64 { return c * math.Exp(-spare*t) }
	return s, nil
}

// Loss is M/G/c/c: no list, who finds no place is turned away.
func Loss(arrivals, service float64, servers int) (Steady, error) {
	if err := check(arrivals, service, servers); err != nil {
		return Steady{}, err
	}
	load := float64(arrivals * service)
	b := ErlangB(servers, load)
	busy := load * (1 - b)
	return Steady{
		Load: load, Busy: busy, Used: busy / float64(servers), Wait: b, Lost: b, IfWaiting: math.NaN(),
		System: busy, Stay: service, Longer: func(float64) float64 { return 0 },
	}, nil
}

// Single is M/G/1: one place, a time in the program with the given mean and
// coefficient of variation, by Pollaczek and Khinchine
//
//	Wq = λ·E[S²] / (2·(1 − ρ)),  E[S²] = E[S]²·(1 + cv²)
func Single(arrivals, service, cv float64) (Steady, error) {
	if err := stable(arrivals, service, 1); err != nil {
		return Steady{}, err
	}
	if !(cv >= 0) || math.IsInf(cv, 1) {
		return Steady{}, fmt.Errorf("%w: a coefficient of variation must be a finite number of at least 0", ErrSettings)
	}
	rho := arrivals * service
	return steady(arrivals, service, 1, rho, arrivals*service*service*(1+cv*cv)/(2*(1-rho))), nil
}

// Fixed is M/D/c: every time in the program the same. With z the c − 1 roots within
// the unit disc, other than 1, of zᶜ = exp(a·(z − 1)), a = λ·D,
//
//	P(W = 0) = (c − a) / Π(1 − z)
//	Lq = Σ 1/(1 − z) + (a² − c·(c − 1)) / (2·(c − a))
//
// and at low loads, where that cancels, the sums of Spitzer over the waits of every
// c-th patient,
//
//	Wq = Σₙ E[(n·D − Γ(n·c))⁺]/n,  P(W = 0) = exp(−Σₙ P(Γ(n·c) < n·D)/n)
//
// with Γ(k) the time of k arrivals.
//
// References: Crommelin 1932, Post Office Electrical Engineers Journal 25, 41-50;
// Spitzer 1956, doi:10.1090/S0002-9947-1956-0079851-X.
func Fixed(arrivals, service float64, servers int) (Steady, error) {
	if err := stable(arrivals, service, servers); err != nil {
		return Steady{}, err
	}
	load := float64(arrivals * service)
	var none, list float64
	if load/float64(servers) < 0.8 {
		none, list = spitzer(load, servers)
	} else {
		none, list = crommelin(load, servers)
	}
	return steady(arrivals, service, servers, 1-none, list/arrivals), nil
}

// crommelin returns P(W = 0) and the mean list from the roots.
func crommelin(a float64, servers int) (none, list float64) {
	c := float64(servers)
	product, sum := complex(1, 0), complex(0, 0)
	for k := 1; k < servers; k++ {
		turn := cmplx.Exp(complex(0, 2*math.Pi*float64(k)/c))
		z := complex(0, 0)
		for range 200 { // a contraction towards the root, then Newton
			z = turn * cmplx.Exp(complex(a/c, 0)*(z-1))
		}
		for range 20 {
			f := z - turn*cmplx.Exp(complex(a/c, 0)*(z-1))
			z -= f / (1 - complex(a/c, 0)*(z-f))
		}
		product *= 1 - z
		sum += 1 / (1 - z)
	}
	return (c - a) / real(product), real(sum) + (a*a-c*(c-1))/(2*(c-a))
}

// spitzer returns P(W = 0) and the mean list from the random walk of every c-th
// patient, in units of the time in the program.
func spitzer(a float64, servers int) (none, list float64) {
	var below, wait float64
	for n := 1; ; n++ {
		k, y := float64(n*servers), float64(n)*a
		p := mathext.GammaIncReg(k, y)
		lg, _ := math.Lgamma(k)
		excess := (y-k)*p + math.Exp(k*math.Log(y)-y-lg) // λ·E[(nD − Γ)⁺]
		below += p / float64(n)
		wait += math.Max(0, excess) / float64(n)
		if p <= 1e-17*below || n > 1_000_000 {
			return math.Exp(-below), wait
		}
	}
}

// Patience is M/M/c+M, Erlang A: patients give up after an exponential time of
// waiting with the given mean. It is always stable. With πₙ from the balance of
// births and deaths and θ the rate of giving up,
//
//	πₙ₊₁ = πₙ·λ/(min(n+1, c)·μ + max(0, n+1−c)·θ),  Lost = θ·Lq/λ
//
// Reference: Garnett, Mandelbaum, Reiman 2002, doi:10.1287/msom.4.3.208.7753.
func Patience(arrivals, service float64, servers int, patience float64) (Steady, error) {
	if err := check(arrivals, service, servers); err != nil {
		return Steady{}, err
	}
	if !(patience > 0) || math.IsInf(patience, 1) {
		return Steady{}, fmt.Errorf("%w: the mean patience must be a finite time over 0", ErrSettings)
	}
	mu, theta, c := 1/service, 1/patience, float64(servers)
	if (arrivals-c*mu)/theta > 1e7 {
		return Steady{}, fmt.Errorf("%w: over 10,000,000 would wait before enough give up; with a patience this long ask what happens within a time from an empty start, without patience", ErrSettings)
	}
	// p is π of a state relative to full, that in which every place is busy and nobody
	// waits. Only ratios matter, so all shrink together.
	total, busy, list, waits, full, p := 1.0, c, 0.0, 1.0, 1.0, 1.0
	shrink := func() {
		for _, x := range []*float64{&total, &busy, &list, &waits, &full, &p} {
			*x /= 1e200
		}
	}
	for n := servers; n > 0; n-- { // downwards: πₙ₋₁ = πₙ·n·μ/λ
		p *= float64(n) * mu / arrivals
		total, busy = total+p, busy+float64(n-1)*p
		if p > 1e200 {
			shrink()
		}
	}
	p = full
	for q := 1.0; ; q++ {
		p *= arrivals / (c*mu + q*theta)
		total, busy, list, waits = total+p, busy+c*p, list+q*p, waits+p
		if arrivals < c*mu+q*theta && q*p <= 1e-18*(total+list) {
			break
		}
		if p > 1e200 {
			shrink()
		}
	}
	list, busy, waits = list/total, busy/total, waits/total
	return Steady{
		Load: arrivals * service, Busy: busy, Used: busy / c, Wait: waits, MeanWait: list / arrivals, IfWaiting: list / arrivals / waits,
		List: list, System: list + busy, Stay: (list + busy) / arrivals, Lost: theta * list / arrivals,
	}, nil
}

// Priorities returns the mean wait of each class, the most urgent first, when a free
// place goes to the most urgent who waits and nobody is sent away for another, for
// exponential times in the program of one mean, or any with one place:
//
//	Wₖ = W₀ / ((1 − σₖ₋₁)·(1 − σₖ))
//
// with σₖ the used share of places by classes 1..k, and W₀ the mean time until a
// place falls free: C/(c·μ), or λ·E[S²]/2 with one place.
//
// Reference: Cobham 1954, doi:10.1287/opre.2.1.70.
func Priorities(arrivals []float64, service, cv float64, servers int) ([]float64, error) {
	all := 0.0
	for i, x := range arrivals {
		if !(x > 0) {
			return nil, fmt.Errorf("%w: the arrivals of class %d must be over 0", ErrSettings, i+1)
		}
		all += x
	}
	if err := stable(all, service, servers); err != nil {
		return nil, err
	}
	free := ErlangC(servers, all*service) * service / float64(servers)
	switch {
	case servers == 1:
		free = all * service * service * (1 + float64(cv*cv)) / 2
	case cv != 1:
		return nil, fmt.Errorf("%w: there is no formula for priorities with several places and a time in the program that is not exponential", ErrSettings)
	}
	out := make([]float64, len(arrivals))
	before := 0.0
	for k, x := range arrivals {
		used := before + x*service/float64(servers)
		out[k] = free / ((1 - before) * (1 - used))
		before = used
	}
	return out, nil
}
