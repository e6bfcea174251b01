package spdz

import (
	"math"
	"math/bits"

	"consilium/sharing/wide"
)

// rangeRows is how many random sums of a dealer's numbers are proved small: a
// number out of range is in half of them, so it passes once in 2⁴⁰.
const rangeRows = 40

// proveRanges makes sure that what each party has shared is small. Products are
// hidden by masks that fit small numbers: without this, a party that shares 2¹⁰⁰
// would see in what opens the numbers that it is multiplied with.
//
// Forty random sums of a dealer's numbers are written in bits, which the dealer
// shares; that they are bits, and give the sums, are claims for Check. A dealer
// with N numbers below B proves them below 4·N·B.
func (e *Engine) proveRanges(own []wide.Element, list []*Secret) error {
	if err := e.compareTranscripts(); err != nil { // everybody has what was dealt
		return err
	}
	coins, err := e.toss()
	if err != nil {
		return err
	}
	dealt, sums := make([]*Secret, e.n+1), make([][]wide.Element, e.n+1)
	var mine []wide.Element
	for party := 1; party <= e.n; party++ {
		width, offset := rangeWidth(list[party])
		choices := make([]uint64, rangeRows*((list[party].Len()+63)/64))
		coins.Words(choices)
		sums[party] = chosenSums(list[party].share, choices, offset)
		if party == e.self {
			mine = bitsOf(chosenSums(own, choices, offset), width)
		}
		dealt[party] = e.secret(rangeRows*width, 1, 0, 1)
		if list[party].Len() == 0 {
			dealt[party] = e.secret(0, 1, 0, 1)
		}
	}
	if list[e.self].Len() == 0 {
		mine = nil
	}
	if err := e.shareOut(mine, dealt); err != nil {
		return err
	}
	for party := 1; party <= e.n; party++ {
		if list[party].Len() > 0 {
			e.claimBits(dealt[party], sums[party])
		}
	}
	e.checker.dealt = append(e.checker.dealt, dealt[1:]...)
	return e.Check()
}

// rangeWidth is how many bits a sum of some of the numbers has, and what makes
// it positive.
func rangeWidth(s *Secret) (width int, offset wide.Element) {
	most := math.Ceil(math.Ldexp(s.Reach, s.Bits)) * float64(max(1, s.Len()))
	_, exponent := math.Frexp(most)
	return exponent + 1, wide.PowerOfTwo(exponent)
}

// chosenSums are sums of the chosen numbers, one for each row of choices, plus
// the offset.
func chosenSums(numbers []wide.Element, choices []uint64, offset wide.Element) []wide.Element {
	words := len(choices) / rangeRows
	sums := make([]wide.Element, rangeRows)
	for row := range sums {
		sums[row] = offset
		for w, word := range choices[row*words : (row+1)*words] {
			if rest := len(numbers) - 64*w; rest < 64 {
				word &= 1<<rest - 1
			}
			for ; word != 0; word &= word - 1 {
				sums[row] = wide.Add(sums[row], numbers[64*w+bits.TrailingZeros64(word)])
			}
		}
	}
	return sums
}

func bitsOf(numbers []wide.Element, width int) []wide.Element {
	var list []wide.Element
	for _, v := range numbers {
		for p := range width {
			list = append(list, wide.Element{Lo: bitOf(v, p)})
		}
	}
	return list
}

// claimBits claims b·(b−1) = 0 for all bits, and Σ 2ᵖ·b = sum for each sum.
func (e *Engine) claimBits(bit *Secret, sums []wide.Element) {
	less := e.AddConstant(bit, -1)
	e.checker.records = append(e.checker.records, record{
		factors: []factor{{a: bit, b: less, entries: true, times: wide.FromInt(1)}},
		z:       make([]wide.Element, bit.Len()),
	})
	width := bit.Len() / len(sums)
	for row := range sums {
		for p := range width {
			sums[row] = wide.Sub(sums[row], wide.Mul(wide.PowerOfTwo(p), bit.share[row*width+p]))
		}
	}
	e.checker.records = append(e.checker.records, record{z: sums})
}
