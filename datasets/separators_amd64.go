package datasets

import "golang.org/x/sys/cpu"

// separatorsAVX2 is separatorsPlain for at least one word, 32 bytes at a time.
//
//go:noescape
func separatorsAVX2(text *byte, words int, delim byte, masks *uint64)

// separators marks the separators and line breaks of text, whose length is a
// multiple of 64: bit i of a mask stands for byte i of its 64.
func separators(text []byte, delim byte, masks []uint64) {
	if cpu.X86.HasAVX2 && len(text) > 0 {
		separatorsAVX2(&text[0], len(text)/64, delim, &masks[0])
		return
	}
	separatorsPlain(text, delim, masks)
}
