package datasets

import "encoding/binary"

const (
	lowBits  = 0x7f7f7f7f7f7f7f7f
	ones     = 0x0101010101010101
	highBits = 0x8080808080808080
)

// separatorsPlain is separators for any processor, eight bytes at a time.
func separatorsPlain(text []byte, delim byte, masks []uint64) {
	at, newline := uint64(delim)*ones, uint64('\n')*ones
	for i := range masks[:len(text)/64] {
		mask := uint64(0)
		for j := range 8 {
			x := binary.LittleEndian.Uint64(text[64*i+8*j:])
			// The high bit of a byte of a sum is clear exactly where the byte is zero,
			// here: equal. Bytes of 0x80 and more are none of the two.
			low := x & lowBits
			m := ^(((low^at)+lowBits)&((low^newline)+lowBits) | x) & highBits
			// The multiplication gathers the eight high bits in the top byte.
			mask |= m >> 7 * 0x0102040810204080 >> 56 << (8 * j)
		}
		masks[i] = mask
	}
}
