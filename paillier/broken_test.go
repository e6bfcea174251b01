package paillier

import (
	"bytes"
	"math/big"
	"testing"
)

// The attacks that a proof and a decoder refuse, on variants that do not: each
// must work there, or it says nothing that it does not work here.

// commitments are a and b that a proof's challenge is the hash of, for a statement
// and in math/big.
func commitments(key *ThresholdKey, statement []byte, c *Ciphertexts, p *Partials, challenge, response *big.Int) batch {
	m := key.modulus
	bases := m.ints(key.bases(statement, c))
	images := append(m.ints(m.expVarTime(key.combination(statement, p.values), two)), m.ints(key.verification)[p.holder-1])
	for i, base := range bases {
		base.Exp(base, response, m.square)
		image := new(big.Int).Exp(images[i], challenge, m.square)
		base.Mod(base.Mul(base, image.ModInverse(image, m.square)), m.square)
	}
	return m.of(bases...)
}

// A statement that leaves out the round, the set, the holder or the key's digest
// makes a proof that holds for another one.
func TestReplaysAgainstShorterStatements(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	again, _, err := Deal(seeded("other deal"), testPrivateKey(t), 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	nextEpoch := *key // the same shares under another digest, as if the key were named by less
	nextEpoch.digest = again.digest
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 3, 4)
	p := key.partials(shares[0], c)
	hashed := func(k *ThresholdKey, fields ...[]byte) []byte {
		s := newTranscript("broken", append(fields, k.nBytes())...)
		s.batch(k.modulus, c.values)
		s.batch(k.modulus, p.values)
		return s.expand(digestSize)
	}
	type place struct {
		key        *ThresholdKey
		round, set string
	}
	made := place{key, "round", "set"}
	for name, attack := range map[string]struct {
		to        place
		statement func(place) []byte // leaves out what to changes
	}{
		"another round": {place{key, "round 2", "set"}, func(at place) []byte { return hashed(at.key, at.key.digest[:], []byte(at.set)) }},
		"another set":   {place{key, "round", "set 2"}, func(at place) []byte { return hashed(at.key, at.key.digest[:], []byte(at.round)) }},
		"another epoch": {place{&nextEpoch, "round", "set"}, func(at place) []byte { return hashed(at.key, []byte(at.round), []byte(at.set)) }},
		"without lengths": {place{key, "rounds", "et"}, func(at place) []byte {
			return hashed(at.key, at.key.digest[:], []byte(at.round+at.set))
		}},
	} {
		noise := make([]byte, key.proofNoiseBits()/8)
		noise[0] = 1
		broken := made.key.proveWith(noise, attack.statement(made), shares[0], c)
		statement := attack.statement(attack.to)
		ab := commitments(attack.to.key, statement, c, p, new(big.Int).SetBytes(broken.challenge), broken.response)
		if !bytes.Equal(attack.to.key.challenge(statement, ab), broken.challenge) {
			t.Errorf("%s: the replay is refused by the broken variant: the attack is wrong", name)
		}
		proof := key.proveWith(noise, key.statement(c, p, []byte("round"), []byte("set")), shares[0], c)
		if key.VerifyPartials(c, p, proof, []byte("round"), []byte("set")) != nil {
			t.Fatal("the proof does not hold where it was made")
		}
		moved := &Partials{attack.to.key, 1, p.values}
		if attack.to.key.VerifyPartials(c, moved, proof, []byte(attack.to.round), []byte(attack.to.set)) == nil {
			t.Errorf("%s: the proof holds there, too", name)
		}
	}
}

// A challenge of eight bits is guessed: with a commitment made for it, a wrong
// partial decryption passes after some 256 tries.
func TestShortChallengesAreGuessed(t *testing.T) {
	key, shares := testDeal(t, 2, 2)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 3)
	wrong := key.partials(shares[0], c)
	wrong = tamper(wrong, key.times(wrong.ints()[0], new(big.Int).Add(key.n, one)))
	statement := key.statement(c, wrong, []byte("round"), []byte("set"))
	response := new(big.Int).Lsh(one, uint(key.proofNoiseBits()-1))
	for range 4096 {
		response.Add(response, one)
		guess := []byte{7}
		ab := commitments(key, statement, c, wrong, new(big.Int).SetBytes(guess), response)
		if !bytes.HasPrefix(key.challenge(statement, ab), guess) {
			continue
		}
		if key.VerifyPartials(c, wrong, &DecryptionProof{guess, response}, []byte("round"), []byte("set")) == nil {
			t.Error("a challenge of eight bits is taken")
		}
		return
	}
	t.Error("no guess in 4096 tries: the attack is wrong")
}

// What would happen if 0 and N² + c were read: one 0 takes everybody's message out
// of a sum, and nobody is named when it is opened; and one ciphertext has two
// encodings, so that a copy of another's looks like something of one's own.
func TestZeroAndTwoEncodingsWouldHurt(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 77)
	zero := &Ciphertexts{key.PublicKey, key.modulus.of(new(big.Int))}
	sum, err := c.Add(zero)
	if err != nil {
		t.Fatal(err)
	}
	partials := []*Partials{key.partials(shares[0], sum), key.partials(shares[1], sum)}
	if opened := combineOrPanic(key, partials); sameInts(opened, bigs(77)) {
		t.Error("a ciphertext of 0 does no harm: the attack is wrong")
	}
	if _, err := key.DecodeCiphertexts(make([]byte, key.CiphertextSize())); err == nil {
		t.Error("0 is read")
	}

	square := key.modulus.square
	small := one // 1 = (1+0·N)·1^N is a ciphertext of 0
	other := new(big.Int).Add(small, square)
	if other.BitLen() > 8*key.CiphertextSize() || new(big.Int).Mod(other, square).Cmp(small) != 0 {
		t.Fatal("1 has no second encoding: the attack is wrong")
	}
	if _, err := key.DecodeCiphertexts(other.FillBytes(make([]byte, key.CiphertextSize()))); err == nil {
		t.Error("a second encoding is read")
	}
}

// combineOrPanic opens, and gives nothing for an error or a panic.
func combineOrPanic(key *ThresholdKey, partials []*Partials) (opened []*big.Int) {
	defer func() { _ = recover() }()
	opened, _ = key.Combine(partials)
	return opened
}
