package kernel

// core is one implementation of the arithmetic. It works on groups of lanes()
// numbers; a group is 2·digits() rows of lanes() words: the low halves, then
// the high halves, least significant digit first. Every method takes time that
// depends on the sizes only. dst may be the same slice as an operand.
type core interface {
	lanes() int   // numbers in a group
	digits() int  // digits of a half; R = 2^(radix·digits)
	radix() int   // bits of a digit, 52 or 64
	scratch() int // words of working memory that the methods below ask for

	// mul sets dst = a·b/R mod N², square dst = a²/R mod N².
	mul(dst, a, b, scratch []uint64)
	square(dst, a, scratch []uint64)
	// split sets dst to the dual form of wide/R mod N², where wide holds plain
	// numbers below N² of 2·digits() digits; join sets wide = a/R mod N² in
	// this plain form, canonical.
	split(dst, wide, scratch []uint64)
	join(wide, a, scratch []uint64)
	// pick sets lane l of dst to lane l of group index[l] of table, and reads
	// the whole table for it.
	pick(dst, table, index []uint64)
	// share arranges 2^k numbers of 2·digits() digits each, one behind the
	// other, as a table for pickShared, which sets lane l of dst to number
	// index[l] and reads the whole table for it.
	share(numbers []uint64) []uint64
	pickShared(dst, table, index []uint64)
}
