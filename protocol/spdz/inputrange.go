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
	if err := e.Check(); err != nil { // everybody has what was dealt
		return err
	}
	coins, err := e.toss()
	if err != nil {
		return err
	}
	dealt, sums := make([]*Secret, e.n+1), make([][]wide.Element, e.n+1)
	var mine, ownSums []wide.Element
	for party := 1; party <= e.n; party++ {
		width, offset := rangeWidth(list[party])
		choices := make([]uint64, rangeRows*((list[party].Len()+63)/64))
		coins.Words(choices)
		sums[party] = chosenSums(list[party].share, choices, offset)
		dealt[party] = e.secret(rangeRows*width, 1, 0, 1)
		switch {
		case list[party].Len() == 0:
			dealt[party] = e.secret(0, 1, 0, 1)
		case party == e.self:
			ownSums = chosenSums(own, choices, offset)
			mine = bitsOf(ownSums, width)
		}
	}
	if err := e.shareOut(mine, dealt); err != nil {
		return err
	}
	if err := e.proveBits(mine, ownSums, dealt, sums); err != nil {
		return err
	}
	return e.Check()
}

// proveBits proves, for each party, that it has dealt bits, and that they give
// the sums. What is proved is meant at 0.
//
// Challenges come from what its dealer told, and not from what others told in the
// same round, of which nobody knows yet whether all were told the same. Read by
// other challenges, an honest proof comes to a function of what is proved, which
// no cover hides here, and Check would tell it.
func (e *Engine) proveBits(own, ownSums []wide.Element, dealt []*Secret, sums [][]wide.Element) error {
	masks, proofs := make([][]wide.Element, e.n+1), make([][]wide.Element, e.n+1)
	for party := 1; party <= e.n; party++ {
		if count := dealt[party].Len(); count > 0 {
			proofs[party] = make([]wide.Element, proofLength(count))
			masks[party] = e.proofMasks(party, 0, len(proofs[party]))
		}
	}
	settled := make([]wide.Element, e.n+1)
	for party := 1; party <= e.n; party++ {
		if len(proofs[party]) == 0 {
			continue
		}
		t := e.checker.dealt[party]
		t.absorb(party, nil)
		if party == e.self {
			copy(proofs[party], e.prove(&t, e.claimBits(own, ownSums, &t), masks[party]))
			e.tell(wide.Append(nil, proofs[party]))
		} else {
			if err := e.receiveElements(party, proofs[party]); err != nil {
				return err
			}
			settled[party] = e.verify(party, &t, e.claimBits(dealt[party].share, sums[party], &t), masks[party], proofs[party])
		}
		e.checker.view.absorb(party, t[:])
	}
	e.settle(e.checker.dealers, settled)
	return nil
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

// claimBits claims b·(b−1) = 0 of all bits, and of each row Σ 2ᵖ·b = sum.
func (e *Engine) claimBits(bit, sums []wide.Element, t *transcript) claim {
	x := wide.NewExpander(t.seed(), 0)
	c := claim{a: make([]wide.Element, len(bit)), b: make([]wide.Element, len(bit))}
	for i, v := range bit {
		c.a[i], c.b[i] = wide.Mul(e.coefficient(x.Element()), v), wide.Sub(v, wide.FromInt(1))
	}
	width := len(bit) / len(sums)
	for row, sum := range sums {
		for p := range width {
			sum = wide.Sub(sum, wide.Mul(wide.PowerOfTwo(p), bit[row*width+p]))
		}
		c.c = wide.Add(c.c, wide.Mul(e.coefficient(x.Element()), sum))
	}
	return c
}
