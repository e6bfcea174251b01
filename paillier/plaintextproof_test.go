package paillier

import (
	"crypto/rand"
	"math/big"
	"testing"
)

// A proof belongs to its ciphertexts in their order, its context, and the
// encryptor's; a challenge must be whole.
func TestPlaintextProofReplays(t *testing.T) {
	key := testPrivateKey(t).Public()
	e := testEncryptor(t, key)
	c, w := encrypt(t, e, 10, 20, 30)
	proof, err := e.ProvePlaintexts(rand.Reader, c, w, []byte("hospital 1"))
	if err != nil {
		t.Fatal(err)
	}
	nextRound, err := NewEncryptor(key, []byte("round 2"), DefaultExponentBits(key))
	if err != nil {
		t.Fatal(err)
	}
	with := func(challenge []byte, message, exponent *big.Int) *PlaintextProof {
		return &PlaintextProof{challenge, message, exponent}
	}
	list := func(members ...int) *Ciphertexts { return ciphertextsOf(key, choose(c.ints(), members)...) }
	fresh, _ := encrypt(t, e, 10, 20, 30)
	cases := []struct {
		name    string
		e       *Encryptor
		c       *Ciphertexts
		p       *PlaintextProof
		context string
		ok      bool
	}{
		{"as it was made", e, c, proof, "hospital 1", true},
		{"copied by another sender", e, c, proof, "hospital 2", false},
		{"in another round", nextRound, c, proof, "hospital 1", false},
		{"in another order", e, list(0, 2, 1), proof, "hospital 1", false},
		{"of fewer", e, list(0, 1), proof, "hospital 1", false},
		{"of more", e, list(0, 1, 2, 2), proof, "hospital 1", false},
		{"of fresh encryptions of the same", e, fresh, proof, "hospital 1", false},
		{"a short challenge", e, c, with(proof.challenge[:4], proof.message, proof.exponent), "hospital 1", false},
		{"a padded challenge", e, c, with(append(make([]byte, 12), proof.challenge[:4]...), proof.message, proof.exponent), "hospital 1", false},
		{"no challenge", e, c, with(nil, proof.message, proof.exponent), "hospital 1", false},
		{"another message", e, c, with(proof.challenge, new(big.Int).Add(proof.message, one), proof.exponent), "hospital 1", false},
		{"another exponent", e, c, with(proof.challenge, proof.message, new(big.Int).Add(proof.exponent, one)), "hospital 1", false},
	}
	for _, test := range cases {
		if err := test.e.VerifyPlaintexts(test.c, test.p, []byte(test.context)); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// "Malleability is the leak": whoever turns another's ciphertext into his own
// does not know what is in it, and cannot prove it, whatever he claims.
func TestMauledCiphertextsCannotBeProved(t *testing.T) {
	key := testPrivateKey(t).Public()
	e := testEncryptor(t, key)
	m := key.modulus
	victim, victimWitness := encrypt(t, e, 123456, 7)
	victimProof, err := e.ProvePlaintexts(rand.Reader, victim, victimWitness, []byte("victim"))
	if err != nil {
		t.Fatal(err)
	}
	own, ownWitness := encrypt(t, e, 5, 0)
	noise, noiseWitness := encrypt(t, e, 0, 0)
	doubled, err := victim.MulSmallVarTime(2)
	if err != nil {
		t.Fatal(err)
	}
	if err := doubled.AddTo(noise); err != nil {
		t.Fatal(err)
	}
	withOwn, err := victim.Add(own)
	if err != nil {
		t.Fatal(err)
	}
	stolen, mine := victim.ints(), own.ints()
	inverted := m.ints(m.inverseVarTime(victim.values))
	minus := new(big.Int).Sub(m.square, stolen[0])
	cases := map[string]struct {
		values  []*big.Int
		witness *Witness // what the thief knows best
	}{
		"copied":                      {stolen, ownWitness},
		"inverted":                    {inverted, ownWitness},
		"doubled, and hidden again":   {doubled.ints(), noiseWitness},
		"added to his own":            {withOwn.ints(), ownWitness},
		"times −1":                    {[]*big.Int{minus, stolen[1]}, ownWitness},
		"one copied among his own":    {[]*big.Int{mine[0], stolen[1]}, ownWitness},
		"one and its inverse":         {[]*big.Int{stolen[0], inverted[0]}, noiseWitness},
		"without randomness":          {[]*big.Int{stolen[0], one}, noiseWitness},
		"his own, with a wrong claim": {mine, noiseWitness},
	}
	for name, test := range cases {
		c := ciphertextsOf(key, test.values...)
		proof, err := e.ProvePlaintexts(rand.Reader, c, test.witness, []byte("thief"))
		if err != nil {
			t.Fatal(err)
		}
		if e.VerifyPlaintexts(c, proof, []byte("thief")) == nil {
			t.Errorf("%s: the proof is accepted", name)
		}
		if e.VerifyPlaintexts(c, victimProof, []byte("thief")) == nil {
			t.Errorf("%s: the victim's proof is accepted", name)
		}
		// The same answers under the challenge that this statement would have.
		a := victimCommitment(e, victim, victimProof, []byte("victim"))
		moved := &PlaintextProof{e.challenge(e.statement(c, []byte("thief")), a), victimProof.message, victimProof.exponent}
		if e.VerifyPlaintexts(c, moved, []byte("thief")) == nil {
			t.Errorf("%s: the victim's proof under a new challenge is accepted", name)
		}
	}
}

// victimCommitment is the a that a valid proof began with.
func victimCommitment(e *Encryptor, c *Ciphertexts, p *PlaintextProof, context []byte) batch {
	m := e.key.modulus
	weights := plaintextWeights(e.statement(c, context), c.Len())
	combination := m.inverseVarTime(m.combinationVarTime(c.values, weights))
	a := m.mulVarTime(m.expVarTime(combination, new(big.Int).SetBytes(p.challenge)), m.expVarTime(e.base, p.exponent))
	return m.mulVarTime(a, m.expVarTime(m.of(new(big.Int).Add(e.key.n, one)), p.message))
}

// Whoever could choose the weights could hide one bad ciphertext behind another:
// so they come from a hash of all. A cancellation under equal weights must not
// pass.
func TestCancellationUnderEqualWeights(t *testing.T) {
	key := testPrivateKey(t).Public()
	e := testEncryptor(t, key)
	victim, _ := encrypt(t, e, 99)
	own, w := encrypt(t, e, 1, 2)
	// own₀·victim and own₁/victim: the product is own₀·own₁, of which all is known.
	inverse := new(big.Int).ModInverse(victim.ints()[0], key.modulus.square)
	c := ciphertextsOf(key,
		key.times(own.ints()[0], victim.ints()[0]),
		key.times(own.ints()[1], inverse))
	proof, err := e.ProvePlaintexts(rand.Reader, c, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.VerifyPlaintexts(c, proof, nil) == nil {
		t.Error("accepted")
	}
}

// The witness is hidden: w is not e·R and a little, z is not e·M.
func TestPlaintextProofHidesItsWitness(t *testing.T) {
	key := testPrivateKey(t).Public()
	e := testEncryptor(t, key)
	c, w := encrypt(t, e, 0)
	proof, err := e.ProvePlaintexts(zeros{}, c, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	// R/r is the weight: dividing as in the division attack must not give r.
	by := new(big.Int).SetBytes(plaintextWeights(e.statement(c, nil), 1))
	by.Mul(by, new(big.Int).SetBytes(proof.challenge))
	secret := new(big.Int).SetBytes(w.exponents[0])
	if excess := by.Quo(proof.exponent, by).BitLen() - secret.BitLen(); excess < 100 {
		t.Errorf("the quotient exceeds the exponent by %d bits only", excess)
	}
	// The message is 0, so an unmasked z would be 0.
	if proof.message.BitLen() < key.Bits()-40 {
		t.Error("the answer for the message is short")
	}
	other, err := e.ProvePlaintexts(zeros{}, c, w, []byte("another context"))
	if err != nil {
		t.Fatal(err)
	}
	if proof.message.Cmp(other.message) == 0 {
		t.Error("two statements have the same nonce")
	}
}

func TestProvePlaintextsRefusesAnotherWitness(t *testing.T) {
	e := testEncryptor(t, testPrivateKey(t).Public())
	c, _ := encrypt(t, e, 1, 2)
	_, w := encrypt(t, e, 1)
	if _, err := e.ProvePlaintexts(rand.Reader, c, w, nil); err == nil {
		t.Error("a witness of another length was accepted")
	}
	none, noWitness := encrypt(t, e)
	if _, err := e.ProvePlaintexts(rand.Reader, none, noWitness, nil); err == nil {
		t.Error("a proof of nothing was made")
	}
	if e.VerifyPlaintexts(none, &PlaintextProof{make([]byte, 16), one, one}, nil) == nil {
		t.Error("a proof of nothing was accepted")
	}
}
