package testkey

import (
	"bytes"
	"fmt"
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

func TestUnknownLengthIsRefused(t *testing.T) {
	if _, _, err := Deal(1536, 3, 2); err == nil {
		t.Error("a key of a length without primes")
	}
}
