#include "textflag.h"

// One end: the lowest bit of AX, which it takes off.
#define END(at) \
	TZCNTQ AX, DX; \
	LEAL 1(R10)(DX*1), DX; \
	MOVL DX, at(DI); \
	BLSRQ AX, AX

// func separatorsAVX2(text *byte, words int, delim byte, ends *uint32) int
//
// A word of 64 bytes has about ten separators. Sixteen ends are written for each,
// whatever their number: a loop over them would be mispredicted at its end.
TEXT ·separatorsAVX2(SB), NOSPLIT, $0-40
	MOVQ text+0(FP), SI
	MOVQ words+8(FP), CX
	MOVQ ends+24(FP), DI
	MOVQ DI, R8
	XORL R10, R10
	VPBROADCASTB delim+16(FP), Y0
	MOVL $10, AX
	MOVQ AX, X1
	VPBROADCASTB X1, Y1

next:
	VMOVDQU (SI), Y2
	VMOVDQU 32(SI), Y3
	VPCMPEQB Y0, Y2, Y4
	VPCMPEQB Y1, Y2, Y5
	VPCMPEQB Y0, Y3, Y6
	VPCMPEQB Y1, Y3, Y7
	VPOR Y4, Y5, Y4
	VPOR Y6, Y7, Y6
	VPMOVMSKB Y4, AX
	VPMOVMSKB Y6, BX
	SHLQ $32, BX
	ORQ BX, AX
	POPCNTQ AX, BX

ends:
	END(0)
	END(4)
	END(8)
	END(12)
	END(16)
	END(20)
	END(24)
	END(28)
	END(32)
	END(36)
	END(40)
	END(44)
	END(48)
	END(52)
	END(56)
	END(60)
	CMPQ BX, $16
	JGT more
	LEAQ (DI)(BX*4), DI
	ADDL $64, R10
	ADDQ $64, SI
	DECQ CX
	JNZ next
	VZEROUPPER
	SUBQ R8, DI
	SHRQ $2, DI
	MOVQ DI, ret+32(FP)
	RET

more:
	ADDQ $64, DI
	SUBQ $16, BX
	JMP ends

// 1 to 64.
DATA places<>+0(SB)/8, $0x0807060504030201
DATA places<>+8(SB)/8, $0x100f0e0d0c0b0a09
DATA places<>+16(SB)/8, $0x1817161514131211
DATA places<>+24(SB)/8, $0x201f1e1d1c1b1a19
DATA places<>+32(SB)/8, $0x2827262524232221
DATA places<>+40(SB)/8, $0x302f2e2d2c2b2a29
DATA places<>+48(SB)/8, $0x3837363534333231
DATA places<>+56(SB)/8, $0x403f3e3d3c3b3a39
GLOBL places<>(SB), RODATA|NOPTR, $64

// Sixteen ends: those in a quarter of Z4, which is X.
#define ENDS(X, at) \
	VPMOVZXBD X, Z5; \
	VPADDD Z10, Z5, Z5; \
	VMOVDQU32 Z5, at(DI)

// func separatorsAVX512(text *byte, words int, delim byte, ends *uint32) int
//
// The places of a word's separators are closed up as bytes. Sixteen ends are written
// for each, whatever their number, and 64 where there are more.
TEXT ·separatorsAVX512(SB), NOSPLIT, $0-40
	MOVQ text+0(FP), SI
	MOVQ words+8(FP), CX
	MOVQ ends+24(FP), DI
	MOVQ DI, R8
	VPBROADCASTB delim+16(FP), Z0
	MOVL $10, AX
	VPBROADCASTB AX, Z1
	VMOVDQU64 places<>(SB), Z2
	MOVL $64, AX
	VPBROADCASTD AX, Z11
	VPXORD Z10, Z10, Z10 // before the word

next:
	VMOVDQU64 (SI), Z3
	VPCMPEQB Z0, Z3, K1
	VPCMPEQB Z1, Z3, K2
	KORQ K1, K2, K1
	KMOVQ K1, BX
	VPCOMPRESSB.Z Z2, K1, Z4
	POPCNTQ BX, BX
	ENDS(X4, 0)
	CMPQ BX, $16
	JGT more

written:
	LEAQ (DI)(BX*4), DI
	VPADDD Z11, Z10, Z10
	ADDQ $64, SI
	DECQ CX
	JNZ next
	VZEROUPPER
	SUBQ R8, DI
	SHRQ $2, DI
	MOVQ DI, ret+32(FP)
	RET

more:
	VEXTRACTI32X4 $1, Z4, X6
	ENDS(X6, 64)
	VEXTRACTI32X4 $2, Z4, X6
	ENDS(X6, 128)
	VEXTRACTI32X4 $3, Z4, X6
	ENDS(X6, 192)
	JMP written

// func surveyAVX2(text *byte, words int) (lines, quotes int, seen uint64)
TEXT ·surveyAVX2(SB), NOSPLIT, $0-40
	MOVQ text+0(FP), SI
	MOVQ words+8(FP), CX
	MOVL $10, AX
	MOVQ AX, X0
	VPBROADCASTB X0, Y0
	MOVL $34, AX
	MOVQ AX, X1
	VPBROADCASTB X1, Y1
	MOVL $13, AX
	MOVQ AX, X2
	VPBROADCASTB X2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y12, Y12, Y12 // bytes of 0x80 and more, by their high bits
	VPXOR Y13, Y13, Y13 // zeros
	VPXOR Y14, Y14, Y14 // carriage returns
	XORQ R8, R8
	XORQ R9, R9

next:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5
	VPCMPEQB Y0, Y4, Y6
	VPCMPEQB Y0, Y5, Y7
	VPCMPEQB Y1, Y4, Y8
	VPCMPEQB Y1, Y5, Y9
	VPMOVMSKB Y6, AX
	VPMOVMSKB Y7, BX
	SHLQ $32, BX
	ORQ BX, AX
	POPCNTQ AX, AX
	ADDQ AX, R8
	VPMOVMSKB Y8, AX
	VPMOVMSKB Y9, BX
	SHLQ $32, BX
	ORQ BX, AX
	POPCNTQ AX, AX
	ADDQ AX, R9
	VPCMPEQB Y2, Y4, Y6
	VPCMPEQB Y2, Y5, Y7
	VPCMPEQB Y3, Y4, Y8
	VPCMPEQB Y3, Y5, Y9
	VPOR Y4, Y12, Y12
	VPOR Y5, Y12, Y12
	VPOR Y6, Y14, Y14
	VPOR Y7, Y14, Y14
	VPOR Y8, Y13, Y13
	VPOR Y9, Y13, Y13
	ADDQ $64, SI
	DECQ CX
	JNZ next
	VPMOVMSKB Y12, AX
	VPMOVMSKB Y13, BX
	VPMOVMSKB Y14, DX
	XORQ CX, CX
	TESTL AX, AX
	JEQ zeros
	ORQ $1, CX

zeros:
	TESTL BX, BX
	JEQ returns
	ORQ $2, CX

returns:
	TESTL DX, DX
	JEQ done
	ORQ $4, CX

done:
	VZEROUPPER
	MOVQ R8, lines+16(FP)
	MOVQ R9, quotes+24(FP)
	MOVQ CX, seen+32(FP)
	RET
