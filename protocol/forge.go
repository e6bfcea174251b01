package protocol

import (
	"math/big"
	"slices"
)

// Forge makes another message of its sender for the slot of m, signed like any:
// one that an honest hospital could have sent had it seen something else, or
// garbage. It is what a hospital that lies does in simulations; it has no power
// but the signer's. pick chooses among the possibilities, vote is the value
// that a forged vote is for. False when it knows no other message for the
// slot.
func Forge(m Message, d Description, signer Signer, pick uint64, vote Hash) (Message, bool) {
	content, err := decodePayload(m.Slot, m.Payload)
	if err != nil {
		return m, false
	}
	flip := func(h Hash) Hash { h[0] ^= 1; return h }
	if pick%16 == 15 {
		content = garbage{byte(pick >> 8), 2, 3}
	}
	switch p := content.(type) {
	case describePayload:
		if p.Key = slices.Clone(p.Key); pick%4 == 0 {
			p.Key = p.Key[1:] // no key
		} else {
			p.Key[0] ^= 1
		}
		content = p
	case commitPayload:
		p.Commitment = flip(p.Commitment)
		content = p
	case listPayload:
		content = listPayload{forgeNamed(p.Commitments, pick)}
	case dealPayload:
		content = p.forged(pick)
	case answerPayload:
		p.Salt = flip(p.Salt)
		content = p
	case attestPayload:
		content = attestPayload{forgeNamed(p.Held, pick)}
	case proposalPayload:
		content = p.forged(d.Thresholds, pick)
	case maskedPayload:
		content = p.forged(pick)
	case votePayload:
		content = votePayload{vote}
	case openPayload:
		if pick%2 == 0 {
			p.Set = flip(p.Set)
		} else {
			p.Body.Public = append(slices.Clone(p.Body.Public), 1)
		}
		content = p
	case resultPayload:
		if pick%2 == 0 {
			content = resultPayload{Reason: "the others are to blame"}
		} else {
			content = resultPayload{Sum: flip(p.Sum)}
		}
	}
	m.Payload, m.hash = content.(interface{ encode() []byte }).encode(), nil
	m.Signature = signer.Sign(m.signedBytes(d.Federation, d.Epoch))
	return m, true
}

// FalseUpdate is an update that no sum of honest ones has in it: its first value
// is beyond what all hospitals together may add up to.
func FalseUpdate(update Vector, d Description) Vector {
	update = slices.Clone(update)
	update[0] = 2 * int64(d.Limit) * int64(d.Thresholds.Parties)
	return update
}

// SpoiledDeal is a deal of scheme paillier that is valid and counts twice: what it
// is added to does not open to a sum.
func SpoiledDeal(s *Paillier, update Vector, seed Seed) (Body, error) {
	messages, err := s.packing.Pack(update)
	if err != nil {
		return Body{}, err
	}
	for _, m := range messages {
		m.Add(m, new(big.Int).Lsh(big.NewInt(1), uint(s.packing.Lanes()*s.packing.Width()))) // the counter
	}
	return s.encrypted(messages, seed)
}

type garbage []byte

func (g garbage) encode() []byte { return g }

// forgeNamed drops an entry or falsifies one.
func forgeNamed(list []named, pick uint64) []named {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	i := int(pick/2) % len(list)
	if pick%2 == 0 {
		return slices.Delete(list, i, i+1)
	}
	list[i].Hash[0] ^= 1
	return list
}

// forged withholds the content or the boxes, or is a deal that was not committed
// to.
func (p dealPayload) forged(pick uint64) dealPayload {
	switch {
	case pick%3 == 0 && p.Body.Inline != nil:
		p.Body.Inline = nil
	case pick%3 == 0 && len(p.Boxes) > 0:
		p.Boxes = slices.Delete(slices.Clone(p.Boxes), 0, 1+int(pick/3)%len(p.Boxes))
	case pick%3 == 1:
		p.Nonce[0] ^= 1
	default:
		p.Body.Public = append(slices.Clone(p.Body.Public), 1)
	}
	return p
}

// forged is a masked update for others who joined, or one whose content is
// nowhere. With another content it would be another update, which nobody can
// tell from one.
func (p maskedPayload) forged(pick uint64) maskedPayload {
	if pick%2 == 0 {
		p.Joined[0] ^= 1
		return p
	}
	p.Body.Parts = slices.Clone(p.Body.Parts)
	p.Body.Parts[0].Ref.Root[0] ^= 1
	p.Body.Inline = nil
	return p
}

// forged is another set that the same attestations allow, or none, or the same
// with fewer attestations than it takes, or one that leans on votes that nobody cast.
func (p proposalPayload) forged(t Thresholds, pick uint64) proposalPayload {
	switch included := p.Choice.Included; {
	case p.Choice.aborts():
		p.Roots = []named{{Party: 1}}
	case pick%16 == 10:
		return proposalPayload{} // to end the round
	case pick%4 == 0:
		p.Attests = p.Attests[:len(p.Attests)-1]
	case pick%4 == 1 && p.ValidView == 0:
		p.ValidView = 1
	case len(included) > t.SmallestSet():
		i := int(pick/4) % len(included)
		p.Choice.Included = slices.Delete(slices.Clone(included), i, i+1)
	default:
		p.Choice.Holders = NewSet(p.Choice.Holders.Parties()[1:]...)
	}
	return p
}

// ProposedSet names the set that a message proposes; false for other messages.
func ProposedSet(m Message) (Hash, bool) {
	if m.Slot.Phase != Agree || m.Slot.Step != stepPropose {
		return Hash{}, false
	}
	p, err := decodeProposal(m.Payload)
	if err != nil {
		return Hash{}, false
	}
	return p.Choice.id(m.Description), true
}
