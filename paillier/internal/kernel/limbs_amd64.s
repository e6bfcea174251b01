//go:build !purego

#include "textflag.h"

// The functions multiply by four limbs at once, with MULX and two carry chains
// side by side: CF adds what came from the column before, OF the high words of
// this one. In a row of columns, R8–R11 hold the four limbs, R12, R13, R15 and
// BX the carry, DI and SI the ends of z and y, CX minus the columns to go.

// COLUMN adds x·y[i] to the carry and z[i]; of the carry, c3 is used up and new
// takes its place. XORL clears both flags.
#define COLUMN(offset, c0, c1, c2, c3, new) \
	MOVQ  offset(SI)(CX*8), DX \
	XORL  BP, BP \
	MULXQ R8, new, AX \
	ADCXQ c0, new \
	ADOXQ offset(DI)(CX*8), new \
	MOVQ  new, offset(DI)(CX*8) \
	MULXQ R9, c0, new \
	ADCXQ c1, c0 \
	ADOXQ AX, c0 \
	MULXQ R10, c1, AX \
	ADCXQ c2, c1 \
	ADOXQ new, c1 \
	MULXQ R11, c2, new \
	ADCXQ c3, c2 \
	ADOXQ AX, c2 \
	ADCXQ BP, new \
	ADOXQ BP, new

#define TWO_COLUMNS \
	COLUMN(0, R12, R13, R15, BX, R14) \
	COLUMN(8, R12, R13, R15, R14, BX) \
	ADDQ $2, CX

#define NO_CARRY \
	XORL R12, R12 \
	XORL R13, R13 \
	XORL R15, R15 \
	XORL BX, BX

// ADD_CARRY adds the carry to the four limbs at DI. What does not fit, and did
// not fit before, is in the variable above.
#define ADD_CARRY \
	MOVQ above-8(SP), DX \
	NEGQ DX \
	ADCQ R12, 0(DI) \
	ADCQ R13, 8(DI) \
	ADCQ R15, 16(DI) \
	ADCQ BX, 24(DI) \
	MOVL $0, DX \
	ADCQ $0, DX \
	MOVQ DX, above-8(SP)

// SQUARE_LIMB sets two limbs to their double plus the square of one: CF doubles,
// OF adds. Both chains run through all limbs.
#define SQUARE_LIMB(from, to) \
	MOVQ  from(SI), DX \
	MULXQ DX, R8, R9 \
	MOVQ  to(DI), R10 \
	MOVQ  to+8(DI), R11 \
	ADCXQ R10, R10 \
	ADCXQ R11, R11 \
	ADOXQ R8, R10 \
	ADOXQ R9, R11 \
	MOVQ  R10, to(DI) \
	MOVQ  R11, to+8(DI)

// func squareADX(t, a *uint64, n int)
//
// t is zero and gets 2n limbs. First what lies beside the diagonal.
TEXT ·squareADX(SB), NOSPLIT, $8-24
	MOVQ t+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ CX, rows-8(SP)

row:
	// The six products of four limbs: 8(DI) and further, and the carry.
	MOVQ  0(SI), R8
	MOVQ  8(SI), R9
	MOVQ  16(SI), R10
	MOVQ  24(SI), R11
	MOVQ  R8, DX
	MULXQ R9, AX, CX
	MULXQ R10, R14, R12
	ADDQ  R14, CX
	MULXQ R11, R14, R13
	ADCQ  R14, R12
	MOVQ  R9, DX
	MULXQ R11, R14, R15
	ADCQ  R14, R13
	ADCQ  $0, R15
	MULXQ R10, R14, DX
	ADDQ  R14, R12
	ADCQ  DX, R13
	MOVQ  R10, DX
	MULXQ R11, R14, BX
	ADCQ  R14, R15
	ADCQ  $0, BX
	ADDQ  AX, 8(DI)
	ADCQ  CX, 16(DI)
	ADCQ  R12, 24(DI)
	ADCQ  $0, R13
	MOVQ  R13, R12
	ADCQ  $0, R15
	MOVQ  R15, R13
	ADCQ  $0, BX
	MOVQ  BX, R15
	XORL  BX, BX // nothing: the six products are below 2^448 − 2^383

	// The four limbs by those above them.
	MOVQ  rows-8(SP), CX
	SUBQ  $4, CX
	LEAQ  32(SI)(CX*8), SI
	LEAQ  32(DI)(CX*8), DI
	NEGQ  CX
	JZ    carry

