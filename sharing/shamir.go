package sharing

import "fmt"

// MaxParties bounds the abscissae: the roster's numbers are 1…MaxParties.
const MaxParties = 1 << 10

// Deal shares a block of secrets among parties 1…n so that any k shares give a
// secret back and k−1 say nothing about it (Shamir 1979). shares[i] receives
// the block of party i+1; all blocks are as long as secrets. The shares of the
// first k−1 parties are drawn from random.
func Deal(shares [][]Element, secrets []Element, k int, random *Expander) error {
	dealer, err := NewDealer(len(shares), k, 1, 0)
	if err != nil {
		return err
	}
	for _, share := range shares[:k-1] {
		random.Fill(share)
	}
	dealer.Extend(shares, [][]Element{secrets})
	return nil
}

// Dealer shares secrets by polynomials of degree below k that are given by their
// values: at the secrets, and at some parties, whose shares are drawn at random
// and can therefore be sent as a seed. With the secrets fixed, polynomials and
// values at k−l further points are in bijection: the shares are distributed as if
// the coefficients had been drawn.
type Dealer struct {
	n, seeded, behind int
	weights           [][]Element // of the values above, for each other party, in their order
}

// NewDealer deals to parties 1…n so that k shares determine l secrets, and k−l
// say nothing about them. One secret sits at 0; l > 1 secrets are packed into
// one polynomial (Franklin and Yung, STOC 1992), at −1…−l. The parties with random
// shares are the k−l that follow the number behind, and 1 follows n: when every
// party deals and names itself, all get equally many shares that are not seeds.
func NewDealer(n, k, l, behind int) (*Dealer, error) {
	if k < 1 || k > n || n > MaxParties {
		return nil, fmt.Errorf("deal shares: threshold %d of %d parties", k, n)
	}
	if l < 1 || l > 1 && l >= k {
		return nil, fmt.Errorf("deal shares: %d secrets in a polynomial of %d coefficients leave nothing to chance", l, k)
	}
	d := &Dealer{n: n, seeded: k - l, behind: behind}
	given := SecretsAt(l)
	for i := range d.seeded {
		given = append(given, d.party(i)+1)
	}
	for i := d.seeded; i < n; i++ {
		d.weights = append(d.weights, lagrange(given, d.party(i)+1))
	}
	return d, nil
}

// party is the index, from 0, of the i-th party behind.
func (d *Dealer) party(i int) int { return (d.behind + i) % d.n }

// Seeded tells whether the shares of party x are random by themselves when they
// are dealt by NewDealer(n, k, l, behind).
func Seeded(n, k, l, behind, x int) bool { return (x-1-behind%n+n)%n < k-l }

// Extend computes the shares of the parties that are not seeded. shares holds the
// block of every party, of which those of the seeded are filled, and secrets the l
// blocks of secrets. All blocks have the same length.
func (d *Dealer) Extend(shares, secrets [][]Element) {
	given := append(make([][]Element, 0, len(secrets)+d.seeded), secrets...)
	for i := range d.seeded {
		given = append(given, shares[d.party(i)])
	}
	rows := make([][]Element, len(given))
	length := len(secrets[0])
	for from := 0; from < length; from += tile {
		to := min(from+tile, length)
		for j := range given {
			rows[j] = given[j][from:to]
		}
		for i, weights := range d.weights {
			Weigh(shares[d.party(d.seeded+i)][from:to], weights, rows)
		}
	}
}

// tile is how many values of all parties are worked on at a time, so that what
// is given stays in the first-level cache.
const tile = 256

// SecretsAt are the abscissae of l secrets.
func SecretsAt(l int) []int {
	if l == 1 {
		return []int{0}
	}
	xs := make([]int, l)
	for i := range xs {
		xs[i] = -1 - i
	}
	return xs
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
	return lagrange(xs, at), nil
}

// lagrange is Lagrange for abscissae that differ.
func lagrange(xs []int, at int) []Element {
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
	return lambda
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
