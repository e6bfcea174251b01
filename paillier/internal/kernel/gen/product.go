package main

// In the functions below R8 is the step c, from 0 to 2m−1, where a half has m
// times five digits and R10 is m; t is in R11 and moves on with c. The tiles of
// step c have their five rows at 5I and their ten rows at 5J with I+J = c and J
// even.

func (a *assembler) products() {
	a.function("productIFMA", "t, a, b *uint64, m int", 4)
	a.productLoop("product", [][2]int{{8, 16}}, 24, false)
	a.function("productTwiceIFMA", "t, a, b *uint64, m int", 4)
	a.productLoop("twice", [][2]int{{8, 16}}, 24, true)
	a.function("productSumIFMA", "t, a, b, c, d *uint64, m int", 6)
	a.productLoop("sum", [][2]int{{8, 16}, {24, 32}}, 40, false)
}

var argumentNames = map[int]string{0: "t", 8: "a", 16: "b", 24: "c", 32: "d"}

// productLoop emits t = Σ of the products of pairs of arguments, each given by
// its offset.
func (a *assembler) productLoop(name string, pairs [][2]int, m int, twice bool) {
	a.op("MOVQ t+0(FP), R11")
	a.op("MOVQ m+%d(FP), R10", m)
	a.op("XORL R8, R8")
	for k := range 15 {
		a.zero(column(k))
	}
	a.label(name + "_step")
	a.comment("I from AX = max(c mod 2, c−m+2), J from BX = c−AX down, R9 = min(c/2+1, (2m−1−c)/2) tiles")
	a.firstTile()
	a.op("MOVQ R8, R9")
	a.op("SHRQ $1, R9")
	a.op("INCQ R9")
	a.op("LEAQ -1(R10)(R10*1), DX")
	a.op("SUBQ R8, DX")
	a.op("SHRQ $1, DX")
	a.op("CMPQ DX, R9")
	a.op("CMOVQLT DX, R9")
	a.op("TESTQ R9, R9")
	a.op("JZ %s_done", name)
	a.op("IMULQ $%d, AX", step)
	a.op("IMULQ $%d, BX", step)
	for i, p := range pairs {
		a.op("MOVQ %s+%d(FP), SI", argumentNames[p[0]], p[0])
		a.op("MOVQ %s+%d(FP), DI", argumentNames[p[1]], p[1])
		a.op("ADDQ AX, SI")
		a.op("ADDQ BX, DI")
		a.op("MOVQ R9, CX")
		a.tiles(name+"_tile"+string(rune('0'+i)), "VMOVDQU64", row)
	}
	a.label(name + "_done")
	for k := range 5 {
		if twice {
			a.op("VPADDQ %s, %s, %s", column(k), column(k), column(k))
		}
		a.op("VMOVDQU64 %s, %d(R11)", column(k), k*row)
	}
	a.shift()
	a.op("ADDQ $%d, R11", step)
	a.op("INCQ R8")
	a.op("LEAQ (R10)(R10*1), DX")
	a.op("CMPQ R8, DX")
	a.op("JLT %s_step", name)
	a.finish()
}

// firstTile sets AX = max(c mod 2, c−m+2) and BX = c − AX.
func (a *assembler) firstTile() {
	a.op("MOVQ R8, AX")
	a.op("ANDQ $1, AX")
	a.op("LEAQ 2(R8), BX")
	a.op("SUBQ R10, BX")
	a.op("CMPQ BX, AX")
	a.op("CMOVQGT BX, AX")
	a.op("MOVQ R8, BX")
	a.op("SUBQ AX, BX")
}

