package simulate

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

func mustSampler(t *testing.T, seed uint64, names []string, round int, s Sampling, c ...Correlation) *Sampler {
	t.Helper()
	x, err := NewSampler(seed, names, round, s, c...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = "p" + string(rune('0'+i%10)) + strings.Repeat("x", i/10)
	}
	return names
}

// testdata/sobol.py: scipy 1.17.1 on the same published direction numbers.
func TestSobolPointsAreThoseOfScipy(t *testing.T) {
	b, err := os.ReadFile("testdata/sobol.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Dimensions []int
		Points     [][]uint32
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	c, err := sobolColumns(1, numbered(sobolDimensions))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range want.Points {
		for k, d := range want.Dimensions {
			if got := c[d-1].point(uint32(i)) >> 2; got != p[k] {
				t.Fatalf("point %d in dimension %d is %d, want %d", i, d, got, p[k])
			}
		}
	}
	if _, err := sobolColumns(1, numbered(sobolDimensions+1)); err == nil {
		t.Error("1025 dimensions were accepted")
	}
}

// Nested scrambling keeps the net: any aligned run of 2ᵏ scrambled points has one
// in each of 2ᵏ slices of every dimension, and the first two dimensions have one in
// each of the 2ʲ x 2ᵏ⁻ʲ boxes.
func TestScrambledSobolIsStillANet(t *testing.T) {
	s := mustSampler(t, 7, numbered(30), 1, ScrambledSobol)
	for _, first := range []int{0, 64, 192} {
		for p := range 30 {
			var seen [64]bool
			for d := range 64 {
				seen[int(s.Draw(first + d)[p]*64)] = true
			}
			if slices.Contains(seen[:], false) {
				t.Fatalf("points %d.. leave a slice of dimension %d empty", first, p+1)
			}
		}
		for j := range 7 {
			boxes := map[[2]int]bool{}
			for d := range 64 {
				u := s.Draw(first + d)
				boxes[[2]int{int(u[0] * float64(int(1)<<j)), int(u[1] * float64(int(64)>>j))}] = true
			}
			if len(boxes) != 64 {
				t.Errorf("points %d.. leave boxes of 2^%d x 2^%d empty", first, j, 6-j)
			}
		}
	}
}

// Each scrambled coordinate is uniform: over 4,000 seeds the mean of the first
// point is within 5 standard errors of ½ (0.289/√4000), the variance of its upper
// half too. A false failure once in 10⁶ seeds.
func TestScramblingIsUniform(t *testing.T) {
	sum, high, pairs, agree := 0.0, 0.0, 0.0, 0.0
	for seed := range uint64(4000) {
		c, err := sobolColumns(seed, []string{"a", "b"})
		if err != nil {
			t.Fatal(err)
		}
		a, b := c[0].at(3), c[1].at(3)
		sum += a - 0.5
		if math.Mod(a*8, 1) < 0.5 { // a bit further down
			high++
		}
		pairs += (a - 0.5) * (b - 0.5)
		// Points 0 and 1 differ in the first bit, so their second bits are flipped
		// independently, and those of the points are equal.
		if int(c[0].at(0)*4)%2 == int(c[0].at(1)*4)%2 {
			agree++
		}
	}
	n := 4000.0
	for what, z := range map[string]float64{
		"mean": sum / math.Sqrt(n/12), "fourth bit": (high - n/2) / math.Sqrt(n/4), "two dimensions": pairs / (math.Sqrt(n) / 12),
		"second bits": (agree - n/2) / math.Sqrt(n/4),
	} {
		if math.Abs(z) > 5 {
			t.Errorf("%s is %.1f standard errors off", what, z)
		}
	}
}

// integrate is the mean over the draws of Π(1 + (u − ½)·cₚ), whose integral is 1.
func integrate(t *testing.T, seed uint64, s Sampling, n int) float64 {
	u, err := Uniforms(seed, []string{"a", "b", "c", "d"}, n, s)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, x := range u {
		f := 1.0
		for p, v := range x {
			f *= 1 + (v-0.5)/float64(p+1)
		}
		sum += f
	}
	return sum/float64(n) - 1
}

// What the samplings are for: the root mean square error over 40 seeds with 256
// draws. Plain is SD/√256 = about 0.024; the hypercube removes what is additive
// and Sobol's points most of the rest.
func TestSamplingsShrinkTheError(t *testing.T) {
	rmse := map[Sampling]float64{}
	for _, s := range Samplings() {
		sum := 0.0
		for seed := range uint64(40) {
			e := integrate(t, seed, s, 256)
			sum += e * e
		}
		rmse[s] = math.Sqrt(sum / 40)
	}
	if plain := rmse[PlainRandom]; plain < 0.01 || plain > 0.05 || rmse[LatinHypercube] > plain/3 || rmse[ScrambledSobol] > plain/20 {
		t.Errorf("errors are %v", rmse)
	}
}

// Draws do not depend on how many there are, nor on the order they are asked for.
func TestDrawsStandAlone(t *testing.T) {
	names := []string{"a", "b", "c"}
	c := Correlation{[]string{"a", "c"}, [][]float64{{1, 0.6}, {0.6, 1}}}
	for _, s := range Samplings() {
		x, y := mustSampler(t, 3, names, 16, s, c), mustSampler(t, 3, names, 16, s, c)
		for _, d := range []int{40, 3, 17, 3, 40, 0} {
			y.Draw(d + 1)
			if !slices.Equal(x.Draw(d), y.Draw(d)) {
				t.Errorf("%s: draw %d depends on what was drawn before", s, d)
			}
		}
		longer := mustSampler(t, 3, append(names, "d"), 16, s, c)
		if s != LatinHypercube && !slices.Equal(longer.Draw(5)[:3], x.Draw(5)) {
			t.Errorf("%s: a parameter added at the end moves the others", s)
		}
	}
	lhs := mustSampler(t, 3, names, 16, LatinHypercube)
	if slices.Equal(lhs.Draw(0), lhs.Draw(16)) {
		t.Error("two rounds of the hypercube are the same")
	}
}

// Correlated by the copula, 4,096 draws: the correlation of the normal scores is
// within 5 standard errors, (1−r²)/√n, of what was asked, the hypercube keeps its
// slices, and a parameter without correlation keeps its numbers.
func TestCopulaGivesTheCorrelation(t *testing.T) {
	const n = 4096
	names := []string{"a", "free", "b", "c"}
	want := [][]float64{{1, 0.5, -0.3}, {0.5, 1, 0.2}, {-0.3, 0.2, 1}}
	c := Correlation{[]string{"a", "b", "c"}, want}
	for _, s := range Samplings() {
		x, plain := mustSampler(t, 5, names, n, s, c), mustSampler(t, 5, names, n, s)
		z := make([][]float64, n)
		for d := range z {
			u := x.Draw(d)
			if u[1] != plain.Draw(d)[1] {
				t.Fatalf("%s: an uncorrelated parameter moved", s)
			}
			z[d] = []float64{quantileOf(u[0]), quantileOf(u[2]), quantileOf(u[3])}
		}
		for i := range 3 {
			for j := range i {
				r := correlationOf(z, i, j)
				if math.Abs(r-want[i][j]) > 5*(1-want[i][j]*want[i][j])/math.Sqrt(n) {
					t.Errorf("%s: correlation %d %d is %.4f, want %.2f", s, i, j, r, want[i][j])
				}
			}
		}
		if s == LatinHypercube {
			for p := range names {
				var seen [n]bool
				for d := range n {
					seen[int(x.Draw(d)[p]*n)] = true
				}
				if slices.Contains(seen[:], false) {
					t.Errorf("the correlated hypercube leaves a slice of %s empty", names[p])
				}
			}
		}
	}
}

func quantileOf(u float64) float64 { return Distribution{Normal, 0, 1}.Quantile(u) }

func correlationOf(z [][]float64, i, j int) float64 {
	var a, b, ab, aa, bb float64
	n := float64(len(z))
	for _, x := range z {
		a += x[i] / n
		b += x[j] / n
	}
	for _, x := range z {
		ab += (x[i] - a) * (x[j] - b)
		aa += (x[i] - a) * (x[i] - a)
		bb += (x[j] - b) * (x[j] - b)
	}
	return ab / math.Sqrt(aa*bb)
}

// Higham 2002, page 334 (and R's Matrix::nearPD): the nearest correlation matrix
// of {1,1,0; 1,1,1; 0,1,1} has 0.7607 beside the diagonal and 0.1573 in the corner.
func TestNearestCorrelationMatrix(t *testing.T) {
	names := []string{"a", "b", "c"}
	_, err := NewCorrelation(names, [][]float64{{1, 1, 0}, {1, 1, 1}, {0, 1, 1}})
	var e *NotPositiveDefinite
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	for _, c := range []struct{ got, want float64 }{
		{e.Nearest[0][1], 0.7607},
		{e.Nearest[1][2], 0.7607},
		{e.Nearest[0][2], 0.1573},
		{e.Nearest[1][1], 1},
		{e.Eigenvalue, 1 - math.Sqrt2},
		{e.Change, 0.2393},
	} {
		if math.Abs(c.got-c.want) > 6e-5 {
			t.Errorf("got %.5f, want %.4f", c.got, c.want)
		}
	}
	if !strings.Contains(err.Error(), "a, b, c") || !strings.Contains(err.Error(), "nearest") {
		t.Errorf("error %v", err)
	}
	if _, err := NewCorrelation(names, e.Nearest); err != nil {
		t.Errorf("the nearest matrix is refused: %v", err)
	}
}

func TestCorrelationRefusals(t *testing.T) {
	ab := []string{"a", "b"}
	for what, f := range map[string]func() error{
		"not symmetric": func() error { _, err := NewCorrelation(ab, [][]float64{{1, 0.2}, {0.3, 1}}); return err },
		"diagonal":      func() error { _, err := NewCorrelation(ab, [][]float64{{4, 0.2}, {0.2, 1}}); return err },
		"shape":         func() error { _, err := NewCorrelation(ab, [][]float64{{1, 0.2}}); return err },
		"ragged":        func() error { _, err := NewCorrelation(ab, [][]float64{{1}, {0.2, 1}}); return err },
		"NaN":           func() error { _, err := NewCorrelation(ab, [][]float64{{1, math.NaN()}, {math.NaN(), 1}}); return err },
		"twice":         func() error { _, err := NewCorrelation([]string{"a", "a"}, [][]float64{{1, 0}, {0, 1}}); return err },
		"over 1":        func() error { _, err := NewCorrelation(ab, [][]float64{{1, 1.2}, {1.2, 1}}); return err },
		"variance of 0": func() error { _, err := CorrelationFromCovariance(ab, [][]float64{{0, 0}, {0, 1}}); return err },
		"unknown name": func() error {
			_, err := NewSampler(1, []string{"a", "c"}, 4, PlainRandom, Correlation{ab, [][]float64{{1, 0}, {0, 1}}})
			return err
		},
		"in two": func() error {
			c := Correlation{ab, [][]float64{{1, 0}, {0, 1}}}
			_, err := NewSampler(1, ab, 4, PlainRandom, c, c)
			return err
		},
	} {
		if f() == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	// By hand: variances 4 and 9, covariance 3: 3/(2·3) = 0.5.
	c, err := CorrelationFromCovariance(ab, [][]float64{{4, 3}, {3, 9}})
	if err != nil || c.Matrix[0][1] != 0.5 || c.Matrix[1][1] != 1 {
		t.Errorf("%v, %v", c, err)
	}
}
