package lanes

import "golang.org/x/sys/cpu"

// Use says whether vector instructions are used. Tests turn it off and on.
var Use = Have()

// Have says whether the processor has them.
func Have() bool {
	return cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasBMI2
}

// eights is how much of n numbers the functions in assembly do.
func eights(n int) int {
	if !Use {
		return 0
	}
	return n &^ 7
}

//go:noescape
func words(dst, keys *uint64, n int, step uint64)

//go:noescape
func uniforms(dst *float64, keys *uint64, n int, step uint64)

//go:noescape
func halves(a, b *float64, keys *uint64, n int, step uint64)

//go:noescape
func normals(dst *float64, keys *uint64, n int, step uint64, table *[4]float64, first int)

//go:noescape
func normalHalves(a, b *float64, keys *uint64, n int, step uint64, table *[4]float64, first int)

//go:noescape
func events(hit *uint8, u, x *float64, n int, p *Poly)

//go:noescape
func exps(dst, x *float64, n int, p *Poly)

//go:noescape
func add(sums *[8]float64, x, include *float64, n int)

//go:noescape
func addSquares(sums *[4]float64, x, include *float64, n int, mean float64)

//go:noescape
func weighted(dst *float64, a float64, x *float64, b float64, y *float64, n int)

//go:noescape
func addProduct(dst *float64, a float64, x, y *float64, n int)

//go:noescape
func clamp(x *float64, lo, hi float64, n int)

//go:noescape
func pick(list *int32, x, over *float64, n int) int

//go:noescape
func bins(dst *int32, x *float64, n int, low, scale float64, last int)

func weightedEights(dst []float64, a float64, x []float64, b float64, y []float64) int {
	n := eights(len(dst))
	if n > 0 {
		weighted(&dst[0], a, &x[0], b, &y[0], n)
	}
	return n
}

func addProductEights(dst []float64, a float64, x, y []float64) int {
	n := eights(len(dst))
	if n > 0 {
		addProduct(&dst[0], a, &x[0], &y[0], n)
	}
	return n
}

func clampEights(x []float64, lo, hi float64) int {
	n := eights(len(x))
	if n > 0 {
		clamp(&x[0], lo, hi, n)
	}
	return n
}

func pickEights(list []int32, x, over []float64) (done, found int) {
	n := eights(len(list))
	if n > 0 {
		found = pick(&list[0], &x[0], &over[0], n)
	}
	return n, found
}

// Words sets dst[i] to stream.Mix(keys[i] + step).
func Words(dst, keys []uint64, step uint64) int {
	n := eights(min(len(dst), len(keys)))
	if n > 0 {
		words(&dst[0], &keys[0], n, step)
	}
	return n
}

// Uniforms sets dst[i] to stream.Uniform of the word that Words makes.
func Uniforms(dst []float64, keys []uint64, step uint64) int {
	n := eights(min(len(dst), len(keys)))
	if n > 0 {
		uniforms(&dst[0], &keys[0], n, step)
	}
	return n
}

// Halves sets a[i] and b[i] to two uniform numbers of the halves of a word.
func Halves(a, b []float64, keys []uint64, step uint64) int {
	n := eights(min(len(a), len(b), len(keys)))
	if n > 0 {
		halves(&a[0], &b[0], &keys[0], n, step)
	}
	return n
}

// Normals sets dst[i] to stream.Normal of a uniform number. The first row of table is
// the one whose number has the upper 16 bits first.
func Normals(dst []float64, keys []uint64, step uint64, table [][4]float64, first int) int {
	n := eights(min(len(dst), len(keys)))
	if n > 0 {
		normals(&dst[0], &keys[0], n, step, &table[0], first)
	}
	return n
}

// NormalHalves sets a[i] and b[i] to stream.Normal of the halves of a word.
func NormalHalves(a, b []float64, keys []uint64, step uint64, table [][4]float64, first int) int {
	n := eights(min(len(a), len(b), len(keys)))
	if n > 0 {
		normalHalves(&a[0], &b[0], &keys[0], n, step, &table[0], first)
	}
	return n
}

// Events sets hit[i] to whether u[i] < stream.Logistic(x[i]).
func Events(hit []uint8, u, x []float64, p *Poly) int {
	n := eights(min(len(hit), len(u), len(x)))
	if n > 0 {
		events(&hit[0], &u[0], &x[0], n, p)
	}
	return n
}

// Exps sets dst[i] to stream.Exp(x[i]).
func Exps(dst, x []float64, p *Poly) int {
	n := eights(min(len(dst), len(x)))
	if n > 0 {
		exps(&dst[0], &x[0], n, p)
	}
	return n
}

// Add adds include[i] to sums[i%4], and x[i] to sums[4+i%4] where include[i] is not 0.
func Add(sums *[8]float64, x, include []float64) int {
	n := eights(min(len(x), len(include)))
	if n > 0 {
		add(sums, &x[0], &include[0], n)
	}
	return n
}

// AddSquares adds (x[i] − mean)² to sums[i%4] where include[i] is not 0.
func AddSquares(sums *[4]float64, x, include []float64, mean float64) int {
	n := eights(min(len(x), len(include)))
	if n > 0 {
		addSquares(sums, &x[0], &include[0], n, mean)
	}
	return n
}

// Bins sets dst[i] to the whole part of (x[i] − low)·scale, or 0 or last beyond them.
func Bins(dst []int32, x []float64, low, scale float64, last int) int {
	n := eights(min(len(dst), len(x)))
	if n > 0 {
		bins(&dst[0], &x[0], n, low, scale, last)
	}
	return n
}
