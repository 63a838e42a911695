package fit

import (
	"math"
	"testing"

	"recoup/simulate/stream"
)

// A structure that another one is a case of never fits worse than it, by full
// likelihood: a fit that stopped at a local minimum or too soon would. None is refused. Of trials with
// strong, weak and negative correlation, and many missing values.
func TestRepeatedNesting(t *testing.T) {
	const visits = 4
	source := stream.New(3, "mmrm nesting")
	nested := [][2]Structure{
		{Unstructured, ToeplitzH},
		{Unstructured, AnteH},
		{ToeplitzH, AR1H},
		{AnteH, AR1H},
		{ToeplitzH, CompoundH},
		{ToeplitzH, Toeplitz},
		{AnteH, Ante},
		{AR1H, AR1},
		{CompoundH, Compound},
		{Toeplitz, AR1},
		{Toeplitz, Compound},
		{Ante, AR1},
	}
	for k := range 60 {
		s := source.Sub(uint64(k)).Cursor()
		var patients []Patient
		share := []float64{0.97, 0.3, -0.2}[k%3]
		for i := range 40 {
			p := Patient{Weight: 1}
			level := s.Norm()
			for v := range visits {
				x := make([]float64, visits+1)
				x[v], x[visits] = 1, float64(i%2)
				e := s.Norm()
				y := math.Sqrt(math.Abs(share))*level + math.Sqrt(1-math.Abs(share))*e
				if share < 0 && v%2 == 1 {
					y -= 2 * math.Sqrt(-share) * level
				}
				if s.Float64() < 0.25 {
					y = math.NaN()
				}
				p.X, p.Y = append(p.X, x), append(p.Y, y*math.Pow(3, float64(v*(k%2))))
			}
			patients = append(patients, p)
		}
		r := summed(t, 1, patients)
		deviance := map[Structure]float64{}
		for _, one := range Structures {
			f, err := r.FitRepeated(t.Context(), one, false)
			if err != nil {
				t.Errorf("trial %d, %s: %v", k, one, err)
				continue
			}
			deviance[one] = f.Deviance
		}
		for _, pair := range nested {
			free, tied := deviance[pair[0]], deviance[pair[1]]
			if free > tied+1e-6 {
				t.Errorf("trial %d: %s has deviance %.6f, %s within it %.6f", k, pair[0], free, pair[1], tied)
			}
		}
	}
}
