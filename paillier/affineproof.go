package paillier

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"

	"filippo.io/bigmod"
)

// AffineProof shows of an Affine that each answer decrypts to Σ b·m + R with the
// very lanes b of the multipliers and some R with all lanes below 2^shown in
// magnitude. In two steps:
//
//	Y_t = (1+N)^y_t·u_t^N, t = 1…128       lanes of y_t below 2^(masked+c+h)
//	E_tk = bits of hash(statement, Y)
//	z_t = y_t + Σ_k E_tk·R_k               the masks are in range if these are; and
//	ω_t = 128 bits each of hash(…, z)
//	X = ∏ Y_t^ω_t·∏ D_k^θ_k·(1+N)^−Σ ω_t·z_t = ∏_h Q_h^b_h·v^N
//	θ_k = Σ_t ω_t·E_tk, Q_h = ∏ C^θ_k over the terms (k, C) of b_h
//
// says that they are what is left of the answers. The second step shows this of
// the b in the multipliers B = (1+N')^b·ρ^N', whose ranges are known already:
//
//	M = ∏ Q_h^b̂_h·v̂^N, B̂ = (1+N')^b̂·ρ̂^N'   b̂ below 2^(Value+256)
//	e = 128 bits of hash(…, M, B̂)
//	ẑ_h = b̂_h + e·b_h, v* = v̂·v^e, ρ* = ρ̂·ρ^e
//
// (Y, z, e, ẑ, v*, ρ*) is sent; accepted if z and ẑ are in range and e is the
// hash of M = ∏ Q_h^ẑ_h·v*^N·X^−e and B̂ = (1+N')^ẑ·ρ*^N'·B^−e.
//
// It stands where CGGMP21 has Π_aff-g (ePrint 2021/060, figure 15), and needs
// neither its ring-Pedersen commitments nor the strong RSA assumption, as
// LaneProof does not. Soundness: the answered party's N is its own, with factors
// above 2¹²⁸. Two answers e, e' to one (M, B̂) give (e−e')·b_h = ẑ_h−ẑ'_h mod N', and
// over the integers, since both sides have lanes shorter than the width; b is
// unique because N' and φ(N') have no common factor. With it, what X decrypts to
// times e−e' is Σ b_h·(what Q_h decrypts to) times e−e', mod N, and e−e' has an
// inverse. ω catches a row that is wrong with probability 1−2⁻¹²⁸, and a mask out
// of range passes a row for one bit at most. Altogether a wrong answer passes with
// probability 2⁻¹²⁶ a try of the hash. Overdrive's LowGear (ePrint 2017/1230)
// saves this proof and assumes that nobody can compute anything but affine
// functions on ciphertexts (linear targeted malleability); here it is proved.
//
// Zero knowledge: y and b̂ hide by 128 bits, u and v̂ and ρ̂ are uniform. It holds
// against whoever knows the factors of N.
type AffineProof struct {
	masks       *Ciphertexts // Y
	lanes       [][]*big.Int // z
	challenge   []byte       // e
	multipliers [][]*big.Int // ẑ
	root        []byte       // v*
	ownRoots    [][]byte     // ρ*
}

// Prove makes the proof of answers that Answer gave with this witness. It reads 32
// bytes from random.
func (a *Affine) Prove(random io.Reader, multipliers *LaneWitness, w *AffineWitness) (*AffineProof, error) {
	seed, err := read(random, 32)
	if err != nil {
		return nil, fmt.Errorf("prove answers: %w", err)
	}
	if err := errors.Join(a.checkTerms(multipliers.Len()), a.checkAnswers()); err != nil {
		return nil, fmt.Errorf("prove answers: %w", err)
	}
	l, m := a.Lanes, a.Key.modulus
	digest := a.statement()
	nonce := newTranscript("affine proof nonce", seed, digest, bytes.Join(w.roots, nil), bytes.Join(multipliers.roots, nil),
		fixedBytes(w.lanes, bytesFor(l.width())), fixedBytes(multipliers.lanes, bytesFor(l.Value)))
	noise := bytes.NewReader(nonce.expand(a.nonceSize()))

	p := &AffineProof{}
	if p.lanes, err = drawLanes(noise, l.shown()-1, proofRows, l.Count); err != nil {
		return nil, err
	}
	roots, err := a.Key.drawRoots(noise, proofRows)
	if err != nil {
		return nil, err
	}
	p.masks = a.Key.encryptWith(a.Key.messages(l, p.lanes), roots)
	digest, rows := a.firstChallenge(digest, p.masks)
	for t, row := range rows {
		addSelected(p.lanes[t], w.lanes, row)
	}
	digest, omega, theta := a.secondChallenge(digest, p.lanes, rows)

	// v = ∏ u_t^ω_t·∏ s_k^θ_k, whose exponents are public.
	bases := m.join(batch(m.hideBytes(roots)), batch(m.hideBytes(w.roots)))
	powers := m.expPublicVarTime(secretBatch(bases), append(append([]*big.Int(nil), omega...), theta...)...)
	root := a.Key.modN(m.product(batch(powers)))[0]
	return p, a.proveMultipliers(p, noise, digest, a.weighed(theta), root, multipliers)
}

