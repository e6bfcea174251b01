package paillier

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"testing"
)

// proveAnything runs the prover on lanes out of range, and brings what does not
// fit an encoding back into it.
func proveAnything(t *testing.T, l Lanes, key *PublicKey, rows [][]*big.Int) (*Ciphertexts, *LaneProof) {
	t.Helper()
	w := &LaneWitness{lanes: rows}
	var err error
	if w.roots, err = key.drawRoots(seeded("roots"), len(rows)); err != nil {
		t.Fatal(err)
	}
	messages := make([][]byte, len(rows))
	for i, row := range rows {
		m := l.pack(row)
		messages[i] = m.Mod(m, key.n).FillBytes(make([]byte, key.size))
	}
	c := key.encryptWith(messages, w.roots)
	statement := key.laneStatement(l, c, nil)
	bits := l.proven() - 1
	p := &LaneProof{}
	if p.lanes, err = drawLanes(seeded("noise"), bits, proofRows, l.Count); err != nil {
		t.Fatal(err)
	}
	roots, err := key.drawRoots(seeded("noise roots"), proofRows)
	if err != nil {
		t.Fatal(err)
	}
	p.hash = key.laneChallenge(statement, key.encryptWith(key.messages(l, p.lanes), roots).values)
	challenge := challengeRows(p.hash, c.Len())
	most := new(big.Int).Lsh(one, uint(l.proven()))
	for i, row := range challenge {
		addSelected(p.lanes[i], w.lanes, row)
		for _, v := range p.lanes[i] {
			v.Mod(v, most)
		}
	}
	p.roots = key.multiplied(roots, w.roots, challenge)
	return c, p
}

