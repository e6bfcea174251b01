package sharing

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

var prime = big.NewInt(Prime)

func element(t *rapid.T, name string) Element {
	edge := []uint64{0, 1, 2, Prime - 1, Prime - 2, MaxInt, MaxInt + 1}
	if rapid.Bool().Draw(t, name+" at the edge") {
		return Element(rapid.SampledFrom(edge).Draw(t, name))
	}
	return Element(rapid.Uint64Range(0, Prime-1).Draw(t, name))
}

func toBig(e Element) *big.Int { return new(big.Int).SetUint64(uint64(e)) }

func TestFieldAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := element(t, "a"), element(t, "b")
		check := func(op string, got Element, want *big.Int) {
			if want.Mod(want, prime); toBig(got).Cmp(want) != 0 {
				t.Fatalf("%d %s %d = %d, want %s", a, op, b, got, want)
			}
		}
		check("+", Add(a, b), new(big.Int).Add(toBig(a), toBig(b)))
		check("-", Sub(a, b), new(big.Int).Sub(toBig(a), toBig(b)))
		check("*", Mul(a, b), new(big.Int).Mul(toBig(a), toBig(b)))
		if a != 0 {
			check("1/a·b", Mul(InvVarTime(a), b), new(big.Int).Mul(new(big.Int).ModInverse(toBig(a), prime), toBig(b)))
		}
	})
}

func TestIntRoundTrip(t *testing.T) {
	for _, v := range []int64{0, 1, -1, MaxInt, -MaxInt, 12345, -98765} {
		e, err := FromInt(v)
		if err != nil || e >= Prime || e.Int() != v {
			t.Errorf("FromInt(%d) = %d, %v; back %d", v, e, err, e.Int())
		}
	}
	for _, v := range []int64{MaxInt + 1, -MaxInt - 1, 1<<63 - 1, -1 << 63} {
		if e, err := FromInt(v); err == nil {
			t.Errorf("FromInt(%d) = %d without an error", v, e)
		}
	}
}

// "k openings reconstruct": every subset of k of n gives the secrets back.
func TestEverySubsetOfKReconstructs(t *testing.T) {
	const n, k = 6, 3
	secrets := []Element{0, 1, Prime - 1, 123456789, MaxInt}
	shares := deal(t, secrets, k, n, [SeedSize]byte{7})
	for mask := range 1 << n {
		xs := members(mask)
		if len(xs) != k {
			continue
		}
		if got := reconstruct(t, xs, shares, 0); !equal(got, secrets) {
			t.Errorf("parties %v reconstruct %v, want %v", xs, got, secrets)
		}
	}
}

// "k−1 learn nothing": for any k−1 shares and any candidate secret there is
// exactly one polynomial, so what k−1 parties hold fits every secret equally
// well. The attack: take k−1 true shares, claim another secret, and look for a
// contradiction with the degree.
func TestFewerThanKFitEverySecret(t *testing.T) {
	const n, k = 5, 3
	shares := deal(t, []Element{424242}, k, n, [SeedSize]byte{9})
	for _, claim := range []Element{0, 1, 424242, Prime - 1} {
		// The polynomial through (0, claim) and two true shares.
		for _, pair := range [][]int{{1, 2}, {2, 5}, {3, 4}} {
			l0, err := lagrangeWithZero(pair)
			if err != nil {
				t.Fatal(err)
			}
			at := func(x int) Element { // value at x of that polynomial
				sum := Mul(l0(x)[0], claim)
				for i, p := range pair {
					sum = Add(sum, Mul(l0(x)[i+1], shares[p-1][0]))
				}
				return sum
			}
			for _, p := range pair {
				if at(p) != shares[p-1][0] {
					t.Fatalf("the polynomial for claim %d does not pass through party %d's share", claim, p)
				}
			}
			if at(0) != claim {
				t.Fatalf("claim %d contradicts the shares of %v", claim, pair)
			}
		}
	}
}

