package paillier

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"testing"
)

// primeOf draws a prime of so many bits that is rest mod 4.
func primeOf(t testing.TB, what string, bits int, rest uint) *big.Int {
	t.Helper()
	random := seeded("prime " + what)
	for {
		data, err := read(random, (bits+7)/8)
		if err != nil {
			t.Fatal(err)
		}
		p := new(big.Int).SetBytes(data)
		p.SetBit(p.SetBit(p, bits-1, 1), bits-2, 1)
		p.SetBit(p.SetBit(p, 0, 1), 1, rest>>1)
		if p.BitLen() == bits && p.ProbablyPrime(20) {
			return p
		}
	}
}

func product(factors ...*big.Int) *big.Int {
	n := big.NewInt(1)
	for _, f := range factors {
		n.Mul(n, f)
	}
	return n
}

// forgeModulus is the best that a prover can do for an N with these prime factors,
// listed once each: right rows wherever there are any. It counts them.
func forgeModulus(key *PublicKey, primes []*big.Int, context []byte) (p *ModulusProof, roots, fourth int) {
	p = &ModulusProof{negate: make([]byte, proofRows/8), twisting: make([]byte, proofRows/8)}
	w := big.NewInt(2)
	for big.Jacobi(w, key.n) != -1 {
		w.Add(w, one)
	}
	encode := func(v *big.Int) []byte { return v.FillBytes(make([]byte, key.size)) }
	p.twist = encode(w)
	phi := new(big.Int).Set(key.n)
	for _, f := range primes {
		phi.Mul(phi.Div(phi, f), new(big.Int).Sub(f, one))
	}
	exponent := new(big.Int).ModInverse(key.n, phi)
	for i, y := range key.modulusChallenges(p.twist, context) {
		z, x := big.NewInt(1), big.NewInt(1)
		if exponent != nil {
			z = new(big.Int).Exp(y, exponent, key.n)
			roots++
		}
		for flags := range 4 {
			v := new(big.Int).Set(y)
			if flags&1 == 1 {
				v.Neg(v)
			}
			if flags&2 == 2 {
				v.Mul(v, w)
			}
			if root := fourthRootOf(v, primes, key.n); root != nil {
				x = root
				fourth++
				p.negate[i/8] |= byte(flags&1) << (i % 8)
				p.twisting[i/8] |= byte(flags>>1) << (i % 8)
				break
			}
		}
		p.roots, p.fourth = append(p.roots, encode(z)), append(p.fourth, encode(x))
	}
	return p, roots, fourth
}

// fourthRootOf is nil where there is none; of an N with a repeated prime it is not
// looked for.
func fourthRootOf(v *big.Int, primes []*big.Int, n *big.Int) *big.Int {
	if product(primes...).Cmp(n) != 0 {
		return nil
	}
	sum := new(big.Int)
	for _, f := range primes {
		root := new(big.Int).ModSqrt(new(big.Int).Mod(v, f), f)
		if root == nil {
			return nil
		}
		fourth := new(big.Int).ModSqrt(root, f)
		if fourth == nil {
			fourth = new(big.Int).ModSqrt(root.Sub(f, root), f)
		}
		if fourth == nil {
			return nil
		}
		rest := new(big.Int).Div(n, f)
		fourth.Mul(fourth, new(big.Int).ModInverse(rest, f))
		sum.Add(sum, fourth.Mul(fourth, rest))
	}
	return sum.Mod(sum, n)
}

