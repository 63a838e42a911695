package datasets

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unsafe"
)

const (
	lowBits  = 0x7f7f7f7f7f7f7f7f
	ones     = 0x0101010101010101
	highBits = 0x8080808080808080
)

// endsAfter is how many elements after the last end may be written to.
const endsAfter = 64

// separatorsPlain is separators for any processor, eight bytes at a time. Base is
// where the text begins.
func separatorsPlain(text []byte, delim byte, base int, ends []uint32) int {
	at, newline := uint64(delim)*ones, uint64('\n')*ones
	n, i := 0, 0
	for ; i+8 <= len(text); i += 8 {
		x := binary.LittleEndian.Uint64(text[i:])
		// The high bit of a byte of a sum is clear exactly where the byte is zero,
		// here: equal. Bytes of 0x80 and more are none of the two.
		low := x & lowBits
		for m := ^(((low^at)+lowBits)&((low^newline)+lowBits) | x) & highBits; m != 0; m &= m - 1 {
			ends[n] = uint32(base + i + bits.TrailingZeros64(m)>>3 + 1)
			n++
		}
	}
	for ; i < len(text); i++ {
		if text[i] == delim || text[i] == '\n' {
			ends[n] = uint32(base + i + 1)
			n++
		}
	}
	return n
}

// sight is what there is in a text.
type sight struct {
	lines, quotes int // line breaks and quotes
	seen          uint64
}

// What may be seen in a text.
const (
	sawHigh   = 1 << iota // bytes of 0x80 and more
	sawZero               // bytes of 0
	sawReturn             // carriage returns
)

// surveyPlain is survey for any processor.
func (s *sight) surveyPlain(text []byte) {
	s.lines += bytes.Count(text, []byte{'\n'})
	s.quotes += bytes.Count(text, []byte{'"'})
	if bytes.IndexByte(text, 0) >= 0 {
		s.seen |= sawZero
	}
	if bytes.IndexByte(text, '\r') >= 0 {
		s.seen |= sawReturn
	}
	if !plainText(unsafe.String(unsafe.SliceData(text), len(text))) {
		s.seen |= sawHigh
	}
}
