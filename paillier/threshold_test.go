package paillier

import (
	"crypto/rand"
	"math/big"
	"testing"
)

// opened are everybody's partial decryptions of c with their proofs.
func opened(t testing.TB, key *ThresholdKey, shares []*KeyShare, c *Ciphertexts) ([]*Partials, []*DecryptionProof) {
	t.Helper()
	partials, proofs := make([]*Partials, len(shares)), make([]*DecryptionProof, len(shares))
	for i, s := range shares {
		var err error
		if partials[i], proofs[i], err = key.PartialDecrypt(rand.Reader, s, c, []byte("round"), []byte("set")); err != nil {
			t.Fatal(err)
		}
	}
	return partials, proofs
}

// "k openings reconstruct": every subset of k opens the sum, whoever is in it.
func TestEverySubsetOfKOpensTheSum(t *testing.T) {
	for _, threshold := range [][2]int{{2, 2}, {3, 2}, {4, 3}, {5, 3}, {6, 6}} {
		key, shares := testDeal(t, threshold[0], threshold[1])
		e := testEncryptor(t, key.PublicKey)
		sum, _ := encrypt(t, e, 5, 0, 1000)
		other, _ := encrypt(t, e, 7, 0, 1<<62)
		if err := sum.AddTo(other); err != nil {
			t.Fatal(err)
		}
		partials, proofs := opened(t, key, shares, sum)
		for i := range partials {
			if err := key.VerifyPartials(sum, partials[i], proofs[i], []byte("round"), []byte("set")); err != nil {
				t.Errorf("%v: %v", threshold, err)
			}
		}
		for _, subset := range subsets(threshold[0], threshold[1]) {
			got, err := key.Combine(choose(partials, subset))
			if err != nil || !sameInts(got, bigs(12, 0, 1<<62+1000)) {
				t.Errorf("%v: holders %v open %v, %v", threshold, subset, got, err)
			}
		}
		if _, err := key.Combine(partials[:threshold[1]-1]); err == nil {
			t.Errorf("%v: one holder too few opened", threshold)
		}
	}
}

// The largest number of holders, in any order, and more than are needed.
func TestSixteenHolders(t *testing.T) {
	key, shares := testDeal(t, 16, 11)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 42)
	partials, _ := opened(t, key, shares, c)
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5}, {0, 15, 1, 14, 2, 13, 3, 12, 4, 11, 5, 10, 6, 9, 7}} {
		if got, err := key.Combine(choose(partials, order)); err != nil || !sameInts(got, bigs(42)) {
			t.Errorf("holders %v open %v, %v", order, got, err)
		}
	}
}

// Proofs that are verified together stand each for itself: what is wrong is
// found wherever it is, and spoils no other.
func TestVerifyAllPartials(t *testing.T) {
	key, shares := testDeal(t, 6, 4)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 42, 43)
	partials, proofs := opened(t, key, shares, c)
	verify := func(partials []*Partials, proofs []*DecryptionProof) []error {
		return key.VerifyAllPartials(c, partials, proofs, []byte("round"), []byte("set"))
	}
	for wrong := range 1 << 6 {
		given := append([]*Partials(nil), partials...)
		for i := range given {
			switch {
			case wrong>>i&1 == 0:
			case i%2 == 0: // each the other's: their product is right
				values := given[i].ints()
				given[i] = &Partials{key, i + 1, key.modulus.of(values[1], values[0])}
			default: // refused before any arithmetic
				given[i] = &Partials{key, i + 1, key.modulus.at(given[i].values, 0)}
			}
		}
		for i, err := range verify(given, proofs) {
			if (err != nil) != (wrong>>i&1 == 1) {
				t.Errorf("wrong %06b: of holder %d: %v", wrong, i+1, err)
			}
		}
	}
	exchanged := []*DecryptionProof{proofs[1], proofs[0], proofs[2]}
	if errs := verify(partials[:3], exchanged); errs[0] == nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("with exchanged proofs: %v", errs)
	}
	if errs := verify(nil, nil); len(errs) != 0 {
		t.Errorf("of nobody: %v", errs)
	}
}

func TestPackedSumEndToEnd(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	e := testEncryptor(t, key.PublicKey)
	packing, err := NewPacking(key.Bits(), 1<<30, 3, 40)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]int64, 40)
	var sum *Ciphertexts
	for h := range int64(3) {
		values := make([]int64, 40)
		for i := range values {
			values[i] = (int64(i)*7919*(h+1))%(1<<31) - 1<<30
			want[i] += values[i]
		}
		plaintexts, err := packing.Pack(values)
		if err != nil {
			t.Fatal(err)
		}
		c, w, err := e.Encrypt(rand.Reader, plaintexts)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := e.ProvePlaintexts(rand.Reader, c, w, []byte("hospital"))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.VerifyPlaintexts(c, proof, []byte("hospital")); err != nil {
			t.Fatal(err)
		}
		if sum == nil {
			sum = c
		} else if err := sum.AddTo(c); err != nil {
			t.Fatal(err)
		}
	}
	partials, _ := opened(t, key, shares, sum)
	plaintexts, err := key.Combine(partials)
	if err != nil {
		t.Fatal(err)
	}
	got, err := packing.Unpack(plaintexts, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("value %d is %d, want %d", i, got[i], want[i])
		}
	}
}

func TestPrivateKeyAgreesWithThreshold(t *testing.T) {
	private := testPrivateKey(t)
	public := private.Public()
	largest := new(big.Int).Sub(public.N(), one)
	c, err := public.Encrypt(rand.Reader, []*big.Int{new(big.Int), one, largest})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := private.Decrypt(c); err != nil || !sameInts(got, []*big.Int{new(big.Int), one, largest}) {
		t.Errorf("it decrypts to %v, %v", got, err)
	}
	key, shares := testDeal(t, 3, 2)
	partials, _ := opened(t, key, shares, c)
	if got, err := key.Combine(partials); err != nil || !sameInts(got, []*big.Int{new(big.Int), one, largest}) {
		t.Errorf("the holders open %v, %v", got, err)
	}
}
