package stream

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var _ rand.Source = (*Cursor)(nil)

// The known answers published with Random123 (kat_vectors, philox4x32 10).
func TestPhiloxKnownAnswers(t *testing.T) {
	const m = math.MaxUint32
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{m, m, m, m}, [2]uint32{m, m}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox4x32(c.counter, c.key); got != c.want {
			t.Errorf("Philox4x32(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

// SplitMix64 seeded with 1234567 is published with these first outputs; with a
// key equal to the seed, word i is output i.
func TestSplitMixKnownAnswers(t *testing.T) {
	want := []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821}
	for i, w := range want {
		if got := Word(1234567, uint64(i)); got != w {
			t.Errorf("word %d = %d, want %d", i, got, w)
		}
	}
}

// FNV-1a of "" is its offset basis, of "a" and "foobar" the published values.
func TestNamesAreHashedByFNV1a(t *testing.T) {
	for s, want := range map[string]uint64{"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8} {
		if got := fnv1a(s); got != want {
			t.Errorf("fnv1a(%q) = %x, want %x", s, got, want)
		}
	}
}

func TestUniformStaysInside(t *testing.T) {
	if lo, hi := Uniform(0), Uniform(math.MaxUint64); lo <= 0 || hi >= 1 || lo != 1-hi {
		t.Errorf("Uniform ends are %g and %g, want them inside (0, 1) and mirrored", lo, hi)
	}
}

func TestExpAndLogAgreeWithMath(t *testing.T) {
	c := New(1, "exp").Cursor()
	for range 200000 {
		x := (c.Float64() - 0.5) * 1400
		if got, want := Exp(x), math.Exp(x); math.Abs(got-want) > 4e-16*want {
			t.Fatalf("Exp(%g) = %g, want %g", x, got, want)
		}
		y := math.Ldexp(c.Float64(), c.IntN(2000)-1000)
		if got, want := Log(y), math.Log(y); math.Abs(got-want) > 4e-16*math.Max(1, math.Abs(want)) {
			t.Fatalf("Log(%g) = %g, want %g", y, got, want)
		}
	}
	if Exp(0) != 1 || Log(1) != 0 || !math.IsInf(Exp(800), 1) || Exp(-800) != 0 || !math.IsInf(Log(0), -1) {
		t.Error("Exp and Log miss their exact values")
	}
	for _, x := range []float64{math.NaN(), -1} {
		if !math.IsNaN(Log(x)) {
			t.Errorf("Log(%g) is not NaN", x)
		}
	}
	// The smallest number is 2⁻¹⁰⁷⁴; math.Log of some processors misses it.
	if got, want := Log(5e-324), -1074*math.Ln2; math.Abs(got-want) > 1e-12 {
		t.Errorf("Log of the smallest number = %g, want %g", got, want)
	}
}

// qnorm of R 4.2 at points of the three ranges of the algorithm.
func TestQuantileAgreesWithR(t *testing.T) {
	for u, want := range map[float64]float64{
		0.5: 0, 0.975: 1.959963984540054, 0.9: 1.2815515655446004, 0.3: -0.5244005127080407,
		0.001: -3.090232306167813, 1e-10: -6.361340902404056, 1e-15: -7.941345326170995, 1e-300: -37.047096299361201,
	} {
		if got := Quantile(u); math.Abs(got-want) > 1e-14*math.Max(1, math.Abs(want)) {
			t.Errorf("Quantile(%g) = %.16g, want %.16g", u, got, want)
		}
	}
}

func TestNormalFollowsQuantile(t *testing.T) {
	c := New(2, "normal").Cursor()
	worst := 0.0
	for range 300000 {
		w := c.Uint64() >> c.IntN(53) // shifted, to reach far into the tail
		u := Uniform(w)
		x := Normal(u)
		worst = math.Max(worst, math.Abs(x-Quantile(u)))
		if Normal(1-u) != -x {
			t.Fatalf("Normal is not odd about one half at %g", u)
		}
		if next := w + 1<<12 + w>>9; next > w && Normal(Uniform(next)) <= x {
			t.Fatalf("Normal is not increasing at %g", u)
		}
	}
	if worst > 1e-7 {
		t.Errorf("Normal differs from Quantile by up to %g, want at most 1e-7", worst)
	}
	if lo := Normal(Uniform(0)); !(lo < -8) {
		t.Errorf("the smallest normal number is %g", lo)
	}
}

// The word of (seed, patient, week, slot) must not meet another's: 2,000
// patients x 1,000 words of two seeds and two draws, 8 million words. By chance
// 8e6²/2/2⁶⁴ = 2e-6 pairs are expected, so a failure by chance is that rare.
func TestWordsDoNotCollide(t *testing.T) {
	words := make([]uint64, 0, 8_000_000)
	for seed := range uint64(2) {
		for draw := range uint64(2) {
			base := Child(New(seed, "patients").Key(), draw)
			for patient := range uint64(2000) {
				key := Child(base, patient)
				for counter := range uint64(1000) {
					words = append(words, Word(key, counter))
				}
			}
		}
	}
	slices.Sort(words)
	for i := 1; i < len(words); i++ {
		if words[i] == words[i-1] {
			t.Fatal("two places share a word")
		}
	}
}

// Each statistic below is standard normal when the generator is sound; the
// bound of 5 fails by chance once in 1.7 million, so under once in 10⁵ runs of
// all the checks together.
func TestGeneratorsLookRandom(t *testing.T) {
	const patients, weeks = 2000, 100
	for _, g := range []Generator{SplitMix64, Philox} {
		keys := make([]uint64, patients)
		for i := range keys {
			keys[i] = Child(7, uint64(i))
		}
		u, prev, z := make([]float64, patients), make([]float64, patients), make([]float64, patients)
		var sum, sq, acrossPatients, acrossWeeks, zsum, zsq, zfourth float64
		var bins [64]float64
		for w := range weeks {
			g.Uniforms(u, keys, uint64(w))
			g.Normals(z, keys, uint64(w))
			for i, x := range u {
				d := x - 0.5
				sum += d
				sq += d*d - 1.0/12
				bins[int(x*64)]++
				if i > 0 {
					acrossPatients += d * (u[i-1] - 0.5)
				}
				if w > 0 {
					acrossWeeks += d * (prev[i] - 0.5)
				}
				zsum += z[i]
				zsq += z[i]*z[i] - 1
				zfourth += z[i]*z[i]*z[i]*z[i] - 3
			}
			copy(prev, u)
		}
		n := float64(patients * weeks)
		chi := 0.0
		for _, b := range bins {
			chi += (b - n/64) * (b - n/64) / (n / 64)
		}
		for name, s := range map[string]float64{
			"mean":                    sum / math.Sqrt(n/12),
			"variance":                sq / math.Sqrt(n/180),
			"neighbouring patients":   acrossPatients / math.Sqrt(n/144),
			"neighbouring weeks":      acrossWeeks / math.Sqrt(n/144),
			"chi-squared of 64 cells": (math.Cbrt(chi/63) - (1 - 2.0/(9*63))) / math.Sqrt(2.0/(9*63)),
			"normal mean":             zsum / math.Sqrt(n),
			"normal variance":         zsq / math.Sqrt(2*n),
			"normal fourth moment":    zfourth / math.Sqrt(96*n),
		} {
			if math.Abs(s) > 5 {
				t.Errorf("%v: %s is %.2f standard errors off", g, name, s)
			}
		}
	}
}

// Flipping one bit of the seed, patient or counter must flip half the bits of
// the word: 64 x 64 x 400 pairs, standard error 0.5/√(1.6e6) = 0.0004; the bound
// of 0.002 is 5 standard errors.
func TestAvalanche(t *testing.T) {
	at := func(a [3]uint64) uint64 { return Word(Child(a[0], a[1]), a[2]) }
	c := New(3, "avalanche").Cursor()
	for part := range 3 {
		flipped := 0
		for range 400 {
			a := [3]uint64{c.Uint64(), c.Uint64(), c.Uint64()}
			w := at(a)
			for bit := range 64 {
				b := a
				b[part] ^= 1 << bit
				flipped += onesCount(w ^ at(b))
			}
		}
		if share := float64(flipped) / (400 * 64 * 64); math.Abs(share-0.5) > 0.002 {
			t.Errorf("part %d flips a share of %.4f of the bits, want 0.5", part, share)
		}
	}
}

func onesCount(x uint64) (n int) {
	for ; x != 0; x &= x - 1 {
		n++
	}
	return n
}

func TestFillMatchesWord(t *testing.T) {
	keys := []uint64{1, 2, 3}
	for _, g := range []Generator{SplitMix64, Philox} {
		a, b := make([]uint64, 3), make([]uint64, 1)
		g.Fill(a, keys, 9)
		g.Fill(b, keys[2:], 9)
		if a[2] != b[0] {
			t.Errorf("%v: a word depends on the batch it is made in", g)
		}
	}
	// The halves of a word, by hand of its bits; and they hang together as two
	// independent uniform numbers would: |r|·√20000 under 5.
	for _, g := range []Generator{SplitMix64, Philox} {
		keys, w := make([]uint64, 20000), make([]uint64, 20000)
		for i := range keys {
			keys[i] = Child(6, uint64(i))
		}
		a, b, sum := make([]float64, len(keys)), make([]float64, len(keys)), 0.0
		g.Halves(a, b, keys, 3)
		g.Fill(w, keys, 3)
		for i := range a {
			if a[i] != math.Ldexp(float64(w[i]>>32)+0.5, -32) || b[i] != math.Ldexp(float64(uint32(w[i]))+0.5, -32) {
				t.Fatalf("%v: halves %v and %v of %x", g, a[i], b[i], w[i])
			}
			sum += 12 * (a[i] - 0.5) * (b[i] - 0.5)
		}
		if math.Abs(sum) > 5*math.Sqrt(float64(len(keys))) {
			t.Errorf("%v: the halves of a word are correlated", g)
		}
	}
	for _, g := range []Generator{SplitMix64, Philox} {
		keys := make([]uint64, 20000)
		for i := range keys {
			keys[i] = Child(5, uint64(i))
		}
		z, u := make([]float64, len(keys)), make([]float64, len(keys))
		g.Normals(z, keys, 3)
		g.Uniforms(u, keys, 3)
		for i := range z {
			if z[i] != Normal(u[i]) {
				t.Fatalf("%v: Normals gives %v at %v, Normal %v", g, z[i], u[i], Normal(u[i]))
			}
		}
		y, v := make([]float64, len(keys)), make([]float64, len(keys))
		g.NormalHalves(z, y, keys, 4)
		g.Halves(u, v, keys, 4)
		for i := range z {
			if z[i] != Normal(u[i]) || y[i] != Normal(v[i]) {
				t.Fatalf("%v: NormalHalves gives %v and %v at %v and %v", g, z[i], y[i], u[i], v[i])
			}
		}
	}
	// The ends and the middle of what half a word can be.
	for _, half := range []uint32{0, 1, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1} {
		z, w := make([]float64, 1), []int64{int64(uint64(half) << 32)}
		upperNormals(z, w)
		if u, _ := halves(uint64(w[0])); z[0] != Normal(u) {
			t.Errorf("half a word of %d gives %v, want %v", half, z[0], Normal(u))
		}
	}
	a := make([]uint64, 3)
	SplitMix64.Fill(a, keys, 9)
	if a[1] != Word(2, 9) {
		t.Error("Fill differs from Word")
	}
}

// Occurs and Events are the exact test u < Logistic(x): for a million pairs, half
// of them within a billionth of the border, at table edges and beyond the table.
func TestOccursIsExact(t *testing.T) {
	c := New(6, "occurs").Cursor()
	hit, u, x := make([]uint8, 1), make([]float64, 1), make([]float64, 1)
	check := func(ui, xi float64) {
		u[0], x[0] = ui, xi
		Events(hit, u, x)
		if want := ui < Logistic(xi); Occurs(ui, xi) != want || (hit[0] == 1) != want {
			t.Fatalf("at u = %v and log odds %v: Occurs %v, Events %v, want %v", ui, xi, Occurs(ui, xi), hit[0], want)
		}
	}
	for range 250_000 {
		x := 60*c.Float64() - 42
		check(c.Float64(), x)
		check(Logistic(x), x)
		check(Logistic(x)*(1+1e-9*(c.Float64()-0.5)), x)
		edge := float64(c.IntN(oddsCells))/oddsSteps - oddsEdge
		check(Logistic(edge), edge)
		check(Logistic(edge), math.Nextafter(edge, math.Inf(-1)))
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e300, 16, -40, 15.999999999999999} {
		for _, u := range []float64{Uniform(0), 0.5, Uniform(math.MaxUint64)} {
			check(u, x)
		}
	}
	if Occurs(Uniform(0), -40) {
		t.Error("an event with log odds of -40 happens")
	}
}

// IntN over 3 values, 30,000 numbers: chi-squared with 2 degrees of freedom
// passes 27.6 by chance once in a million.
func TestIntNAndPerm(t *testing.T) {
	c := New(4, "int").Cursor()
	var n [3]float64
	for range 30000 {
		n[c.IntN(3)]++
	}
	chi := 0.0
	for _, x := range n {
		chi += (x - 10000) * (x - 10000) / 10000
	}
	if chi > 27.6 {
		t.Errorf("IntN(3) gives %v", n)
	}
	p := c.Perm(100)
	slices.Sort(p)
	for i, x := range p {
		if x != i {
			t.Fatal("Perm is not a permutation")
		}
	}
	if New(1, "a").Uint64(0) == New(1, "b").Uint64(0) || New(1, "a").Uint64(0) == New(2, "a").Uint64(0) {
		t.Error("streams of different names or seeds agree")
	}
}

func BenchmarkNormals(b *testing.B) {
	keys, dst := make([]uint64, 256), make([]float64, 256)
	for i := range keys {
		keys[i] = Child(1, uint64(i))
	}
	for i := 0; b.Loop(); i++ {
		SplitMix64.Normals(dst, keys, uint64(i))
	}
}
