#include "textflag.h"

// Four times the same word.
#define FOUR(name, word) \
	DATA name<>+0(SB)/8, $word; \
	DATA name<>+8(SB)/8, $word; \
	DATA name<>+16(SB)/8, $word; \
	DATA name<>+24(SB)/8, $word; \
	GLOBL name<>(SB), RODATA|NOPTR, $32

FOUR(zeros, 0x3030303030303030)
FOUR(minus, 0x1d1d1d1d1d1d1d1d)
FOUR(units, 0x0101010101010101)
FOUR(nines, 0x0909090909090909)
FOUR(tens, 0x010A010A010A010A)
FOUR(hundreds, 0x0001006400010064)
FOUR(myriads, 10000)
FOUR(magic, 0x4330000000000000)
FOUR(word, 64)
FOUR(eight, 8)
FOUR(one, 1)
FOUR(three, 3)
FOUR(upper, 0x100000000)

// func numbersAVX2(words *uint64, sizes *uint32, rows int, out *float64, low, high float64, d *decimals, codes *float64, n int, empty, odd *uint64)
//
// Four cells a turn. Y2 is the size of a cell; Y4 its bytes,
// then its digits, then its value; Y8 whether it is negative; Y5 whether it has no
// point; Y9 its points; Y1 the bytes before the point.
TEXT ·numbersAVX2(SB), NOSPLIT, $0-88
	MOVQ words+0(FP), SI
	MOVQ sizes+8(FP), DI
	MOVQ rows+16(FP), CX
	MOVQ out+24(FP), DX
	VBROADCASTSD low+32(FP), Y14
	VBROADCASTSD high+40(FP), Y13
	MOVQ d+48(FP), R9
	MOVQ codes+56(FP), R13
	MOVQ n+64(FP), R12
	MOVQ empty+72(FP), R8
	MOVQ odd+80(FP), R11
	XORL R10, R10 // place of the turn's bits
	VPXOR Y15, Y15, Y15
	VPCMPEQQ Y12, Y12, Y12
	VMOVDQU zeros<>(SB), Y11

next:
	VPMOVZXDQ (DI), Y2
	VMOVDQU (SI), Y4
	ADDQ $16, DI
	ADDQ $32, SI
	VPSLLQ $3, Y2, Y5
	VMOVDQU word<>(SB), Y6
	VPSUBQ Y5, Y6, Y5
	VPSLLVQ Y5, Y12, Y6 // mask of the cell's bytes
	VPXOR Y11, Y4, Y4
	VPAND Y6, Y4, Y4
	VPSLLQ $8, Y6, Y7
	VPANDN Y6, Y7, Y7 // mask of its first byte
	VPXOR minus<>(SB), Y4, Y8
	VPAND Y7, Y8, Y8
	VPCMPEQQ Y15, Y8, Y8
	VPAND Y8, Y7, Y7
	VPANDN Y4, Y7, Y4 // a minus becomes 0
	VPCMPEQB 64(R9), Y4, Y9
	VPAND units<>(SB), Y9, Y3
	VPCMPEQQ Y15, Y3, Y5
	VPADDQ Y12, Y3, Y1
	VPAND Y1, Y3, Y10 // not 0: a second point
	VPANDN Y1, Y5, Y1
	VPAND Y1, Y4, Y6
	VPSLLQ $8, Y6, Y6
	VPOR Y9, Y1, Y1
	VPANDN Y4, Y1, Y4
	VPOR Y6, Y4, Y4 // the point closed up
	VPANDN units<>(SB), Y1, Y6
	VPANDN Y6, Y5, Y6
	VPSADBW Y15, Y6, Y6 // digits after the point
	VPCMPGTQ three<>(SB), Y6, Y3
	VPADDQ Y6, Y6, Y6
	VPSLLQ $32, Y6, Y0
	VPOR Y0, Y6, Y6
	VPADDQ upper<>(SB), Y6, Y6 // places of the two halves of a power in four of them
	VPERMD (R9), Y6, Y0
	VPERMD 32(R9), Y6, Y6
	VBLENDVPD Y3, Y6, Y0, Y0
	VPADDQ Y8, Y2, Y7
	VPSUBQ Y5, Y7, Y7
	VPCMPGTQ one<>(SB), Y7, Y7 // it has a digit
	VPMINUB nines<>(SB), Y4, Y3
	VPCMPEQQ Y4, Y3, Y3 // and digits alone
	VPAND Y3, Y7, Y7
	VPCMPEQQ Y15, Y10, Y10
	VPAND Y10, Y7, Y7
	VPCMPGTQ eight<>(SB), Y2, Y3
	VPANDN Y7, Y3, Y7 // plain
	VPMADDUBSW tens<>(SB), Y4, Y4
	VPMADDWD hundreds<>(SB), Y4, Y4
	VPSRLQ $32, Y4, Y6
	VPMULUDQ myriads<>(SB), Y4, Y4
	VPADDQ Y6, Y4, Y4
	VMOVDQU magic<>(SB), Y6
	VPOR Y6, Y4, Y4
	VSUBPD Y6, Y4, Y4
	VDIVPD Y0, Y4, Y4
	VSUBPD Y4, Y15, Y6
	VBLENDVPD Y8, Y6, Y4, Y4
	VCMPPD $0x1d, Y14, Y4, Y6 // at least low
	VCMPPD $0x12, Y13, Y4, Y3 // at most high
	VPAND Y6, Y7, Y7
	VPAND Y3, Y7, Y7
	MOVQ R12, BX

