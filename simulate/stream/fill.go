package stream

import (
	"math"

	"recoup/simulate/internal/lanes"
)

// Generator chooses how words are made from keys and counters. The zero value
// is SplitMix64.
type Generator int

// The generators.
const (
	SplitMix64 Generator = iota // Mix of key and counter; about 1 ns a word
	Philox                      // Philox4x32-10; about 7 ns a word
)

// String returns the name of the generator as scenarios and results write it.
func (g Generator) String() string {
	if g == Philox {
		return "philox4x32-10"
	}
	return "splitmix64"
}

// Fill sets dst[i] to word number counter of the stream with keys[i]. The
// slices must have the same length.
func (g Generator) Fill(dst, keys []uint64, counter uint64) {
	if len(dst) != len(keys) {
		return
	}
	if g == Philox {
		for i, k := range keys {
			dst[i] = philoxWord(k, counter)
		}
		return
	}
	step := (counter + 1) * gamma
	for i := lanes.Words(dst, keys, step); i < len(keys); i++ {
		dst[i] = Mix(keys[i] + step)
	}
}

// Uniforms sets dst[i] to uniform number counter in (0, 1) of the stream with
// keys[i].
func (g Generator) Uniforms(dst []float64, keys []uint64, counter uint64) {
	if len(dst) != len(keys) {
		return
	}
	if g == Philox {
		for i, k := range keys {
			dst[i] = Uniform(philoxWord(k, counter))
		}
		return
	}
	step := (counter + 1) * gamma
	for i := lanes.Uniforms(dst, keys, step); i < len(keys); i++ {
		dst[i] = Uniform(Mix(keys[i] + step))
	}
}

// Halves sets a[i] and b[i] to two uniform numbers in (0, 1) made of the halves of
// word number counter of the stream with keys[i]: quicker than two words, in steps
// of 2⁻³², which is fine enough for events of a cycle.
func (g Generator) Halves(a, b []float64, keys []uint64, counter uint64) {
	if len(a) != len(keys) || len(b) != len(keys) {
		return
	}
	if g == Philox {
		for i, k := range keys {
			a[i], b[i] = halves(philoxWord(k, counter))
		}
		return
	}
	step := (counter + 1) * gamma
	for i := lanes.Halves(a, b, keys, step); i < len(keys); i++ {
		a[i], b[i] = halves(Mix(keys[i] + step))
	}
}

func halves(w uint64) (a, b float64) {
	return (float64(int64(w>>32)) + 0.5) * 0x1p-32, (float64(int64(w&(1<<32-1))) + 0.5) * 0x1p-32
}

// Normals sets dst[i] to standard normal number counter of the stream with
// keys[i]: Normal of what Uniforms gives, to the bit.
func (g Generator) Normals(dst []float64, keys []uint64, counter uint64) {
	if len(dst) != len(keys) {
		return
	}
	if g == Philox {
		for i, k := range keys {
			dst[i] = Normal(Uniform(philoxWord(k, counter)))
		}
		return
	}
	step := (counter + 1) * gamma
	done := lanes.Normals(dst, keys, step, normalTable[:], normalBase+53<<4)
	dst, keys = dst[done:], keys[done:]
	for i, k := range keys {
		// The word's first bit is the side of one half. The next 51, turned round on
		// the upper side, are t, and (2t+1)·2⁻⁵³ is the distance from the nearer end.
		// Its place in the table can be read off the float of 2t+1.
		w := Mix(k + step)
		side := uint64(int64(w) >> 63)
		b := math.Float64bits(float64(int64((w^side)>>12<<1 | 1)))
		j := int(b>>48) - normalBase - 53<<4
		if uint(j) >= uint(len(normalTable)) {
			dst[i] = Normal(Uniform(w))
			continue
		}
		c, t := &normalTable[j], float64(int64(b&(1<<48-1)))
		x := float64((float64((float64(c[3]*t)+c[2])*t)+c[1])*t) + c[0]
		dst[i] = math.Float64frombits(math.Float64bits(x)&^(1<<63) | side&(1<<63) ^ 1<<63)
	}
}

// NormalHalves sets a[i] and b[i] to two standard normal numbers made of the halves of
// word number counter of the stream with keys[i]: Normal of what Halves gives, to the
// bit. Quicker than two words; none is further out than 6.3.
func (g Generator) NormalHalves(a, b []float64, keys []uint64, counter uint64) {
	if len(a) != len(keys) || len(b) != len(keys) {
		return
	}
	if g == Philox {
		for i, k := range keys {
			u, v := halves(philoxWord(k, counter))
			a[i], b[i] = Normal(u), Normal(v)
		}
		return
	}
	step := (counter + 1) * gamma
	done := lanes.NormalHalves(a, b, keys, step, normalTable[:], normalBase+33<<4)
	a, b, keys = a[done:], b[done:], keys[done:]
	var words [256]int64
	for len(keys) > 0 {
		n := min(len(keys), len(words))
		for i, k := range keys[:n] {
			words[i] = int64(Mix(k + step))
		}
		upperNormals(a[:n], words[:n])
		for i := range words[:n] {
			words[i] <<= 32
		}
		upperNormals(b[:n], words[:n])
		a, b, keys = a[n:], b[n:], keys[n:]
	}
}

// upperNormals sets dst[i] to the normal number of the upper half of a word: its first bit
// is the side, and the next 31, turned round on the upper side, are t of the distance
// (2t+1)·2⁻³³ from the nearer end.
func upperNormals(dst []float64, words []int64) {
	if len(dst) != len(words) {
		return
	}
	for i, w := range words {
		side := uint64(w >> 63)
		b := math.Float64bits(float64(int64((uint64(w)^side)>>32<<1 | 1)))
		j := int(b>>48) - normalBase - 33<<4
		if uint(j) >= uint(len(normalTable)) {
			continue // never: 31 bits have their place in the table
		}
		c, t := &normalTable[j], float64(int64(b&(1<<48-1)))
		x := float64((float64((float64(c[3]*t)+c[2])*t)+c[1])*t) + c[0]
		dst[i] = math.Float64frombits(math.Float64bits(x)&^(1<<63) | side&(1<<63) ^ 1<<63)
	}
}
