package protocol

import (
	"bytes"
	"encoding/binary"
)

// choice is what a round agrees on: who holds every included deal and will
// open, whose deals are in the sum, and by which root.
type choice struct {
	Holders  Set
	Included []named // ascending by party
}

// aborts tells that the choice is to end the round without a set: nobody has
// opened one, and nobody ever will.
func (c choice) aborts() bool { return c.Holders == Set{} && len(c.Included) == 0 }

func (c choice) encode() []byte {
	holders := c.Holders.Parties()
	b := binary.BigEndian.AppendUint16(nil, uint16(len(holders)))
	for _, p := range holders {
		b = appendParty(b, p)
	}
	return appendNamed(b, c.Included)
}

func decodeChoice(data []byte) (c choice, err error) {
	r := reader{data: data}
	last := Party(0)
	for range r.count(MaxParties) {
		p := r.party()
		if r.err == nil && p <= last {
			r.fail("holders are not in ascending order")
		}
		if r.err != nil {
			break
		}
		c.Holders.Add(p)
		last = p
	}
	c.Included = r.named()
	return c, r.end()
}

// id names the choice in votes, openings and the certificate.
func (c choice) id(description Hash) Hash {
	return digest("consilium/set/1", description[:], c.encode())
}

func (c choice) set() Set {
	var s Set
	for _, e := range c.Included {
		s.Add(e.Party)
	}
	return s
}

// proposalPayload is a leader's proposal with the signed attestations that
// justify it. So that the attestations of a hundred hospitals fit into one
// message, each is a row of bits over one table of roots.
type proposalPayload struct {
	ValidView uint32 // 1 + the view whose prevotes carry it, 0 for a fresh value
	Choice    choice
	Roots     []named // ascending by party, then by hash
	Attests   []attestRow
}

type attestRow struct {
	From      Party
	View      uint32
	Held      []byte // bit i: the sender attests Roots[i]
	Signature []byte
	Claim     claim // of a sliced round, as long in all rows
}

// maxRoots bounds the table: two roots of every dealer.
const maxRoots = 2 * MaxParties

func (p proposalPayload) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, p.ValidView)
	b = appendBytes(b, p.Choice.encode())
	b = appendNamed(b, p.Roots)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Attests)))
	for _, row := range p.Attests {
		b = appendParty(b, row.From)
		b = binary.BigEndian.AppendUint32(b, row.View)
		b = append(b, row.Held...)
		b = append(b, row.Signature...)
	}
	if len(p.Attests) > 0 && len(p.Attests[0].Claim) > 0 {
		b = append(b, uint8(len(p.Attests[0].Claim)))
		for _, row := range p.Attests {
			b = append(b, row.Claim...)
		}
	}
	return b
}

func decodeProposal(data []byte) (p proposalPayload, err error) {
	r := reader{data: data}
	p.ValidView = r.uint32()
	encoded := r.bytes(MaxMessage)
	if r.err != nil {
		return p, r.err
	}
	if p.Choice, err = decodeChoice(encoded); err != nil {
		return p, err
	}
	for range r.count(maxRoots) {
		e := named{r.party(), r.hash()}
		if last := len(p.Roots) - 1; r.err == nil && (e.Party < 1 || last >= 0 && !before(p.Roots[last], e)) {
			r.fail("roots are not in ascending order")
		}
		if r.err != nil {
			return p, r.err
		}
		p.Roots = append(p.Roots, e)
	}
	for range r.count(MaxParties) {
		row := attestRow{From: r.party(), View: r.uint32(), Held: r.take((len(p.Roots) + 7) / 8), Signature: r.take(SignatureSize)}
		if r.err != nil {
			return p, r.err
		}
		p.Attests = append(p.Attests, row)
	}
	if len(p.Attests) > 0 && r.err == nil && len(r.data) > 0 {
		size := int(r.uint8())
		if size == 0 {
			r.fail("claims of no bytes")
		}
		for i := range p.Attests {
			p.Attests[i].Claim = r.claim(size)
		}
	}
	return p, r.end()
}

func before(a, b named) bool {
	return a.Party < b.Party || a.Party == b.Party && bytes.Compare(a.Hash[:], b.Hash[:]) < 0
}

// attestation is the message that a row stands for.
func (p proposalPayload) attestation(slot Slot, row attestRow, description Hash, round uint64) Message {
	var held []named
	for i, e := range p.Roots {
		if row.Held[i/8]>>(i%8)&1 == 1 {
			held = append(held, e)
		}
	}
	slot.View = row.View
	return Message{
		Round: round, Description: description, From: row.From, Slot: slot,
		Payload: attestPayload{held, row.Claim}.encode(), Signature: row.Signature,
	}
}
