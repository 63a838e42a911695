package quality

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/simulate/stream"
)

// CUSUM is a cumulative sum chart, case by case.
type CUSUM struct {
	Up, Down []float64 // after each case: Up signals at Limit or over, Down at -Limit or under
	Limit    float64
	Signals  []int // cases that signal, from 0
}

// TabularCUSUM returns the cumulative sums of standardised values with reference
// value k, half of the shift to be found in sigma:
//
//	C⁺ = max(0, C⁺ + z - k),  C⁻ = min(0, C⁻ + z + k), signals beyond ± h
//
// A missing value (NaN) leaves the sums as they are.
//
// R: qcc::cusum(x, decision.interval = h, se.shift = 2k). Page 1954,
// 10.1093/biomet/41.1-2.100.
func TabularCUSUM(z []float64, k, h float64) CUSUM {
	c := CUSUM{Limit: h}
	up, down := 0.0, 0.0
	for i, v := range z {
		if !math.IsNaN(v) {
			up, down = math.Max(0, up+v-k), math.Min(0, down+v+k)
			if up > h || down < -h {
				c.Signals = append(c.Signals, i)
			}
		}
		c.Up, c.Down = append(c.Up, up), append(c.Down, down)
	}
	return c
}

// RiskCUSUM is a risk-adjusted cumulative sum chart of events, one case after the
// other, for a rise of the odds of the event by Ratio. A Ratio under 1 looks for a
// fall.
type RiskCUSUM struct {
	Ratio   float64   // odds ratio that is looked for
	Sum     []float64 // after each case; falls towards -Limit where Ratio is under 1
	Limit   float64   // of the size of the sum
	Signals []int     // cases at which the sum is at the limit or beyond, from 0
	Reset   bool      // the sum starts anew after a signal
}

// Weight returns the log-likelihood ratio of a case with that risk of the event and
// odds ratio r:
//
//	W = y log r - log(1 - p + r p)
func Weight(event, risk, r float64) float64 {
	return event*math.Log(r) - math.Log1p((r-1)*risk)
}

// RiskAdjustedCUSUM returns the sums S_i = max(0, S_(i-1) + W_i), of events 0 or 1 with
// the risks of each case before it was treated. A case with a missing event or risk
// leaves the sum as it is. With reset the sum starts at zero after a signal.
//
// Risks must come from other patients or from before: risks fitted to these very
// patients hide what is looked for.
//
// R: cusum::racusum(risks, outcomes, limit, odds_multiplier). Steiner, Cook, Farewell
// and Treasure 2000, 10.1093/biostatistics/1.4.441.
func RiskAdjustedCUSUM(events, risks []float64, ratio, limit float64, reset bool) (RiskCUSUM, error) {
	weights := make([]float64, len(events))
	for i, y := range events {
		weights[i] = Weight(y, risks[i], ratio)
	}
	return summed(weights, ratio, limit, reset)
}

// summed sums weights, of cases or of batches of them.
func summed(weights []float64, ratio, limit float64, reset bool) (RiskCUSUM, error) {
	c := RiskCUSUM{Ratio: ratio, Limit: limit, Reset: reset}
	if !(ratio > 0) || ratio == 1 || !(limit > 0) {
		return c, fmt.Errorf("%w: expected an odds ratio above zero other than 1, and a limit above zero", analysis.ErrOptions)
	}
	sign := 1.0
	if ratio < 1 {
		sign = -1
	}
	s := 0.0
	for i, w := range weights {
		if !math.IsNaN(w) {
			s = math.Max(0, s+w)
			if s >= limit {
				c.Signals = append(c.Signals, i)
			}
		}
		c.Sum = append(c.Sum, sign*s)
		if reset && s >= limit {
			s = 0
		}
	}
	return c, nil
}

// RunLength is an average run length: how many cases pass until a signal, on the
// average, where nothing has changed.
type RunLength struct {
	Cases  float64
	SE     float64 // of the simulation; 0 for the Markov chain
	Method string
}

// ErrLimit is what errors.Is finds where no limit has the run length asked for.
var ErrLimit = errors.New("no limit gives that run length")

// states is the number of states of the Markov chain.
const states = 300

// AverageRunLength returns the average run length of a risk-adjusted CUSUM by a Markov
// chain: the run length as a function of the sum is a line between states that part
// the interval from 0 to the limit evenly. The case mix is the risks given, each as
// likely, and true odds are multiplied by truth, 1 for nothing changed.
//
// R: vlad::racusum_arl_mc. Brook and Evans 1972, 10.1093/biomet/59.3.539; Steiner,
// Cook, Farewell and Treasure 2000, 10.1093/biostatistics/1.4.441.
func AverageRunLength(risks []float64, ratio, limit, truth float64) RunLength {
	return RunLength{Cases: chain(steps(risks, ratio, truth), limit, states), Method: fmt.Sprintf("Markov chain of %d states", states)}
}