code:
	DECQ BX
	JLT coded
	VBROADCASTSD (R13)(BX*8), Y6
	VCMPPD $4, Y6, Y4, Y3
	VPAND Y3, Y7, Y7 // not a missing code
	JMP code

coded:
	VPCMPEQQ Y15, Y2, Y2 // empty
	VPAND Y7, Y4, Y4
	VMOVUPD Y4, (DX)
	ADDQ $32, DX
	VPOR Y2, Y7, Y7
	VMOVMSKPD Y7, AX
	VMOVMSKPD Y2, BX
	XORL $15, AX
	SHLXQ R10, BX, BX // by its low six bits
	SHLXQ R10, AX, AX
	ORQ BX, (R8)
	ORQ AX, (R11)
	ADDL $4, R10
	TESTL $63, R10
	JNE same
	ADDQ $8, R8
	ADDQ $8, R11

same:
	SUBQ $4, CX
	JNZ next
	VZEROUPPER
	RET

// func numbersAVX512(words *uint64, sizes *uint32, rows int, out *float64, low, high float64, d *decimals, codes *float64, n int, empty, odd *uint64)
//
// Eight cells a turn, fewer in the last: K1 tells which there are. Z2 is the size of
// a cell; Z4 its bytes, then its digits, then its value; Z3 a 1 in the byte of its
// point; K3 whether it is negative, K4 whether it has no point, K2 whether it is plain.
TEXT ·numbersAVX512(SB), NOSPLIT, $0-88
	MOVQ words+0(FP), SI
	MOVQ sizes+8(FP), DI
	MOVQ rows+16(FP), CX
	MOVQ out+24(FP), DX
	VBROADCASTSD low+32(FP), Z22
	VBROADCASTSD high+40(FP), Z21
	MOVQ d+48(FP), AX
	VMOVUPD (AX), Z20
	MOVQ codes+56(FP), R13
	MOVQ n+64(FP), R12
	MOVQ empty+72(FP), R8
	MOVQ odd+80(FP), R9
	XORL R10, R10 // place of the turn's bits
	VPBROADCASTQ zeros<>(SB), Z31
	VPBROADCASTQ 64(AX), Z30
	VPBROADCASTQ minus<>(SB), Z29
	VPBROADCASTQ units<>(SB), Z28
	VPBROADCASTQ nines<>(SB), Z27
	VPBROADCASTQ tens<>(SB), Z26
	VPBROADCASTQ hundreds<>(SB), Z25
	VPBROADCASTQ myriads<>(SB), Z24
	VPBROADCASTQ word<>(SB), Z23
	VPBROADCASTQ eight<>(SB), Z18
	VPTERNLOGQ $0xFF, Z19, Z19, Z19
	VPXORQ Z16, Z16, Z16
	MOVL $0xFF, AX
	KMOVB AX, K1

