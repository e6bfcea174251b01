package sharing

import "fmt"

// MaxParties bounds the abscissae: the roster's numbers are 1…MaxParties.
const MaxParties = 1 << 10

// Deal shares a block of secrets among parties 1…n so that any k shares give a
// secret back and k−1 say nothing about it (Shamir 1979). shares[i] receives
// the block of party i+1; all blocks are as long as secrets. The k−1 random
// numbers of each polynomial come from random.
//
// The polynomial is drawn in the Newton basis at 0: f(x) = Σ Δⱼ·C(x, j) with
// Δ₀ the secret and Δ₁…Δₖ₋₁ uniform. For k ≤ p that is a bijection onto the
// polynomials of degree below k with f(0) = secret, and stepping from x to x+1
// costs k−1 additions and no multiplication (forward differences).
func Deal(shares [][]Element, secrets []Element, k int, random *Expander) error {
	n := len(shares)
	if k < 1 || k > n || n > MaxParties {
		return fmt.Errorf("deal shares: threshold %d of %d parties", k, n)
	}
	var table [tile]Element
	width := tile / k
	if width == 0 {
		return fmt.Errorf("deal shares: threshold %d is above %d", k, tile)
	}
	for from := 0; from < len(secrets); from += width {
		block := secrets[from:min(from+width, len(secrets))]
		dealTile(shares, table[:k*len(block)], block, from, random)
	}
	return nil
}

// tile is the number of elements in a table of forward differences: 32 KiB,
// so that it stays in the first-level cache while every party is stepped
// through.
const tile = 4096

func dealTile(shares [][]Element, table, secrets []Element, from int, random *Expander) {
	width := len(secrets)
	copy(table, secrets)
	random.Fill(table[width:])
	steps := table[:len(table)-width]
	for i := range shares {
		// Row j takes row j+1 as it was before this step, so one pass over the
		// whole table from its start does all rows.
		AddTo(steps, table[width:])
		copy(shares[i][from:from+width], table)
	}
}

// Lagrange returns the coefficients λ with f(at) = Σ λᵢ·f(xᵢ) for every
// polynomial of degree below len(xs). The abscissae are public roster numbers:
// 0, a repeated one, or one above MaxParties is refused.
func Lagrange(xs []int, at int) ([]Element, error) {
	seen := make(map[int]bool, len(xs))
	for _, x := range xs {
		if x < 1 || x > MaxParties {
			return nil, fmt.Errorf("reconstruct: abscissa %d is not in 1…%d", x, MaxParties)
		}
		if seen[x] {
			return nil, fmt.Errorf("reconstruct: abscissa %d is repeated", x)
		}
		seen[x] = true
	}
	lambda := make([]Element, len(xs))
	for i, xi := range xs {
		num, den := Element(1), Element(1)
		for j, xj := range xs {
			if j != i {
				num = Mul(num, difference(at, xj))
				den = Mul(den, difference(xi, xj))
			}
		}
		lambda[i] = Mul(num, InvVarTime(den))
	}
	return lambda, nil
}

// Accumulate adds factor·b to a, element by element.
func Accumulate(a []Element, factor Element, b []Element) {
	b = b[:len(a)]
	for i := range a {
		a[i] = Add(a[i], Mul(factor, b[i]))
	}
}

// Dot is Σ aᵢ·bᵢ over the length of a.
func Dot(a, b []Element) Element {
	sum := Element(0)
	b = b[:len(a)]
	for i := range a {
		sum = Add(sum, Mul(a[i], b[i]))
	}
	return sum
}

func difference(a, b int) Element {
	if a >= b {
		return Element(a - b)
	}
	return Prime - Element(b-a)
}