// proveMultipliers is the second step.
func (a *Affine) proveMultipliers(p *AffineProof, noise io.Reader, digest []byte, weighed batch, root []byte, w *LaneWitness) error {
	l, m := a.Lanes, a.Key.modulus
	var err error
	if p.multipliers, err = drawLanes(noise, a.responseBits()-1, w.Len(), l.Count); err != nil {
		return err
	}
	fresh, err := a.Key.drawRoots(noise, 1)
	if err != nil {
		return err
	}
	own, err := a.Own.drawRoots(noise, w.Len())
	if err != nil {
		return err
	}
	exponents := make([][]byte, 0, weighed.count)
	for _, lanes := range p.multipliers {
		for _, v := range lanes {
			exponents = append(exponents, v.FillBytes(make([]byte, bytesFor(a.responseBits()))))
		}
	}
	commitment := m.product(m.publish(m.mul(m.exp(m.hide(weighed), exponents), m.repeatedRoot(fresh[0], a.Key.n, weighed.count))))
	p.challenge = a.thirdChallenge(digest, commitment, a.Own.encryptWith(a.Own.messages(l, p.multipliers), own).values)

	e := new(big.Int).SetBytes(p.challenge)
	for i, lanes := range p.multipliers {
		for j, v := range lanes {
			v.Add(v, new(big.Int).Mul(e, w.lanes[i][j]))
		}
	}
	p.root = raised(fresh[0], root, p.challenge, modulusOf(a.Key.n))
	for i := range own {
		p.ownRoots = append(p.ownRoots, raised(own[i], w.roots[i], p.challenge, modulusOf(a.Own.n)))
	}
	return nil
}

// repeatedRoot is root^n, and then ones: count residues.
func (m *modulus) repeatedRoot(root []byte, n *big.Int, count int) secretBatch {
	out := m.repeatOne(count)
	out.put(0, batch(m.expPublicVarTime(m.hideBytes([][]byte{root}), n)), 0)
	return secretBatch(out)
}

// raised is fresh·root^e mod n.
func raised(fresh, root, e []byte, n *bigmod.Modulus) []byte {
	power := bigmod.NewNat().Exp(natOf(root, n), e, n)
	return power.Mul(natOf(fresh, n), n).Bytes(n)
}

// Verify reports whether the proof shows that a.Answers are what a says.
func (a *Affine) Verify(p *AffineProof) error {
	if err := errors.Join(a.checkTerms(a.Multipliers.Len()), a.checkAnswers()); err != nil {
		return fmt.Errorf("verify answers: %w", err)
	}
	if len(p.ownRoots) != a.Multipliers.Len() {
		return fmt.Errorf("verify answers: the proof is of %d ciphertexts of multipliers, not %d", len(p.ownRoots), a.Multipliers.Len())
	}
	l, m := a.Lanes, a.Key.modulus
	digest, rows := a.firstChallenge(a.statement(), p.masks)
	digest, omega, theta := a.secondChallenge(digest, p.lanes, rows)

	sum := new(big.Int)
	for t, lanes := range p.lanes {
		sum.Add(sum, new(big.Int).Mul(omega[t], l.pack(lanes)))
	}
	sum.Mod(sum.Neg(sum), a.Key.n)
	powers := m.expVarTime(m.join(p.masks.values, a.Answers.values), append(append([]*big.Int(nil), omega...), theta...)...)
	x := m.mulVarTime(m.product(powers), m.publish(m.onePlus([][]byte{sum.FillBytes(make([]byte, a.Key.size))})))

	e := new(big.Int).SetBytes(p.challenge)
	var responses []*big.Int
	for _, lanes := range p.multipliers {
		responses = append(responses, lanes...)
	}
	commitment := m.product(m.expEachVarTime(a.weighed(theta), responses))
	commitment = m.mulVarTime(commitment, m.expVarTime(m.of(new(big.Int).SetBytes(p.root)), a.Key.n))
	commitment = m.mulVarTime(commitment, m.expVarTime(m.inverseVarTime(x), e))

	own := a.Own.modulus
	fresh := own.mulVarTime(a.Own.encryptWith(a.Own.messages(l, p.multipliers), p.ownRoots).values, own.expVarTime(own.inverseVarTime(a.Multipliers.values), e))
	if !bytes.Equal(a.thirdChallenge(digest, commitment, fresh), p.challenge) {
		return errors.New("verify answers: the proof is not of these answers by this sender")
	}
	return nil
}

func (a *Affine) checkAnswers() error {
	if a.Answers == nil || !a.Key.Equal(a.Answers.key) || a.Answers.Len() != len(a.Terms) {
		return fmt.Errorf("there are not %d answers under the key", len(a.Terms))
	}
	return nil
}

// responseBits is the length of ẑ.
func (a *Affine) responseBits() int { return a.Lanes.Value + challengeBits + hidingBits + 1 }

