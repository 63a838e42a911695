#include "textflag.h"

// func separatorsAVX2(text *byte, words int, delim byte, masks *uint64)
TEXT ·separatorsAVX2(SB), NOSPLIT, $0-32
	MOVQ text+0(FP), SI
	MOVQ words+8(FP), CX
	MOVQ masks+24(FP), DI
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
	MOVQ AX, (DI)
	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ next
	VZEROUPPER
	RET
