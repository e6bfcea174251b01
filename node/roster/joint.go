package roster

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"consilium/node/identity"
	"consilium/paillier"
	"consilium/protocol"
)

// Rekeyed is the roster of the next epoch, with the same members, and a key that
// they made together.
func (r *Roster) Rekeyed(key *paillier.ThresholdKey) (*Roster, error) {
	next, err := r.successor(slices.Clone(r.Members), r.Liars, r.Dropouts)
	if err != nil {
		return nil, err
	}
	next.JointKey = true
	return next, next.SetPaillierKey(key)
}

// validateJoint checks that a key which members claim to have made together comes
// after an epoch of the same members.
func (r *Roster) validateJoint() error {
	if !r.JointKey {
		return nil
	}
	same := func(a, b Member) bool { return string(appendMember(nil, a)) == string(appendMember(nil, b)) }
	if r.Paillier == "" || r.Before == nil || !slices.EqualFunc(r.Members, r.Before.Members, same) {
		return errors.New("it says that its members made a key together, which takes a key and an epoch of the same members before")
	}
	return nil
}

// endorsementSize is that of a member's signature, and of its consent as a member
// of the epoch before.
const endorsementSize = 2 * ed25519.SignatureSize

// Endorsement signs a rekeyed roster as a member, and consents to it as a member
// of the epoch before, which the home keeps: it consents to no other.
func (r *Roster) Endorsement(home string, id *identity.Identity) ([]byte, error) {
	if err := r.Consent(home, id); err != nil {
		return nil, err
	}
	hash := r.Hash()
	return append(id.Sign(rosterDomain, hash[:]), id.Sign(consentDomain, hash[:])...), nil
}

// AddEndorsement adds a member's signature and consent, if they are.
func (r *Roster) AddEndorsement(p protocol.Party, endorsement []byte) error {
	if p < 1 || int(p) > len(r.Members) {
		return fmt.Errorf("an endorsement of hospital %d of %d", p, len(r.Members))
	}
	if len(endorsement) != endorsementSize {
		return fmt.Errorf("an endorsement of %d bytes", len(endorsement))
	}
	hash, key := r.Hash(), r.Members[p-1].PublicKey()
	signature, consent := endorsement[:ed25519.SignatureSize], endorsement[ed25519.SignatureSize:]
	if !identity.Verify(key, rosterDomain, hash[:], signature) || !identity.Verify(key, consentDomain, hash[:], consent) {
		return fmt.Errorf("the endorsement of %s does not verify", r.Name(p))
	}
	r.add(Signature{r.Name(p), base64.StdEncoding.EncodeToString(signature)})
	r.consent(Signature{r.Name(p), base64.StdEncoding.EncodeToString(consent)})
	return nil
}