func TestModulusProof(t *testing.T) {
	key := laneKeys()[0]
	p, err := key.ProveModulus(rand.Reader, []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = key.Public().DecodeModulusProof(p.Encode()); err != nil {
		t.Fatal(err)
	}
	if err := key.Public().VerifyModulus(p, []byte("1")); err != nil {
		t.Error(err)
	}
	if key.Public().VerifyModulus(p, []byte("2")) == nil || laneKeys()[1].Public().VerifyModulus(p, []byte("1")) == nil {
		t.Error("the proof passes for another context or key")
	}
	// The forger of the next test is right where there is something to prove.
	a, b := key.Factors()
	forged, roots, fourth := forgeModulus(key.Public(), []*big.Int{a, b}, nil)
	if key.Public().VerifyModulus(forged, nil) != nil || roots != proofRows || fourth != proofRows {
		t.Error("the forger does not even prove a good modulus")
	}
}

// A modulus that is not two primes that are 3 mod 4 is refused, by NewPublicKey or
// by the proof, of which its owner can make a part only.
func TestWrongModuliAreNotProved(t *testing.T) {
	p, q := primeOf(t, "p", 512, 3), primeOf(t, "q", 512, 3)
	r := primeOf(t, "r", 512, 1)
	s := primeOf(t, "s", 512, 1)
	third := primeOf(t, "third", 256, 3)
	fourth := primeOf(t, "fourth", 256, 1)
	for name, primes := range map[string][]*big.Int{
		"both 1 mod 4":         {r, s},
		"three primes":         {p, third, fourth},
		"four primes":          {third, primeOf(t, "other", 256, 3), primeOf(t, "another", 256, 3), primeOf(t, "last", 256, 3)},
		"a cube":               {third, third, third, primeOf(t, "beside", 256, 3)},
		"a square of a square": {third, third, third, third},
		"q-1 divisible by p":   divisiblePair(t),
		"a square":             {p, p},
		"even":                 {p, new(big.Int).Lsh(q, 1)},
		"prime":                {primeOf(t, "n", 1024, 1)},
	} {
		n := product(primes...)
		if n.BitLen()%64 != 0 {
			n = product(append(primes, one)...)
		}
		key, err := NewPublicKey(n, InsecureCeremonyBits)
		if err != nil {
			continue // plainly wrong
		}
		distinct := map[string]*big.Int{}
		var list []*big.Int
		for _, f := range primes {
			if distinct[f.String()] == nil {
				distinct[f.String()] = f
				list = append(list, f)
			}
		}
		forged, roots, fourth := forgeModulus(key, list, nil)
		if err := key.VerifyModulus(forged, nil); err == nil {
			t.Errorf("%s: proved", name)
		}
		if most := 3 * proofRows / 4; min(roots, fourth) > most {
			t.Errorf("%s: %d and %d of %d rows can be proved", name, roots, fourth, proofRows)
		}
		t.Logf("%s: the forger has %d roots and %d fourth roots of %d", name, roots, fourth, proofRows)
	}
}

// divisiblePair are primes p and q = 2kp+1 that are 3 mod 4.
func divisiblePair(t testing.TB) []*big.Int {
	p := primeOf(t, "divisor", 256, 3)
	random := seeded("multiple")
	for {
		data, err := read(random, 48)
		if err != nil {
			t.Fatal(err)
		}
		k := new(big.Int).SetBytes(data)
		k.SetBit(k, 383, 1).SetBit(k, 0, 1)
		q := new(big.Int).Mul(k, p)
		q.Add(q.Lsh(q, 1), one)
		if q.Bit(1) == 1 && new(big.Int).Mul(p, q).BitLen()%64 == 0 && q.ProbablyPrime(20) {
			return []*big.Int{p, q}
		}
	}
}

func TestPedersenParameters(t *testing.T) {
	key := laneKeys()[0]
	v, err := key.NewPedersen(rand.Reader, []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err = key.Public().DecodePedersen(v.Encode()); err != nil {
		t.Fatal(err)
	}
	if err := v.Verify([]byte("1")); err != nil {
		t.Error(err)
	}
	if v.Verify([]byte("2")) == nil {
		t.Error("the proof passes in another context")
	}
	// s times something outside the group of t: −1 is no square.
	wrong := *v
	s := new(big.Int).Sub(key.Public().n, new(big.Int).SetBytes(v.s))
	wrong.s = s.FillBytes(make([]byte, key.Public().size))
	if wrong.Verify([]byte("1")) == nil {
		t.Error("an s that is no power of t passes")
	}
	honest, right := forgePedersen(t, key, v, true), forgePedersen(t, key, v, false)
	if honest != proofRows || right > 3*proofRows/4 {
		t.Errorf("of %d rows a forger with a power has %d, with −power %d", proofRows, honest, right)
	}
	for _, st := range [][]byte{v.s, v.t} {
		data := bytes.Replace(v.Encode(), st, padded([]byte{1}, key.Public().size), 1)
		if _, err := key.Public().DecodePedersen(data); err == nil {
			t.Error("a parameter that is 1 was read")
		}
	}
}

// forgePedersen counts the rows that someone with s = ±t^λ can answer.
func forgePedersen(t testing.TB, key *PrivateKey, v *Pedersen, power bool) int {
	t.Helper()
	n := key.Public().n
	lambda, a := big.NewInt(12345), big.NewInt(6789)
	base := new(big.Int).SetBytes(v.t)
	s := new(big.Int).Exp(base, lambda, n)
	if !power {
		s.Sub(n, s)
	}
	right := 0
	commitment := new(big.Int).Exp(base, a, n)
	challenges, err := read(seeded("challenges"), proofRows/8)
	if err != nil {
		t.Fatal(err)
	}
	for i := range proofRows {
		z, want := new(big.Int).Set(a), new(big.Int).Set(commitment)
		if bit(challenges, i) == 1 {
			z.Add(z, lambda)
			want.Mod(want.Mul(want, s), n)
		}
		if new(big.Int).Exp(base, z, n).Cmp(want) == 0 {
			right++
		}
	}
	return right
}

func TestFactorProof(t *testing.T) {
	prover, verifier := laneKeys()[0], laneKeys()[1]
	v, err := verifier.NewPedersen(rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := prover.ProveFactors(rand.Reader, v, []byte("1 to 2"))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = prover.Public().DecodeFactorProof(v, p.Encode()); err != nil {
		t.Fatal(err)
	}
	if err := prover.Public().VerifyFactors(p, v, []byte("1 to 2")); err != nil {
		t.Error(err)
	}
	if prover.Public().VerifyFactors(p, v, []byte("1 to 3")) == nil {
		t.Error("the proof passes in another context")
	}
	other, err := verifier.NewPedersen(rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if prover.Public().VerifyFactors(p, other, []byte("1 to 2")) == nil {
		t.Error("the proof passes with another verifier's parameters")
	}
}

// BitForge (CVE-2023-33241): a modulus with small factors was taken, and signing
// keys of others came out of range proofs. NewPublicKey sees factors below 1000,
// ModulusProof more than two of them, and FactorProof two that are not alike.
func TestAModulusWithSmallFactorsIsRefused(t *testing.T) {
	verifier := laneKeys()[1]
	v, err := verifier.NewPedersen(rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, bits := range []int{16, 64, 128, 256} {
		p, q := primeOf(t, "small", bits, 3), primeOf(t, "large", laneKeyBits-bits, 3)
		key, err := NewPublicKey(product(p, q), InsecureTestBits)
		if err != nil {
			t.Fatal(err)
		}
		// Two primes that are 3 mod 4: the modulus proof is right to pass.
		if forged, _, _ := forgeModulus(key, []*big.Int{p, q}, nil); key.VerifyModulus(forged, nil) != nil {
			t.Errorf("%d bits: no modulus proof", bits)
		}
		// The prover runs the protocol, and then also cuts what is too long.
		for _, factors := range [][2]*big.Int{{p, q}, {q, p}, {one, key.n}, {key.n, one}} {
			proof, err := proveFactors(rand.Reader, key, factors[0], factors[1], v, nil)
			if err == nil && key.VerifyFactors(proof, v, nil) == nil {
				t.Errorf("a factor of %d bits passes", bits)
			}
		}
	}
}

func FuzzKeyProofs(f *testing.F) {
	keys := laneKeys()
	public := keys[0].Public()
	m, err := keys[0].ProveModulus(rand.Reader, nil)
	if err != nil {
		f.Fatal(err)
	}
	v, err := keys[0].NewPedersen(rand.Reader, nil)
	if err != nil {
		f.Fatal(err)
	}
	p, err := keys[1].ProveFactors(rand.Reader, v, nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, data := range [][]byte{m.Encode(), v.Encode(), p.Encode(), nil} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := public.DecodeModulusProof(data); err == nil && !bytes.Equal(p.Encode(), data) {
			t.Error("a modulus proof has two encodings")
		}
		if p, err := public.DecodePedersen(data); err == nil && !bytes.Equal(p.Encode(), data) {
			t.Error("Pedersen parameters have two encodings")
		}
		if p, err := keys[1].Public().DecodeFactorProof(v, data); err == nil && !bytes.Equal(p.Encode(), data) {
			t.Error("a factor proof has two encodings")
		}
	})
}