// A single share must be uniform whatever the secret: with a field of 2⁶¹
// elements the test looks at the top three bits over many dealings.
func TestSharesAreUniform(t *testing.T) {
	const width, k, n = 4096, 2, 3
	for _, secret := range []Element{0, Prime - 1} {
		secrets := make([]Element, width)
		for i := range secrets {
			secrets[i] = secret
		}
		shares := deal(t, secrets, k, n, [SeedSize]byte{3})
		for party, block := range shares {
			var bins [8]int
			for _, s := range block {
				bins[s>>58]++
			}
			for b, count := range bins { // mean 512, deviation about 21
				if count < 400 || count > 624 {
					t.Errorf("secret %d, party %d: bin %d holds %d of %d shares", secret, party+1, b, count, width)
				}
			}
		}
	}
}

func TestDealIsDeterministicAndStreamsDiffer(t *testing.T) {
	secrets := []Element{1, 2, 3}
	a := deal(t, secrets, 3, 4, [SeedSize]byte{1})
	b := deal(t, secrets, 3, 4, [SeedSize]byte{1})
	for i := range a {
		if !equal(a[i], b[i]) {
			t.Fatalf("the same seed dealt party %d another share", i+1)
		}
	}
	x, y := make([]Element, 8), make([]Element, 8)
	NewExpander([SeedSize]byte{1}, 0).Fill(x)
	NewExpander([SeedSize]byte{1}, 1).Fill(y)
	if equal(x, y) {
		t.Fatal("two streams of one seed are equal")
	}
}

func TestLagrangeRefusesBadAbscissae(t *testing.T) {
	for _, xs := range [][]int{{0, 1}, {1, 1}, {-1, 2}, {1, MaxParties + 1}} {
		if _, err := Lagrange(xs, 0); err == nil {
			t.Errorf("abscissae %v were accepted", xs)
		}
	}
	if err := Deal(make([][]Element, 2), nil, 3, NewExpander([SeedSize]byte{}, 0)); err == nil {
		t.Error("a threshold above the number of parties was accepted")
	}
}

func TestDecodeRefusesNonCanonical(t *testing.T) {
	dst := make([]Element, 1)
	for _, v := range []uint64{Prime, Prime + 1, 1<<64 - 1} {
		if err := Decode(dst, Append(nil, []Element{Element(v)})); err == nil {
			t.Errorf("%d was accepted", v)
		}
	}
	if err := Decode(dst, make([]byte, 7)); err == nil {
		t.Error("7 bytes were accepted")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Append(nil, []Element{0, 1, Prime - 1}))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		dst := make([]Element, len(data)/Size)
		if Decode(dst, data) != nil {
			return
		}
		if got := Append(nil, dst); string(got) != string(data) {
			t.Fatalf("%x decodes and encodes to %x", data, got)
		}
	})
}

func deal(t *testing.T, secrets []Element, k, n int, seed [SeedSize]byte) [][]Element {
	t.Helper()
	shares := make([][]Element, n)
	for i := range shares {
		shares[i] = make([]Element, len(secrets))
	}
	if err := Deal(shares, secrets, k, NewExpander(seed, 0)); err != nil {
		t.Fatal(err)
	}
	return shares
}

func reconstruct(t *testing.T, xs []int, shares [][]Element, at int) []Element {
	t.Helper()
	lambda, err := Lagrange(xs, at)
	if err != nil {
		t.Fatal(err)
	}
	sum := make([]Element, len(shares[0]))
	for i, x := range xs {
		Accumulate(sum, lambda[i], shares[x-1])
	}
	return sum
}

// lagrangeWithZero interpolates through 0 and the given abscissae.
func lagrangeWithZero(xs []int) (func(at int) []Element, error) {
	all := append([]int{0}, xs...)
	return func(at int) []Element {
		lambda := make([]Element, len(all))
		for i, xi := range all {
			num, den := Element(1), Element(1)
			for j, xj := range all {
				if i != j {
					num = Mul(num, difference(at, xj))
					den = Mul(den, difference(xi, xj))
				}
			}
			lambda[i] = Mul(num, InvVarTime(den))
		}
		return lambda
	}, nil
}

func members(mask int) (xs []int) {
	for i := range 31 {
		if mask>>i&1 == 1 {
			xs = append(xs, i+1)
		}
	}
	return xs
}

func equal(a, b []Element) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