columns:
	TWO_COLUMNS
	JNZ columns

carry:
	MOVQ R12, 0(DI)
	MOVQ R13, 8(DI)
	MOVQ R15, 16(DI)
	MOVQ BX, 24(DI)
	MOVQ rows-8(SP), CX
	SUBQ $4, CX
	MOVQ CX, rows-8(SP)
	LEAQ (CX*8), DX
	SUBQ DX, SI                // the next four limbs of a
	SUBQ DX, DI
	ADDQ $32, DI               // t, eight limbs further
	TESTQ CX, CX
	JNZ  row

	// Twice that, and the diagonal.
	MOVQ t+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX

diagonal:
	SQUARE_LIMB(0, 0)
	SQUARE_LIMB(8, 16)
	SQUARE_LIMB(16, 32)
	SQUARE_LIMB(24, 48)
	LEAQ  32(SI), SI
	LEAQ  64(DI), DI
	LEAQ  -4(CX), CX
	JCXZQ done
	JMP   diagonal

done:
	RET

// func addProductADX(t, a, b *uint64, n int)
TEXT ·addProductADX(SB), NOSPLIT, $16-32
	MOVQ t+0(FP), DI
	MOVQ b+16(FP), SI
	MOVQ n+24(FP), CX
	LEAQ (DI)(CX*8), DI
	LEAQ (SI)(CX*8), SI
	MOVQ CX, rows-16(SP)
	MOVQ $0, above-8(SP)

row:
	MOVQ a+8(FP), AX
	MOVQ 0(AX), R8
	MOVQ 8(AX), R9
	MOVQ 16(AX), R10
	MOVQ 24(AX), R11
	ADDQ $32, AX
	MOVQ AX, a+8(FP)
	NO_CARRY
	MOVQ n+24(FP), CX
	NEGQ CX

columns:
	TWO_COLUMNS
	JNZ columns
	ADD_CARRY
	ADDQ $32, DI
	SUBQ $4, rows-16(SP)
	JNZ  row
	ADDQ DX, (DI)
	RET

// func montgomeryADX(t, modulus *uint64, n int, inverse *[4]uint64, quotient *uint64)
TEXT ·montgomeryADX(SB), NOSPLIT, $16-40
	MOVQ t+0(FP), DI
	MOVQ modulus+8(FP), SI
	MOVQ n+16(FP), CX
	LEAQ (SI)(CX*8), SI
	MOVQ CX, rows-16(SP)
	MOVQ $0, above-8(SP)

row:
	// The quotient, R8–R11 = t·inverse mod 2^256.
	MOVQ  inverse+24(FP), BX
	MOVQ  0(DI), DX
	MULXQ 0(BX), R8, R9
	MULXQ 8(BX), R12, R10
	MULXQ 16(BX), R13, R11
	MOVQ  24(BX), R15
	IMULQ DX, R15
	ADDQ  R12, R9
	ADCQ  R13, R10
	ADCQ  R15, R11
	MOVQ  8(DI), DX
	MULXQ 0(BX), R12, R13
	MULXQ 8(BX), R14, R15
	MOVQ  16(BX), AX
	IMULQ DX, AX
	ADDQ  R12, R9
	ADCQ  R14, R10
	ADCQ  AX, R11
	ADDQ  R13, R10
	ADCQ  R15, R11
	MOVQ  16(DI), DX
	MULXQ 0(BX), R12, R13
	IMULQ 8(BX), DX
	ADDQ  R12, R10
	ADCQ  R13, R11
	ADDQ  DX, R11
	MOVQ  24(DI), DX
	IMULQ 0(BX), DX
	ADDQ  DX, R11
	MOVQ  quotient+32(FP), AX
	MOVQ  R8, 0(AX)
	MOVQ  R9, 8(AX)
	MOVQ  R10, 16(AX)
	MOVQ  R11, 24(AX)
	ADDQ  $32, AX
	MOVQ  AX, quotient+32(FP)
	NO_CARRY
	MOVQ  n+16(FP), CX
	LEAQ  (DI)(CX*8), DI
	NEGQ  CX

columns:
	TWO_COLUMNS
	JNZ columns
	ADD_CARRY
	MOVQ n+16(FP), CX
	SHLQ $3, CX
	SUBQ CX, DI
	ADDQ $32, DI
	SUBQ $4, rows-16(SP)
	JNZ  row
	ADDQ DX, (DI)(CX*1)
	RET
