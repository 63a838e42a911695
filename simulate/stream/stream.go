// Package stream makes random numbers that depend on where they are used and
// on nothing else: a word is a function of (seed, name or patient, counter).
// There is no state to share, so any number of workers, in any order, sees the
// same numbers, and two strategies given the same stream are compared under
// common random numbers.
//
// Two generators are offered. SplitMix64 (Mix of a key plus a counter times an
// odd constant) is the fast default. Philox4x32-10 is the conservative choice:
// slower, with a larger literature behind it.
//
// Exp, Log, Normal and everything built on them use only operations that
// IEEE 754 rounds exactly, with products kept apart from sums, so amd64 and
// arm64 give the same bits.
package stream

import "math/bits"

// Odd constants: gamma is 2⁶⁴ divided by the golden ratio, the increment of
// SplitMix64; step2 spreads identifiers before they meet the seed.
const (
	gamma = 0x9E3779B97F4A7C15
	step2 = 0xD1342543DE82EF95
)

// Mix returns the SplitMix64 finaliser of z, a bijection of 64-bit words.
//
// Reference: Steele, Lea, Flood 2014, doi:10.1145/2714064.2660195.
func Mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB
	return z ^ (z >> 31)
}

// Word returns word number counter of the stream with the given key:
//
//	Mix(key + (counter+1)·γ)
func Word(key, counter uint64) uint64 { return Mix(key + (counter+1)*gamma) }

// Child returns the key of the stream numbered id under a parent key. Different
// ids of one parent always have different keys. Keys of different parents, and
// the word sequences of different keys, can meet only by chance: among n keys
// with w words each, about n²·w / 2⁶⁴ pairs share a stretch (0.0005 pairs for a
// million patients of ten thousand words).
func Child(parent, id uint64) uint64 { return Mix(Mix(parent+gamma) + id*step2) }

// Stream is a sequence of random words addressed by index. The zero value is a
// valid stream; New gives one of its own. It holds no state and may be copied
// and used from any number of goroutines.
type Stream struct{ key uint64 }

// New returns the stream of a seed and a name, such as "bootstrap" or
// "psa/effect.pain". Streams of different names are unrelated.
func New(seed uint64, name string) Stream { return Stream{Child(seed, fnv1a(name))} }

// Sub returns the stream numbered id under s: one per replicate, patient or draw.
func (s Stream) Sub(id uint64) Stream { return Stream{Child(s.key, id)} }

// Key returns the key of the stream, for code that calls Word itself.
func (s Stream) Key() uint64 { return s.key }

// Uint64 returns word i.
func (s Stream) Uint64(i uint64) uint64 { return Word(s.key, i) }

// Float64 returns uniform number i in the open interval (0, 1).
func (s Stream) Float64(i uint64) float64 { return Uniform(Word(s.key, i)) }

// Norm returns standard normal number i, made from one word by inversion.
func (s Stream) Norm(i uint64) float64 { return Normal(Uniform(Word(s.key, i))) }

// Cursor returns a cursor at the start of the stream.
func (s Stream) Cursor() *Cursor { return &Cursor{key: s.key} }

// Cursor reads a stream in order. It implements math/rand/v2.Source, so
// rand.New(s.Cursor()) gives shuffles and the rest. It is not safe for
// concurrent use.
type Cursor struct{ key, next uint64 }

// Uint64 returns the next word.
func (c *Cursor) Uint64() uint64 {
	w := Word(c.key, c.next)
	c.next++
	return w
}

// Float64 returns the next uniform number in the open interval (0, 1).
func (c *Cursor) Float64() float64 { return Uniform(c.Uint64()) }

// Norm returns the next standard normal number.
func (c *Cursor) Norm() float64 { return Normal(c.Float64()) }

// IntN returns the next integer uniform on 0..n-1, by multiplication with
// rejection, so it is exactly uniform. It returns 0 when n < 2.
func (c *Cursor) IntN(n int) int {
	if n < 2 {
		return 0
	}
	bound := uint64(n)
	for {
		hi, lo := bits.Mul64(c.Uint64(), bound)
		if lo >= -bound%bound {
			return int(hi)
		}
	}
}

// Perm returns a random order of 0..n-1 (Fisher and Yates).
func (c *Cursor) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		j := c.IntN(i + 1)
		p[i] = p[j]
		p[j] = i
	}
	return p
}

// Uniform maps a word to the open interval (0, 1): the middle of one of 2⁵²
// equal cells, so neither 0 nor 1 can occur and 1−u is exact.
func Uniform(w uint64) float64 { return (float64(w>>12) + 0.5) * 0x1p-52 }

// fnv1a is the 64-bit FNV-1a hash of a name.
func fnv1a(s string) uint64 {
	h := uint64(0xCBF29CE484222325)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 0x100000001B3
	}
	return h
}
