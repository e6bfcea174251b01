package main

import "fmt"

// blockRows is the number of rows that a table is read in at once.
const blockRows = 20

func (a *assembler) picks() {
	a.pick()
	a.pickShared()
}

// pick emits the scan of a table of groups. What is not chosen is loaded and
// masked: a masked load of nothing would not touch its page.
func (a *assembler) pick() {
	const index, number, one, chosen = "Z20", "Z21", "Z22", "Z23"
	a.function("pickIFMA", "dst, table, index *uint64, entries, rows int", 5)
	a.op("MOVQ dst+0(FP), DI")
	a.op("MOVQ table+8(FP), SI")
	a.op("MOVQ index+16(FP), AX")
	a.op("MOVQ rows+32(FP), BX")
	a.op("MOVQ BX, R8")
	a.op("SHLQ $6, R8") // bytes of an entry
	a.op("VMOVDQU64 (AX), %s", index)
	a.op("MOVL $1, AX")
	a.op("VPBROADCASTQ AX, %s", one)
	a.label("pick_rows")
	a.op("MOVQ SI, R9")
	a.op("MOVQ entries+24(FP), CX")
	a.zero(number)
	for k := range blockRows {
		a.zero(fmt.Sprintf("Z%d", k))
	}
	a.label("pick_entry")
	a.op("VPCMPEQQ %s, %s, K1", number, index)
	a.op("VPTERNLOGQ.Z $0xff, %s, %s, K1, %s", chosen, chosen, chosen)
	for k := range blockRows {
		a.op("VPTERNLOGQ $0xf8, %d(R9), %s, Z%d", k*row, chosen, k) // or (chosen and row)
	}
	a.op("VPADDQ %s, %s, %s", one, number, number)
	a.op("ADDQ R8, R9")
	a.op("DECQ CX")
	a.op("JNZ pick_entry")
	for k := range blockRows {
		a.op("VMOVDQU64 Z%d, %d(DI)", k, k*row)
	}
	a.op("ADDQ $%d, SI", blockRows*row)
	a.op("ADDQ $%d, DI", blockRows*row)
	a.op("SUBQ $%d, BX", blockRows)
	a.op("JNZ pick_rows")
	a.finish()
}

// pickShared emits the scan of a table of single numbers: for every block of
// rows and every sixteen entries, sixteen words of each row, of which a
// permutation takes the right one to each lane.
func (a *assembler) pickShared() {
	const index, wanted, sixteens, one = "Z20", "Z21", "Z22", "Z23"
	a.function("pickSharedIFMA", "dst, table, index *uint64, sixteens, rows int", 5)
	a.op("MOVQ dst+0(FP), DI")
	a.op("MOVQ table+8(FP), SI")
	a.op("MOVQ index+16(FP), AX")
	a.op("MOVQ rows+32(FP), BX")
	a.op("VMOVDQU64 (AX), %s", index)
	a.op("VPSRLQ $4, %s, %s", index, wanted)
	a.op("MOVL $1, AX")
	a.op("VPBROADCASTQ AX, %s", one)
	a.label("shared_rows")
	a.op("MOVQ sixteens+24(FP), CX")
	a.zero(sixteens)
	for k := range blockRows {
		a.zero(fmt.Sprintf("Z%d", k))
	}
	a.label("shared_entries")
	a.op("VPCMPEQQ %s, %s, K1", sixteens, wanted)
	for k := range blockRows {
		found := fmt.Sprintf("Z%d", 24+k%8)
		a.op("VMOVDQU64 %d(SI), %s", 2*k*row, found)
		a.op("VPERMT2Q %d(SI), %s, %s", 2*k*row+row, index, found)
		a.op("VMOVDQA64 %s, K1, Z%d", found, k)
	}
	a.op("VPADDQ %s, %s, %s", one, sixteens, sixteens)
	a.op("ADDQ $%d, SI", 2*blockRows*row)
	a.op("DECQ CX")
	a.op("JNZ shared_entries")
	for k := range blockRows {
		a.op("VMOVDQU64 Z%d, %d(DI)", k, k*row)
	}
	a.op("ADDQ $%d, DI", blockRows*row)
	a.op("SUBQ $%d, BX", blockRows)
	a.op("JNZ shared_rows")
	a.finish()
}
