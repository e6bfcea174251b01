package paillier_test

import (
	"crypto/rand"
	"fmt"
	"testing"

	"consilium/paillier"
	"consilium/paillier/internal/kernel"
)

// post is what a hospital sends: ciphertexts or partial decryptions, and a proof.
type post struct{ numbers, proof []byte }

// BenchmarkRound is all cryptography of one hospital in a round of three, two of
// whom decrypt: encrypt and prove, check two others, add, decrypt partially and
// prove, check one other, combine. Encodings are included, as in package
// protocol, which adds the ciphertexts up once for each of the last two steps.
func BenchmarkRound(b *testing.B) {
	for _, shape := range []struct{ bits, ciphertexts int }{{1024, 1}, {2048, 1}, {2048, 64}, {3072, 1}} {
		for _, name := range kernel.Kernels() {
			b.Run(fmt.Sprintf("bits=%d/ciphertexts=%d/kernel=%s", shape.bits, shape.ciphertexts, label(name)), func(b *testing.B) {
				choose(b, name)
				r := &hospital{newSetting(b, shape.bits, 3, 2, shape.ciphertexts), b}
				deals := []post{r.deal(), r.deal(), r.deal()}
				opening := r.open(r.sum(deals), 1)
				best := each(b, 1, func() error { r.round(deals, opening); return nil })
				b.ReportMetric(best/1e6, "ms/round")
			})
		}
	}
}

// hospital is holder 1.
type hospital struct {
	*setting
	b *testing.B
}

// round makes a deal and goes on with those that the opening belongs to.
func (h *hospital) round(deals []post, opening post) {
	h.deal()
	for _, d := range deals[1:] {
		proof, err := h.encryptor.DecodePlaintextProof(d.proof)
		must(h.b, err)
		must(h.b, h.encryptor.VerifyPlaintexts(h.ciphertexts(d), proof, nil))
	}
	own, _, err := h.key.PartialDecrypt(rand.Reader, h.shares[0], h.sum(deals), nil, nil)
	must(h.b, err)
	sum := h.sum(deals)
	other, err := h.key.DecodePartials(2, opening.numbers)
	must(h.b, err)
	proof, err := h.key.DecodeDecryptionProof(opening.proof)
	must(h.b, err)
	must(h.b, h.key.VerifyPartials(sum, other, proof, nil, nil))
	must(h.b, last(h.key.Combine([]*paillier.Partials{own, other})))
}

func (h *hospital) deal() post {
	c, w, err := h.encryptor.Encrypt(rand.Reader, h.messages)
	must(h.b, err)
	proof, err := h.encryptor.ProvePlaintexts(rand.Reader, c, w, nil)
	must(h.b, err)
	return post{c.Encode(), h.encryptor.EncodePlaintextProof(proof)}
}

func (h *hospital) open(sum *paillier.Ciphertexts, share int) post {
	p, proof, err := h.key.PartialDecrypt(rand.Reader, h.shares[share], sum, nil, nil)
	must(h.b, err)
	return post{p.Encode(), h.key.EncodeDecryptionProof(proof)}
}

func (h *hospital) ciphertexts(d post) *paillier.Ciphertexts {
	c, err := h.key.DecodeCiphertexts(d.numbers)
	must(h.b, err)
	return c
}

func (h *hospital) sum(deals []post) *paillier.Ciphertexts {
	sum := h.ciphertexts(deals[0])
	for _, d := range deals[1:] {
		must(h.b, sum.AddTo(h.ciphertexts(d)))
	}
	return sum
}
