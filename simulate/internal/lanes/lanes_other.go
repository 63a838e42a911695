//go:build !amd64

package lanes

// Use says whether vector instructions are used: there are none for this processor.
var Use = false

// Have says whether the processor has them.
func Have() bool { return false }

// The functions do nothing here.

func Words(_, _ []uint64, _ uint64) int                                            { return 0 }
func Uniforms(_ []float64, _ []uint64, _ uint64) int                               { return 0 }
func Halves(_, _ []float64, _ []uint64, _ uint64) int                              { return 0 }
func Normals(_ []float64, _ []uint64, _ uint64, _ [][4]float64, _ int) int         { return 0 }
func NormalHalves(_, _ []float64, _ []uint64, _ uint64, _ [][4]float64, _ int) int { return 0 }
func Events(_ []uint8, _, _ []float64, _ *Poly) int                                { return 0 }
func Exps(_, _ []float64, _ *Poly) int                                             { return 0 }
func Add(_ *[8]float64, _, _ []float64) int                                        { return 0 }
func AddSquares(_ *[4]float64, _, _ []float64, _ float64) int                      { return 0 }

func weightedEights(_ []float64, _ float64, _ []float64, _ float64, _ []float64) int { return 0 }
func addProductEights(_ []float64, _ float64, _, _ []float64) int                    { return 0 }
func clampEights(_ []float64, _, _ float64) int                                      { return 0 }
func pickEights(_ []int32, _, _ []float64) (done, found int)                         { return 0, 0 }
func Bins(_ []int32, _ []float64, _, _ float64, _ int) int                           { return 0 }
