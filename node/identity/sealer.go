package identity

import (
	"crypto/hpke"
	"fmt"

	"consilium/protocol"
)

// Sealer agrees on box keys by HPKE (RFC 9180) in export-only mode with the
// hybrid X25519 + ML-KEM-768 key encapsulation: a box stays closed as long as
// either of the two holds, also against a quantum computer.
type Sealer struct{}

var _ protocol.Sealer = Sealer{}

// exportContext says what the exported secret is for.
const exportContext = "consilium/box key/1"

// NewKey makes a key pair for one round.
func (Sealer) NewKey() (private, public []byte, err error) {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, nil, err
	}
	private, err = key.Bytes()
	return private, key.PublicKey().Bytes(), err
}

// CheckKey seals to the key once: some are refused only then (RFC 9180, section
// 7.1.4).
func (s Sealer) CheckKey(public []byte) error {
	_, _, err := s.Seal(public, nil)
	return err
}

// Seal makes a fresh key for the owner of public.
func (Sealer) Seal(public, info []byte) (encapsulation, key []byte, err error) {
	recipient, err := hpke.MLKEM768X25519().NewPublicKey(public)
	if err != nil {
		return nil, nil, fmt.Errorf("read a public key: %w", err)
	}
	encapsulation, sender, err := hpke.NewSender(recipient, hpke.HKDFSHA256(), hpke.ExportOnly(), info)
	if err != nil {
		return nil, nil, err
	}
	key, err = sender.Export(exportContext, protocol.KeySize)
	return encapsulation, key, err
}

// Open recovers the key from its encapsulation.
func (Sealer) Open(private, encapsulation, info []byte) ([]byte, error) {
	own, err := hpke.MLKEM768X25519().NewPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("read one's own key: %w", err)
	}
	recipient, err := hpke.NewRecipient(encapsulation, own, hpke.HKDFSHA256(), hpke.ExportOnly(), info)
	if err != nil {
		return nil, err
	}
	return recipient.Export(exportContext, protocol.KeySize)
}