// A lane that is longer than a proof lets through, negative, or half of something
// odd, is refused; and one in range passes by the same code.
func TestLanesOutOfRangeAreRefused(t *testing.T) {
	l, key := testLanes(t), laneKeys()[0].Public()
	half := new(big.Int).ModInverse(two, key.n)
	large := func(bits int) *big.Int { return new(big.Int).Lsh(one, uint(bits)) }
	for name, c := range map[string]struct {
		lane *big.Int
		want bool
	}{
		"in range":              {large(l.Value - 1), true},
		"more than proved":      {large(l.proven() + 2), false},
		"the next lane":         {large(l.width() - 1), false},
		"half of an odd number": {half, false},
		"negative and long":     {new(big.Int).Neg(large(l.proven() + 2)), false},
	} {
		rows := drawn(5, l.Count)
		rows[3][0] = c.lane
		ciphertexts, p := proveAnything(t, l, key, rows)
		decoded, err := key.DecodeLaneProof(l, key.EncodeLaneProof(l, p))
		if err == nil {
			err = key.VerifyLanes(l, ciphertexts, decoded, nil)
		}
		if (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nothing of a proof of lanes can be changed, nor what it is of.
func TestLaneProofsAreOfTheseCiphertexts(t *testing.T) {
	a := newAnswered(t, 3, true)
	p, err := a.Key.ProveLanes(seeded("p"), a.Lanes, a.Ciphertexts, a.witness, nil)
	if err != nil {
		t.Fatal(err)
	}
	data := a.Key.EncodeLaneProof(a.Lanes, p)
	for _, at := range []int{0, digestSize, digestSize + bytesFor(a.Lanes.proven()) - 1, len(data) - 1, len(data) - a.Key.size - 1} {
		changed := bytes.Clone(data)
		changed[at] ^= 1
		q, err := a.Key.DecodeLaneProof(a.Lanes, changed)
		if err == nil && a.Key.VerifyLanes(a.Lanes, a.Ciphertexts, q, nil) == nil {
			t.Errorf("byte %d changed: accepted", at)
		}
	}
	other, err := a.Ciphertexts.Slice(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := a.Ciphertexts.MulSmallVarTime(2)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Ciphertexts{"fewer": other, "doubled": sum} {
		if a.Key.VerifyLanes(a.Lanes, c, p, nil) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if a.Own.VerifyLanes(a.Lanes, a.Ciphertexts, p, nil) == nil {
		t.Error("accepted under another key")
	}
	if _, err := a.Key.ProveLanes(seeded("p"), a.Lanes, other, a.witness, nil); err == nil {
		t.Error("a proof with another witness")
	}
}

// Responses do not repeat their mask when the random source does: two of one mask
// would show a sum of secrets.
func TestRepeatedRandomnessDoesNotShowLanes(t *testing.T) {
	a := newAnswered(t, 3, true)
	masks := func(context string) *big.Int {
		p, err := a.Key.ProveLanes(zeros{}, a.Lanes, a.Ciphertexts, a.witness, []byte(context))
		if err != nil {
			t.Fatal(err)
		}
		less := new(big.Int).Set(p.lanes[0][0])
		for k, row := range a.witness.lanes {
			if bit(challengeRows(p.hash, 3)[0], k) == 1 {
				less.Sub(less, row[0])
			}
		}
		return less
	}
	if masks("1").Cmp(masks("2")) == 0 {
		t.Error("two proofs have one mask")
	}
	first, second := *a, *a
	first.Context, second.Context = []byte("1"), []byte("2")
	p, err := first.Prove(zeros{}, a.multiplier, a.masks)
	if err != nil {
		t.Fatal(err)
	}
	q, err := second.Prove(zeros{}, a.multiplier, a.masks)
	if err != nil {
		t.Fatal(err)
	}
	left := new(big.Int).Sub(p.multipliers[0][0], q.multipliers[0][0])
	e := new(big.Int).Sub(new(big.Int).SetBytes(p.challenge), new(big.Int).SetBytes(q.challenge))
	if left.Sub(left, e.Mul(e, a.multiplier.lanes[0][0])).Sign() == 0 {
		t.Error("two proofs of answers have one mask")
	}
}

// wrongAnswer is an answer of a prover that does as it likes and then runs the
// protocol: it verifies only if change leaves everything right.
func wrongAnswer(t *testing.T, change func(a *answered)) error {
	t.Helper()
	a := newAnswered(t, 3, true)
	change(a)
	p, err := a.Prove(seeded("q"), a.multiplier, a.masks)
	if err != nil {
		return err
	}
	limit := func(rows [][]*big.Int, bits int) {
		for _, row := range rows {
			for _, v := range row {
				v.Mod(v, new(big.Int).Lsh(one, uint(bits)))
			}
		}
	}
	limit(p.lanes, a.Lanes.shown())
	limit(p.multipliers, a.responseBits())
	q, err := a.DecodeProof(a.EncodeProof(p))
	if err != nil {
		return err
	}
	return a.Verify(q)
}

// times multiplies answer k by a power of ciphertext j.
func (a *answered) times(t *testing.T, k, j int, power *big.Int) {
	t.Helper()
	m := a.Key.modulus
	factor := m.expVarTime(m.at(a.Ciphertexts.values, j), power)
	ints := m.ints(a.Answers.values)
	product := new(big.Int).Mul(ints[k], m.ints(factor)[0])
	ints[k] = product.Mod(product, m.square)
	a.Answers = &Ciphertexts{a.Key, m.of(ints...)}
}

func TestWrongAnswersAreRefused(t *testing.T) {
	for name, change := range map[string]func(a *answered){
		"another multiplier in one answer": func(a *answered) { a.times(t, 1, 1, one) },
		"another's ciphertext beside it":   func(a *answered) { a.times(t, 1, 2, one) },
		"another multiplier in all":        func(a *answered) { a.times(t, 0, 0, one); a.times(t, 1, 1, one); a.times(t, 2, 2, one) },
		"another than in the commitment": func(a *answered) {
			a.multiplier.lanes[0][0] = new(big.Int).Sub(a.multiplier.lanes[0][0], one)
			var err error
			if a.masks, err = a.Answer(seeded("d"), a.multiplier); err != nil {
				t.Fatal(err)
			}
		},
		"an order-2 factor twice: −1": func(a *answered) {
			ints := a.Key.modulus.ints(a.Answers.values)
			ints[0].Sub(a.Key.modulus.square, ints[0])
			a.Answers = &Ciphertexts{a.Key, a.Key.modulus.of(ints...)}
			a.masks.lanes[0][0] = new(big.Int).Add(a.masks.lanes[0][0], one) // and a lie about it
		},
		"a mask out of range": func(a *answered) {
			more := new(big.Int).Lsh(one, uint(a.Lanes.shown()+1))
			a.masks.lanes[1][0] = new(big.Int).Add(a.masks.lanes[1][0], more)
			a.addPlain(1, more)
		},
		"a mask that carries": func(a *answered) {
			more := new(big.Int).Lsh(one, uint(a.Lanes.width()-1))
			a.masks.lanes[2][0] = more.Sub(more, new(big.Int).Lsh(one, 253))
			a.setMask(t, 2)
		},
		"another answer's order": func(a *answered) {
			ints := a.Key.modulus.ints(a.Answers.values)
			ints[0], ints[1] = ints[1], ints[0]
			a.Answers = &Ciphertexts{a.Key, a.Key.modulus.of(ints...)}
		},
	} {
		if err := wrongAnswer(t, change); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := wrongAnswer(t, func(*answered) {}); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

// addPlain adds a number to what an answer encrypts.
func (a *answered) addPlain(k int, v *big.Int) {
	m := a.Key.modulus
	ints := m.ints(a.Answers.values)
	factor := m.ints(m.publish(m.onePlus([][]byte{v.FillBytes(make([]byte, a.Key.size))})))[0]
	ints[k].Mod(ints[k].Mul(ints[k], factor), m.square)
	a.Answers = &Ciphertexts{a.Key, m.of(ints...)}
}

// setMask makes answer k again with the mask that is in the witness.
func (a *answered) setMask(t *testing.T, k int) {
	t.Helper()
	m := a.Key.modulus
	fresh := a.Key.encryptWith(a.Key.messages(a.Lanes, a.masks.lanes[k:k+1]), a.masks.roots[k:k+1])
	power := m.expVarTime(m.at(a.Ciphertexts.values, k), a.multiplier.lanes[0][0])
	ints := m.ints(a.Answers.values)
	ints[k] = m.ints(m.mulVarTime(fresh.values, power))[0]
	a.Answers = &Ciphertexts{a.Key, m.of(ints...)}
}

// The selective failure: who answers with (b + ½)·a instead of b·a gives a
// plaintext that is right (for b and half of a) if a is even, and garbage if it is odd. Whether
// the other then complains tells its lowest bit. The proof is refused in both
// cases, before the plaintext is looked at.
func TestSelectiveFailure(t *testing.T) {
	for _, parity := range []uint{0, 1} {
		a := newAnswered(t, 3, true)
		for _, row := range a.rows {
			for _, v := range row {
				v.SetBit(v, 0, parity) // rows are shared with the witness's values
			}
		}
		var err error
		if a.Ciphertexts, a.witness, err = a.Key.EncryptLanes(seeded("c"), a.Lanes, a.rows); err != nil {
			t.Fatal(err)
		}
		if a.masks, err = a.Answer(seeded("d"), a.multiplier); err != nil {
			t.Fatal(err)
		}
		half := new(big.Int).ModInverse(two, a.Key.n)
		a.times(t, 0, 0, half)
		opened, err := a.key.DecryptLanes(a.Lanes, a.Answers)
		if err != nil {
			t.Fatal(err)
		}
		want := new(big.Int).Mul(a.witness.lanes[0][0], a.multiplier.lanes[0][0])
		want.Add(want, a.masks.Masks()[0][0]).Add(want, new(big.Int).Rsh(a.witness.lanes[0][0], 1))
		if right := opened[0][0].Cmp(want) == 0; right != (parity == 0) {
			t.Errorf("parity %d: the attack gives a right lane: %v", parity, right)
		}
		p, err := a.Prove(seeded("q"), a.multiplier, a.masks)
		if err != nil {
			t.Fatal(err)
		}
		if a.Verify(p) == nil {
			t.Errorf("parity %d: accepted", parity)
		}
	}
}

// Nothing of a proof of answers can be changed, nor used between others.
func TestAffineProofsAreOfTheseAnswers(t *testing.T) {
	a := newAnswered(t, 3, false)
	p, err := a.Prove(seeded("q"), a.multiplier, a.masks)
	if err != nil {
		t.Fatal(err)
	}
	data := a.EncodeProof(p)
	masks, lanes := proofRows*2*a.Key.size, proofRows*a.Lanes.Count*bytesFor(a.Lanes.shown())
	for name, at := range map[string]int{"Y": 7, "z": masks + 20, "e": masks + lanes, "ẑ": masks + lanes + challengeSize + 30, "v*": len(data) - 3*a.Key.size + 9, "ρ*": len(data) - 1} {
		changed := bytes.Clone(data)
		changed[at] ^= 1
		q, err := a.DecodeProof(changed)
		if err == nil && a.Verify(q) == nil {
			t.Errorf("%s changed: accepted", name)
		}
	}
	for name, change := range map[string]func(b *Affine){
		"answers among others": func(b *Affine) { b.Context = []byte("1 to 3") },
		"other multipliers":    func(b *Affine) { b.Multipliers, _ = a.Multipliers.MulSmallVarTime(2) },
		"other ciphertexts":    func(b *Affine) { b.Ciphertexts, _ = a.Ciphertexts.MulSmallVarTime(2) },
		"other terms":          func(b *Affine) { b.Terms = append([][]AffineTerm{{{0, 1}}}, a.Terms[1:]...) },
		"a term too many":      func(b *Affine) { b.Terms = append(a.Terms[:3:3], []AffineTerm{{0, 0}}) },
		"a term out of range":  func(b *Affine) { b.Terms = append([][]AffineTerm{{{9, 0}}}, a.Terms[1:]...) },
		"another own key":      func(b *Affine) { b.Own = a.Key },
	} {
		b := a.Affine
		change(&b)
		if b.Verify(p) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The bytes of all proofs that pairs of parties exchange, under every kernel.
func TestPairwiseGoldenBytes(t *testing.T) {
	const want = "44018ef622d492af16483b7bf8ec72832de009c12ca7889223dcf8d2a9a52c84"
	hash := sha256.New()
	for _, single := range []bool{true, false} {
		a := newAnswered(t, 9, single)
		p, err := a.Key.ProveLanes(seeded("p"), a.Lanes, a.Ciphertexts, a.witness, a.Context)
		if err != nil {
			t.Fatal(err)
		}
		q, err := a.Prove(seeded("q"), a.multiplier, a.masks)
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range [][]byte{a.Ciphertexts.Encode(), a.Key.EncodeLaneProof(a.Lanes, p), a.Answers.Encode(), a.EncodeProof(q)} {
			hash.Write(data)
		}
	}
	keys := laneKeys()
	m, err := keys[0].ProveModulus(seeded("m"), []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := keys[0].NewPedersen(seeded("v"), []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := keys[1].ProveFactors(seeded("f"), v, []byte("2 to 1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{m.Encode(), v.Encode(), f.Encode()} {
		hash.Write(data)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		t.Errorf("the bytes hash to %s", got)
	}
}

func FuzzLaneProofs(f *testing.F) {
	a := newAnswered(f, 2, true)
	p, err := a.Key.ProveLanes(seeded("p"), a.Lanes, a.Ciphertexts, a.witness, nil)
	if err != nil {
		f.Fatal(err)
	}
	q, err := a.Prove(seeded("q"), a.multiplier, a.masks)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a.Key.EncodeLaneProof(a.Lanes, p))
	f.Add(a.EncodeProof(q))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := a.Key.DecodeLaneProof(a.Lanes, data); err == nil && !bytes.Equal(a.Key.EncodeLaneProof(a.Lanes, p), data) {
			t.Error("a proof of lanes has two encodings")
		}
		if p, err := a.DecodeProof(data); err == nil && !bytes.Equal(a.EncodeProof(p), data) {
			t.Error("a proof of answers has two encodings")
		}
	})
}
