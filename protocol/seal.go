package protocol

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// KeySize is the length of the key that a Sealer agrees on: AES-256.
const KeySize = 32

// Signer signs for this hospital and verifies everybody's signatures.
type Signer interface {
	Sign(message []byte) []byte
	Verify(from Party, message, signature []byte) bool
}

// SignatureSize is the length of a signature (Ed25519).
const SignatureSize = 64

// Sealer agrees on keys to seal boxes with. Every hospital makes a fresh key
// pair for every round and erases it when the round ends, so that boxes
// recorded on the wire stay closed.
//
// info is bound into the key: another description, slot, sender or recipient
// gives another key.
type Sealer interface {
	NewKey() (private, public []byte, err error)
	// CheckKey says why nothing can be sealed to a public key. It depends on the key
	// alone: whoever posts one that it refuses is a liar to everybody.
	CheckKey(public []byte) error
	// Seal returns a fresh key of KeySize bytes, and the encapsulation from
	// which only the owner of public can recover it.
	Seal(public, info []byte) (encapsulation, key []byte, err error)
	Open(private, encapsulation, info []byte) (key []byte, err error)
}

// sealed is a part encrypted for one hospital: chunk 0 is the encapsulated
// key, then come the salt of the part and its content, chunk by chunk, under
// AES-256-GCM with the chunk number as nonce. The key is used for these chunks
// only and each has one content, so a nonce never meets two.
type sealed struct {
	encapsulation []byte
	salt          Hash
	aead          cipher.AEAD
	content       Source
}

// opened is the content of a sealed part.
type opened struct {
	aead cipher.AEAD
	box  Source
}

// saltChunk and contentChunk are where a box holds its salt and its content.
const (
	saltChunk    = 1
	contentChunk = 2
)

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("sealing key of %d bytes", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (s sealed) Chunks() int { return contentChunk + s.content.Chunks() }

func (s sealed) Chunk(i int) ([]byte, error) {
	switch i {
	case 0:
		return s.encapsulation, nil
	case saltChunk:
		return s.aead.Seal(nil, chunkNonce(i), s.salt[:], nil), nil
	}
	content, err := s.content.Chunk(i - contentChunk)
	if err != nil {
		return nil, err
	}
	return s.aead.Seal(nil, chunkNonce(i), content, nil), nil
}

func (o opened) Chunks() int { return o.box.Chunks() - contentChunk }

func (o opened) Chunk(i int) ([]byte, error) { return o.open(i + contentChunk) }

func (o opened) open(i int) ([]byte, error) {
	chunk, err := o.box.Chunk(i)
	if err != nil {
		return nil, err
	}
	content, err := o.aead.Open(nil, chunkNonce(i), chunk, nil)
	if err != nil {
		return nil, &Invalid{fmt.Sprintf("chunk %d of a box does not open", i)}
	}
	return content, nil
}

func chunkNonce(i int) []byte {
	var nonce [12]byte
	binary.BigEndian.PutUint64(nonce[4:], uint64(i))
	return nonce[:]
}

// sealInfo binds a box to the round description, sender and recipient. There
// is one box per sender and recipient in a round.
func sealInfo(description Hash, from, to Party) []byte {
	info := digest("consilium/box/1", description[:], appendParty(nil, from), appendParty(nil, to))
	return info[:]
}

// openBox gives the content of a box. The box is *Invalid when it holds no key
// for this recipient, or not what the dealer committed to.
func openBox(s Sealer, private []byte, box Source, info []byte, committed Ref) (Source, error) {
	if box.Chunks() < contentChunk {
		return nil, &Invalid{"a box is too short"}
	}
	encapsulation, err := box.Chunk(0)
	if err != nil {
		return nil, err
	}
	key, err := s.Open(private, encapsulation, info)
	if err != nil {
		return nil, &Invalid{"a box is sealed to another key: " + err.Error()}
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	content := opened{aead, box}
	salt, err := content.open(saltChunk)
	if err != nil {
		return nil, err
	}
	if len(salt) != len(Hash{}) {
		return nil, &Invalid{"a box has no salt"}
	}
	ref, err := RefOf(content)
	if err != nil {
		return nil, err
	}
	if ref.salted(Hash(salt)) != committed {
		return nil, &Invalid{"a box holds something else than the dealer committed to"}
	}
	return content, nil
}
