package sharing

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// dealPacked deals l blocks of secrets.
func dealPacked(t *testing.T, n, k, l int, secrets [][]Element) [][]Element {
	t.Helper()
	dealer, err := NewDealer(n, k, l, 3)
	if err != nil {
		t.Fatal(err)
	}
	shares := make([][]Element, n)
	random := NewExpander([SeedSize]byte{byte(n), byte(k), byte(l)}, 0)
	for i := range shares {
		shares[i] = make([]Element, len(secrets[0]))
		if Seeded(n, k, l, 3, i+1) {
			random.Fill(shares[i])
		}
	}
	dealer.Extend(shares, secrets)
	return shares
}

// "k openings reconstruct" all packed secrets, whichever they are.
func TestEverySubsetOfKReconstructsPacked(t *testing.T) {
	const n, k, l = 7, 5, 3
	secrets := [][]Element{{1, 2, Prime - 1}, {4, 0, 6}, {7, 8, MaxInt}}
	shares := dealPacked(t, n, k, l, secrets)
	for mask := range 1 << n {
		xs := members(mask)
		if len(xs) != k {
			continue
		}
		for j, at := range SecretsAt(l) {
			if got := reconstruct(t, xs, shares, at); !slices.Equal(got, secrets[j]) {
				t.Errorf("parties %v reconstruct %v at %d, want %v", xs, got, at, secrets[j])
			}
		}
	}
}

// "Packed, k−l learn nothing": the attack of whoever holds k−l shares is to try
// candidates for all secrets. For each there is one polynomial through the
// shares that are held, and it is one that the dealer could have drawn: so no
// candidate is excluded, and none is likelier. With one share more the true
// secrets fit, and others do not: the attack is not blind.
func TestTooFewPackedSharesFitEverySecret(t *testing.T) {
	const n, k, l = 7, 5, 2
	true1, true2 := Element(424242), Element(31337)
	shares := dealPacked(t, n, k, l, [][]Element{{true1}, {true2}})
	fits := func(held []int, candidate []Element) bool {
		given, values := SecretsAt(l), slices.Clone(candidate)
		for _, x := range held[:k-l] {
			given, values = append(given, x), append(values, shares[x-1][0])
		}
		for _, x := range held[k-l:] {
			value := Element(0)
			for i, w := range lagrange(given, x) {
				value = Add(value, Mul(w, values[i]))
			}
			if value != shares[x-1][0] {
				return false
			}
		}
		return true
	}
	for mask := range 1 << n {
		held := members(mask)
		for _, candidate := range [][]Element{{0, 0}, {true1, 0}, {true1, true2}, {Prime - 1, 5}} {
			isTrue := candidate[0] == true1 && candidate[1] == true2
			if len(held) == k-l && !fits(held, candidate) {
				t.Errorf("parties %v exclude %v", held, candidate)
			}
			if len(held) == k && fits(held, candidate) != isTrue {
				t.Errorf("parties %v: candidate %v fits is %v", held, candidate, !isTrue)
			}
		}
	}
}

func TestDealerRefuses(t *testing.T) {
	for _, c := range []struct{ n, k, l int }{{3, 4, 1}, {3, 0, 1}, {3, 2, 2}, {7, 4, 4}, {7, 4, 0}, {MaxParties + 1, 2, 1}} {
		if _, err := NewDealer(c.n, c.k, c.l, 0); err == nil {
			t.Errorf("n %d, k %d, %d packed: accepted", c.n, c.k, c.l)
		}
	}
}

// Sums that are reduced late against sums that are reduced at once, with values
// at the edge.
func TestWeighAgainstAccumulate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := make([][]Element, rapid.IntRange(0, 14).Draw(t, "rows"))
		weights := make([]Element, len(rows))
		const width = 5
		want, got := make([]Element, width), make([]Element, width)
		for j := range rows {
			rows[j], weights[j] = make([]Element, width), element(t, "weight")
			for i := range rows[j] {
				rows[j][i] = element(t, "value")
			}
			Accumulate(want, weights[j], rows[j])
		}
		if Weigh(got, weights, rows); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestWeighAtItsBounds(t *testing.T) {
	for count := range 14 {
		rows, weights := make([][]Element, count), make([]Element, count)
		want, got := make([]Element, 1), []Element{7}
		for j := range rows {
			rows[j], weights[j] = []Element{Prime - 1}, Prime-1
			Accumulate(want, Prime-1, rows[j])
		}
		if Weigh(got, weights, rows); got[0] != want[0] {
			t.Errorf("%d products: %d, want %d", count, got[0], want[0])
		}
	}
}
