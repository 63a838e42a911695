package simulate

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"recoup/simulate/stream"
)

//go:embed sobol-numbers.txt
var sobolNumbers string

// sobolDimensions is how many parameters the table has numbers for.
const sobolDimensions = 1024

// directions returns the 32 direction numbers of every dimension, the first bit
// after the point as the highest of 32.
//
// With m_1..m_s of the table and the polynomial x^s + a_1·x^(s−1) + ... + 1,
//
//	v_k = v_{k−s} ⊕ v_{k−s}/2^s ⊕ a_1·v_{k−1} ⊕ ... ⊕ a_{s−1}·v_{k−s+1}
var directions = sync.OnceValues(func() ([][32]uint32, error) {
	out := make([][32]uint32, 1, sobolDimensions)
	for k := range out[0] {
		out[0][k] = 1 << (31 - k)
	}
	for line := range strings.Lines(sobolNumbers) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var n []uint32
		for _, f := range strings.Fields(line) {
			x, err := strconv.ParseUint(f, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("direction numbers of dimension %d: %w", len(out)+1, err)
			}
			n = append(n, uint32(x))
		}
		var v [32]uint32
		a, s := n[0], len(n)-1
		for k := range v {
			if k < s {
				v[k] = n[k+1] << (31 - k)
				continue
			}
			v[k] = v[k-s] ^ v[k-s]>>s
			for i := 1; i < s; i++ {
				if a>>(s-1-i)&1 == 1 {
					v[k] ^= v[k-i]
				}
			}
		}
		out = append(out, v)
	}
	return out, nil
})

// sobolColumn is one dimension, scrambled by a key of its own.
type sobolColumn struct {
	v   *[32]uint32
	key uint64
}

func sobolColumns(seed uint64, names []string) ([]sobolColumn, error) {
	if len(names) > sobolDimensions {
		return nil, fmt.Errorf("sobol sampling has numbers for %d parameters and there are %d; use %s", sobolDimensions, len(names), LatinHypercube)
	}
	v, err := directions()
	if err != nil {
		return nil, err
	}
	out := make([]sobolColumn, len(names))
	for i, name := range names {
		out[i] = sobolColumn{&v[i], stream.New(seed, "psa-scramble/"+name).Key()}
	}
	return out, nil
}

// point is coordinate i in the natural order, over 2³².
func (c sobolColumn) point(i uint32) (x uint32) {
	for k := 0; i != 0; i, k = i>>1, k+1 {
		if i&1 == 1 {
			x ^= c.v[k]
		}
	}
	return x
}

// at is coordinate i after Owen's nested uniform scrambling of 52 bits: each bit
// is flipped or not by a random word that depends on the bits above it.
func (c sobolColumn) at(i uint32) float64 {
	x := uint64(c.point(i)) << 32
	var out uint64
	for b := range 52 {
		above := x >> (63 - b) >> 1 // shifting by 64 at once gives 0 too
		flip := stream.Word(stream.Child(c.key, uint64(b)), above) >> 63
		out = out<<1 | (x>>(63-b)&1 ^ flip)
	}
	return stream.Uniform(out << 12)
}
