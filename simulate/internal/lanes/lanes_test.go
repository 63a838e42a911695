package lanes_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"recoup/simulate/internal/lanes"
	"recoup/simulate/stream"
)

// plain runs f without vector instructions.
func plain(f func()) {
	use := lanes.Use
	lanes.Use = false
	defer func() { lanes.Use = use }()
	f()
}

// need skips where there is nothing to compare.
func need(t *testing.T) {
	t.Helper()
	if !lanes.Have() {
		t.Skip("SKIPPED: this processor has no vector instructions that are used")
	}
}

// same compares bits, and reports the first place that differs.
func same(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Fatalf("%s: number %d of %d is %v (%#x), without vectors %v (%#x)", what, i, len(want), got[i], math.Float64bits(got[i]), want[i], math.Float64bits(want[i]))
		}
	}
}

// unmix is the inverse of stream.Mix: the constants are inverses modulo 2⁶⁴.
func unmix(z uint64) uint64 {
	z = (z ^ z>>31 ^ z>>62) * 0x319642B2D24D8EC3
	z = (z ^ z>>27 ^ z>>54) * 0x96DE1B173F119089
	return z ^ z>>30 ^ z>>60
}

// edges are words at whose bits something begins or ends.
func edges() []uint64 {
	words := []uint64{0, math.MaxUint64}
	for b := range 64 {
		for _, w := range []uint64{1 << b, 1<<b - 1, 1<<b + 1, 1<<b | 1<<63, 1<<b<<b>>b - 1, 1<<b | 1<<(b/2)} {
			words = append(words, w, ^w, w<<32|w>>32)
		}
	}
	return words
}

// Of three million words, and of the words at the edges, every number of the streams is
// the same with and without vectors: in lengths that are no multiple of eight, too.
func TestStreamsAreTheSame(t *testing.T) {
	need(t)
	if w := uint64(0xFEDCBA9876543210); stream.Mix(unmix(w)) != w {
		t.Fatal("unmix is not the inverse of Mix")
	}
	var keys []uint64
	for _, w := range edges() {
		keys = append(keys, unmix(w))
	}
	c := stream.New(1, "lanes").Cursor()
	for range 100_003 {
		keys = append(keys, c.Uint64())
	}
	n := len(keys)
	both := func(what string, f func(a, b []float64)) {
		t.Helper()
		var x, y [2][]float64
		for k := range 2 {
			x[k], y[k] = make([]float64, n), make([]float64, n)
		}
		f(x[0], x[1])
		plain(func() { f(y[0], y[1]) })
		same(t, what, x[0], y[0])
		same(t, what+", second", x[1], y[1])
	}
	const g = stream.SplitMix64
	for round := range 30 {
		counter := uint64(round) - 1 // −1: the key itself is mixed, so that the edges are met
		name := fmt.Sprintf(" of counter %d", int64(counter))
		both("uniforms"+name, func(a, _ []float64) { g.Uniforms(a, keys, counter) })
		both("halves"+name, func(a, b []float64) { g.Halves(a, b, keys, counter) })
		both("normals"+name, func(a, _ []float64) { g.Normals(a, keys, counter) })
		both("normal halves"+name, func(a, b []float64) { g.NormalHalves(a, b, keys, counter) })
		got, want := make([]uint64, n), make([]uint64, n)
		g.Fill(got, keys, counter)
		plain(func() { g.Fill(want, keys, counter) })
		if !slices.Equal(got, want) {
			t.Fatalf("words%s differ", name)
		}
	}
	words := make([]uint64, len(edges()))
	if g.Fill(words, keys[:len(words)], math.MaxUint64); !slices.Equal(words, edges()) {
		t.Error("the edges were not met")
	}
}

// odd are numbers at which a function of one number may go wrong.
func odd() []float64 {
	x := []float64{0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0xFFF8000000000123), math.Float64frombits(0x7FF0000000000001), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, 0x1p-1022, 0.5, 1, -1}
	for _, v := range []float64{709.78, -708.39, 709.7827, -708.3964, -745.2, 16, -40, 36.7, -36.7, math.Ln2 / 2, 1e-17} {
		for range 5 {
			x = append(x, v, -v)
			v = math.Nextafter(v, math.Inf(1))
		}
	}
	for k := -1030; k <= 1030; k++ {
		x = append(x, math.Ln2*(float64(k)+0.5), math.Ln2*float64(k))
	}
	return x
}

