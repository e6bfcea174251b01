package roster

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"regexp"

	"github.com/BurntSushi/toml"
	"github.com/multiformats/go-multiaddr"

	"consilium/internal/strict"
	"consilium/node/identity"
)

// Card introduces a hospital to whoever puts a roster together. It is signed
// with the key that it names, so that nobody can hand in another's key.
type Card struct {
	Name      string   `toml:"name" json:"name"`
	Key       string   `toml:"key" json:"key"`             // Ed25519, base64
	Addresses []string `toml:"addresses" json:"addresses"` // multiaddresses at which others reach the hospital
	Signature string   `toml:"signature" json:"signature"`
}

const (
	cardDomain   = "consilium/card/1"
	rosterDomain = "consilium/roster/1"
	maxAddresses = 16
	maxFile      = 1 << 20
)

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// NewCard makes the signed card of a hospital.
func NewCard(id *identity.Identity, name string, addresses []string) (Card, error) {
	c := Card{Name: name, Key: base64.StdEncoding.EncodeToString(id.Public()), Addresses: addresses}
	c.Signature = base64.StdEncoding.EncodeToString(id.Sign(cardDomain, c.signedBytes()))
	return c, c.Verify()
}

func (c Card) signedBytes() []byte { return appendMember(nil, c.member()) }

func (c Card) member() Member {
	return Member{Name: c.Name, Key: c.Key, Addresses: c.Addresses}
}

// Verify checks the card's fields and its signature.
func (c Card) Verify() error {
	key, err := c.member().validate()
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(c.Signature)
	if err != nil || !identity.Verify(key, cardDomain, c.signedBytes(), signature) {
		return fmt.Errorf("the card of %s is not signed with its own key: ask the hospital for a fresh one (`hospital-node id`)", c.Name)
	}
	return nil
}

// Encode writes the card as TOML.
func (c Card) Encode() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Card of a hospital. Compare the fingerprint by telephone:\n# %s\n", c.Fingerprint())
	err := toml.NewEncoder(&b).Encode(c)
	return b.Bytes(), err
}

// Fingerprint is that of the card's key.
func (c Card) Fingerprint() string { return c.member().Fingerprint() }

// ReadCard reads and verifies a card.
func ReadCard(file string) (Card, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Card{}, err
	}
	c, err := ParseCard(data)
	if err != nil {
		return Card{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// ParseCard decodes and verifies a card.
func ParseCard(data []byte) (c Card, err error) {
	if len(data) > maxFile {
		return Card{}, fmt.Errorf("a card of %d bytes", len(data))
	}
	if err := strict.TOML(data, &c); err != nil {
		return Card{}, err
	}
	return c, c.Verify()
}

// Member is a hospital in a roster.
type Member struct {
	Name      string   `toml:"name"`
	Key       string   `toml:"key"`
	Addresses []string `toml:"addresses"`
	Role      string   `toml:"role,omitempty"` // empty: trains and holds shares
}

// PublicKey is the member's key; the member was validated.
func (m Member) PublicKey() ed25519.PublicKey {
	key, _ := base64.StdEncoding.DecodeString(m.Key)
	return key
}

// Fingerprint is that of the member's key.
func (m Member) Fingerprint() string { return identity.Fingerprint(m.PublicKey()) }

// CheckName refuses what cannot be a hospital's name.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("hospital name %q: use lower-case letters, digits and '-', beginning with a letter or digit", name)
	}
	return nil
}

// CheckAddress says what is wrong with a multiaddress.
func CheckAddress(address string) error {
	if _, err := multiaddr.NewMultiaddr(address); err != nil {
		return fmt.Errorf("address %q: %w; a form is /dns4/node.example.org/tcp/443", address, err)
	}
	return nil
}

func (m Member) validate() (ed25519.PublicKey, error) {
	if err := CheckName(m.Name); err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(m.Key)
	if err != nil || len(key) != ed25519.PublicKeySize || base64.StdEncoding.EncodeToString(key) != m.Key {
		return nil, fmt.Errorf("hospital %s: its key is not the base64 form of %d bytes", m.Name, ed25519.PublicKeySize)
	}
	if len(m.Addresses) > maxAddresses {
		return nil, fmt.Errorf("hospital %s: %d addresses, at most %d", m.Name, len(m.Addresses), maxAddresses)
	}
	for _, a := range m.Addresses {
		if err := CheckAddress(a); err != nil {
			return nil, fmt.Errorf("hospital %s: %w", m.Name, err)
		}
	}
	if m.Role != "" {
		return nil, fmt.Errorf("hospital %s: unknown role %q", m.Name, m.Role)
	}
	return key, nil
}

func appendMember(dst []byte, m Member) []byte {
	dst = appendString(appendString(appendString(dst, m.Name), m.Key), m.Role)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(m.Addresses)))
	for _, a := range m.Addresses {
		dst = appendString(dst, a)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}
