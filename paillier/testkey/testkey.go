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

// Joint is Deal with shares as long as those of a key that holders make together
// (protocol/keygen): f(x) = N·(f_R(x)+A·x) − n!·θ', as in paillier/joint.go.
func Joint(bits, n, k int) (*paillier.ThresholdKey, []*paillier.KeyShare, error) {
	private, err := Private(bits)
	if err != nil {
		return nil, nil, err
	}
	sizes, err := paillier.NewJointSizes(bits, n, k)
	if err != nil {
		return nil, nil, err
	}
	random := seed(fmt.Sprintf("joint %d %d %d", bits, n, k))
	draw := func(bits int) *big.Int {
		b := make([]byte, bits/8)
		if _, err := io.ReadFull(random, b); err != nil {
			panic("testkey: " + err.Error()) // SHAKE has no end
		}
		return new(big.Int).SetBytes(b)
	}
	p, q := private.Factors()
	one, modulus := big.NewInt(1), private.Public().N()
	phi := new(big.Int).Mul(p.Sub(p, one), q.Sub(q, one))
	mask := draw(sizes.Mask)
	opened := phi.Mul(phi, draw(bits)) // θ' = βφ(N) + N·R
	opened.Add(opened, new(big.Int).Mul(modulus, mask))
	polynomial := []*big.Int{mask.Mul(mask, new(big.Int).MulRange(1, int64(n)))}
	for len(polynomial) < k {
		polynomial = append(polynomial, draw(sizes.Coefficient))
	}
	var values, verification [][]byte
	for i := 1; i <= n; i++ {
		masked := new(big.Int)
		for j := k - 1; j >= 0; j-- {
			masked.Add(masked.Mul(masked, big.NewInt(int64(i))), polynomial[j])
		}
		value, err := paillier.JointShare(modulus, sizes, n, i, masked, opened)
		if err != nil {
			return nil, nil, err
		}
		values, verification = append(values, value), append(verification, paillier.JointVerification(private.Public(), n, value))
	}
	key, err := paillier.JoinKey(private.Public(), k, sizes, opened, verification)
	if err != nil {
		return nil, nil, err
	}
	shares := make([]*paillier.KeyShare, n)
	for i, value := range values {
		if shares[i], err = key.NewKeyShare(i+1, value); err != nil {
			return nil, nil, err
		}
	}
	return key, shares, nil
}

// seed is a stream of bytes that everybody can compute.
func seed(what string) io.Reader {
	shake := sha3.NewSHAKE256()
	if _, err := io.WriteString(shake, "consilium insecure test key: "+what); err != nil {
		panic("testkey: " + err.Error()) // SHAKE takes any input
	}
	return shake
}