// step is a size of weight with its chance.
type step struct{ w, p float64 }

// steps returns the weights of the case mix with their chances, over risks on a fine
// grid so that a million patients cost no more than a few hundred.
func steps(risks []float64, ratio, truth float64) []step {
	const grid = 512
	type cell struct{ sum, n float64 }
	var cells [grid]cell
	n := 0.0
	for _, p := range risks {
		if p >= 0 && p <= 1 {
			c := &cells[min(grid-1, int(p*grid))]
			c.sum, c.n, n = c.sum+p, c.n+1, n+1
		}
	}
	var out []step
	for _, c := range cells {
		if c.n == 0 {
			continue
		}
		p := c.sum / c.n
		event := truth * p / (1 - p + truth*p)
		out = append(out, step{Weight(1, p, ratio), event * c.n / n}, step{Weight(0, p, ratio), (1 - event) * c.n / n})
	}
	return out
}

// chain returns the run length from zero: L(s) = 1 + Σ p L(max(0, s + w)) over the
// steps, no more than 1 where s + w is at the limit, on states 0 to k of which the
// last is just under the limit.
func chain(by []step, limit float64, k int) float64 {
	width := limit / float64(k)
	a := mat.NewDense(k+1, k+1, nil)
	add := func(i, j int, v float64) { a.Set(i, j, a.At(i, j)+v) }
	for i := range k + 1 {
		add(i, i, 1)
		for _, s := range by {
			to := float64(i) + s.w/width
			if to <= 0 {
				add(i, 0, -s.p)
			} else if to < float64(k) {
				j := int(to)
				part := to - float64(j)
				add(i, j, -s.p*(1-part))
				add(i, j+1, -s.p*part)
			}
		}
	}
	var x mat.VecDense
	if err := x.SolveVec(a, mat.NewVecDense(k+1, slices.Repeat([]float64{1}, k+1))); err != nil {
		return math.Inf(1) // a run that never ends as far as digits go
	}
	return x.AtVec(0)
}

// SimulatedRunLength returns the same by simulation of runs with cases drawn from the
// risks, each run stopped at most cases, with its standard error.
func SimulatedRunLength(ctx context.Context, risks []float64, ratio, limit, truth float64, runs, most int, seed uint64) (RunLength, error) {
	if len(risks) == 0 {
		return RunLength{}, fmt.Errorf("%w: no case has a risk", analysis.ErrCannot)
	}
	sum, squares := 0.0, 0.0
	for run := range runs {
		if err := ctx.Err(); err != nil {
			return RunLength{}, err
		}
		s := stream.New(seed, "quality/cusum").Sub(uint64(run)).Cursor()
		at, n := 0.0, 0
		for at < limit && n < most {
			p := risks[s.IntN(len(risks))]
			event := truth * p / (1 - p + truth*p)
			y := 0.0
			if s.Float64() < event {
				y = 1
			}
			at = math.Max(0, at+Weight(y, p, ratio))
			n++
		}
		sum, squares = sum+float64(n), squares+float64(n)*float64(n)
	}
	r := float64(runs)
	mean := sum / r
	return RunLength{Cases: mean, SE: math.Sqrt((squares/r - mean*mean) / r), Method: fmt.Sprintf("simulation of %d runs of at most %d cases, seed %d", runs, most, seed)}, nil
}

// LimitFor returns the limit at which the average run length is that wanted where
// nothing has changed, by the Markov chain.
func LimitFor(risks []float64, ratio, wanted float64) (float64, error) {
	if len(steps(risks, ratio, 1)) == 0 {
		return math.NaN(), fmt.Errorf("%w: no case has a risk", analysis.ErrCannot)
	}
	by := steps(risks, ratio, 1)
	length := func(limit float64) float64 { return chain(by, limit, states) }
	low, high := 0.01, 1.0
	for length(high) < wanted {
		if low, high = high, high+1; high > 40 {
			return math.NaN(), fmt.Errorf("%w: %g cases", ErrLimit, wanted)
		}
	}
	for high-low > 1e-4 {
		if mid := (low + high) / 2; length(mid) < wanted {
			low = mid
		} else {
			high = mid
		}
	}
	return high, nil
}
