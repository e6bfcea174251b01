package protocol

import (
	"encoding/binary"
	"fmt"
)

// MaxMessage bounds an encoded message; it fits a gossip message.
const MaxMessage = 64 << 10

// Message is one signed post of a hospital.
type Message struct {
	Round       uint64
	Description Hash // of the round, as the sender sees it
	Slot        Slot
	From        Party
	Payload     []byte
	Signature   []byte

	hash *Hash // of Payload, computed once: payloads are not changed
}

func (m *Message) payloadHash() Hash {
	if m.hash == nil {
		h := digest("consilium/payload/1", m.Payload)
		m.hash = &h
	}
	return *m.hash
}

// signedBytes is what a signature covers: domain, federation, epoch, round,
// description, slot, sender and payload hash.
func (m *Message) signedBytes(federation string, epoch uint64) []byte {
	payload := m.payloadHash()
	var place []byte
	place = binary.BigEndian.AppendUint64(place, epoch)
	place = binary.BigEndian.AppendUint64(place, m.Round)
	place = appendSlot(place, m.Slot)
	place = appendParty(place, m.From)
	signed := digest("consilium/message/1", []byte(federation), place, m.Description[:], payload[:])
	return signed[:]
}

func appendSlot(dst []byte, s Slot) []byte {
	dst = append(dst, uint8(s.Phase))
	dst = binary.BigEndian.AppendUint32(dst, s.View)
	dst = append(dst, s.Step)
	return appendParty(dst, s.Subject)
}

// envelope is the size of a message around its payload.
const envelope = 8 + 32 + (1 + 4 + 1 + 2) + 2 + 4 + SignatureSize

// Size is the length of the encoding of m.
func (m Message) Size() int { return envelope + len(m.Payload) }

// Encode is the canonical encoding of m.
func (m Message) Encode() []byte {
	b := make([]byte, 0, m.Size())
	b = binary.BigEndian.AppendUint64(b, m.Round)
	b = append(b, m.Description[:]...)
	b = appendSlot(b, m.Slot)
	b = appendParty(b, m.From)
	b = appendBytes(b, m.Payload)
	return append(b, m.Signature...)
}

// DecodeMessage is the inverse of Encode; it accepts nothing else. The
// signature is not verified here.
func DecodeMessage(data []byte) (Message, error) {
	if len(data) > MaxMessage {
		return Message{}, fmt.Errorf("decode message: %d bytes, at most %d", len(data), MaxMessage)
	}
	r := reader{data: data}
	m := Message{
		Round:       r.uint64(),
		Description: r.hash(),
		Slot:        Slot{Phase: Phase(r.uint8()), View: r.uint32(), Step: r.uint8(), Subject: r.party()},
		From:        r.party(),
		Payload:     r.bytes(MaxMessage),
		Signature:   r.take(SignatureSize),
	}
	if err := r.end(); err != nil {
		return Message{}, fmt.Errorf("decode message: %w", err)
	}
	return m, nil
}

// id tells whether two hospitals hold the same message of a round.
func (m *Message) id() (id MessageID) {
	payload := m.payloadHash()
	full := digest("consilium/id/1", appendParty(appendSlot(nil, m.Slot), m.From), payload[:], m.Signature)
	copy(id[:], full[:])
	return id
}
