package paillier

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"testing"
)

// divide is the division attack on a proof z = w + e·n!·f(i): whoever sees a
// proof with a short w divides.
func divide(key *ThresholdKey, p *DecryptionProof) *big.Int {
	by := new(big.Int).SetUint64(factorial(key.holders))
	by.Mul(by, new(big.Int).SetBytes(p.challenge))
	return by.Quo(p.response, by)
}

// A randomiser sized by the threshold, as in a library that is in use, gives all
// shares away from one proof each, and the verifier does not notice. Ours is
// sized by the secret.
func TestDivisionAttack(t *testing.T) {
	key, shares := testDeal(t, 5, 3)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 1, 2)
	partials, proofs := opened(t, key, shares, c)
	for i, s := range shares {
		secret := new(big.Int).SetBytes(s.value)

		short := make([]byte, key.proofNoiseBits()/8)
		short[len(short)-1] = 5 // below 2^k, k = 3
		statement := key.statement(c, partials[i], []byte("round"), []byte("set"))
		broken := key.proveWith(short, statement, s, c)
		if err := key.VerifyPartials(c, partials[i], broken, []byte("round"), []byte("set")); err != nil {
			t.Errorf("the broken proof is not even accepted: %v", err)
		}
		if divide(key, broken).Cmp(secret) != 0 {
			t.Errorf("share %d survives the attack on the broken proof: the attack is wrong", i+1)
		}

		// The quotient must be wrong in the share's very first bits: w is above
		// e·x by 128 bits.
		quotient := divide(key, proofs[i])
		if excess := quotient.BitLen() - secret.BitLen(); excess < 100 {
			t.Errorf("share %d: the quotient exceeds it by %d bits only", i+1, excess)
		}
	}
}

// The nonce must not repeat when the random source does: two proofs with one w
// and two challenges give x = (z−z')/(e−e').
func TestRepeatedRandomnessDoesNotGiveTheShareAway(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 1)
	var proofs []*DecryptionProof
	for _, set := range []string{"set 1", "set 2"} {
		_, proof, err := key.PartialDecrypt(zeros{}, shares[0], c, []byte("round"), []byte(set))
		if err != nil {
			t.Fatal(err)
		}
		proofs = append(proofs, proof)
	}
	x := new(big.Int).SetBytes(scaled(shares[0].value, factorial(3)))
	e := func(i int) *big.Int { return new(big.Int).SetBytes(proofs[i].challenge) }
	left := x.Mul(x, new(big.Int).Sub(e(0), e(1)))
	right := new(big.Int).Sub(proofs[0].response, proofs[1].response)
	if right.Sub(right, left).Sign() == 0 {
		t.Fatal("both proofs have the same nonce")
	}
}

