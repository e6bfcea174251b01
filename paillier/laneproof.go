package paillier

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// proofRows is how often a proof of ranges asks: who has one number out of range
// passes each time with probability ½ at most.
const proofRows = challengeBits

// LaneProof shows of ciphertexts c_1 … c_K that each is (1+N)^m·r^N with r a
// unit and every lane of m below 2^proven in magnitude (Lanes says how much that
// is; honest lanes are in [0, 2^Value)), and that its maker knows m and r. Schnorr's
// protocol with challenges of single bits, for all ciphertexts at once (Cramer,
// Damgård, Crypto 2009, "On the amortized complexity of zero-knowledge protocols";
// SPDZ has it for its ciphertexts: Damgård and others, Crypto 2012, appendix A):
//
//	Y_t = (1+N)^y_t·u_t^N         t = 1…128, lanes of y_t below 2^(Value+c+h)
//	E = hash(statement, Y)        bits E_tk
//	z_t = y_t + Σ_k E_tk·m_k,  w_t = u_t·∏_k r_k^E_tk
//
// is sent as (hash, z, w); accepted if lanes of z are in range, w are units, and
// the hash is that of Y_t = (1+N)^z_t·w_t^N·∏_k c_k^−E_tk.
//
// It stands where CGGMP21 has Π_enc (ePrint 2021/060, figure 14). That proof
// bounds a plaintext as a whole, in an extraction that divides by a difference of
// challenges, for which it needs the strong RSA assumption, ring-Pedersen
// parameters and an N without small factors (CVE-2023-33241 is what
// happens otherwise). Here differences are ±1: two answers for one c_k give it as
// a quotient of known powers, lane by lane, whatever N is, and nothing is assumed
// beyond the hash. A c_k that is not as said passes one row for one value of
// E_tk at most, and all rows with probability 2⁻¹²⁸ a try of the hash.
//
// Zero knowledge: y_t is 128 bits longer than the sum that it hides, u_t uniform.
type LaneProof struct {
	hash  []byte
	lanes [][]*big.Int
	roots [][]byte
}

// ProveLanes proves that the maker of c knows its lanes and they are in range. c
// has 1…MaxLaneProof ciphertexts, w is EncryptLanes' witness of exactly these.
// context says who speaks to whom, where and when. It reads 32 bytes from random.
func (k *PublicKey) ProveLanes(random io.Reader, l Lanes, c *Ciphertexts, w *LaneWitness, context []byte) (*LaneProof, error) {
	if err := k.provable(c); err != nil || c.Len() != w.Len() {
		return nil, errors.Join(errors.New("prove lanes: the witness is not of these ciphertexts"), err)
	}
	seed, err := read(random, 32)
	if err != nil {
		return nil, fmt.Errorf("prove lanes: %w", err)
	}
	statement := k.laneStatement(l, c, context)
	bits := l.proven() - 1
	part := l.Count*bytesFor(bits) + k.size + 16
	nonce := newTranscript("lane proof nonce", seed, statement, fixedBytes(w.lanes, bytesFor(l.Value)), bytes.Join(w.roots, nil))
	wide := nonce.expand(proofRows * part)
	p := &LaneProof{lanes: drawBelow(wide, bits, proofRows, l.Count)}
	roots, err := k.drawRoots(bytes.NewReader(wide[proofRows*l.Count*bytesFor(bits):]), proofRows)
	if err != nil {
		return nil, err
	}
	p.hash = k.laneChallenge(statement, k.encryptWith(k.messages(l, p.lanes), roots).values)
	rows := challengeRows(p.hash, c.Len())
	for t, row := range rows {
		addSelected(p.lanes[t], w.lanes, row)
	}
	p.roots = k.multiplied(roots, w.roots, rows)
	return p, nil
}

// addSelected adds, lane by lane, those lists whose bit is set.
func addSelected(sum []*big.Int, lists [][]*big.Int, bits []byte) {
	for k, lanes := range lists {
		if bit(bits, k) == 1 {
			for i, v := range lanes {
				sum[i].Add(sum[i], v)
			}
		}
	}
}

