package paillier

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
)

// This file is the arithmetic of a key that its holders make together, so that
// nobody ever holds it; protocol/keygen is the ceremony. With θ' = βφ(N) + N·R,
// which is public, and a polynomial f_R over the integers with f_R(0) = n!·R,
//
//	f(x) = N·(f_R(x) + A·x) − n!·θ'
//
// has f(0) = −n!·βφ(N), and holder i knows f(i) when it knows f_R(i). A is public
// and keeps f(i) positive. (Nishide, Sakurai, WISA 2010, over the integers.)

// JointSizes are the lengths in bits of what the n holders of a key of k draw
// together, for N of a given length. Each sum of n numbers of such a length is
// what the name says.
type JointSizes struct {
	Mask        int // R, 128 bits above βφ(N)/N
	Coefficient int // of f_R except the lowest: 128 bits above n!²·(n!·R)
	Masked      int // f_R(i)
	Opened      int // bound of θ', no sum
	Share       int // bound of f(i), in whole bytes, no sum
}

// NewJointSizes computes them.
func NewJointSizes(length, n, k int) (JointSizes, error) {
	if err := checkThreshold(n, k); err != nil {
		return JointSizes{}, err
	}
	parties, permutations := bits.Len(uint(n)), bits.Len64(factorial(n))
	var s JointSizes
	s.Mask = 8 * bytesFor(length+hidingBits+parties)
	s.Coefficient = 8 * bytesFor(s.Mask+parties+permutations+hidingBits+2*permutations)
	s.Masked = s.Coefficient + 1 + (k-1)*parties // a_1·i + … + a_(k−1)·i^(k−1) < 2^(Coefficient+1)·n^(k−1)
	s.Opened = length + s.Mask + parties + 1
	s.Share = 8 * bytesFor(length+s.Masked+parties+1)
	return s, nil
}

// JointShare is f(i) of holder i, from f_R(i) and θ'.
func JointShare(n *big.Int, sizes JointSizes, holders, i int, masked, opened *big.Int) ([]byte, error) {
	offset := new(big.Int).Lsh(big.NewInt(int64(i)), uint(sizes.Coefficient)) // A·i
	share := new(big.Int).Mul(offset.Add(offset, masked), n)
	share.Sub(share, new(big.Int).Mul(opened, new(big.Int).SetUint64(factorial(holders))))
	if share.Sign() < 0 || share.BitLen() > sizes.Share {
		return nil, errors.New("join key: the share is out of range; some holder dealt another length")
	}
	return share.FillBytes(make([]byte, sizes.Share/8)), nil
}

// JointVerification is the verification value V^(n!·f(i)) of a share, encoded.
func JointVerification(key *PublicKey, holders int, share []byte) []byte {
	m := key.modulus
	v := m.publish(m.exp(m.hide(verificationBase(key)), [][]byte{scaled(share, factorial(holders))}))
	return m.appendTo(nil, v, 0, 1)
}

// JoinKey makes the public part from θ' and the verification values of all
// holders. It refuses values that are not those of a polynomial of degree k−1,
// and a polynomial whose value at 0 is no multiple of the order modulo N: then
// somebody dealt or said something wrong. It cannot see who, and a trial
// decryption must follow.
func JoinKey(key *PublicKey, k int, sizes JointSizes, opened *big.Int, verification [][]byte) (*ThresholdKey, error) {
	n := len(verification)
	if err := checkThreshold(n, k); err != nil {
		return nil, fmt.Errorf("join key: %w", err)
	}
	var encoded []byte
	for i, v := range verification {
		if len(v) != key.modulus.size {
			return nil, fmt.Errorf("join key: the verification value of holder %d has %d bytes", i+1, len(v))
		}
		encoded = append(encoded, v...)
	}
	values, err := key.modulus.decode(encoded)
	if err != nil {
		return nil, fmt.Errorf("join key: verification values: %w", err)
	}
	// θ = f(0) mod N = −n!·θ' mod N.
	theta := new(big.Int).Mul(opened, new(big.Int).SetUint64(factorial(n)))
	theta.Mod(theta.Neg(theta), key.n)
	if new(big.Int).GCD(nil, nil, theta, key.n).Cmp(one) != 0 {
		return nil, errors.New("join key: θ is not a unit mod N")
	}
	t := newThresholdKey(key, n, k, sizes.Share, theta, values)
	if err := t.checkPolynomial(); err != nil {
		return nil, fmt.Errorf("join key: %w", err)
	}
	return t, nil
}

// checkPolynomial compares v_(k+1)…v_n, and V^(n!·f(0)) = 1 mod N, with what
// v_1…v_k say of them.
func (k *ThresholdKey) checkPolynomial() error {
	values := k.modulus.ints(k.verification)
	permutations := new(big.Int).SetUint64(factorial(k.holders))
	for x := 0; x <= k.holders; x++ {
		if x >= 1 && x <= k.threshold {
			continue
		}
		left, right := big.NewInt(1), big.NewInt(1)
		if x > 0 {
			left.Exp(values[x-1], permutations, k.modulus.square)
		}
		for i := 1; i <= k.threshold; i++ {
			exponent := lagrangeAt(x, i, k.threshold, k.holders)
			side := right
			if exponent.Sign() < 0 {
				side = left
			}
			side.Mul(side, new(big.Int).Exp(values[i-1], exponent.Abs(exponent), k.modulus.square))
			side.Mod(side, k.modulus.square)
		}
		difference := left.Sub(left, right)
		if x == 0 {
			difference.Mod(difference, k.n)
		}
		if difference.Sign() != 0 {
			return fmt.Errorf("the verification values are of no polynomial of degree %d (at %d)", k.threshold-1, x)
		}
	}
	return nil
}

// lagrangeAt is n!·∏_(j≠i) (x−j)/(i−j) over j in 1…k: an integer.
func lagrangeAt(x, i, k, n int) *big.Int {
	numerator, denominator := new(big.Int).SetUint64(factorial(n)), big.NewInt(1)
	for j := 1; j <= k; j++ {
		if j != i {
			numerator.Mul(numerator, big.NewInt(int64(x-j)))
			denominator.Mul(denominator, big.NewInt(int64(i-j)))
		}
	}
	return numerator.Quo(numerator, denominator)
}

// NewKeyShare is a holder's own share of a key that was made together. It is
// compared with the key's verification value.
func (k *ThresholdKey) NewKeyShare(holder int, value []byte) (*KeyShare, error) {
	s := &KeyShare{holder: holder, key: k.digest, value: append([]byte(nil), value...)}
	return s, k.CheckShare(s)
}

// PowersModulo returns bases[i][j]^exponents[i] mod moduli[i], for odd moduli and
// secret exponents: its time depends on their lengths only. Bases of one modulus
// cost little more than one, up to eight.
func PowersModulo(moduli []*big.Int, bases [][]*big.Int, exponents [][]byte) [][]*big.Int {
	out := make([][]*big.Int, len(moduli))
	parallel(len(moduli), func(i int) {
		m := newModulus(moduli[i])
		// Modulo N² first: the kernel has no other arithmetic.
		out[i] = m.ints(m.publish(m.exp(m.hide(m.of(bases[i]...)), [][]byte{exponents[i]})))
		for _, v := range out[i] {
			v.Mod(v, moduli[i])
		}
	})
	return out
}
