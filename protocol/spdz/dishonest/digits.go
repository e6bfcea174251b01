package dishonest

import (
	"fmt"

	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// digitBits is how many bits a digit has at most. Longer ones are fewer, and each
// takes the owner 4^bits products.
const digitBits = 7

// digitSizes cuts width bits into digits of nearly one length, low ones first.
func digitSizes(width int) []int {
	count := (width + digitBits - 1) / digitBits
	sizes := make([]int, count)
	for i := range sizes {
		sizes[i] = (width + i) / count // adds up to width
	}
	return sizes
}

// digitsOf are the digits of a number of as many bits.
func digitsOf(v wide.Element, sizes []int) []wide.Element {
	digits := make([]wide.Element, len(sizes))
	for i, size := range sizes {
		digits[i] = wide.Element{Lo: v.Lo & (1<<size - 1)}
		v = v.Shift(uint(size))
	}
	return digits
}

// dealDigits authenticates numbers of every party, each of width bits for all
// widths, and each party proves that of its own. Number i of a party has
// widths[i mod len(widths)] bits. numbers are this party's, counts[j] those of
// party j. What comes back by party is what this party holds of each number.
func (p *party) dealDigits(purpose string, numbers []wide.Element, counts, widths []int) ([]spdz.Shares, error) {
	var sizes []int // of the digits of widths, one after the other
	for _, w := range widths {
		sizes = append(sizes, digitSizes(w)...)
	}
	var digits []wide.Element
	for i, v := range numbers {
		digits = append(digits, digitsOf(v, digitSizes(widths[i%len(widths)]))...)
	}
	degree := 1
	for _, size := range sizes {
		degree = max(degree, 1<<size)
	}
	rows, total := make([]int, p.n+1), make([]int, p.n+1)
	for j := 1; j <= p.n; j++ {
		if counts[j] > 0 {
			total[j] = counts[j] / len(widths) * len(sizes)
			rows[j] = (total[j] + (p.n-1)*(degree-1) + p.lanes.Count - 1) / p.lanes.Count
		}
	}
	if counts[p.self] > 0 {
		hides := make([]wide.Element, (p.n-1)*(degree-1))
		p.expander.Fill(hides)
		digits = append(digits, hides...)
	}
	d, err := p.deal(purpose, p.packed(digits), rows)
	if err != nil {
		return nil, err
	}
	list, err := p.tag(purpose, d)
	if err != nil {
		return nil, err
	}
	if err := p.proveDigits(purpose, list, total, sizes, degree); err != nil {
		return nil, err
	}
	out := make([]spdz.Shares, p.n+1)
	for j := 1; j <= p.n; j++ {
		out[j] = p.joinDigits(list[j], counts[j], widths)
	}
	return out, nil
}

// packed are rows of as many numbers as there are lanes.
func (p *party) packed(numbers []wide.Element) [][]wide.Element {
	var rows [][]wide.Element
	for len(numbers) > 0 {
		count := min(p.lanes.Count, len(numbers))
		rows, numbers = append(rows, numbers[:count]), numbers[count:]
	}
	return rows
}

// joinDigits are the numbers of digits.
func (p *party) joinDigits(o *owned, count int, widths []int) spdz.Shares {
	out, at := p.shares(count), 0
	for i := range count {
		position := 0
		for _, size := range digitSizes(widths[i%len(widths)]) {
			digit := p.sharesOf(o, at, at+1)
			accumulate(part(out, i, i+1), wide.PowerOfTwo(position), digit)
			position += size
			at++
		}
	}
	return out
}

// proveDigits: the owner shows each other party that every digit x of d = 2^size
// is one of 0 … d−1. Both know it behind the other's key: tag = key + Δ·x, so
//
//	∏_v (key + Δ·v) = ∏_v (tag − Δ·(x−v))     v = 0 … d−1
//
// is a polynomial in Δ that the owner knows, and has degree below d exactly when
// ∏ (x−v) = 0. The owner sends the coefficients of a random combination of those
// of all digits, the shorter ones times a power of Δ, behind a random polynomial
// of degree D−1 from D−1 random numbers s: Σ Δⁱ·key(sᵢ) = Σ Δⁱ·(tag(sᵢ) − Δ·sᵢ)
// (QuickSilver: Yang, Sarkar, Weng, Wang, CCS 2021, section 5). The other computes
// the same from its keys and Δ. For each other party there are other s: two who
// compare polynomials behind the same take them off. A digit out of range passes
// for D of 2¹²⁷ keys Δ, or combinations, a try.
func (p *party) proveDigits(purpose string, list []*owned, total, sizes []int, degree int) error {
	to := make([][]byte, p.n+1)
	own := list[p.self]
	for j := 1; j <= p.n; j++ {
		if j != p.self && total[p.self] > 0 {
			to[j] = wide.Append(nil, p.digitPolynomial(p.digitCoins(purpose, p.self, j), own, j, total[p.self], sizes, degree))
		}
	}
	from, err := p.exchange(to)
	if err != nil {
		return err
	}
	for j := 1; j <= p.n; j++ {
		if j == p.self || total[j] == 0 {
			continue
		}
		coefficients := make([]wide.Element, degree)
		if err := wide.Decode(coefficients, from[j]); err != nil {
			return cheat(j, "sent what is no polynomial", err)
		}
		if evaluate(coefficients, p.delta) != p.digitValue(p.digitCoins(purpose, j, p.self), list[j], total[j], sizes, degree) {
			return cheat(j, "did not show that its numbers are in range", nil)
		}
	}
	return nil
}

// hiding is where the numbers lie that hide an owner's proof to another party.
func hiding(owner, other, total, degree int) int {
	if other > owner {
		other--
	}
	return total + (other-1)*(degree-1)
}

func (p *party) digitCoins(purpose string, owner, to int) *wide.Expander {
	return p.coins(fmt.Sprintf("digits of %s", purpose), []byte{byte(owner), byte(to)})
}

// digitPolynomial is the owner's for another party: coefficients, from the lowest.
func (p *party) digitPolynomial(coins *wide.Expander, o *owned, other, total int, sizes []int, degree int) []wide.Element {
	tags, first := o.tags[other], hiding(o.owner, other, total, degree)
	sum := make([]wide.Element, degree+1)
	product := make([]wide.Element, degree+1)
	for i := range total {
		d := 1 << sizes[i%len(sizes)]
		product[0] = p.coefficient(coins)
		for v := range d {
			slope := wide.Sub(wide.Element{Lo: uint64(v)}, o.value[i]) // times (tag + slope·Δ)
			product[v+1] = wide.Mul(product[v], slope)
			for k := v; k > 0; k-- {
				product[k] = wide.Add(wide.Mul(product[k], tags[i]), wide.Mul(product[k-1], slope))
			}
			product[0] = wide.Mul(product[0], tags[i])
		}
		wide.AddTo(sum[degree-d:], product[:d+1])
	}
	for i := range degree - 1 {
		sum[i] = wide.Add(sum[i], tags[first+i])
		sum[i+1] = wide.Sub(sum[i+1], o.value[first+i])
	}
	return sum[:degree] // the last is zero
}

// digitValue is what the other computes.
func (p *party) digitValue(coins *wide.Expander, o *owned, total int, sizes []int, degree int) wide.Element {
	keys, first := o.key, hiding(o.owner, p.self, total, degree)
	powers := make([]wide.Element, degree+1)
	powers[0] = wide.FromInt(1)
	for i := range degree {
		powers[i+1] = wide.Mul(powers[i], p.delta)
	}
	var sum wide.Element
	for i := range total {
		d := 1 << sizes[i%len(sizes)]
		product, key := wide.Mul(p.coefficient(coins), powers[degree-d]), keys[i]
		for range d {
			product = wide.Mul(product, key)
			key = wide.Add(key, p.delta)
		}
		sum = wide.Add(sum, product)
	}
	return wide.Add(sum, wide.Dot(powers[:degree-1], keys[first:first+degree-1]))
}

// evaluate is Σ coefficients[i]·xⁱ.
func evaluate(coefficients []wide.Element, x wide.Element) wide.Element {
	var sum wide.Element
	for i := len(coefficients) - 1; i >= 0; i-- {
		sum = wide.Add(wide.Mul(sum, x), coefficients[i])
	}
	return sum
}
