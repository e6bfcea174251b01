package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"consilium/paillier"
)

// maxBackup bounds a backup that is read: a share has a few kilobytes.
const maxBackup = 1 << 20

// SealShare encrypts a share for whoever keeps it (age-encryption.org/v1), as
// text.
func SealShare(s *paillier.KeyShare, recipients ...age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	text := armor.NewWriter(&out)
	w, err := age.Encrypt(text, recipients...)
	if err != nil {
		return nil, fmt.Errorf("encrypt the share: %w", err)
	}
	if _, err := w.Write(EncodeShare(s)); err != nil {
		return nil, fmt.Errorf("encrypt the share: %w", err)
	}
	if err := errors.Join(w.Close(), text.Close()); err != nil {
		return nil, fmt.Errorf("encrypt the share: %w", err)
	}
	return out.Bytes(), nil
}

// UnsealShare decrypts what SealShare made, and compares the share with its key.
func UnsealShare(data []byte, key *paillier.ThresholdKey, identities ...age.Identity) (*paillier.KeyShare, error) {
	if len(data) > maxBackup {
		return nil, fmt.Errorf("a backup of %d bytes", len(data))
	}
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte(armor.Header)) {
		return nil, errors.New("it is no backup of a share: those begin with " + armor.Header)
	}
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(data)), identities...)
	if wrong := (*age.NoIdentityMatchError)(nil); errors.As(err, &wrong) {
		return nil, errors.New("decrypt the backup: it is for another key or passphrase")
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(r, maxBackup))
	}
	if err != nil {
		return nil, errors.New("decrypt the backup: it is damaged, or cut short")
	}
	return ParseShare(text, key)
}

// Passphrase is for backups that no key is kept for. It takes about a second, on
// purpose, and should be long: a backup may be copied and tried at leisure.
func Passphrase(text string) (age.Recipient, age.Identity, error) {
	text = strings.TrimRight(text, "\r\n")
	if len(text) < 12 {
		return nil, nil, errors.New("the passphrase has fewer than 12 characters")
	}
	recipient, err := age.NewScryptRecipient(text)
	if err != nil {
		return nil, nil, err
	}
	own, err := age.NewScryptIdentity(text)
	return recipient, own, err
}
