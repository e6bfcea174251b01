package testnet

import (
	"crypto/rand"
	"fmt"
	"slices"

	"consilium/node/identity"
	"consilium/paillier"
	"consilium/paillier/testkey"
	"consilium/protocol"
)

// TestKeyBits is the length of the built-in Paillier key that a testnet uses
// unless told otherwise. It is short and its factors are published: it protects
// nothing.
const TestKeyBits = 1024

// dealtKey is the Paillier key of a testnet. Everything of it is in this
// process: a testnet shows how hospitals work, and hides nothing from whoever
// runs it.
type dealtKey struct {
	public *paillier.ThresholdKey
	shares []*paillier.KeyShare
	first  *protocol.PaillierKey // without a share
	test   bool                  // the published one
}

// checkBits says which keys there are to reproduce an experiment with.
func checkBits(bits int) error {
	if lengths := testkey.Lengths(); bits < paillier.MinBits && !slices.Contains(lengths, bits) {
		return &InputError{fmt.Errorf("--bits %d: the published keys have %v bits, fresh ones from %d on", bits, lengths, paillier.MinBits)}
	}
	return nil
}

// dealKey deals the key that the scheme needs: the published one of so many
// bits, or a fresh one.
func (s *scenario) dealKey() (err error) {
	bits, fresh := s.keyBits, s.freshKey
	if s.dishonest() {
		return nil // every hospital makes its own
	}
	if s.study.Scheme != protocol.SchemePaillier {
		if bits != 0 || fresh {
			return fmt.Errorf("--bits and --fresh-key are about the key of scheme paillier; the scheme is %s", s.study.Scheme)
		}
		return nil
	}
	if bits == 0 {
		if bits = TestKeyBits; fresh {
			bits = paillier.DefaultBits
		}
	}
	holders, k := protocol.Holders(s.t), protocol.HolderThreshold(s.t)
	if err := protocol.CheckHolders(s.t, holders, k); err != nil {
		return err
	}
	key := &dealtKey{test: !fresh}
	if fresh {
		private, err := paillier.GenerateKey(rand.Reader, bits, paillier.InsecureTestBits)
		if err != nil {
			return err
		}
		key.public, key.shares, err = paillier.Deal(rand.Reader, private, holders, k)
		if err != nil {
			return err
		}
	} else {
		if !slices.Contains(testkey.Lengths(), bits) {
			return fmt.Errorf("--bits %d: the published keys have %v bits; --fresh-key deals others", bits, testkey.Lengths())
		}
		if key.public, key.shares, err = testkey.Deal(bits, holders, k); err != nil {
			return err
		}
	}
	key.first, err = protocol.NewPaillierKey(key.public, nil)
	s.key = key
	return err
}

// of is one hospital's part; nil without a key.
func (k *dealtKey) of(p protocol.Party) *protocol.PaillierKey {
	if k == nil {
		return nil
	}
	own := *k.first
	if int(p) <= len(k.shares) {
		own.Share = k.shares[p-1]
	}
	return &own
}

// furnish puts the key into the roster, before it is signed, and the shares
// into the homes.
func (k *dealtKey) furnish(f *folder) error {
	if err := f.roster.SetPaillierKey(k.public); err != nil {
		return err
	}
	for i, share := range k.shares {
		if err := identity.KeepShare(f.homes[i], share); err != nil {
			return err
		}
	}
	return nil
}

// describe says what the key is worth.
func (k *dealtKey) describe() string {
	if k.test {
		return fmt.Sprintf("The Paillier key is the built-in test key of %d bits, whose factors everybody knows: it protects nothing", k.public.Bits())
	}
	return fmt.Sprintf("The Paillier key of %d bits was dealt in this process, which knows its factors", k.public.Bits())
}