// square emits t = a². Tiles with J > I are computed once and their columns
// doubled when they are finished; then the squares of the digits are added.
// Where rows and columns meet, a step of five rows meets itself; an even one
// also meets the other half of its block of ten.
func (a *assembler) square() {
	a.function("squareIFMA", "t, a *uint64, m int", 3)
	a.op("MOVQ t+0(FP), R11")
	a.op("MOVQ m+16(FP), R10")
	a.op("XORL R8, R8")
	for k := range 15 {
		a.zero(column(k))
	}
	a.label("square_step")
	a.squareTiles()
	a.op("TESTQ $1, R8")
	a.op("JNZ square_odd")
	a.comment("rows 5c/2 to 5c/2+4 meet themselves, and the five behind them where c/2 is even")
	a.op("MOVQ R8, SI")
	a.op("IMULQ $%d, SI", step/2)
	a.op("ADDQ a+8(FP), SI")
	a.op("TESTQ $2, R8")
	a.op("JNZ square_narrow")
	a.corner(10)
	a.op("JMP square_even")
	a.label("square_narrow")
	a.corner(5)
	a.label("square_even")
	a.finishSquares([][3]int{{0, 0, 0}, {0, 1, 1}, {1, 2, 0}, {1, 3, 1}, {2, 4, 0}})
	a.label("square_odd")
	a.op("LEAQ -1(R8), SI")
	a.op("IMULQ $%d, SI", step/2)
	a.op("ADDQ a+8(FP), SI")
	a.finishSquares([][3]int{{2, 0, 1}, {3, 1, 0}, {3, 2, 1}, {4, 3, 0}, {4, 4, 1}})
	a.finish()
}

// squareTiles emits the tiles of step c with J > I: I from AX as in a product
// to ⌈c/2⌉−1, which is (c−1)/2 rounded down, and as even or odd as c.
func (a *assembler) squareTiles() {
	a.comment("I from AX = max(c mod 2, c−m+2) to the largest below c/2, J from BX = c−AX down")
	a.firstTile()
	a.op("LEAQ -1(R8), CX")
	a.op("SARQ $1, CX")
	a.op("SUBQ AX, CX")
	a.op("SARQ $1, CX") // one less than the number of tiles; negative for none
	a.op("ADDQ $1, CX")
	a.op("JLE square_tiled")
	a.op("IMULQ $%d, AX", step)
	a.op("IMULQ $%d, BX", step)
	a.op("MOVQ a+8(FP), SI")
	a.op("LEAQ (SI)(BX*1), DI")
	a.op("ADDQ AX, SI")
	a.tiles("square_tile", "VMOVDQU64", row)
	a.label("square_tiled")
}

// corner multiplies each of five rows at SI by those behind it, up to row width.
func (a *assembler) corner(width int) {
	for j := 0; j < width; j++ {
		a.op("VMOVDQU64 %d(SI), %s", j*row, factor(j))
	}
	for i := range 5 {
		for j := i + 1; j < width; j++ {
			a.low(factor(j), factor(i), i+j)
		}
		for j := i + 1; j < width; j++ {
			a.high(factor(j), factor(i), i+j)
		}
	}
}

// finishSquares doubles the lowest five columns, adds squares of the digits at
// SI, and goes to the next step. Each square is a digit, a column, and whether
// its high half is meant.
func (a *assembler) finishSquares(squares [][3]int) {
	for k := range 5 {
		a.op("VPADDQ %s, %s, %s", column(k), column(k), column(k))
	}
	loaded := -1
	for _, s := range squares {
		if s[0] != loaded {
			loaded = s[0]
			a.op("VMOVDQU64 %d(SI), %s", loaded*row, other(loaded))
		}
		if s[2] == 0 {
			a.low(other(loaded), other(loaded), s[1])
		} else {
			a.high(other(loaded), other(loaded), s[1]-1)
		}
	}
	for k := range 5 {
		a.op("VMOVDQU64 %s, %d(R11)", column(k), k*row)
	}
	a.shift()
	a.op("ADDQ $%d, R11", step)
	a.op("INCQ R8")
	a.op("LEAQ (R10)(R10*1), DX")
	a.op("CMPQ R8, DX")
	a.op("JLT square_step")
}
