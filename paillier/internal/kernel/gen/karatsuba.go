package main

// karatsuba emits what a product of two factors of 2h digits needs beside three
// products of h digits.
//
// With x = x₀ + x₁·B and B = 2^(52h), a difference is kept as h whole digits d
// and, in the row behind them, a sign s that is 0 or −1 in each lane:
// x₀ − x₁ = d + s·B.
func (a *assembler) karatsuba() {
	a.difference()
	a.recombination("recombineIFMA", "t, m *uint64, h int, x, y *uint64", []string{"x", "y"}, false)
	a.recombination("recombineTwiceIFMA", "t, m *uint64, h int, x, y *uint64", []string{"x", "y"}, true)
	a.recombination("recombineSumIFMA", "t, m *uint64, h int, x, y, z, w *uint64", []string{"x", "y", "z", "w"}, false)
}

func (a *assembler) difference() {
	a.function("differenceIFMA", "d, x *uint64, h int", 3)
	a.op("MOVQ d+0(FP), DI")
	a.op("MOVQ x+8(FP), SI")
	a.op("MOVQ h+16(FP), CX")
	a.op("MOVQ CX, BX")
	a.op("SHLQ $6, BX")
	a.loadMask()
	a.zero(carry)
	a.label("difference_digit")
	for range 2 {
		a.op("VMOVDQU64 (SI), Z0")
		a.op("VPSUBQ (SI)(BX*1), Z0, Z0")
		a.op("VPADDQ %s, Z0, Z0", carry)
		a.op("VPSRAQ $52, Z0, %s", carry)
		a.op("VPANDQ %s, Z0, Z0", mask)
		a.op("VMOVDQU64 Z0, (DI)")
		a.op("ADDQ $%d, SI", row)
		a.op("ADDQ $%d, DI", row)
	}
	a.op("SUBQ $2, CX")
	a.op("JNZ difference_digit")
	a.op("VMOVDQU64 %s, (DI)", carry)
	a.finish()
}

// recombination emits t += (l + u − v)·B, where l and u are the lower and the
// upper half of the columns of t, each of 2h columns, and v is the product of
// two differences, or the sum of two such products. m is v without
// signs: v = m + (s·y + s′·x)·B + s·s′·B² for differences x + s·B and y + s′·B.
// twice doubles all of t.
func (a *assembler) recombination(name, arguments string, factors []string, twice bool) {
	registers := []string{"R8", "R9", "R10", "R11"}
	a.function(name, arguments, 3+len(factors))
	a.op("MOVQ t+0(FP), DI")
	a.op("MOVQ m+8(FP), SI")
	a.op("MOVQ h+16(FP), CX")
	a.op("MOVQ CX, BX")
	a.op("SHLQ $6, BX") // bytes of h rows
	a.op("LEAQ (DI)(BX*2), DX")
	for i, f := range factors {
		a.op("MOVQ %s+%d(FP), %s", f, 24+8*i, registers[i])
		a.op("VMOVDQU64 (%s)(BX*1), Z%d", registers[i], 20+i)
	}
	// The signs' product, at column 3h.
	a.zero("Z24")
	for i := 0; i < len(factors); i += 2 {
		a.op("VPANDQ Z%d, Z%d, Z19", 20+i, 20+i+1)
		a.op("VPADDQ Z19, Z24, Z24")
	}
	a.label(name + "_column")
	a.op("VMOVDQU64 (DI), Z0")       // l, lower half
	a.op("VMOVDQU64 (DI)(BX*1), Z1") // l, upper half
	a.op("VPADDQ (DX), Z1, Z2")      // and u, lower half
	a.op("VMOVDQU64 (DX)(BX*1), Z3") // u, upper half
	a.op("VPADDQ Z0, Z2, Z4")
	a.op("VPSUBQ (SI), Z4, Z4")
	a.op("VPADDQ Z3, Z2, Z5")
	a.op("VPSUBQ (SI)(BX*1), Z5, Z5")
	for i := range factors {
		a.op("VPANDQ (%s), Z%d, Z6", registers[i], 20+(i^1)) // by the other's sign
		a.op("VPADDQ Z6, Z5, Z5")
		a.op("ADDQ $%d, %s", row, registers[i])
	}
	if twice {
		for _, k := range []int{0, 3, 4, 5} {
			a.op("VPADDQ Z%d, Z%d, Z%d", k, k, k)
		}
		a.op("VMOVDQU64 Z0, (DI)")
		a.op("VMOVDQU64 Z3, (DX)(BX*1)")
	}
	a.op("VMOVDQU64 Z4, (DI)(BX*1)")
	a.op("VMOVDQU64 Z5, (DX)")
	a.op("ADDQ $%d, DI", row)
	a.op("ADDQ $%d, DX", row)
	a.op("ADDQ $%d, SI", row)
	a.op("DECQ CX")
	a.op("JNZ %s_column", name)
	if twice {
		a.op("VPADDQ Z24, Z24, Z24")
	}
	a.op("VPADDQ (DX), Z24, Z24")
	a.op("VMOVDQU64 Z24, (DX)")
	a.finish()
}
