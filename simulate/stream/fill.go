package stream

import "math"

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
	for i, k := range keys {
		dst[i] = Mix(k + step)
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
	for i, k := range keys {
		dst[i] = Uniform(Mix(k + step))
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
	for i, k := range keys {
		a[i], b[i] = halves(Mix(k + step))
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