// multiplied are own[t]·∏ roots[k]^rows[t][k] mod N.
func (k *PublicKey) multiplied(own, roots [][]byte, rows [][]byte) [][]byte {
	m := k.modulus
	all := batch(m.hideBytes(roots))
	out := m.empty(len(rows))
	parallel(len(rows), func(t int) { out.put(t, m.selected(all, rows[t]), 0) })
	return k.modN(batch(m.mul(secretBatch(out), m.hideBytes(own))))
}

// VerifyLanes reports whether the proof shows, for this context, that the lanes
// of c are in range and its maker knows them.
func (k *PublicKey) VerifyLanes(l Lanes, c *Ciphertexts, p *LaneProof, context []byte) error {
	if err := k.provable(c); err != nil {
		return fmt.Errorf("verify lanes: %w", err)
	}
	m := k.modulus
	statement := k.laneStatement(l, c, context)
	rows := challengeRows(p.hash, c.Len())
	products := m.empty(proofRows)
	parallel(proofRows, func(t int) { products.put(t, m.selected(c.values, rows[t]), 0) })
	commitments := m.mulVarTime(k.encryptWith(k.messages(l, p.lanes), p.roots).values, m.inverseVarTime(products))
	if !bytes.Equal(k.laneChallenge(statement, commitments), p.hash) {
		return errors.New("verify lanes: the proof is not of these ciphertexts by this sender")
	}
	return nil
}

func (k *PublicKey) provable(c *Ciphertexts) error {
	if !k.Equal(c.key) || c.Len() == 0 || c.Len() > MaxLaneProof {
		return fmt.Errorf("a proof is of 1 to %d ciphertexts under the key, not %d", MaxLaneProof, c.Len())
	}
	return nil
}

func (k *PublicKey) laneStatement(l Lanes, c *Ciphertexts, context []byte) []byte {
	t := newTranscript("lane proof", k.nBytes(), context)
	t.number(l.Value)
	t.number(l.Count)
	t.batch(k.modulus, c.values)
	return t.expand(digestSize)
}

func (k *PublicKey) laneChallenge(statement []byte, commitments batch) []byte {
	t := newTranscript("lane proof challenge", statement)
	t.batch(k.modulus, commitments)
	return t.expand(digestSize)
}

// challengeRows are proofRows rows of count bits.
func challengeRows(hash []byte, count int) [][]byte {
	size := (count + 7) / 8
	wide := newTranscript("challenge bits", hash).expand(proofRows * size)
	rows := make([][]byte, proofRows)
	for t := range rows {
		rows[t] = wide[t*size : (t+1)*size]
	}
	return rows
}

// LaneProofSize is the length of an encoded proof in bytes, however many
// ciphertexts it is of.
func (k *PublicKey) LaneProofSize(l Lanes) int {
	return digestSize + proofRows*(l.Count*bytesFor(l.proven())+k.size)
}

// EncodeLaneProof is the canonical encoding: the hash, all lanes of z, all w,
// numbers big-endian and of fixed lengths.
func (k *PublicKey) EncodeLaneProof(l Lanes, p *LaneProof) []byte {
	out := append([]byte(nil), p.hash...)
	out = append(out, fixedBytes(p.lanes, bytesFor(l.proven()))...)
	return append(out, bytes.Join(p.roots, nil)...)
}

// DecodeLaneProof reads EncodeLaneProof's encoding, and refuses another length,
// lanes out of range and what is no unit.
func (k *PublicKey) DecodeLaneProof(l Lanes, data []byte) (*LaneProof, error) {
	if len(data) != k.LaneProofSize(l) {
		return nil, fmt.Errorf("open lane proof: %d bytes, not %d", len(data), k.LaneProofSize(l))
	}
	f := fields{data}
	p := &LaneProof{hash: f.take(digestSize)}
	var err error
	if p.lanes, err = f.numbers(l.proven(), proofRows, l.Count); err == nil {
		p.roots, err = f.roots(k, proofRows)
	}
	if err != nil {
		return nil, fmt.Errorf("open lane proof: %w", err)
	}
	return p, nil
}