next:
	CMPQ CX, $8
	JGE full
	MOVL $1, AX
	SHLL CX, AX
	DECL AX
	KMOVB AX, K1

full:
	VPMOVZXDQ (DI), Z2
	VMOVDQU64 (SI), Z4
	VPSLLQ $3, Z2, Z5
	VPSUBQ Z5, Z23, Z5
	VPSLLVQ Z5, Z19, Z6 // mask of the cell's bytes
	VPSLLQ $8, Z6, Z7
	VPANDNQ Z6, Z7, Z7 // mask of its first byte
	VPXORQ Z31, Z4, Z4
	VPANDQ Z6, Z4, Z4
	VPXORQ Z29, Z4, Z8
	VPTESTNMQ Z7, Z8, K3
	VPANDNQ Z4, Z7, K3, Z4 // a minus becomes 0
	VPCMPEQB Z30, Z4, K5
	VPMOVM2B K5, Z9
	VPANDQ Z28, Z9, Z3
	VPTESTNMQ Z3, Z3, K4
	VPADDQ Z19, Z3, Z1 // the bytes before the point, all where there is none
	VPTESTNMQ Z1, Z3, K1, K2 // not a second point
	VPANDQ Z1, Z4, Z6
	VPSLLQ $8, Z6, Z6
	VPORQ Z9, Z1, Z1
	KNOTB K4, K6
	VPANDNQ Z4, Z1, K6, Z4
	VPORQ Z6, Z4, K6, Z4 // the point closed up
	VPLZCNTQ Z3, Z6
	VPSRLQ $3, Z6, Z6 // digits after the point, 8 where there is none
	VPERMPD Z20, Z6, Z0
	VPCMPUQ $2, Z18, Z2, K2, K2 // at most eight bytes
	VPTESTNMQ Z2, Z2, K1, K5 // empty
	VPADDQ Z19, Z2, K3, Z2
	VPADDQ Z19, Z2, K6, Z2
	VPCMPQ $6, Z16, Z2, K2, K2 // it has a digit
	VPMINUB Z27, Z4, Z6
	VPCMPEQQ Z6, Z4, K2, K2 // and digits alone
	VPMADDUBSW Z26, Z4, Z4
	VPMADDWD Z25, Z4, Z4
	VPSRLQ $32, Z4, Z6
	VPMULUDQ Z24, Z4, Z4
	VPADDQ Z6, Z4, Z4
	VCVTUQQ2PD Z4, Z4
	VDIVPD Z0, Z4, Z4
	VSUBPD Z4, Z16, K3, Z4
	VCMPPD $0x1d, Z22, Z4, K2, K2 // at least low
	VCMPPD $0x12, Z21, Z4, K2, K2 // at most high
	MOVQ R12, BX

code:
	DECQ BX
	JLT coded
	VBROADCASTSD (R13)(BX*8), Z5
	VCMPPD $4, Z5, Z4, K2, K2 // not a missing code
	JMP code

coded:
	VMOVAPD.Z Z4, K2, Z4
	VMOVUPD Z4, K1, (DX)
	KORB K5, K2, K6
	KXORB K6, K1, K6
	KMOVB K5, BX
	KMOVB K6, AX
	SHLXQ R10, BX, BX // by its low six bits
	SHLXQ R10, AX, AX
	ORQ BX, (R8)
	ORQ AX, (R9)
	ADDQ $32, DI
	ADDQ $64, SI
	ADDQ $64, DX
	ADDL $8, R10
	TESTL $63, R10
	JNE same
	ADDQ $8, R8
	ADDQ $8, R9

same:
	SUBQ $8, CX
	JGT next
	VZEROUPPER
	RET
