package roster

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"consilium/internal/durable"
	"consilium/internal/strict"
	"consilium/node/identity"
	"consilium/protocol"
)

// A roster changes by the epoch rule: the successor names the hash of the roster
// before it, and takes q signatures of the members before and q of its own. An
// honest member consents to one successor, and any two quorums share an honest
// member: so an epoch has at most one.

const consentDomain = "consilium/successor/1"

// Successor is the roster of the next epoch, with these members. It carries this
// one, so that whoever holds it can check the whole way from the first epoch.
func (r *Roster) Successor(cards []Card, liars, dropouts int) (*Roster, error) {
	var members []Member
	for _, c := range cards {
		members = append(members, c.member())
	}
	return r.successor(members, liars, dropouts)
}

func (r *Roster) successor(members []Member, liars, dropouts int) (*Roster, error) {
	if missing, err := r.Unsigned(); err != nil || len(missing) > 0 {
		return nil, fmt.Errorf("the roster of epoch %d is not signed yet: %v, %w", r.Epoch, missing, err)
	}
	next, err := of(r.Federation, members, liars, dropouts)
	if err != nil {
		return nil, err
	}
	alone := *r
	alone.Past = nil
	text, err := alone.Encode()
	if err != nil {
		return nil, err
	}
	next.Epoch, next.Previous, next.Past = r.Epoch+1, r.Hash().String(), append(slices.Clone(r.Past), string(text))
	if err := next.link(); err != nil {
		return nil, err
	}
	return next, next.Validate()
}

// link decodes the rosters of the past and strings them together.
func (r *Roster) link() error {
	var before *Roster
	for i, text := range r.Past {
		old := &Roster{}
		if err := strict.TOML([]byte(text), old); err != nil {
			return fmt.Errorf("the roster of epoch %d: %w", i+1, err)
		}
		if len(old.Past) > 0 {
			return fmt.Errorf("the roster of epoch %d has a past of its own", i+1)
		}
		old.Before, old.Past = before, r.Past[:i]
		before = old
	}
	r.Before = before
	return nil
}

// validateEpoch checks that the roster before is the one that is named.
func (r *Roster) validateEpoch() error {
	switch before := r.Before; {
	case r.Epoch == 1 && r.Previous == "" && before == nil && len(r.Consents) == 0:
		return nil
	case r.Epoch < 2 || before == nil:
		return fmt.Errorf("epoch %d: the first epoch has number 1 and nothing before it, every later one the roster before", r.Epoch)
	case before.Epoch != r.Epoch-1 || before.Federation != r.Federation || before.Hash().String() != r.Previous:
		return fmt.Errorf("epoch %d: the roster before is another one than it names", r.Epoch)
	default:
		return before.Validate()
	}
}

// Consent adds the signature of a member of the epoch before, which agrees to
// this successor. The home keeps it, and consents to no other.
func (r *Roster) Consent(home string, id *identity.Identity) error {
	if r.Before == nil {
		return errors.New("the first epoch follows no other")
	}
	p, ok := r.Before.Find(id.Public())
	if !ok {
		return fmt.Errorf("this hospital's key %s is not in the roster of epoch %d", identity.Fingerprint(id.Public()), r.Before.Epoch)
	}
	hash := r.Hash()
	known, err := Consented(home, r.Before)
	switch {
	case err != nil:
		return err
	case known == "":
		if err := durable.WriteFile(consentFile(home, r.Before), []byte(hash.String()), 0o600); err != nil {
			return err
		}
	case known != hash.String():
		return fmt.Errorf("this hospital has consented to another successor of epoch %d, %s: an epoch has one", r.Before.Epoch, known)
	}
	r.consent(Signature{r.Before.Name(p), base64.StdEncoding.EncodeToString(id.Sign(consentDomain, hash[:]))})
	return nil
}

func (r *Roster) consent(s Signature) {
	r.Consents = slices.DeleteFunc(r.Consents, func(old Signature) bool { return old.Member == s.Member })
	r.Consents = append(r.Consents, s)
	slices.SortFunc(r.Consents, func(a, b Signature) int { return int(r.Before.number(a.Member)) - int(r.Before.number(b.Member)) })
}

func consentFile(home string, before *Roster) string {
	return filepath.Join(home, "successor-of-"+before.Hash().Short())
}

// Consented is the hash of the successor that a home has consented to, empty for
// none. A hospital that has consented begins nothing more in the epoch before.
func Consented(home string, before *Roster) (string, error) {
	data, err := os.ReadFile(consentFile(home, before))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil && len(data) != 2*len(protocol.Hash{}) {
		err = fmt.Errorf("%s is damaged: restore it from your backup, or consent to no successor any more", consentFile(home, before))
	}
	return string(data), err
}

// signatures gives who of the members has validly signed a hash.
func signatures(list []Signature, members *Roster, domain string, hash protocol.Hash) (map[string]bool, error) {
	signed := map[string]bool{}
	for _, s := range list {
		p := members.number(s.Member)
		if p == 0 {
			return nil, fmt.Errorf("a signature of %s, who is not in the roster", s.Member)
		}
		if signed[s.Member] {
			return nil, fmt.Errorf("two signatures of %s", s.Member)
		}
		signature, err := base64.StdEncoding.DecodeString(s.Signature)
		if err != nil || !identity.Verify(members.Members[p-1].PublicKey(), domain, hash[:], signature) {
			return nil, fmt.Errorf("the signature of %s does not verify: the roster was changed after it signed, or by somebody else", s.Member)
		}
		signed[s.Member] = true
	}
	return signed, nil
}

// unsigned lists the members who have not signed.
func (r *Roster) unsigned(signed map[string]bool) []string {
	var missing []string
	for _, m := range r.Members {
		if !signed[m.Name] {
			missing = append(missing, m.Name)
		}
	}
	return missing
}

// Unsigned lists the members whose signatures are still needed: all in the first
// epoch; in a later one those of the epoch and of the one before that have not
// signed, until a quorum of each has. A signature that does not verify is an
// error, also one of an epoch before.
func (r *Roster) Unsigned() ([]string, error) {
	signed, err := signatures(r.Signatures, r, rosterDomain, r.Hash())
	if err != nil {
		return nil, err
	}
	if r.Before == nil {
		return r.unsigned(signed), nil
	}
	if missing, err := r.Before.Unsigned(); err != nil || len(missing) > 0 {
		return nil, errors.Join(fmt.Errorf("epoch %d is not signed by %v", r.Before.Epoch, missing), err)
	}
	consents, err := signatures(r.Consents, r.Before, consentDomain, r.Hash())
	if err != nil {
		return nil, err
	}
	var missing []string
	if len(signed) < r.Thresholds().Quorum() {
		missing = r.unsigned(signed)
	}
	if len(consents) < r.Before.Thresholds().Quorum() {
		for _, name := range r.Before.unsigned(consents) {
			if !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
		}
	}
	return missing, nil
}
