//go:build !amd64

package datasets

// There are no loops in assembly here.
var fast, wide = false, false

func separators(text []byte, delim byte, ends []uint32) int {
	return separatorsPlain(text, delim, 0, ends)
}

func (s *sight) survey(text []byte) { s.surveyPlain(text) }

func (*fastScratch) manyNumbers([]byte, places, []float64, float64, float64, *decimals, []float64) int {
	return 0
}

func (*fastScratch) manyDates([]byte, places, []int32) int { return 0 }
