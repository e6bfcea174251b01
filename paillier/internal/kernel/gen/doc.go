// Command gen writes ifma_amd64.s, the AVX-512 IFMA kernel: go generate runs it.
//
// # Shape of the computation
//
// Digit j of eight numbers is a row: one 512-bit register, or 64 bytes. The
// number of digits of a half is a multiple of ten. A tile is the product of
// five rows by ten rows; it adds to the fifteen columns that begin where the
// two begin together. VPMADD52LUQ adds the low 52 bits of eight products to a
// column, VPMADD52HUQ the high 52 bits to the next column: a tile is 100
// instructions for 15 loads. Fifteen columns, ten rows of one factor and a few
// of the other fit into the 32 registers.
//
// Why five by ten: a column in the middle of a tile is added to ten times, each
// after the one before, four cycles apart: 40 cycles, below the 50 that 100
// instructions take at two a cycle. In a tile of eight by eight both are 64, and
// every delay counts.
//
// A product is computed column by column in steps of five: all tiles that begin
// at column 5c while its columns stay in registers, then the lowest five are
// finished and stored. Nothing is added to memory.
package main
