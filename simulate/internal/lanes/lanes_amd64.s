#include "textflag.h"

// Columns of four rows each, from the pairs of columns of two rows.
DATA even<>+0(SB)/8, $0
DATA even<>+8(SB)/8, $1
DATA even<>+16(SB)/8, $8
DATA even<>+24(SB)/8, $9
DATA even<>+32(SB)/8, $4
DATA even<>+40(SB)/8, $5
DATA even<>+48(SB)/8, $12
DATA even<>+56(SB)/8, $13
GLOBL even<>(SB), RODATA|NOPTR, $64
DATA odd<>+0(SB)/8, $2
DATA odd<>+8(SB)/8, $3
DATA odd<>+16(SB)/8, $10
DATA odd<>+24(SB)/8, $11
DATA odd<>+32(SB)/8, $6
DATA odd<>+40(SB)/8, $7
DATA odd<>+48(SB)/8, $14
DATA odd<>+56(SB)/8, $15
GLOBL odd<>(SB), RODATA|NOPTR, $64

// ALL fills a register with eight copies of a constant.
#define ALL(bits, reg) \
	MOVQ bits, AX; \
	VPBROADCASTQ AX, reg

// MIXERS readies Z31 and Z30 for MIX.
#define MIXERS \
	ALL($0xBF58476D1CE4E5B9, Z31); \
	ALL($0x94D049BB133111EB, Z30)

// MIX: z = (z ^ z>>30) * M1; z = (z ^ z>>27) * M2; z ^= z>>31
#define MIX(z, t) \
	VPSRLQ $30, z, t; \
	VPXORQ t, z, z; \
	VPMULLQ Z31, z, z; \
	VPSRLQ $27, z, t; \
	VPXORQ t, z, z; \
	VPMULLQ Z30, z, z; \
	VPSRLQ $31, z, t; \
	VPXORQ t, z, z

