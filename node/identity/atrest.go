package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// What a home keeps secret beside its private key is encrypted on the disk, by
// AES-256-GCM under a key that follows from the private key: a copy or a backup
// of such a file alone opens nothing. Whoever has the whole home has both.
const atRestDomain = "consilium/at-rest/1"

// Encrypt seals data for the disk. purpose names the file, so that one cannot
// stand for another.
func (id *Identity) Encrypt(purpose string, data []byte) ([]byte, error) {
	aead, err := id.atRest()
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, data, []byte(purpose)), nil
}

// Decrypt opens what Encrypt sealed for the same purpose.
func (id *Identity) Decrypt(purpose string, sealed []byte) ([]byte, error) {
	aead, err := id.atRest()
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errNotSealed
	}
	nonce, body := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
	data, err := aead.Open(nil, nonce, body, []byte(purpose))
	if err != nil {
		return nil, errNotSealed
	}
	return data, nil
}

var errNotSealed = errors.New("it is damaged, or of a home with another identity.key")

func (id *Identity) atRest() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, id.private.Seed(), nil, atRestDomain, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