// nonceSize is what Prove draws.
func (a *Affine) nonceSize() int {
	l, g := a.Lanes, a.Multipliers.Len()
	return proofRows*(l.Count*bytesFor(l.shown()-1)+a.Key.size+16) +
		g*(l.Count*bytesFor(a.responseBits()-1)+a.Own.size+16) + a.Key.size + 16
}

func drawLanes(random io.Reader, bits, rows, count int) ([][]*big.Int, error) {
	wide, err := read(random, rows*count*bytesFor(bits))
	if err != nil {
		return nil, err
	}
	return drawBelow(wide, bits, rows, count), nil
}

// statement is the digest of all that is public.
func (a *Affine) statement() []byte {
	t := newTranscript("affine proof", a.Key.nBytes(), a.Own.nBytes(), a.Context)
	t.number(a.Lanes.Value)
	t.number(a.Lanes.Count)
	t.batch(a.Key.modulus, a.Ciphertexts.values)
	t.batch(a.Own.modulus, a.Multipliers.values)
	t.batch(a.Key.modulus, a.Answers.values)
	for _, terms := range a.Terms {
		t.number(len(terms))
		for _, term := range terms {
			t.number(term.Ciphertext)
			t.number(term.Multiplier)
		}
	}
	return t.expand(digestSize)
}

func (a *Affine) firstChallenge(digest []byte, masks *Ciphertexts) (next []byte, rows [][]byte) {
	t := newTranscript("affine proof masks", digest)
	t.batch(a.Key.modulus, masks.values)
	next = t.expand(digestSize)
	return next, challengeRows(next, len(a.Terms))
}

// secondChallenge gives ω and θ.
func (a *Affine) secondChallenge(digest []byte, lanes [][]*big.Int, rows [][]byte) (next []byte, omega, theta []*big.Int) {
	next = newTranscript("affine proof responses", digest, fixedBytes(lanes, bytesFor(a.Lanes.shown()))).expand(digestSize)
	wide := newTranscript("affine proof weights", next).expand(proofRows * weightSize)
	theta = make([]*big.Int, len(a.Terms))
	for k := range theta {
		theta[k] = new(big.Int)
	}
	for t, row := range rows {
		omega = append(omega, new(big.Int).SetBytes(wide[t*weightSize:(t+1)*weightSize]))
		for k := range theta {
			if bit(row, k) == 1 {
				theta[k].Add(theta[k], omega[t])
			}
		}
	}
	return next, omega, theta
}

func (a *Affine) thirdChallenge(digest []byte, commitment, own batch) []byte {
	t := newTranscript("affine proof multipliers", digest)
	t.batch(a.Key.modulus, commitment)
	t.batch(a.Own.modulus, own)
	return t.expand(challengeSize)
}

// ProofSize is the length of an encoded proof in bytes.
func (a *Affine) ProofSize() int {
	l, g := a.Lanes, a.Multipliers.Len()
	return proofRows*(2*a.Key.size+l.Count*bytesFor(l.shown())) + challengeSize +
		g*(l.Count*bytesFor(a.responseBits())+a.Own.size) + a.Key.size
}

// EncodeProof is the canonical encoding: Y, z, e, ẑ, v*, ρ*, numbers big-endian and
// of fixed lengths.
func (a *Affine) EncodeProof(p *AffineProof) []byte {
	out := p.masks.Encode()
	out = append(out, fixedBytes(p.lanes, bytesFor(a.Lanes.shown()))...)
	out = append(out, p.challenge...)
	out = append(out, fixedBytes(p.multipliers, bytesFor(a.responseBits()))...)
	out = append(out, p.root...)
	return append(out, bytes.Join(p.ownRoots, nil)...)
}

// DecodeProof reads EncodeProof's encoding, and refuses another length, numbers
// out of range and what is no unit.
func (a *Affine) DecodeProof(data []byte) (*AffineProof, error) {
	if len(data) != a.ProofSize() {
		return nil, fmt.Errorf("open affine proof: %d bytes, not %d", len(data), a.ProofSize())
	}
	f, p := fields{data}, &AffineProof{}
	masks, err := a.Key.DecodeCiphertexts(f.take(proofRows * 2 * a.Key.size))
	if err != nil {
		return nil, fmt.Errorf("open affine proof: %w", err)
	}
	p.masks = masks
	if p.lanes, err = f.numbers(a.Lanes.shown(), proofRows, a.Lanes.Count); err != nil {
		return nil, fmt.Errorf("open affine proof: %w", err)
	}
	p.challenge = f.take(challengeSize)
	if p.multipliers, err = f.numbers(a.responseBits(), a.Multipliers.Len(), a.Lanes.Count); err != nil {
		return nil, fmt.Errorf("open affine proof: %w", err)
	}
	roots, err := f.roots(a.Key, 1)
	if err == nil {
		p.root = roots[0]
		p.ownRoots, err = f.roots(a.Own, a.Multipliers.Len())
	}
	if err != nil {
		return nil, fmt.Errorf("open affine proof: %w", err)
	}
	return p, nil
}
