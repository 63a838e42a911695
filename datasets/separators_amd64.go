package datasets

import "golang.org/x/sys/cpu"

// fast tells that the processor has the instructions which the loops in assembly are
// made of.
var fast = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT

// wide tells that it also has those of twice the width.
var wide = fast && cpu.X86.HasAVX512F && cpu.X86.HasAVX512CD && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512VBMI2

// separatorsAVX2 is separatorsPlain for at least one word of 64 bytes. It may write up
// to 64 elements more.
//
//go:noescape
func separatorsAVX2(text *byte, words int, delim byte, ends *uint32) int

// separatorsAVX512 is separatorsAVX2.
//
//go:noescape
func separatorsAVX512(text *byte, words int, delim byte, ends *uint32) int

// separators finds the separators and line breaks of text, and returns their number
// and, for each, the position after it.
func separators(text []byte, delim byte, ends []uint32) int {
	n, done := 0, 0
	switch words := len(text) / 64; {
	case !fast || words == 0:
	case wide:
		n, done = separatorsAVX512(&text[0], words, delim, &ends[0]), 64*words
	default:
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
