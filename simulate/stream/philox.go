package stream

// Philox4x32 returns the 128-bit block of Philox4x32-10 for a counter and key.
//
// Reference: Salmon, Moraes, Dror, Shaw 2011, doi:10.1145/2063384.2063405.
func Philox4x32(counter [4]uint32, key [2]uint32) [4]uint32 {
	c0, c1, c2, c3 := uint64(counter[0]), uint64(counter[1]), uint64(counter[2]), uint64(counter[3])
	k0, k1 := key[0], key[1]
	for range 10 {
		c0, c1, c2, c3 = philoxRound(c0, c1, c2, c3, k0, k1)
		k0 += weylA
		k1 += weylB
	}
	return [4]uint32{uint32(c0), uint32(c1), uint32(c2), uint32(c3)}
}

const (
	mulA, mulB   = 0xD2511F53, 0xCD9E8D57
	weylA, weylB = 0x9E3779B9, 0xBB67AE85
)

// philoxRound is one round. The four words, 32 bits each, stand in registers of 64.
func philoxRound(c0, c1, c2, c3 uint64, k0, k1 uint32) (d0, d1, d2, d3 uint64) {
	a, b := c0*mulA, c2*mulB
	return b>>32 ^ c1 ^ uint64(k0), b & 0xFFFFFFFF, a>>32 ^ c3 ^ uint64(k1), a & 0xFFFFFFFF
}

// philoxWord is word number counter of the Philox stream with a 64-bit key.
// Half of each block is left unused: a word must not depend on its neighbours.
func philoxWord(key, counter uint64) uint64 {
	c0, c1, c2, c3 := counter&0xFFFFFFFF, counter>>32, uint64(0), uint64(0)
	k0, k1 := uint32(key), uint32(key>>32)
	for range 10 {
		c0, c1, c2, c3 = philoxRound(c0, c1, c2, c3, k0, k1)
		k0 += weylA
		k1 += weylB
	}
	return c0 | c1<<32
}
