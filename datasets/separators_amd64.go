package datasets

import "golang.org/x/sys/cpu"

// fast tells that the processor has the instructions which the loops in assembly are
// made of.
var fast = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasPOPCNT

// separatorsAVX2 is separatorsPlain for at least one word of 64 bytes. It may write up
// to 64 elements more.
//
//go:noescape
func separatorsAVX2(text *byte, words int, delim byte, ends *uint32) int

// separators finds the separators and line breaks of text, and returns their number
// and, for each, the position after it.
func separators(text []byte, delim byte, ends []uint32) int {
	n, done := 0, 0
	if words := len(text) / 64; fast && words > 0 {
		n, done = separatorsAVX2(&text[0], words, delim, &ends[0]), 64*words
	}
	return n + separatorsPlain(text[done:], delim, done, ends[n:])
}

// surveyAVX2 is surveyPlain for at least one word of 64 bytes.
//
//go:noescape
func surveyAVX2(text *byte, words int) (lines, quotes int, seen uint64)

// survey adds what there is in text to s.
func (s *sight) survey(text []byte) {
	if n := len(text) / 64; fast && n > 0 {
		lines, quotes, seen := surveyAVX2(&text[0], n)
		s.lines, s.quotes, s.seen = s.lines+lines, s.quotes+quotes, s.seen|seen
		text = text[64*n:]
	}
	s.surveyPlain(text)
}

// numbersAVX2 reads groups of four cells, at least one. Its marks hold a group's
// empty cells in their low four bits, and in the high ones those that are not plain.
//
//go:noescape
func numbersAVX2(text *byte, ends *uint32, stride, groups int, out *float64, low, high float64, powers *float64, marks *byte)

// fourNumbers reads the first cells of a column as decimals from low to high, as many as
// it returns: a multiple of four. Eight bytes before the text can be read.
func fourNumbers(text []byte, cells places, out []float64, low, high float64, marks []byte) int {
	n := len(out) / 4
	if !fast || n == 0 {
		return 0
	}
	numbersAVX2(&text[0], &cells.ends[0], cells.stride, n, &out[0], low, high, &powers[0], &marks[0])
	return 4 * n
}
