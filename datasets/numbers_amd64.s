#include "textflag.h"

// Four times the same word.
#define FOUR(name, word) \
	DATA name<>+0(SB)/8, $word; \
	DATA name<>+8(SB)/8, $word; \
	DATA name<>+16(SB)/8, $word; \
	DATA name<>+24(SB)/8, $word; \
	GLOBL name<>(SB), RODATA|NOPTR, $32

FOUR(zeros, 0x3030303030303030)
FOUR(point, 0x1e1e1e1e1e1e1e1e)
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

// func numbersAVX2(text *byte, ends *uint32, stride, groups int, out *float64, low, high float64, powers *float64, marks *byte)
//
// Four cells a turn. Y2 is the size of a cell; Y4 its bytes, then its digits, then
// its value; Y8 whether it is negative; Y5 whether it has no point; Y9 its points;
// Y1 the bytes before the point.
TEXT ·numbersAVX2(SB), NOSPLIT, $0-72
	MOVQ text+0(FP), SI
	MOVQ ends+8(FP), DI
	MOVQ stride+16(FP), R10
	SHLQ $2, R10
	MOVQ groups+24(FP), CX
	MOVQ out+32(FP), DX
	VBROADCASTSD low+40(FP), Y14
	VBROADCASTSD high+48(FP), Y13
	MOVQ powers+56(FP), R9
	MOVQ marks+64(FP), R8
	VPXOR Y15, Y15, Y15
	VPCMPEQQ Y12, Y12, Y12
	VMOVDQU zeros<>(SB), Y11

next:
	VMOVQ (DI), X0
	MOVL 4(DI), AX
	VPINSRQ $1, (DI)(R10*1), X0, X0
	MOVL 4(DI)(R10*1), BX
	VMOVQ -9(SI)(AX*1), X4 // the eight bytes that end with the cell
	VPINSRQ $1, -9(SI)(BX*1), X4, X4
	LEAQ (DI)(R10*2), DI
	VMOVQ (DI), X1
	MOVL 4(DI), AX
	VPINSRQ $1, (DI)(R10*1), X1, X1
	MOVL 4(DI)(R10*1), BX
	VMOVQ -9(SI)(AX*1), X3
	VPINSRQ $1, -9(SI)(BX*1), X3, X3
	LEAQ (DI)(R10*2), DI
	VINSERTI128 $1, X1, Y0, Y0
	VINSERTI128 $1, X3, Y4, Y4
	VPSRLQ $32, Y0, Y1
	VPADDQ Y12, Y1, Y1 // end
	VPSLLQ $32, Y0, Y2
	VPSRLQ $32, Y2, Y2
	VPSUBQ Y2, Y1, Y2 // size
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
	VPCMPEQB point<>(SB), Y4, Y9
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
	VPCMPEQQ Y15, Y2, Y2 // empty
	VPAND Y7, Y4, Y4
	VMOVUPD Y4, (DX)
	VPOR Y2, Y7, Y7
	VMOVMSKPD Y7, AX
	VMOVMSKPD Y2, BX
	NOTL AX
	SHLL $4, AX
	ORL BX, AX
	MOVB AX, (R8)
	ADDQ $32, DX
	INCQ R8
	DECQ CX
	JNZ next
	VZEROUPPER
	RET
