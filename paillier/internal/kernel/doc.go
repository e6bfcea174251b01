// Package kernel multiplies and exponentiates batches of numbers modulo N², the
// arithmetic below Paillier's cryptosystem.
//
// # Dual form
//
// A number x modulo N² is kept as two halves, x = x₀ + x₁·N, in Montgomery
// form. A product needs a₀b₀ and a₀b₁ + a₁b₀ only: a₁b₁ is a multiple of N².
// Montgomery's reduction of the low product finds r and q with a₀b₀ = r·R − q·N;
// r is the new low half, and −q joins the sum that becomes the new high half.
// With numbers of the length of N as the unit, a product costs three products
// and two reductions, five units instead of the eight of a product modulo N² in
// one piece; a square costs three and a half instead of six.
//
// # Kernels
//
// "ifma" computes on eight numbers at once with AVX-512 IFMA, digit j of all
// eight in one register, in assembly that the program in folder gen writes.
// "portable" computes on one number at a time, in Go; "adx" does the same, with
// its inner loops in assembly for processors with two carry chains. The first
// that the processor has is taken when a Modulus is made; CONSILIUM_NOSIMD=1 in
// the environment leaves ifma out, CONSILIUM_NOASM=1 and the build tag purego
// all assembly. What leaves a Batch is canonical, so that every kernel gives the
// same bytes.
//
// # Time
//
// Methods take time that depends on sizes only: the length of N, the count of a
// batch, the length of exponents in bytes, a window. They may be used on secret
// numbers and secret exponents. There are no branches on data, no loads from
// places that depend on data (tables are read in full), and no instructions
// whose time depends on their operands, on the processors that we know. Functions
// whose name contains VarTime take public exponents, and time that depends on
// these; the bases may be secret where the function says so. Conversions from and
// to math/big leak the length of a number in words; those from and to bytes leak
// nothing. Working memory is reused, not erased.
package kernel
