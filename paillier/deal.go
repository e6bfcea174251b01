package paillier

import (
	"fmt"
	"io"
	"math/big"
	"math/bits"

	"filippo.io/bigmod"
)

// Deal shares a private key among n holders, any k of whom decrypt. Whoever runs
// it knows the factors and all shares, so reads everything that will ever be
// encrypted under the key: the holders trust the dealer with their data, or use
// a key made without one. The dealer erases the private key and each share once
// it is delivered; Go cannot promise that nothing is left in memory.
//
// The shares are points of f(x) = n!·β·φ(N) + a_1·x + … + a_(k−1)·x^(k−1) over
// the integers. β is uniform in [1, N), so θ = f(0) mod N is a uniform unit and
// says nothing about φ(N). The secret is a multiple of n! because a share f(i)
// shows f(0) mod i. The a_j are uniform below 2^(|f(0)|+128)·n!²: any k−1
// shares are then within 2⁻¹²⁸ of what they would be for another φ(N).
//
// It reads |N|/8+16 bytes for β, then the a_j of equal length, in order.
func Deal(random io.Reader, key *PrivateKey, n, k int) (*ThresholdKey, []*KeyShare, error) {
	if err := checkThreshold(n, k); err != nil {
		return nil, nil, fmt.Errorf("deal key: %w", err)
	}
	public := key.public
	z := newIntegers(dealtShareBits(public, n, k) + 1)
	coefficients := make([]*bigmod.Nat, k)
	var err error
	if coefficients[0], err = drawSecret(random, key, z, n); err != nil {
		return nil, nil, fmt.Errorf("deal key: %w", err)
	}
	for j := 1; j < k; j++ {
		a, err := read(random, coefficientBits(public, n)/8)
		if err != nil {
			return nil, nil, fmt.Errorf("deal key: %w", err)
		}
		coefficients[j] = z.from(a)
	}
	theta := new(big.Int).SetBytes(reduced(z.bytes(coefficients[0]), key.n).Bytes(key.n))
	t, shares := dealPolynomial(public, z, coefficients, theta, n, dealtShareBits(public, n, k))
	return t, shares, nil
}

// dealPolynomial evaluates f at 1…n; the values have shareBits bits.
func dealPolynomial(key *PublicKey, z *integers, coefficients []*bigmod.Nat, theta *big.Int, n, shareBits int) (*ThresholdKey, []*KeyShare) {
	k := len(coefficients)
	shares, exponents := make([]*KeyShare, n), make([][]byte, n)
	for i := range shares {
		x := z.fromBig(big.NewInt(int64(i + 1)))
		value := coefficients[k-1]
		for j := k - 2; j >= 0; j-- { // Horner
			value = z.mulAdd(value, x, coefficients[j])
		}
		encoded := z.bytes(value)
		shares[i] = &KeyShare{holder: i + 1, value: encoded[len(encoded)-shareBits/8:]}
		exponents[i] = scaled(shares[i].value, factorial(n))
	}
	m := key.modulus
	bases := m.of()
	for range n {
		bases = m.join(bases, verificationBase(key))
	}
	verification := m.publish(m.exp(m.hide(bases), exponents))
	t := newThresholdKey(key, n, k, shareBits, theta, verification)
	for _, s := range shares {
		s.key = t.digest
	}
	return t, shares
}

// drawSecret returns n!·β·φ(N).
func drawSecret(random io.Reader, key *PrivateKey, z *integers, n int) (*bigmod.Nat, error) {
	wide, err := read(random, key.public.size+16)
	if err != nil {
		return nil, err
	}
	beta := reduced(wide, key.n)
	if beta.IsZero() == 1 { // once in 2^|N|; 1 is as good as any other
		beta = natOf([]byte{1}, key.n)
	}
	none := z.from(nil)
	phi := z.mulAdd(z.from(key.p.minusOne), z.from(key.q.minusOne), none)
	secret := z.mulAdd(z.from(beta.Bytes(key.n)), phi, none)
	return z.mulAdd(secret, z.fromBig(new(big.Int).SetUint64(factorial(n))), none), nil
}

// coefficientBits is the length of the a_j: 128 bits above n!²·f(0), in whole
// bytes.
func coefficientBits(key *PublicKey, n int) int {
	secret := 2*key.Bits() + bits.Len64(factorial(n))
	return 8 * bytesFor(secret+hidingBits+2*bits.Len64(factorial(n)))
}

// dealtShareBits bounds the length of f(i) ≤ 2^coefficientBits·(1+n+…+n^(k−1)),
// in whole bytes.
func dealtShareBits(key *PublicKey, n, k int) int {
	return 8 * bytesFor(coefficientBits(key, n)+1+(k-1)*bits.Len(uint(n)))
}