// A million numbers, and the odd ones.
func TestFunctionsAreTheSame(t *testing.T) {
	need(t)
	x := odd()
	c := stream.New(2, "lanes").Cursor()
	for range 500_001 {
		x = append(x, 1500*(c.Float64()-0.5), 40*c.Norm())
	}
	n := len(x)
	got, want := make([]float64, n), make([]float64, n)
	stream.Exps(got, x)
	plain(func() { stream.Exps(want, x) })
	same(t, "exp", got, want)
	for i, v := range x {
		want[i] = stream.Exp(v)
	}
	same(t, "exp", got, want)

	// Half of the uniform numbers are at the border, one step below, or above.
	u := make([]float64, n)
	for i, v := range x {
		switch c.IntN(6) {
		case 0:
			u[i] = stream.Logistic(v)
		case 1:
			u[i] = math.Nextafter(stream.Logistic(v), 0)
		case 2:
			u[i] = math.Nextafter(stream.Logistic(v), 1)
		default:
			u[i] = c.Float64()
		}
	}
	hit := make([]uint8, n)
	stream.Events(hit, u, x)
	for i := range hit {
		if want := u[i] < stream.Logistic(x[i]); (hit[i] == 1) != want || hit[i] > 1 {
			t.Fatalf("an event at u = %v and log odds %v: %d, want %v", u[i], x[i], hit[i], want)
		}
	}
}

// Columns of every length up to 40 and of 1,000, of ordinary and odd numbers.
func TestColumnsAreTheSame(t *testing.T) {
	need(t)
	c := stream.New(3, "lanes").Cursor()
	strange := odd()
	column := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			if x[i] = 30 * c.Norm(); c.IntN(8) == 0 {
				x[i] = strange[c.IntN(len(strange))]
			}
		}
		return x
	}
	for round := range 2000 {
		n := round % 41
		if round%50 == 49 {
			n = 1000
		}
		x, y, z, flags := column(n), column(n), column(n), make([]float64, n)
		for i := range flags {
			flags[i] = float64(c.IntN(2))
		}
		a, b := c.Norm(), c.Norm()
		both := func(what string, f func(dst []float64)) {
			t.Helper()
			got, want := slices.Clone(z), slices.Clone(z)
			f(got)
			plain(func() { f(want) })
			for i := range got { // which of two NaN comes out is not told
				if got[i] != got[i] && want[i] != want[i] {
					got[i], want[i] = 0, 0
				}
			}
			same(t, what, got, want)
		}
		both("weighted", func(dst []float64) { lanes.Weighted(dst, a, x, b, y) })
		both("weighted in place", func(dst []float64) { lanes.Weighted(dst, a, dst, b, y) })
		both("product", func(dst []float64) { lanes.AddProduct(dst, a, x, y) })
		both("clamp", func(dst []float64) { lanes.Clamp(dst, -1, 2) })
		both("picked", func(dst []float64) {
			for k, i := range lanes.Pick(make([]int32, n), x, y) {
				dst[k] = float64(i)
			}
		})
		both("bins", func(dst []float64) {
			places := make([]int32, n)
			for i := lanes.Bins(places, x, -3, 2.5, 70); i < n; i++ {
				places[i] = int32(max(0, min(int(float64((x[i]+3)*2.5)), 70)))
			}
			for i, p := range places {
				dst[i] = float64(p)
			}
		})
		var sums, wantSums [8]float64
		var squares, wantSquares [4]float64
		done, done2 := lanes.Add(&sums, x, flags), lanes.AddSquares(&squares, x, flags, a)
		if done != n&^7 || done2 != done {
			t.Fatalf("%d and %d of %d numbers were added", done, done2, n)
		}
		for i := range done {
			if wantSums[i%4] += flags[i]; flags[i] != 0 {
				d := x[i] - a
				wantSums[4+i%4] += x[i]
				wantSquares[i%4] += float64(d * d)
			}
		}
		for i := range wantSquares {
			for _, p := range [][2]*float64{{&sums[i], &wantSums[i]}, {&sums[4+i], &wantSums[4+i]}, {&squares[i], &wantSquares[i]}} {
				if *p[0] != *p[1] && (*p[0] == *p[0] || *p[1] == *p[1]) {
					t.Fatalf("a sum is %v, want %v", *p[0], *p[1])
				}
			}
		}
	}
}

// Nothing is written beyond the end, and with slices of different lengths no more than the
// shortest is done.
func TestLengths(t *testing.T) {
	need(t)
	keys, room := make([]uint64, 24), make([]float64, 40)
	for i := range room {
		room[i] = -7
	}
	if n := lanes.Uniforms(room[:19], keys, 1); n != 16 {
		t.Errorf("of 19 numbers %d were made, want 16", n)
	}
	for i, v := range room {
		if (v != -7) != (i < 16) {
			t.Errorf("number %d is %v", i, v)
		}
	}
	if n := lanes.Uniforms(room[:7], keys, 1) + lanes.Uniforms(nil, keys, 1) + lanes.Uniforms(room, nil, 1); n != 0 {
		t.Errorf("%d numbers were made of fewer than eight", n)
	}
	list := make([]int32, 16)
	if got := lanes.Pick(list[:8:8], []float64{1, 0, 1, 1, 1, 1, 1, 1, 1}, make([]float64, 9)); !slices.Equal(got, []int32{0, 2, 3, 4, 5, 6, 7}) || list[8] != 0 {
		t.Errorf("picked %v of %v", got, list)
	}
}
