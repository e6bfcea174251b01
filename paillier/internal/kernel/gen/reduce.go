package main

// reductions emits r = (t + q·N)/R, which also stores q, and for the high half
// r = (t − s + q·N)/R. t has 2m steps, r, q and s have m, n is N in single
// words. R8 is the step c and R11 points to column 5c of t, as in a product.
func (a *assembler) reductions() {
	a.reduction("reduceIFMA", "r, t, n *uint64, m int, inverse uint64, q *uint64", 6, false)
	a.reduction("reduceHighIFMA", "r, t, n *uint64, m int, inverse uint64, q, s *uint64", 7, true)
}

const digit = 8 // bytes of a digit of N

func (a *assembler) reduction(name, arguments string, count int, subtract bool) {
	a.function(name, arguments, count)
	a.op("MOVQ r+0(FP), R12")
	a.op("MOVQ t+8(FP), R11")
	a.op("MOVQ m+24(FP), R10")
	a.op("VPBROADCASTQ inverse+32(FP), %s", inverse)
	a.op("MOVQ q+40(FP), R13")
	if subtract {
		a.op("MOVQ s+48(FP), R15")
	}
	a.loadMask()
	a.op("XORL R8, R8")
	for k := range 10 {
		a.loadColumn(k, subtract)
	}

	a.label(name + "_quotient")
	for k := 10; k < 15; k++ {
		a.loadColumn(k, subtract)
	}
	a.op("MOVQ R8, CX")
	a.op("SHRQ $1, CX")
	a.op("JZ %s_digits", name)
	a.comment("I from c mod 2, J from c − c mod 2 down to 2")
	a.op("MOVQ R8, AX")
	a.op("ANDQ $1, AX")
	a.op("MOVQ R8, BX")
	a.op("SUBQ AX, BX")
	a.tilesOfQuotient(name + "_below")
	a.label(name + "_digits")
	a.quotientDigits()
	a.shift()
	a.op("ADDQ $%d, R11", step)
	if subtract {
		a.op("ADDQ $%d, R15", step)
	}
	a.op("ADDQ $%d, R13", step)
	a.op("INCQ R8")
	a.op("CMPQ R8, R10")
	a.op("JLT %s_quotient", name)

	a.result(name)
	a.finish()
}

// result emits what follows the digits of q: the columns that remain are summed
// and stored with normal digits.
func (a *assembler) result(name string) {
	a.zero(carry)
	a.label(name + "_result")
	for k := 10; k < 15; k++ {
		a.loadColumn(k, false)
	}
	a.op("LEAQ -1(R10)(R10*1), CX")
	a.op("SUBQ R8, CX")
	a.op("SHRQ $1, CX")
	a.op("JZ %s_normal", name)
	a.comment("I from c−m+2, J from m−2 down")
	a.op("MOVQ R8, AX")
	a.op("SUBQ R10, AX")
	a.op("ADDQ $2, AX")
	a.op("LEAQ -2(R10), BX")
	a.tilesOfQuotient(name + "_above")
	a.label(name + "_normal")
	for k := range 5 {
		a.op("VPADDQ %s, %s, %s", carry, column(k), spare)
		a.op("VPSRAQ $52, %s, %s", spare, carry)
		a.op("VPANDQ %s, %s, %s", mask, spare, spare)
		a.op("VMOVDQU64 %s, %d(R12)", spare, k*row)
	}
	a.shift()
	a.op("ADDQ $%d, R11", step)
	a.op("ADDQ $%d, R12", step)
	a.op("INCQ R8")
	a.op("LEAQ (R10)(R10*1), DX")
	a.op("CMPQ R8, DX")
	a.op("JLT %s_result", name)
}

func (a *assembler) loadColumn(k int, subtract bool) {
	a.op("VMOVDQU64 %d(R11), %s", k*row, column(k))
	if subtract {
		a.op("VPSUBQ %d(R15), %s, %s", k*row, column(k), column(k))
	}
}

// tilesOfQuotient emits the tiles of rows 5AX of q and digits 5BX of N.
func (a *assembler) tilesOfQuotient(name string) {
	a.op("MOVQ q+40(FP), SI")
	a.op("MOVQ n+16(FP), DI")
	a.op("IMULQ $%d, AX", step)
	a.op("IMULQ $%d, BX", 5*digit)
	a.op("ADDQ AX, SI")
	a.op("ADDQ BX, DI")
	a.tiles(name, "VPBROADCASTQ", digit)
}

// quotientDigits finds the five digits of q that make the lowest columns 0, and
// multiplies them by the lowest ten digits of N.
//
// With u = column + carry, the digit is q = u·inverse mod 2^52, and u + low(q·n₀)
// is a multiple of 2^52; so the carry is u/2^52 rounded up, and that product is
// not computed. The next digit waits for low(q·n₁) and, on a second path,
// high(q·n₀): nine cycles a digit, in which the products of the digit before
// are computed.
func (a *assembler) quotientDigits() {
	a.op("MOVQ n+16(FP), DI")
	for j := range 10 {
		a.op("VPBROADCASTQ %d(DI), %s", j*digit, factor(j))
	}
	for i := range 5 {
		q := other(i)
		a.zero(q)
		a.op("VPMADD52LUQ %s, %s, %s", inverse, column(i), q)
		a.op("VPADDQ %s, %s, %s", mask, column(i), carry)
		a.op("VPSRAQ $52, %s, %s", carry, carry)
		if i > 0 {
			a.restOfDigit(i - 1)
		}
		a.low(factor(1), q, i+1)
		a.op("VPMADD52HUQ %s, %s, %s", factor(0), q, carry)
		a.op("VMOVDQU64 %s, %d(R13)", q, i*row)
		a.op("VPADDQ %s, %s, %s", carry, column(i+1), column(i+1))
	}
	a.restOfDigit(4)
}

// restOfDigit adds the products of quotient digit i that the next digit does
// not wait for.
func (a *assembler) restOfDigit(i int) {
	for j := 2; j < 10; j++ {
		a.low(factor(j), other(i), i+j)
	}
	for j := 1; j < 10; j++ {
		a.high(factor(j), other(i), i+j)
	}
}
