#include "textflag.h"

DATA limits<>+0(SB)/8, $0x0909000909000909 // the greatest of each byte of 00-00-00, less its own
GLOBL limits<>(SB), RODATA|NOPTR, $8
DATA dashed<>+0(SB)/8, $0x30302d30302d3030
GLOBL dashed<>(SB), RODATA|NOPTR, $8
DATA pairs<>+0(SB)/8, $0x010a00010a00010a // of digits
GLOBL pairs<>(SB), RODATA|NOPTR, $8
DATA months<>+0(SB)/8, $0x000000010001000c // in the pairs before the day
GLOBL months<>(SB), RODATA|NOPTR, $8

// func datesAVX512(words *uint64, sizes *uint32, rows int, out *int32, starts *int32, first, months int, empty, odd *uint64)
//
// Eight cells a turn, fewer in the last: K1 tells which there are. Z4 is the last eight
// bytes of a cell, then its years, months and days; Z2 its size; Z6 its month counted
// from the first that starts holds; Z7 the day it begins and, above it, the next one's;
// K2 whether it is plain.
TEXT ·datesAVX512(SB), NOSPLIT, $0-72
	MOVQ words+0(FP), SI
	MOVQ sizes+8(FP), DI
	MOVQ rows+16(FP), CX
	MOVQ out+24(FP), DX
	MOVQ starts+32(FP), R11
	VPBROADCASTQ first+40(FP), Z20
	VPBROADCASTQ months+48(FP), Z21
	MOVQ empty+56(FP), R8
	MOVQ odd+64(FP), R9
	XORL R10, R10 // place of the turn's bits
	VPBROADCASTQ dashed<>(SB), Z31
	VPBROADCASTQ limits<>(SB), Z30
	VPBROADCASTQ pairs<>(SB), Z29
	VPBROADCASTQ months<>(SB), Z28
	MOVL $0x3030, AX
	VPBROADCASTQ AX, Z27
	MOVL $0x0909, AX
	VPBROADCASTQ AX, Z26
	MOVL $1200, AX
	VPBROADCASTQ AX, Z25
	MOVL $10, AX
	VPBROADCASTQ AX, Z24
	MOVL $12, AX
	VPBROADCASTQ AX, Z23
	VPTERNLOGQ $0xFF, Z22, Z22, Z22
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
	VPMOVZXDQ.Z (DX), K1, Z5 // the two bytes before
	VPTESTNMQ Z2, Z2, K1, K5 // empty
	VPCMPEQQ Z24, Z2, K1, K2
	VPXORQ Z31, Z4, Z4
	VPXORQ Z27, Z5, Z5
	VPMINUB Z30, Z4, Z6
	VPCMPEQQ Z6, Z4, K2, K2
	VPMINUB Z26, Z5, Z6
	VPCMPEQQ Z6, Z5, K2, K2 // digits and dashes
	VPMADDUBSW Z29, Z4, Z4
	VPMADDUBSW Z29, Z5, Z5 // centuries
	VPMULLD Z25, Z5, Z5
	VPMADDWD Z28, Z4, Z6
	VPSRLQ $32, Z6, Z7
	VPADDD Z7, Z6, Z6
	VPADDD Z5, Z6, Z6
	VPSLLQ $32, Z6, Z6
	VPSRLQ $32, Z6, Z6
	VPSUBQ Z20, Z6, Z6
	VPCMPUQ $1, Z21, Z6, K2, K2 // a month that starts holds
	VPSRLQ $16, Z4, Z7
	VPSRLQ $32, Z4, Z8
	VPADDW Z8, Z7, Z7
	VPSLLQ $48, Z7, Z7
	VPSRLQ $48, Z7, Z7 // month of the year
	VPADDQ Z22, Z7, Z7
	VPCMPUQ $1, Z23, Z7, K2, K2
	VPSRLQ $48, Z4, Z4
	VPTESTMQ Z4, Z4, K2, K2 // not the day 0
	VPADDQ Z22, Z4, Z4
	KMOVB K2, K3
	VPXORQ Z7, Z7, Z7
	VPGATHERQQ (R11)(Z6*4), K3, Z7
	VPADDD Z7, Z4, Z4
	VPSRLQ $32, Z7, Z7
	VPMOVQD Z4, Y4
	VPMOVQD Z7, Y7
	VPCMPD $1, Y7, Y4, K2, K2 // before the next month
	VMOVDQA32.Z Y4, K2, Y4
	VMOVDQU32 Y4, K1, (DX)
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
	ADDQ $32, DX
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
