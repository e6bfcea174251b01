package testkey

import (
	"crypto/sha3"
	_ "embed"
	"fmt"
	"io"
	"math/big"
	"strings"

	"consilium/paillier"
)

// primes has two lines for each length of N: p and q in hexadecimal, found by
// paillier.GenerateKey in published bytes. Written by
// go test ./paillier/testkey -update.
//
//go:embed insecure-primes.txt
var primes string

var lengths = []int{512, 1024, 2048, 3072}

// Lengths of N in bits that there are keys of: 512, 1024, 2048 and 3072.
func Lengths() []int { return append([]int(nil), lengths...) }

// Private is the private key of this length that everybody knows.
func Private(bits int) (*paillier.PrivateKey, error) {
	lines := strings.Fields(primes)
	for i, length := range lengths {
		if length != bits || len(lines) != 2*len(lengths) {
			continue
		}
		p, okP := new(big.Int).SetString(lines[2*i], 16)
		q, okQ := new(big.Int).SetString(lines[2*i+1], 16)
		if !okP || !okQ {
			break
		}
		return paillier.NewPrivateKey(p, q, paillier.InsecureTestBits)
	}
	return nil, fmt.Errorf("there is no test key of %d bits, only of %v", bits, lengths)
}

// Deal gives the threshold key of k among n holders, 2 ≤ k ≤ n ≤ 16, and all its
// shares. Equal arguments give equal keys.
func Deal(bits, n, k int) (*paillier.ThresholdKey, []*paillier.KeyShare, error) {
	key, err := Private(bits)
	if err != nil {
		return nil, nil, err
	}
	return paillier.Deal(seed(fmt.Sprintf("deal %d %d %d", bits, n, k)), key, n, k)
}

// seed is a stream of bytes that everybody can compute.
func seed(what string) io.Reader {
	shake := sha3.NewSHAKE256()
	if _, err := io.WriteString(shake, "consilium insecure test key: "+what); err != nil {
		panic("testkey: " + err.Error()) // SHAKE takes any input
	}
	return shake
}
