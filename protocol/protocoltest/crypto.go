package protocoltest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"consilium/protocol"
)

// standInSigner signs with a hash of a known key: fast, repeatable, and of the
// size of a real signature. It keeps out damage, not forgers: no simulated
// hospital forges.
type standInSigner struct{ self protocol.Party }

func (s standInSigner) Sign(message []byte) []byte { return standInSignature(s.self, message) }

func (s standInSigner) Verify(from protocol.Party, message, signature []byte) bool {
	return string(signature) == string(standInSignature(from, message))
}

func standInSignature(p protocol.Party, message []byte) []byte {
	d := sha256.New()
	d.Write(binary.BigEndian.AppendUint16([]byte("stand-in signature"), uint16(p)))
	d.Write(message)
	return d.Sum(append(make([]byte, 0, protocol.SignatureSize), make([]byte, protocol.SignatureSize-sha256.Size)...))
}

// Sizes of X25519+ML-KEM-768 keys and encapsulations (crypto/hpke).
const (
	publicKeySize     = 1216
	encapsulationSize = 1120
)

// standInSealer derives keys by hashing, from a seeded source, in the sizes of
// the real one.
type standInSealer struct{ random *random }

func (s standInSealer) NewKey() (private, public []byte, err error) {
	private = make([]byte, 32)
	s.random.Read(private)
	return private, standInPublic(private), nil
}

func standInPublic(private []byte) []byte {
	h := sha256.Sum256(append([]byte("stand-in public key"), private...))
	return append(h[:], make([]byte, publicKeySize-len(h))...)
}

func (s standInSealer) CheckKey(public []byte) error {
	if len(public) != publicKeySize {
		return fmt.Errorf("public key of %d bytes", len(public))
	}
	return nil
}

func (s standInSealer) Seal(public, info []byte) (encapsulation, key []byte, err error) {
	if err := s.CheckKey(public); err != nil {
		return nil, nil, err
	}
	encapsulation = make([]byte, encapsulationSize)
	s.random.Read(encapsulation[:32])
	return encapsulation, standInKey(public, encapsulation, info), nil
}

func (s standInSealer) Open(private, encapsulation, info []byte) ([]byte, error) {
	if len(encapsulation) != encapsulationSize {
		return nil, fmt.Errorf("encapsulation of %d bytes", len(encapsulation))
	}
	return standInKey(standInPublic(private), encapsulation, info), nil
}

func standInKey(public, encapsulation, info []byte) []byte {
	d := sha256.New()
	d.Write(public[:32])
	d.Write(encapsulation[:32])
	d.Write(info)
	return d.Sum(nil)
}
