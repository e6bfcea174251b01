package protocoltest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"consilium/paillier"
	"consilium/protocol"
)

// standIn takes the place of scheme paillier where runs must be many: equal
// sizes and equal rules for what is valid, and no arithmetic. It hides nothing.
// A deal is the update in the clear with a digest that binds it to sender and
// round, an opening a digest of the sum, the set and its opener.
type standIn struct {
	self        protocol.Party
	description protocol.Description
	hash        protocol.Hash
	holders, k  int
	parts       int // ciphertexts in a deal
}

var _ protocol.Scheme = (*standIn)(nil)

// Sizes at 3072 bits, in bytes.
const (
	ciphertextSize = 768
	standInBits    = 3072
)

func newStandIn(self protocol.Party, d protocol.Description) (*standIn, error) {
	holders, k := protocol.Holders(d.Thresholds), protocol.HolderThreshold(d.Thresholds)
	if err := protocol.CheckHolders(d.Thresholds, holders, k); err != nil {
		return nil, err
	}
	packing, err := paillier.NewPacking(standInBits, int64(d.Limit), d.Thresholds.Parties, int(d.Length))
	if err != nil {
		return nil, err
	}
	return &standIn{self, d, d.Hash(), holders, k, packing.Plaintexts()}, nil
}

func (s *standIn) Name() string { return protocol.SchemePaillier }

func (s *standIn) PartSize() uint64 { return uint64(s.parts) * ciphertextSize }

func (s *standIn) Openers() (protocol.Set, int) { return protocol.AllOf(s.holders), s.k }

func (s *standIn) Mask(protocol.Certified, protocol.Vector, protocol.Seed) (protocol.Body, error) {
	return protocol.Body{}, nil
}

func (s *standIn) Prove(deal protocol.Body, _ protocol.Seed) ([]byte, error) { return deal.Public, nil }

func (s *standIn) MostAnswers() int { return 0 }

func (s *standIn) Deal(update protocol.Vector, seed protocol.Seed) (protocol.Body, error) {
	if len(update)*8+len(seed) > int(s.PartSize()) {
		return protocol.Body{}, errors.New("the stand-in has no room for the update")
	}
	content := append([]byte{}, seed[:]...) // two deals of one update differ
	for _, v := range update {
		content = binary.BigEndian.AppendUint64(content, uint64(v))
	}
	part := s.chunks(content)
	return protocol.Body{Public: s.proof("deal", s.self, part), Parts: map[protocol.Party]protocol.Source{0: part}}, nil
}

// chunks pads content to the size of a part.
func (s *standIn) chunks(content []byte) protocol.Chunks {
	content = append(content, make([]byte, int(s.PartSize())-len(content))...)
	per := protocol.ChunkSize / ciphertextSize * ciphertextSize
	var chunks protocol.Chunks
	for ; len(content) > per; content = content[per:] {
		chunks = append(chunks, content[:per])
	}
	return append(chunks, content)
}

// proof binds a part to a place.
func (s *standIn) proof(what string, from protocol.Party, part protocol.Chunks, places ...protocol.Hash) []byte {
	d := sha256.New()
	d.Write([]byte(what))
	d.Write(s.hash[:])
	d.Write([]byte{byte(from), byte(from >> 8)})
	for _, place := range places {
		d.Write(place[:])
	}
	for _, chunk := range part {
		d.Write(chunk)
	}
	return append(d.Sum(nil), make([]byte, 4*ciphertextSize)...)
}

func (s *standIn) verify(what string, from protocol.Party, body protocol.Body, places ...protocol.Hash) (protocol.Chunks, error) {
	if body.Parts[0] == nil {
		return nil, &protocol.Invalid{Why: "no content"}
	}
	part, err := copyOf(body.Parts[0])
	if err != nil {
		return nil, err
	}
	if string(body.Public) != string(s.proof(what, from, part, places...)) {
		return nil, &protocol.Invalid{Why: "the proof of a " + what + " does not verify"}
	}
	return part, nil
}

func (s *standIn) Check(from protocol.Party, deal protocol.Body) error {
	_, err := s.verify("deal", from, deal)
	return err
}

// sum adds the deals of a set up.
func (s *standIn) sum(set protocol.Certified) (protocol.Vector, error) {
	sum := make(protocol.Vector, s.description.Length)
	for _, deal := range set.Included {
		if deal.Body.Parts == nil {
			return nil, protocol.ErrMoreOpenings
		}
		part, err := copyOf(deal.Body.Parts[0])
		if err != nil {
			return nil, err
		}
		var content []byte
		for _, chunk := range part {
			content = append(content, chunk...)
		}
		for i := range sum {
			sum[i] += int64(binary.BigEndian.Uint64(content[len(protocol.Seed{})+8*i:]))
		}
	}
	return sum, nil
}

// partial is what hospital p opens a sum with.
func (s *standIn) partial(p protocol.Party, sum protocol.Vector, set protocol.Hash) protocol.Chunks {
	d := sha256.Sum256(fmt.Appendf(nil, "partial %d %v %x", p, sum, set))
	return s.chunks(d[:])
}

func (s *standIn) Open(set protocol.Certified, _ protocol.Seed) (protocol.Body, error) {
	sum, err := s.sum(set)
	if err != nil {
		return protocol.Body{}, err
	}
	part := s.partial(s.self, sum, set.ID)
	return protocol.Body{Public: s.proof("opening", s.self, part, set.ID), Parts: map[protocol.Party]protocol.Source{0: part}}, nil
}

// CheckOpening verifies one opening.
func (s *standIn) CheckOpening(set protocol.Certified, opening protocol.Post) error {
	sum, err := s.sum(set)
	if err != nil {
		return err
	}
	part, err := s.verify("opening", opening.From, opening.Body, set.ID)
	if err != nil {
		return err
	}
	want := s.partial(opening.From, sum, set.ID)
	for i := range want {
		if len(part) != len(want) || string(part[i]) != string(want[i]) {
			return &protocol.Invalid{Why: "an opening of another sum"}
		}
	}
	return nil
}

func (s *standIn) Combine(set protocol.Certified, openings []protocol.Post) (protocol.Vector, error) {
	if len(openings) < s.k {
		return nil, protocol.ErrMoreOpenings
	}
	sum, err := s.sum(set)
	if err != nil {
		return nil, err
	}
	for _, opening := range openings[:s.k] {
		err := s.CheckOpening(set, opening)
		if invalid := (*protocol.Invalid)(nil); errors.As(err, &invalid) {
			return nil, &protocol.BadOpening{From: opening.From, Why: invalid.Why}
		}
		if err != nil {
			return nil, err
		}
	}
	return sum, nil
}
