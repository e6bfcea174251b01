package spdz

import (
	"fmt"

	"consilium/sharing/wide"
)

// hider is what comparing numbers takes beforehand: for each of 64·words
// numbers, r = Σ r_A with its low bits shared as bits.
type hider struct {
	words int
	adds  [][]wide.Element // the r_A that this party adds
	low   bitShare         // planes of r
}

// coins are random bits that are shared as bits and as numbers.
type coins struct {
	bits    bitShare
	numbers *Secret
}

// stock is what was made ahead for comparisons. What is taken is gone: nothing
// is used twice.
type stock struct {
	hiders map[int]*hider // by width
	coins  *coins
	taken  map[int]int // numbers compared, by width, since the last Refill
	tossed int         // coins taken
}

// Prepare makes what the next comparisons of so many numbers of so many bits
// take, and coins for so many results that stay secret. What is not prepared is
// made when it is needed, in 4 + ⌈log₂(bits)⌉ more rounds.
func (e *Engine) Prepare(count, width, coins int) error {
	if e.plain {
		return nil
	}
	if count > 0 {
		h, err := e.makeHider((count+63)/64, width)
		if err != nil {
			return fmt.Errorf("prepare comparisons: %w", err)
		}
		e.stock.hiders[width] = h
	}
	if coins > 0 {
		c, err := e.tossCoins((coins + 63) / 64)
		if err != nil {
			return fmt.Errorf("prepare comparisons: %w", err)
		}
		e.stock.coins = c
	}
	return nil
}

// Refill prepares times as much as was taken since the last call.
func (e *Engine) Refill(times int) error {
	if e.backend != nil {
		return e.backend.Refill(times)
	}
	taken, tossed := e.stock.taken, e.stock.tossed
	e.stock.taken, e.stock.tossed = map[int]int{}, 0
	if times < 1 {
		return nil
	}
	for width := range e.magnitude + 1 { // in one order everywhere
		if err := e.Prepare(times*taken[width], width, 0); err != nil {
			return err
		}
	}
	return e.Prepare(0, 0, times*tossed)
}

func (e *Engine) makeHider(words, width int) (*hider, error) {
	h := &hider{words: words}
	numbers := make([]bitShare, len(e.sets))
	for i := range numbers {
		numbers[i] = e.bitShare(width * words)
	}
	for k, set := range e.mine {
		own := make([]wide.Element, 64*words)
		for i := range own {
			own[i] = set.hiders.Below(e.magnitude + e.Hiding)
		}
		planes(numbers[set.index][k], own, width)
		if set.adds {
			h.adds = append(h.adds, own)
		}
	}
	var err error
	h.low, err = e.sumBits(numbers, width, words)
	return h, err
}

// takeHider gives away what comparing count numbers takes.
func (e *Engine) takeHider(count, width int) (*hider, error) {
	words := (count + 63) / 64
	e.stock.taken[width] += 64 * words
	h := e.stock.hiders[width]
	if h == nil || h.words < words {
		return e.makeHider(words, width)
	}
	first, rest := &hider{words: words}, &hider{words: h.words - words}
	for _, r := range h.adds {
		first.adds, rest.adds = append(first.adds, r[:64*words]), append(rest.adds, r[64*words:])
	}
	first.low, rest.low = e.bitShare(0), e.bitShare(0)
	for p := range width {
		first.low = joined(first.low, h.low.part(p*h.words, p*h.words+words))
		rest.low = joined(rest.low, h.low.part(p*h.words+words, (p+1)*h.words))
	}
	e.stock.hiders[width] = rest
	return first, nil
}

// takeCoins gives away so many words of coins.
func (e *Engine) takeCoins(words int) (*coins, error) {
	e.stock.tossed += 64 * words
	c := e.stock.coins
	if c == nil || c.numbers.Rows < 64*words {
		return e.tossCoins(words)
	}
	all := c.numbers.Rows / 64
	e.stock.coins = &coins{bits: c.bits.part(words, all), numbers: c.numbers.Part(64*words, 64*all)}
	return &coins{bits: c.bits.part(0, words), numbers: c.numbers.Part(0, 64*words)}, nil
}

// tossCoins draws random bits: each set has one, and their exclusive or is
// computed on numbers, two at a time.
func (e *Engine) tossCoins(words int) (*coins, error) {
	c := &coins{bits: e.bitShare(words)}
	list := make([]*Secret, len(e.sets))
	for i := range list {
		list[i] = e.secret(64*words, 1, 0, 1)
	}
	for k, set := range e.mine {
		set.bits.Words(c.bits[k])
		share := list[set.index].share
		for i := range share {
			bit := wide.Element{Lo: c.bits[k][i/64] >> (i % 64) & 1}
			share[i] = wide.Mul(set.weight, bit)
		}
	}
	for len(list) > 1 {
		var products []*Product
		for i := 0; i+1 < len(list); i += 2 {
			sum := e.Add(list[i], list[i+1])
			products = append(products, e.Hadamard(list[i], list[i+1]).Times(-2, 0).PlusSecret(e, sum))
		}
		next, err := e.Reduce(products...)
		if err != nil {
			return nil, err
		}
		for _, s := range next {
			s.Reach = 1
		}
		if len(list)%2 == 1 {
			next = append(next, list[len(list)-1])
		}
		list = next
	}
	c.numbers = list[0]
	return c, nil
}

// numbersOf makes numbers, 0 or 1, of bits: their exclusive or with coins is
// opened.
func (e *Engine) numbersOf(b bitShare, count int) ([]wide.Element, error) {
	c, err := e.takeCoins(len(b[0]))
	if err != nil {
		return nil, err
	}
	opened, err := e.openBits(e.additive(e.xor(b, c.bits)), e.everybody())
	if err != nil {
		return nil, err
	}
	numbers := make([]wide.Element, count)
	for i := range numbers {
		bit := wide.Element{Lo: opened[i/64] >> (i % 64) & 1}
		// c + b − 2cb, c public.
		flipped := wide.Sub(wide.FromInt(1), wide.Add(bit, bit))
		numbers[i] = wide.Add(bit, wide.Mul(flipped, c.numbers.share[i]))
	}
	return numbers, nil
}

// anyRepeats is how many random sums openAny opens: all are zero by accident
// once in 2⁴⁰.
const anyRepeats = 40

// openAny opens whether some bit is set: the parities of secret random choices
// of the bits, which are random bits if some is.
func (e *Engine) openAny(b bitShare) (bool, error) {
	words := len(b[0])
	choices, repeated := e.bitShare(anyRepeats*words), e.bitShare(0)
	for k, set := range e.mine {
		set.bits.Words(choices[k])
	}
	for range anyRepeats {
		repeated = joined(repeated, b)
	}
	chosen, err := e.and(choices, repeated)
	if err != nil {
		return false, err
	}
	sums := e.bitShare(anyRepeats)
	for k := range sums {
		for i, w := range chosen[k] {
			sums[k][i/words] ^= w
		}
		for i, w := range sums[k] {
			sums[k][i] = parity(w)
		}
	}
	opened, err := e.openBits(e.additive(sums), e.everybody())
	if err != nil {
		return false, err
	}
	for _, w := range opened {
		if w&1 == 1 {
			return true, nil
		}
	}
	return false, nil
}

// parity is the exclusive or of all bits, in the lowest.
func parity(w uint64) uint64 {
	for shift := 32; shift > 0; shift /= 2 {
		w ^= w >> shift
	}
	return w & 1
}