// func words(dst, keys *uint64, n int, step uint64)
TEXT ·words(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ keys+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTQ step+24(FP), Z29
	MIXERS

next:
	VPADDQ (SI), Z29, Z0 // keys[i] + step
	MIX(Z0, Z1)
	VMOVDQU64 Z0, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

// func uniforms(dst *float64, keys *uint64, n int, step uint64)
TEXT ·uniforms(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ keys+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTQ step+24(FP), Z29
	MIXERS
	ALL($0x3FE0000000000000, Z28) // 0.5
	ALL($0x3CB0000000000000, Z27) // 2⁻⁵²

next:
	VPADDQ (SI), Z29, Z0
	MIX(Z0, Z1)
	VPSRLQ $12, Z0, Z0 // (float64(w>>12) + 0.5) * 0x1p-52
	VCVTQQ2PD Z0, Z0
	VADDPD Z28, Z0, Z0
	VMULPD Z27, Z0, Z0
	VMOVUPD Z0, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

// func halves(a, b *float64, keys *uint64, n int, step uint64)
TEXT ·halves(SB), NOSPLIT, $0-40
	MOVQ a+0(FP), DI
	MOVQ b+8(FP), DX
	MOVQ keys+16(FP), SI
	MOVQ n+24(FP), CX
	VPBROADCASTQ step+32(FP), Z29
	MIXERS
	ALL($0x3FE0000000000000, Z28) // 0.5
	ALL($0x3DF0000000000000, Z27) // 2⁻³²
	ALL($0xFFFFFFFF, Z26)

next:
	VPADDQ (SI), Z29, Z0
	MIX(Z0, Z1)
	VPSRLQ $32, Z0, Z1 // (float64(w>>32) + 0.5) * 0x1p-32
	VCVTQQ2PD Z1, Z1
	VADDPD Z28, Z1, Z1
	VMULPD Z27, Z1, Z1
	VMOVUPD Z1, (DI)
	VPANDQ Z26, Z0, Z0 // (float64(w&(1<<32-1)) + 0.5) * 0x1p-32
	VCVTQQ2PD Z0, Z0
	VADDPD Z28, Z0, Z0
	VMULPD Z27, Z0, Z0
	VMOVUPD Z0, (DX)
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, DX
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

// NORMALS readies Z28 to Z24 and the table in BX for NORMAL: BX is where the row of a
// number with upper bits of 0 would stand, so that these bits are the place of a row.
// R12 is eight aligned words of the stack.
#define NORMALS \
	LEAQ rows-128(SP), R12; \
	ADDQ $63, R12; \
	ANDQ $~63, R12; \
	SHLQ $5, AX; \
	SUBQ AX, BX; \
	ALL($1, Z28); \
	ALL($0x0000FFFFFFFFFFFF, Z27); \
	ALL($0x8000000000000000, Z26); \
	VMOVDQU64 even<>(SB), Z25; \
	VMOVDQU64 odd<>(SB), Z24

// NORMAL makes normal numbers of the words w, of which it takes all but the lowest
// drop bits. The rows of the table are read one by one and turned to columns, which is
// quicker than a gather of each column.
//	side = uint64(int64(w) >> 63)
//	b = math.Float64bits(float64(int64((w^side)>>drop<<1 | 1)))
//	c = table[b>>48 − first]
//	t = float64(int64(b & (1<<48 − 1)))
//	x = ((c[3]*t + c[2])*t + c[1])*t + c[0], each step rounded
//	to = x without its sign | (w ^ 1<<63)'s sign
#define NORMAL(w, drop, to) \
	VPSRAQ $63, w, Z2; \
	VPXORQ Z2, w, Z2; \
	VPSRLQ drop, Z2, Z2; \
	VPADDQ Z2, Z2, Z2; \
	VPORQ Z28, Z2, Z2; \
	VCVTQQ2PD Z2, Z2; \
	VPSRLQ $48, Z2, Z3; \
	VPSLLQ $5, Z3, Z3; \
	VMOVDQA64 Z3, (R12); \
	VPANDQ Z27, Z2, Z2; \
	VCVTQQ2PD Z2, Z2; \
	MOVQ 0(R12), R8; \
	MOVQ 8(R12), R9; \
	MOVQ 16(R12), R10; \
	MOVQ 24(R12), R11; \
	VMOVUPD (BX)(R8*1), Y4; \
	VMOVUPD (BX)(R9*1), Y5; \
	VMOVUPD (BX)(R10*1), Y6; \
	VMOVUPD (BX)(R11*1), Y7; \
	MOVQ 32(R12), R8; \
	MOVQ 40(R12), R9; \
	MOVQ 48(R12), R10; \
	MOVQ 56(R12), R11; \
	VINSERTF64X4 $1, (BX)(R8*1), Z4, Z4; \
	VINSERTF64X4 $1, (BX)(R9*1), Z5, Z5; \
	VINSERTF64X4 $1, (BX)(R10*1), Z6, Z6; \
	VINSERTF64X4 $1, (BX)(R11*1), Z7, Z7; \
	VUNPCKLPD Z5, Z4, Z8; \
	VUNPCKHPD Z5, Z4, Z9; \
	VUNPCKLPD Z7, Z6, Z10; \
	VUNPCKHPD Z7, Z6, Z11; \
	VMOVAPD Z8, Z12; \
	VMOVAPD Z9, Z13; \
	VPERMT2PD Z10, Z25, Z8; \
	VPERMT2PD Z11, Z25, Z9; \
	VPERMT2PD Z10, Z24, Z12; \
	VPERMT2PD Z11, Z24, Z13; \
	VMULPD Z2, Z13, Z13; \
	VADDPD Z12, Z13, Z13; \
	VMULPD Z2, Z13, Z13; \
	VADDPD Z9, Z13, Z13; \
	VMULPD Z2, Z13, Z13; \
	VADDPD Z8, Z13, Z13; \
	VPANDNQ Z13, Z26, Z13; \
	VPANDNQ Z26, w, Z2; \
	VPORQ Z2, Z13, to

// func normals(dst *float64, keys *uint64, n int, step uint64, table *[4]float64, first int)
TEXT ·normals(SB), NOSPLIT, $128-48
	MOVQ dst+0(FP), DI
	MOVQ keys+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTQ step+24(FP), Z29
	MOVQ table+32(FP), BX
	MOVQ first+40(FP), AX
	NORMALS
	MIXERS

next:
	VPADDQ (SI), Z29, Z0
	MIX(Z0, Z1)
	NORMAL(Z0, $12, Z1)
	VMOVUPD Z1, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

// func normalHalves(a, b *float64, keys *uint64, n int, step uint64, table *[4]float64, first int)
TEXT ·normalHalves(SB), NOSPLIT, $128-56
	MOVQ a+0(FP), DI
	MOVQ b+8(FP), DX
	MOVQ keys+16(FP), SI
	MOVQ n+24(FP), CX
	VPBROADCASTQ step+32(FP), Z29
	MOVQ table+40(FP), BX
	MOVQ first+48(FP), AX
	NORMALS
	MIXERS

next:
	VPADDQ (SI), Z29, Z0
	MIX(Z0, Z1)
	NORMAL(Z0, $32, Z1)
	VMOVUPD Z1, (DI)
	VPSLLQ $32, Z0, Z0
	NORMAL(Z0, $32, Z1)
	VMOVUPD Z1, (DX)
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, DX
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

// EXPS readies Z31 to Z12 for EXP from a Poly in BX.
#define EXPS \
	VBROADCASTSD 0(BX), Z31; \
	VBROADCASTSD 8(BX), Z30; \
	VBROADCASTSD 16(BX), Z29; \
	VBROADCASTSD 24(BX), Z28; \
	VBROADCASTSD 32(BX), Z27; \
	VBROADCASTSD 40(BX), Z26; \
	VBROADCASTSD 48(BX), Z25; \
	VBROADCASTSD 56(BX), Z24; \
	VBROADCASTSD 64(BX), Z23; \
	VBROADCASTSD 72(BX), Z22; \
	VBROADCASTSD 80(BX), Z21; \
	VBROADCASTSD 88(BX), Z20; \
	VBROADCASTSD 96(BX), Z19; \
	VBROADCASTSD 104(BX), Z18; \
	VBROADCASTSD 112(BX), Z17; \
	VBROADCASTSD 120(BX), Z16; \
	VBROADCASTSD 128(BX), Z15; \
	ALL($0x3FF0000000000000, Z14); \
	ALL($0x7FF0000000000000, Z13); \
	ALL($1022, Z12)

// STEP: p = float64(p*r) + c
#define STEP(c) \
	VMULPD Z2, Z3, Z3; \
	VADDPD c, Z3, Z3

// EXP makes Z3 = eˣ of Z0, except that a NaN may have changed.
//	k = math.Floor(float64(x*(1/math.Ln2)) + 0.5)
//	r = (x − float64(k*ln2Hi)) − float64(k*ln2Lo)
//	p = the Taylor series
//	2 * float64((1+p)*math.Float64frombits(uint64(int64(k)+1022)<<52))
#define EXP \
	VMULPD Z29, Z0, Z1; \
	VADDPD Z15, Z1, Z1; \
	VRNDSCALEPD $9, Z1, Z1; \
	VMULPD Z28, Z1, Z2; \
	VSUBPD Z2, Z0, Z2; \
	VMULPD Z27, Z1, Z3; \
	VSUBPD Z3, Z2, Z2; \
	VMOVAPD Z26, Z3; \
	STEP(Z25); \
	STEP(Z24); \
	STEP(Z23); \
	STEP(Z22); \
	STEP(Z21); \
	STEP(Z20); \
	STEP(Z19); \
	STEP(Z18); \
	STEP(Z17); \
	STEP(Z16); \
	STEP(Z15); \
	VMULPD Z2, Z3, Z3; \
	VMULPD Z2, Z3, Z3; \
	VADDPD Z2, Z3, Z3; \
	VADDPD Z14, Z3, Z3; \
	VCVTPD2QQ Z1, Z1; \
	VPADDQ Z12, Z1, Z1; \
	VPSLLQ $52, Z1, Z1; \
	VMULPD Z1, Z3, Z3; \
	VADDPD Z3, Z3, Z3; \
	VCMPPD $30, Z31, Z0, K1; \
	VMOVAPD Z13, K1, Z3; \
	VCMPPD $17, Z30, Z0, K1; \
	VPXORQ Z3, Z3, K1, Z3

// func exps(dst, x *float64, n int, p *Poly)
TEXT ·exps(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ p+24(FP), BX
	EXPS

next:
	VMOVUPD (SI), Z0
	EXP
	VCMPPD $3, Z0, Z0, K1 // where x != x, x
	VMOVAPD Z0, K1, Z3
	VMOVUPD Z3, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

// func events(hit *uint8, u, x *float64, n int, p *Poly)
TEXT ·events(SB), NOSPLIT, $0-40
	MOVQ hit+0(FP), DI
	MOVQ u+8(FP), DX
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	MOVQ p+32(FP), BX
	EXPS
	ALL($0x8000000000000000, Z11)
	MOVQ $0x0101010101010101, R8

next:
	VPXORQ (SI), Z11, Z0
	EXP // e⁻ˣ
	VADDPD Z14, Z3, Z3
	VDIVPD Z3, Z14, Z3 // 1 / (1 + e⁻ˣ)
	VMOVUPD (DX), Z0
	VCMPPD $17, Z3, Z0, K1 // u < it
	KMOVW K1, AX
	PDEPQ R8, AX, AX // a byte for each bit
	MOVQ AX, (DI)
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $8, DI
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

// func add(sums *[8]float64, x, include *float64, n int)
TEXT ·add(SB), NOSPLIT, $0-32
	MOVQ sums+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ include+16(FP), DX
	MOVQ n+24(FP), CX
	VXORPD Y0, Y0, Y0
	VMOVUPD (DI), Y1
	VMOVUPD 32(DI), Y2

next:
	VMOVUPD (DX), Y3
	VMOVUPD 32(DX), Y4
	VADDPD Y3, Y1, Y1
	VCMPPD $4, Y0, Y3, K1
	VADDPD (SI), Y2, K1, Y2
	VADDPD Y4, Y1, Y1
	VCMPPD $4, Y0, Y4, K2
	VADDPD 32(SI), Y2, K2, Y2
	ADDQ $64, SI
	ADDQ $64, DX
	SUBQ $8, CX
	JNZ next
	VMOVUPD Y1, (DI)
	VMOVUPD Y2, 32(DI)
	VZEROUPPER
	RET

// func addSquares(sums *[4]float64, x, include *float64, n int, mean float64)
TEXT ·addSquares(SB), NOSPLIT, $0-40
	MOVQ sums+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ include+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSD mean+32(FP), Y1
	VXORPD Y0, Y0, Y0
	VMOVUPD (DI), Y2

next:
	VMOVUPD (SI), Y3
	VMOVUPD 32(SI), Y4
	VSUBPD Y1, Y3, Y3 // x − mean
	VSUBPD Y1, Y4, Y4
	VMULPD Y3, Y3, Y3
	VMULPD Y4, Y4, Y4
	VCMPPD $4, (DX), Y0, K1
	VCMPPD $4, 32(DX), Y0, K2
	VADDPD Y3, Y2, K1, Y2
	VADDPD Y4, Y2, K2, Y2
	ADDQ $64, SI
	ADDQ $64, DX
	SUBQ $8, CX
	JNZ next
	VMOVUPD Y2, (DI)
	VZEROUPPER
	RET

// func weighted(dst *float64, a float64, x *float64, b float64, y *float64, n int)
TEXT ·weighted(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	VBROADCASTSD a+8(FP), Z0
	MOVQ x+16(FP), SI
	VBROADCASTSD b+24(FP), Z1
	MOVQ y+32(FP), DX
	MOVQ n+40(FP), CX

next:
	VMULPD (SI), Z0, Z2
	VMULPD (DX), Z1, Z3
	VADDPD Z3, Z2, Z2 // float64(a*x[i]) + float64(b*y[i])
	VMOVUPD Z2, (DI)
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $64, DI
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

// func addProduct(dst *float64, a float64, x, y *float64, n int)
TEXT ·addProduct(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	VBROADCASTSD a+8(FP), Z0
	MOVQ x+16(FP), SI
	MOVQ y+24(FP), DX
	MOVQ n+32(FP), CX

next:
	VMULPD (SI), Z0, Z1
	VMULPD (DX), Z1, Z1
	VADDPD (DI), Z1, Z1 // dst[i] + float64(float64(a*x[i])*y[i])
	VMOVUPD Z1, (DI)
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $64, DI
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

// func clamp(x *float64, lo, hi float64, n int)
TEXT ·clamp(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	VBROADCASTSD lo+8(FP), Z0
	VBROADCASTSD hi+16(FP), Z1
	MOVQ n+24(FP), CX

next:
	VMOVUPD (DI), Z2
	VMAXPD Z2, Z0, Z2 // lo if lo > x, else x
	VMINPD Z2, Z1, Z2 // hi if hi < x, else x
	VMOVUPD Z2, (DI)
	ADDQ $64, DI
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET

DATA places<>+0(SB)/8, $0x0000000100000000
DATA places<>+8(SB)/8, $0x0000000300000002
DATA places<>+16(SB)/8, $0x0000000500000004
DATA places<>+24(SB)/8, $0x0000000700000006
GLOBL places<>(SB), RODATA|NOPTR, $32

// func pick(list *int32, x, over *float64, n int) int
TEXT ·pick(SB), NOSPLIT, $0-40
	MOVQ list+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ over+16(FP), DX
	MOVQ n+24(FP), CX
	VMOVDQU places<>(SB), Y1
	MOVL $8, AX
	VPBROADCASTD AX, Y2
	MOVQ DI, R8

next:
	VMOVUPD (SI), Z0
	VCMPPD $30, (DX), Z0, K1 // x[i] > over[i]
	VPCOMPRESSD Y1, K1, Y3   // their places, side by side
	VMOVDQU Y3, (DI)
	KMOVW K1, AX
	POPCNTL AX, AX
	LEAQ (DI)(AX*4), DI
	VPADDD Y2, Y1, Y1
	ADDQ $64, SI
	ADDQ $64, DX
	SUBQ $8, CX
	JNZ next
	SUBQ R8, DI
	SHRQ $2, DI
	MOVQ DI, ret+32(FP)
	VZEROUPPER
	RET

// func bins(dst *int32, x *float64, n int, low, scale float64, last int)
TEXT ·bins(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSD low+24(FP), Z0
	VBROADCASTSD scale+32(FP), Z1
	VPBROADCASTQ last+40(FP), Z2
	VPXORQ Z3, Z3, Z3

next:
	VMOVUPD (SI), Z4
	VSUBPD Z0, Z4, Z4 // int(float64((x[i] − low) * scale))
	VMULPD Z1, Z4, Z4
	VCVTTPD2QQ Z4, Z4
	VPMINSQ Z2, Z4, Z4
	VPMAXSQ Z3, Z4, Z4
	VPMOVQD Z4, (DI)
	ADDQ $64, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ next
	VZEROUPPER
	RET
