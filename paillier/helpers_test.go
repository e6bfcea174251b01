package paillier

import (
	"bytes"
	"crypto/rand"
	"crypto/sha3"
	"io"
	"math/big"
	"testing"
)

// zeros is the worst random source.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func byteReader(b []byte) io.Reader { return bytes.NewReader(b) }

// seeded is a stream of bytes that is the same in every run.
func seeded(what string) io.Reader {
	shake := sha3.NewSHAKE256()
	_, _ = shake.Write([]byte(what))
	return shake
}

// testPrivateKey makes a key of 512 bits, the same one in every run.
func testPrivateKey(t testing.TB) *PrivateKey {
	t.Helper()
	key, err := GenerateKey(seeded("test key"), InsecureTestBits, InsecureTestBits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testDeal(t testing.TB, n, k int) (*ThresholdKey, []*KeyShare) {
	t.Helper()
	key, shares, err := Deal(seeded("deal"), testPrivateKey(t), n, k)
	if err != nil {
		t.Fatal(err)
	}
	return key, shares
}

func testEncryptor(t testing.TB, key *PublicKey) *Encryptor {
	t.Helper()
	e, err := NewEncryptor(key, []byte("round 1"), DefaultExponentBits(key))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func encrypt(t testing.TB, e *Encryptor, messages ...int64) (*Ciphertexts, *Witness) {
	t.Helper()
	c, w, err := e.Encrypt(rand.Reader, bigs(messages...))
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

func bigs(values ...int64) []*big.Int {
	out := make([]*big.Int, len(values))
	for i, v := range values {
		out[i] = big.NewInt(v)
	}
	return out
}

func sameInts(a, b []*big.Int) bool {
	for i := range a {
		if len(a) != len(b) || a[i].Cmp(b[i]) != 0 {
			return false
		}
	}
	return len(a) == len(b)
}

// subsets are all sets of k of 0…n−1.
func subsets(n, k int) [][]int {
	var out [][]int
	for mask := range 1 << n {
		var members []int
		for i := range n {
			if mask>>i&1 == 1 {
				members = append(members, i)
			}
		}
		if len(members) == k {
			out = append(out, members)
		}
	}
	return out
}

func choose[T any](all []T, members []int) []T {
	out := make([]T, len(members))
	for i, m := range members {
		out[i] = all[m]
	}
	return out
}

func (c *Ciphertexts) ints() []*big.Int { return c.key.modulus.ints(c.values) }

func (p *Partials) ints() []*big.Int { return p.key.modulus.ints(p.values) }

// ciphertextsOf makes ciphertexts of any numbers.
func ciphertextsOf(key *PublicKey, values ...*big.Int) *Ciphertexts {
	return &Ciphertexts{key, key.modulus.of(values...)}
}

func (k *PublicKey) times(a, b *big.Int) *big.Int {
	product := new(big.Int).Mul(a, b)
	return product.Mod(product, k.modulus.square)
}
