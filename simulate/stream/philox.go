package stream

import "math/bits"

// Philox4x32 returns the 128-bit block of Philox4x32-10 for a counter and key.
//
// Reference: Salmon, Moraes, Dror, Shaw 2011, doi:10.1145/2063384.2063405.
func Philox4x32(counter [4]uint32, key [2]uint32) [4]uint32 {
	const (
		mulA, mulB   = 0xD2511F53, 0xCD9E8D57
		weylA, weylB = 0x9E3779B9, 0xBB67AE85
	)
	c0, c1, c2, c3 := counter[0], counter[1], counter[2], counter[3]
	k0, k1 := key[0], key[1]
	for range 10 {
		hiA, loA := bits.Mul32(mulA, c0)
		hiB, loB := bits.Mul32(mulB, c2)
		c0, c1, c2, c3 = hiB^c1^k0, loB, hiA^c3^k1, loA
		k0 += weylA
		k1 += weylB
	}
	return [4]uint32{c0, c1, c2, c3}
}

// philoxWord is word number counter of the Philox stream with a 64-bit key.
// Half of each block is left unused: a word must not depend on its neighbours.
func philoxWord(key, counter uint64) uint64 {
	b := Philox4x32([4]uint32{uint32(counter), uint32(counter >> 32)}, [2]uint32{uint32(key), uint32(key >> 32)})
	return uint64(b[0]) | uint64(b[1])<<32
}
