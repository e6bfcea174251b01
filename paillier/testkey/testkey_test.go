package testkey

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"consilium/internal/golden"
	"consilium/paillier"
)

// The primes are those that key generation finds in the published bytes: nobody
// chose them.
func TestPrimesComeFromTheSeed(t *testing.T) {
	var text strings.Builder
	for _, bits := range lengths {
		key, err := paillier.GenerateKey(seed(fmt.Sprintf("primes %d", bits)), bits, paillier.InsecureTestBits)
		if err != nil {
			t.Fatal(err)
		}
		p, q := key.Factors()
		fmt.Fprintf(&text, "%x\n%x\n", p, q)
	}
	golden.Compare(t, "insecure-primes.txt", text.String())
}

func TestDealIsTheSameEveryTime(t *testing.T) {
	for _, threshold := range [][2]int{{2, 2}, {5, 3}, {16, 11}} {
		a, sharesA, err := Deal(512, threshold[0], threshold[1])
		if err != nil {
			t.Fatal(err)
		}
		b, sharesB, err := Deal(512, threshold[0], threshold[1])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Encode(), b.Encode()) {
			t.Errorf("%v: two different keys", threshold)
		}
		for i := range sharesA {
			if !bytes.Equal(sharesA[i].Encode(), sharesB[i].Encode()) {
				t.Errorf("%v: two different shares of holder %d", threshold, i+1)
			}
			if err := a.CheckShare(sharesA[i]); err != nil {
				t.Error(err)
			}
		}
	}
}

// A key with shares as a ceremony makes them decrypts, by the first holders and by
// the last, and its shares are longer than those of a dealer.
func TestJointKeyDecrypts(t *testing.T) {
	for _, threshold := range [][2]int{{3, 2}, {10, 7}} {
		n, k := threshold[0], threshold[1]
		key, shares, err := Joint(512, n, k)
		if err != nil {
			t.Fatal(err)
		}
		c, err := key.Encrypt(seed("message"), []*big.Int{big.NewInt(42)})
		if err != nil {
			t.Fatal(err)
		}
		var partials []*paillier.Partials
		for _, s := range shares {
			partial, proof, err := key.PartialDecrypt(seed("proof"), s, c, nil, nil)
			if err == nil {
				err = key.VerifyPartials(c, partial, proof, nil, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			partials = append(partials, partial)
		}
		for _, some := range [][]*paillier.Partials{partials[:k], partials[n-k:]} {
			if m, err := key.Combine(some); err != nil || m[0].Int64() != 42 {
				t.Errorf("%v: 42 decrypts to %v, %v", threshold, m, err)
			}
		}
		_, dealt, err := Deal(512, n, k)
		if err != nil || len(shares[0].Encode()) <= len(dealt[0].Encode()) {
			t.Errorf("%v: the shares are no longer than dealt ones, %v", threshold, err)
		}
	}
}

func TestUnknownLengthIsRefused(t *testing.T) {
	if _, _, err := Deal(1536, 3, 2); err == nil {
		t.Error("a key of a length without primes")
	}
}
