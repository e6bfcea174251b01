package roster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/BurntSushi/toml"

	"consilium/internal/strict"
	"consilium/node/identity"
	"consilium/paillier"
	"consilium/protocol"
)

// Roster is who belongs to a federation in one epoch, and what it stands. A
// member's place in the list is its number, from 1.
type Roster struct {
	Federation string `toml:"federation"`
	Epoch      uint64 `toml:"epoch"`
	Previous   string `toml:"previous"`           // hash of the roster of the epoch before, empty for epoch 1
	Liars      int    `toml:"liars"`              // f
	Dropouts   int    `toml:"dropouts"`           // c
	Threshold  int    `toml:"threshold"`          // k, for people: it follows from the others
	Paillier   string `toml:"paillier,omitempty"` // public part of the key for scheme paillier, base64; the first members hold its shares
	// JointKey says that the members made the key together and nobody dealt it; each
	// signs that it took part.
	JointKey bool `toml:"joint_key,omitempty"`
	// InsecureTestKey admits a Paillier key that is too short to protect anything.
	InsecureTestKey bool        `toml:"insecure_test_key,omitempty"`
	Members         []Member    `toml:"member"`
	Signatures      []Signature `toml:"signature"`
	// Consents are signatures of members of the epoch before, and Past the rosters
	// of all epochs before, as TOML without theirs. The first epoch has neither.
	Consents []Signature `toml:"consent,omitempty"`
	Past     []string    `toml:"past,omitempty"`
	// Before is the last of the past.
	Before *Roster `toml:"-"`
}

// Signature is a member's consent to a roster.
type Signature struct {
	Member    string `toml:"member"`
	Signature string `toml:"signature"`
}

// New puts a roster together from cards.
func New(federation string, cards []Card, liars, dropouts int) (*Roster, error) {
	var members []Member
	for _, c := range cards {
		members = append(members, c.member())
	}
	return of(federation, members, liars, dropouts)
}

func of(federation string, members []Member, liars, dropouts int) (*Roster, error) {
	r := &Roster{Federation: federation, Epoch: 1, Liars: liars, Dropouts: dropouts, Members: members}
	r.Threshold = r.Thresholds().Openings()
	return r, r.Validate()
}

// Thresholds are n, f and c.
func (r *Roster) Thresholds() protocol.Thresholds {
	return protocol.Thresholds{Parties: len(r.Members), Liars: r.Liars, Dropouts: r.Dropouts}
}

// Validate checks everything but the signatures.
func (r *Roster) Validate() error {
	if !namePattern.MatchString(r.Federation) {
		return fmt.Errorf("federation name %q: use lower-case letters, digits and '-'", r.Federation)
	}
	if err := r.validateEpoch(); err != nil {
		return err
	}
	if err := r.Thresholds().Validate(); err != nil {
		return err
	}
	if k := r.Thresholds().Openings(); r.Threshold != k {
		return fmt.Errorf("threshold %d: %d hospitals with %d liars and %d dropouts have threshold %d", r.Threshold, len(r.Members), r.Liars, r.Dropouts, k)
	}
	if _, err := r.PaillierKey(); err != nil {
		return err
	}
	if err := r.validateJoint(); err != nil {
		return err
	}
	names, keys := map[string]bool{}, map[string]string{}
	for _, m := range r.Members {
		if _, err := m.validate(); err != nil {
			return err
		}
		if names[m.Name] {
			return fmt.Errorf("two hospitals are named %s", m.Name)
		}
		if other, taken := keys[m.Key]; taken {
			return fmt.Errorf("hospitals %s and %s have the same key: each runs `hospital-node init` on its own machine", other, m.Name)
		}
		names[m.Name], keys[m.Key] = true, m.Name
	}
	return nil
}

// PaillierKey decodes the public part of the federation's key; nil if it has
// none.
func (r *Roster) PaillierKey() (*paillier.ThresholdKey, error) {
	if r.Paillier == "" {
		return nil, nil
	}
	minBits := paillier.MinBits
	if r.InsecureTestKey {
		minBits = paillier.InsecureTestBits
	}
	data, err := base64.StdEncoding.DecodeString(r.Paillier)
	if err != nil {
		return nil, fmt.Errorf("the Paillier key is not base64: %w", err)
	}
	key, err := paillier.DecodeThresholdKey(data, minBits)
	if err != nil {
		return nil, fmt.Errorf("the Paillier key: %w", err)
	}
	return key, protocol.CheckHolders(r.Thresholds(), key.Holders(), key.Threshold())
}

