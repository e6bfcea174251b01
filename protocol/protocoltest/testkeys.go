package protocoltest

import (
	"fmt"

	"consilium/paillier/testkey"
	"consilium/protocol"
)

// TestKeys are the keys of all hospitals, by party from 1, dealt from PUBLISHED
// primes of bits/2 bits: they protect nothing.
func TestKeys(bits int, t protocol.Thresholds) ([]*protocol.PaillierKey, error) {
	public, shares, err := testkey.Deal(bits, protocol.Holders(t), protocol.HolderThreshold(t))
	if err != nil {
		return nil, fmt.Errorf("deal a test key: %w", err)
	}
	first, err := protocol.NewPaillierKey(public, nil)
	if err != nil {
		return nil, err
	}
	keys := make([]*protocol.PaillierKey, t.Parties+1)
	for party := range keys {
		key := *first
		if party >= 1 && party <= len(shares) {
			key.Share = shares[party-1]
		}
		keys[party] = &key
	}
	return keys, nil
}
