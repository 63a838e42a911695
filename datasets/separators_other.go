//go:build !amd64

package datasets

// fast tells that there are loops in assembly; here are none.
var fast = false

func separators(text []byte, delim byte, ends []uint32) int {
	return separatorsPlain(text, delim, 0, ends)
}

func (s *sight) survey(text []byte) { s.surveyPlain(text) }

func fourNumbers([]byte, places, []float64, float64, float64, []byte) int { return 0 }
