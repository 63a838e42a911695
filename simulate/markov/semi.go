package markov

import (
	"fmt"
	"math"
)

// Semi is a semi-Markov process in discrete time: Kernel[i][j][k] is the probability
// that a person who has just entered state i moves next to state j after exactly k+1
// cycles. What is missing to 1 never moves on.
type Semi struct {
	Kernel [][][]float64
}

// Depart returns the departures of one state from a curve of the time in it and the
// shares of the destinations: qⱼ(k) = dⱼ·(S(kΔ) − S((k+1)Δ)).
func Depart(stay Curve, destinations []float64, cycles int, dt float64) [][]float64 {
	q := make([][]float64, len(destinations))
	for j, d := range destinations {
		q[j] = make([]float64, cycles)
		for k := range q[j] {
			q[j][k] = d * (stay(float64(k)*dt) - stay(float64(k+1)*dt))
		}
	}
	return q
}

// Check says what is wrong with a kernel.
func (s Semi) Check() error {
	n := len(s.Kernel)
	if n == 0 {
		return fmt.Errorf("%w: there are no states", ErrModel)
	}
	for i, to := range s.Kernel {
		if len(to) != n {
			return fmt.Errorf("%w: state %d has %d destinations, not %d", ErrModel, i, len(to), n)
		}
		sum := 0.0
		for j, q := range to {
			for k, x := range q {
				if !(x >= 0 && x <= 1) || j == i && x != 0 {
					return fmt.Errorf("%w: the departure from state %d to state %d after %d cycles must be a probability, and 0 to the state itself", ErrModel, i, j, k+1)
				}
				sum += x
			}
		}
		if sum > 1+rowTolerance {
			return fmt.Errorf("%w: the departures from state %d sum to %.10g, more than 1", ErrModel, i, sum)
		}
	}
	return nil
}

// staying returns the probability that state i is not left within k cycles, for
// k = 0..cycles.
func (s Semi) staying(i, cycles int) []float64 {
	out := make([]float64, cycles+1)
	out[0] = 1
	for k := range cycles {
		out[k+1] = out[k]
		for _, q := range s.Kernel[i] {
			if k < len(q) {
				out[k+1] -= q[k]
			}
		}
		out[k+1] = math.Max(0, out[k+1])
	}
	return out
}

// Convolve returns the probability φ[t][i][j] to be in state j at point t for a
// person who enters state i at point 0, by the renewal equation
//
//	φᵢⱼ(t) = δᵢⱼ·Sᵢ(t) + Σ_l Σ_{k≤t} q_il(k)·φ_lj(t−k)
//
// Reference: Howard 1971, Dynamic Probabilistic Systems, volume II, chapter 10.
func (s Semi) Convolve(cycles int) ([][][]float64, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	n := len(s.Kernel)
	stay := make([][]float64, n)
	for i := range n {
		stay[i] = s.staying(i, cycles)
	}
	phi := make([][][]float64, cycles+1)
	for t := range phi {
		phi[t] = make([][]float64, n)
		for i := range n {
			phi[t][i] = make([]float64, n)
			phi[t][i][i] = stay[i][t]
			for l, q := range s.Kernel[i] {
				for k := 0; k < min(t, len(q)); k++ {
					if q[k] == 0 {
						continue
					}
					for j, x := range phi[t-k-1][l] {
						phi[t][i][j] += float64(q[k] * x)
					}
				}
			}
		}
	}
	return phi, nil
}

// Moves turns the kernel into the transitions of a Chain, whose probabilities depend
// on the time in the state: the departures over those still there, q(k)/S(k).
func (s Semi) Moves(cycles int) ([]Table, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	n := len(s.Kernel)
	out := make([]Table, n)
	for i := range n {
		stay := s.staying(i, cycles)
		t := Table{1, cycles, n, make([]float64, cycles*n)}
		for k := range cycles {
			row := t.At(0, k)
			left := 0.0
			for j, q := range s.Kernel[i] {
				if k < len(q) && stay[k] > 0 {
					row[j] = math.Min(1-left, q[k]/stay[k])
					left += row[j]
				}
			}
			row[i] = math.Max(0, 1-left)
		}
		out[i] = t
	}
	return out, nil
}