// The same seed and statement give the same bytes: a hospital that crashed says
// nothing new.
func TestOpeningIsDeterministic(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	e := testEncryptor(t, key.PublicKey)
	first, w, err := e.Encrypt(seeded("s"), bigs(1, 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	reader := seeded("s")
	again, _, err := e.Encrypt(reader, bigs(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	rest, _, err := e.Encrypt(reader, bigs(3))
	if err != nil {
		t.Fatal(err)
	}
	if string(first.Encode()) != string(again.Encode())+string(rest.Encode()) {
		t.Error("encrypting in two calls gives other bytes than in one")
	}
	for _, produce := range []func() []byte{
		func() []byte {
			p, err := e.ProvePlaintexts(seeded("p"), first, w, []byte("a"))
			if err != nil {
				t.Fatal(err)
			}
			return e.EncodePlaintextProof(p)
		},
		func() []byte {
			p, proof, err := key.PartialDecrypt(seeded("d"), shares[1], first, []byte("r"), []byte("s"))
			if err != nil {
				t.Fatal(err)
			}
			return append(p.Encode(), key.EncodeDecryptionProof(proof)...)
		},
	} {
		if before, after := produce(), produce(); !bytes.Equal(before, after) {
			t.Error("the same arguments give different bytes")
		}
	}
}

// Shares of k−1 holders say nothing of the secret: not even f(i) mod i, which is
// f(0) mod i. It is 0 for every key.
func TestSharesDoNotShowTheSecretModuloTheirNumber(t *testing.T) {
	private := testPrivateKey(t)
	for deal := range 5 {
		_, shares, err := Deal(rand.Reader, private, 7, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range shares {
			rest := new(big.Int).SetBytes(s.value)
			if rest.Mod(rest, big.NewInt(int64(s.holder))).Sign() != 0 {
				t.Errorf("deal %d: share %d mod %d is %d", deal, s.holder, s.holder, rest)
			}
		}
	}
}

// The coefficients must hide f(0): a share's highest bits are those of a uniform
// number far above it.
func TestSharesAreFarAboveTheSecret(t *testing.T) {
	key, shares := testDeal(t, 5, 3)
	for _, s := range shares {
		length := new(big.Int).SetBytes(s.value).BitLen()
		if secret := 2*key.Bits() + 7; length < secret+128 {
			t.Errorf("share %d has %d bits, the secret about %d", s.holder, length, secret)
		}
	}
}

// tamper gives partial decryptions with number 0 replaced.
func tamper(p *Partials, v *big.Int) *Partials {
	values := append([]*big.Int{v}, p.ints()[1:]...)
	return &Partials{p.key, p.holder, p.key.modulus.of(values...)}
}

// "A partial decryption times −1 must give the same opened value or be refused."
func TestMinusOneChangesNothing(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 77, 78)
	partials, _ := opened(t, key, shares, c)
	p := tamper(partials[0], new(big.Int).Sub(key.modulus.square, partials[0].ints()[0]))
	// Its holder can even prove it.
	statement := key.statement(c, p, []byte("round"), []byte("set"))
	noise, err := read(rand.Reader, key.proofNoiseBits()/8)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.VerifyPartials(c, p, key.proveWith(noise, statement, shares[0], c), []byte("round"), []byte("set")); err != nil {
		t.Logf("refused: %v", err)
		return
	}
	for _, other := range partials[1:] {
		if got, err := key.Combine([]*Partials{p, other}); err != nil || !sameInts(got, bigs(77, 78)) {
			t.Errorf("it opens to %v, %v", got, err)
		}
	}
}

// A holder cannot prove a wrong partial decryption: of another exponent, of
// another plaintext, permuted, or without sense.
func TestWrongPartialsAreRefused(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 3, 4)
	partials, _ := opened(t, key, shares, c)
	good := partials[0].ints()
	onePlusN := new(big.Int).Add(key.n, one)
	inverse := new(big.Int).ModInverse(onePlusN, key.modulus.square)
	product, of := key.PublicKey.times, key.modulus.of
	cases := map[string]*Partials{
		"times 1+N":           tamper(partials[0], product(good[0], onePlusN)),
		"times c":             tamper(partials[0], product(good[0], c.ints()[0])),
		"one":                 tamper(partials[0], one),
		"1+N":                 tamper(partials[0], onePlusN),
		"another holder's":    tamper(partials[0], partials[1].ints()[0]),
		"exchanged":           {key, 1, of(good[1], good[0])},
		"of the same one":     {key, 1, of(good[0], good[0])},
		"products cancel out": {key, 1, of(product(good[0], onePlusN), product(good[1], inverse))},
		"all of another":      {key, 1, partials[1].values},
	}
	for name, p := range cases {
		statement := key.statement(c, p, []byte("round"), []byte("set"))
		noise, err := read(rand.Reader, key.proofNoiseBits()/8)
		if err != nil {
			t.Fatal(err)
		}
		// The holder does its best with its true share, and with another's.
		for _, s := range shares[:2] {
			proof := key.proveWith(noise, statement, s, c)
			if key.VerifyPartials(c, p, proof, []byte("round"), []byte("set")) == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	}
}

// A proof is worth nothing in another round, for another set, of another holder,
// ciphertext or key.
func TestDecryptionProofReplays(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	otherKey, _, err := Deal(seeded("other deal"), testPrivateKey(t), 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	e := testEncryptor(t, key.PublicKey)
	c, _ := encrypt(t, e, 3, 4)
	d, _ := encrypt(t, e, 3, 4)
	partials, proofs := opened(t, key, shares, c)
	p, proof := partials[0], proofs[0]
	cut := &DecryptionProof{proof.challenge[:8], proof.response}
	padded := &DecryptionProof{append(make([]byte, 8), proof.challenge[:8]...), proof.response}
	shifted := &DecryptionProof{proof.challenge, new(big.Int).Add(proof.response, one)}
	cases := []struct {
		name       string
		key        *ThresholdKey
		c          *Ciphertexts
		p          *Partials
		proof      *DecryptionProof
		round, set string
		ok         bool
	}{
		{"as it was made", key, c, p, proof, "round", "set", true},
		{"another round", key, c, p, proof, "round 2", "set", false},
		{"another set", key, c, p, proof, "round", "set 2", false},
		{"a letter moved from set to round", key, c, p, proof, "rounds", "et", false},
		{"another holder's number", key, c, &Partials{key, 2, p.values}, proof, "round", "set", false},
		{"another holder's proof", key, c, p, proofs[1], "round", "set", false},
		{"another ciphertext of the same", key, d, p, proof, "round", "set", false},
		{"a key dealt again", otherKey, c, &Partials{otherKey, 1, p.values}, proof, "round", "set", false},
		{"fewer partial decryptions", key, c, &Partials{key, 1, key.modulus.at(p.values, 0)}, proof, "round", "set", false},
		{"of no ciphertext", key, ciphertextsOf(key.PublicKey), &Partials{key: key, holder: 1}, proof, "round", "set", false},
		{"a short challenge", key, c, p, cut, "round", "set", false},
		{"a padded challenge", key, c, p, padded, "round", "set", false},
		{"another response", key, c, p, shifted, "round", "set", false},
	}
	for _, test := range cases {
		err := test.key.VerifyPartials(test.c, test.p, test.proof, []byte(test.round), []byte(test.set))
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// The proof's assumption, and that it is needed: whoever knows the factors has
// elements of order 3, and passes a wrong partial decryption off.
func TestWhoeverKnowsTheFactorsCanCheat(t *testing.T) {
	key, shares, root := dealWithCubeRoot(t)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 9)
	partials, _ := opened(t, key, shares, c)
	p := tamper(partials[0], key.times(partials[0].ints()[0], root))
	noise := make([]byte, key.proofNoiseBits()/8)
	for try := range 50 {
		set := []byte{byte(try)}
		proof := key.proveWith(noise, key.statement(c, p, nil, set), shares[0], c)
		if key.VerifyPartials(c, p, proof, nil, set) != nil {
			continue // the weight times the challenge is no multiple of 3
		}
		if got, err := key.Combine([]*Partials{p, partials[1]}); err == nil && sameInts(got, bigs(9)) {
			t.Error("the cheat changed nothing: it is no attack")
		}
		return
	}
	t.Error("no cheat of order 3 passed in 50 tries: the text on assumptions is out of date")
}

// dealWithCubeRoot deals a key for which 3 divides p−1, with an element of order
// 3 mod N².
func dealWithCubeRoot(t *testing.T) (*ThresholdKey, []*KeyShare, *big.Int) {
	t.Helper()
	random := seeded("cube root")
	for {
		private, err := GenerateKey(random, InsecureTestBits, InsecureTestBits)
		if err != nil {
			t.Fatal(err)
		}
		p, q := private.Factors()
		three := big.NewInt(3)
		third, rest := new(big.Int).QuoRem(new(big.Int).Sub(p, one), three, new(big.Int))
		if rest.Sign() != 0 || new(big.Int).Mod(q, three).Cmp(one) == 0 {
			continue
		}
		key, shares, err := Deal(random, private, 2, 2)
		if err != nil {
			t.Fatal(err)
		}
		// y^(N·(p−1)/3·(q−1)) has order 1 or 3: it is 1 mod q², and a cube root of
		// 1 mod p², not 1 itself for two thirds of all y.
		exponent := third.Mul(third, key.n)
		exponent.Mul(exponent, new(big.Int).Sub(q, one))
		for y := int64(2); ; y++ {
			root := new(big.Int).Exp(big.NewInt(y), exponent, key.modulus.square)
			if root.Cmp(one) != 0 {
				return key, shares, root
			}
		}
	}
}