// SetPaillierKey puts a key into a roster that nobody has signed yet.
func (r *Roster) SetPaillierKey(key *paillier.ThresholdKey) error {
	if len(r.Signatures) > 0 {
		return fmt.Errorf("the roster is signed already: a key is dealt before the members sign")
	}
	r.Paillier, r.InsecureTestKey = base64.StdEncoding.EncodeToString(key.Encode()), key.Bits() < paillier.MinBits
	return r.Validate()
}

// Hash names the roster. Signatures are not part of it.
func (r *Roster) Hash() protocol.Hash {
	b := appendString(nil, rosterDomain)
	b = appendString(b, r.Federation)
	b = binary.BigEndian.AppendUint64(b, r.Epoch)
	b = appendString(b, r.Previous)
	for _, v := range []int{r.Liars, r.Dropouts, r.Threshold, len(r.Members)} {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	for _, m := range r.Members {
		b = appendMember(b, m)
	}
	b = appendString(b, r.Paillier)
	b = appendString(b, fmt.Sprint(r.InsecureTestKey))
	if r.JointKey {
		b = appendString(b, "joint")
	}
	return sha256.Sum256(b)
}

// Sign adds the signature of the member whose key id is, or says that there is
// no such member.
func (r *Roster) Sign(id *identity.Identity) error {
	p, ok := r.Find(id.Public())
	if !ok {
		return fmt.Errorf("this hospital's key %s is not in the roster", identity.Fingerprint(id.Public()))
	}
	hash := r.Hash()
	r.add(Signature{r.Name(p), base64.StdEncoding.EncodeToString(id.Sign(rosterDomain, hash[:]))})
	return nil
}

// Merge adds the signatures of another copy of the same roster.
func (r *Roster) Merge(other *Roster) error {
	if r.Hash() != other.Hash() {
		return fmt.Errorf("another roster: %s, and this is %s", other.Hash().Short(), r.Hash().Short())
	}
	for _, s := range other.Signatures {
		r.add(s)
	}
	for _, s := range other.Consents {
		r.consent(s)
	}
	return nil
}

func (r *Roster) add(s Signature) {
	r.Signatures = slices.DeleteFunc(r.Signatures, func(old Signature) bool { return old.Member == s.Member })
	r.Signatures = append(r.Signatures, s)
	slices.SortFunc(r.Signatures, func(a, b Signature) int { return int(r.number(a.Member)) - int(r.number(b.Member)) })
}

// Find is the number of the member with a key.
func (r *Roster) Find(key ed25519.PublicKey) (protocol.Party, bool) {
	for i, m := range r.Members {
		if m.PublicKey().Equal(key) {
			return protocol.Party(i + 1), true
		}
	}
	return 0, false
}

func (r *Roster) number(name string) protocol.Party {
	return protocol.Party(1 + slices.IndexFunc(r.Members, func(m Member) bool { return m.Name == name }))
}

// Name of a member.
func (r *Roster) Name(p protocol.Party) string {
	if p < 1 || int(p) > len(r.Members) {
		return fmt.Sprintf("nobody (%d)", p)
	}
	return r.Members[p-1].Name
}

// Names of members.
func (r *Roster) Names(parties []protocol.Party) []string {
	names := make([]string, len(parties))
	for i, p := range parties {
		names[i] = r.Name(p)
	}
	return names
}

// Keys of all members, in order.
func (r *Roster) Keys() []ed25519.PublicKey {
	keys := make([]ed25519.PublicKey, len(r.Members))
	for i, m := range r.Members {
		keys[i] = m.PublicKey()
	}
	return keys
}

// Encode writes the roster as TOML.
func (r *Roster) Encode() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Roster of a federation; hash %s.\n# Every member signs it: hospital-node cluster sign --home DIR ROSTER\n", r.Hash())
	err := toml.NewEncoder(&b).Encode(r)
	return b.Bytes(), err
}

// Read reads and validates a roster; signatures are checked by Unsigned.
func Read(file string) (*Roster, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: it is made by `hospital-node cluster new` and signed by `hospital-node cluster sign`", file)
	}
	if err != nil {
		return nil, err
	}
	r, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// Parse decodes and validates a roster.
func Parse(data []byte) (*Roster, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("a roster of %d bytes", len(data))
	}
	r := &Roster{}
	if err := strict.TOML(data, r); err != nil {
		return nil, err
	}
	if err := r.link(); err != nil {
		return nil, err
	}
	return r, r.Validate()
}
