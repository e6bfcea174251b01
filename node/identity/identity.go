package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"consilium/internal/durable"
	"consilium/protocol"
)

// KeyFile is where a home keeps its private key.
const KeyFile = "identity.key"

const pemType = "PRIVATE KEY"

// ErrExists says that a home has a key already.
var ErrExists = errors.New("the home has an identity already")

// Identity is a hospital's long-term key pair.
type Identity struct{ private ed25519.PrivateKey }

// Generate makes a new key and writes it to the home. It never replaces one:
// a hospital that changes its key is another hospital to its federation.
func Generate(home string) (*Identity, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate a key: %w", err)
	}
	file := filepath.Join(home, KeyFile)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = ErrExists
		}
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: encoded})
	if err := durable.WriteFile(file, block, 0o600); err != nil {
		return nil, err
	}
	return &Identity{private}, nil
}

// Load reads the key of a home.
func Load(home string) (*Identity, error) {
	file := filepath.Join(home, KeyFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: run `hospital-node init --home %s` first", file, home)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemType {
		return nil, fmt.Errorf("%s holds no private key: restore it from your backup", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a key of another kind than Ed25519", file)
	}
	return &Identity{private}, nil
}

// FromKey is the identity with a given key, for simulations.
func FromKey(private ed25519.PrivateKey) *Identity { return &Identity{private} }

// Private is the key itself, for the network's handshake.
func (id *Identity) Private() ed25519.PrivateKey { return id.private }

// Public is the public key.
func (id *Identity) Public() ed25519.PublicKey { return id.private.Public().(ed25519.PublicKey) }

// Fingerprint is a public key for reading out over the telephone.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	text := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20]))
	var groups []string
	for i := 0; i < len(text); i += 4 {
		groups = append(groups, text[i:i+4])
	}
	return strings.Join(groups, "-")
}

// Sign signs bytes of a domain, so that no signature stands for anything else.
func (id *Identity) Sign(domain string, message []byte) []byte {
	return ed25519.Sign(id.private, inDomain(domain, message))
}

// Verify checks a signature of a domain.
func Verify(key ed25519.PublicKey, domain string, message, signature []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, inDomain(domain, message), signature)
}

func inDomain(domain string, message []byte) []byte {
	return append(append([]byte(domain), 0), message...)
}

// roundDomain keeps signatures of rounds apart from those on cards and rosters.
const roundDomain = "consilium/round/1"

// Signer signs the messages of rounds for one hospital of a roster.
type Signer struct {
	identity *Identity
	keys     []ed25519.PublicKey // by party
}

var _ protocol.Signer = (*Signer)(nil)

// NewSigner is the signer of id; keys are those of the roster, party 1 first.
func NewSigner(id *Identity, keys []ed25519.PublicKey) *Signer {
	return &Signer{id, append([]ed25519.PublicKey{nil}, keys...)}
}

// Sign signs a message of a round.
func (s *Signer) Sign(message []byte) []byte { return s.identity.Sign(roundDomain, message) }

// Verify checks a message of a round.
func (s *Signer) Verify(from protocol.Party, message, signature []byte) bool {
	return from >= 1 && int(from) < len(s.keys) && Verify(s.keys[from], roundDomain, message, signature)
}
