package paillier

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"testing"
)

func decryptAll(t *testing.T, key *ThresholdKey, shares []*KeyShare, c *Ciphertexts) []*big.Int {
	t.Helper()
	var partials []*Partials
	for _, s := range shares[1:3] {
		p, err := key.PartialDecryptUnproved(s, c)
		if err != nil {
			t.Fatal(err)
		}
		partials = append(partials, p)
	}
	messages, err := key.Combine(partials)
	if err != nil {
		t.Fatal(err)
	}
	half := new(big.Int).Rsh(key.n, 1)
	for _, m := range messages {
		if m.Cmp(half) > 0 {
			m.Sub(m, key.n)
		}
	}
	return messages
}

func TestCombinationsOfCiphertexts(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	e := testEncryptor(t, key.PublicKey)
	c, _ := encrypt(t, e, 5, 7, 100, 0)
	big70 := new(big.Int).Lsh(big.NewInt(1), 70)
	combined, err := c.CombineVarTime([][]Term{
		{{0, big.NewInt(1)}},
		{{0, big.NewInt(3)}, {1, big.NewInt(-4)}, {2, big.NewInt(1)}, {2, big.NewInt(1)}},
		{},
		{{1, big70}, {3, big.NewInt(-9)}, {0, new(big.Int)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []*big.Int{big.NewInt(5), big.NewInt(15 - 28 + 200), new(big.Int), new(big.Int).Mul(big70, big.NewInt(7))}
	for i, m := range decryptAll(t, key, shares, combined) {
		if m.Cmp(want[i]) != 0 {
			t.Errorf("row %d is %v, not %v", i, m, want[i])
		}
	}
	constants, err := key.Constants(bigs(1, 2, 3, 4))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := c.Add(constants)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range decryptAll(t, key, shares, sum) {
		if want := []int64{6, 9, 103, 4}[i]; m.Int64() != want {
			t.Errorf("sum %d is %v, not %v", i, m, want)
		}
	}
	if _, err := c.CombineVarTime([][]Term{{{4, one}}}); err == nil {
		t.Error("a ciphertext that is not there was combined")
	}
}

// Products by secret factors are right, and look fresh: not what the factor's
// power would be.
func TestSecretFactors(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	e := testEncryptor(t, key.PublicKey)
	c, _ := encrypt(t, e, 5, 7, 100)
	factor := func(v int64) []byte { return big.NewInt(v).FillBytes(make([]byte, 4)) }
	product, err := e.Multiply(rand.Reader, c, [][]SecretTerm{
		{{0, factor(1)}}, {{0, factor(3)}, {2, factor(1 << 30)}}, {{1, factor(0)}}, {},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range decryptAll(t, key, shares, product) {
		if want := []int64{5, 15 + 100<<30, 0, 0}[i]; m.Int64() != want {
			t.Errorf("row %d is %v, not %v", i, m, want)
		}
	}
	first, err := c.Slice(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(product.Encode(), first.Encode()) {
		t.Error("a factor of one gives the same ciphertext")
	}
	if _, err := e.Multiply(rand.Reader, c, [][]SecretTerm{{{3, factor(1)}}}); err == nil {
		t.Error("a ciphertext that is not there was multiplied")
	}
}

func TestJoinAndSlice(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	e := testEncryptor(t, key.PublicKey)
	a, _ := encrypt(t, e, 1, 2, 3)
	b, _ := encrypt(t, e, 4, 5)
	joined, err := a.Join(b)
	if err != nil {
		t.Fatal(err)
	}
	middle, err := joined.Slice(2, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range decryptAll(t, key, shares, middle) {
		if m.Int64() != int64(i+3) {
			t.Errorf("number %d is %v", i, m)
		}
	}
	if _, err := joined.Slice(3, 6); err == nil {
		t.Error("a slice beyond the end")
	}
	if _, err := key.PartialDecryptUnproved(&KeyShare{}, a); err == nil {
		t.Error("the share of another key decrypts")
	}
}
