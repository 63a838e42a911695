package fit

import "math"

// rising returns the positions of values from the smallest on, those of equal values
// in their order. It sorts by digits of the bits, which for a million values is many
// times faster than by comparing. Missing values are not allowed.
func rising(x []float64) []int32 {
	const digit = 11
	n := len(x)
	keys, order := make([]uint64, n), make([]int32, n)
	for i, v := range x {
		b := math.Float64bits(v + 0) // one zero
		if b>>63 == 1 {
			b = ^b
		} else {
			b |= 1 << 63
		}
		keys[i], order[i] = b, int32(i)
	}
	spareKeys, spare := make([]uint64, n), make([]int32, n)
	for shift := 0; shift < 64; shift += digit {
		var count [1<<digit + 1]int
		for _, k := range keys {
			count[k>>shift&(1<<digit-1)+1]++
		}
		if n > 0 && count[keys[0]>>shift&(1<<digit-1)+1] == n {
			continue // all the same in this digit
		}
		for d := range 1 << digit {
			count[d+1] += count[d]
		}
		for i, k := range keys {
			d := k >> shift & (1<<digit - 1)
			spareKeys[count[d]], spare[count[d]] = k, order[i]
			count[d]++
		}
		keys, spareKeys, order, spare = spareKeys, keys, spare, order
	}
	return order
}

// block is how many rows of a design a cross product takes at a time.
const block = 64

// weightedCross returns Σ g zz' over rows z of p values, by rows of the whole square.
func weightedCross(z, g []float64, p int) []float64 {
	out := make([]float64, p*p)
	n := len(g)
	columns, scaled := make([]float64, p*block), make([]float64, p*block)
	for from := 0; from < n; from += block {
		rows := min(block, n-from)
		for j := range p {
			c, s := columns[j*block:j*block+block], scaled[j*block:j*block+block]
			if rows < block {
				clear(c[rows:])
				clear(s[rows:])
			}
			for i, at := 0, from*p+j; i < rows; i, at = i+1, at+p {
				c[i] = z[at]
				s[i] = z[at] * g[from+i]
			}
		}
		for i := range p {
			s := (*[block]float64)(scaled[i*block:])
			for j := i; j < p; j++ {
				c := (*[block]float64)(columns[j*block:])
				var a0, a1, a2, a3 float64
				for k := 0; k < block; k += 4 {
					a0 += float64(s[k] * c[k])
					a1 += float64(s[k+1] * c[k+1])
					a2 += float64(s[k+2] * c[k+2])
					a3 += float64(s[k+3] * c[k+3])
				}
				out[i*p+j] += (a0 + a1) + (a2 + a3)
			}
		}
	}
	for i := range p {
		for j := range i {
			out[i*p+j] = out[j*p+i]
		}
	}
	return out
}

// Rising returns the positions of values from the smallest on, those of equal values
// in their order. Missing values are not allowed.
func Rising(x []float64) []int32 { return rising(x) }
