// Package lanes holds the loops of the simulator that are written in the vector
// instructions of a processor, eight numbers at a time.
//
// Every function does a leading stretch of its slices and returns how long it was, 0
// where the processor has no such instructions. The caller's own plain loop does the
// rest: it is the definition, and both give the same bits, since each operation is
// rounded like the one it stands for and none is fused or reordered.
package lanes

// Poly is the polynomial and the constants by which eˣ is computed; see stream.Exp.
type Poly struct {
	Edge    [2]float64 // over the first it is +Inf, under the second 0
	PerLn2  float64
	Ln2     [2]float64  // upper and lower part
	Factors [12]float64 // of degree 13 to 2
}
