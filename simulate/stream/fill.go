package stream

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

// Normals sets dst[i] to standard normal number counter of the stream with
// keys[i].
func (g Generator) Normals(dst []float64, keys []uint64, counter uint64) {
	g.Uniforms(dst, keys, counter)
	for i, u := range dst {
		dst[i] = Normal(u)
	}
}
