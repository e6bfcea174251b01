package testnet

import (
	"crypto/ed25519"
	"crypto/rand"

	"consilium/node/identity"
	"consilium/protocol"
)

// RealCrypto gives simulated hospitals the signatures and boxes of real nodes.
// Runs with it cannot be replayed bit for bit: boxes take their randomness from
// the system.
func RealCrypto(hospitals int) (signer func(protocol.Party) protocol.Signer, sealer func(protocol.Party) protocol.Sealer, err error) {
	ids := make([]*identity.Identity, hospitals)
	keys := make([]ed25519.PublicKey, hospitals)
	for i := range ids {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		ids[i], keys[i] = identity.FromKey(private), public
	}
	signer = func(p protocol.Party) protocol.Signer { return identity.NewSigner(ids[p-1], keys) }
	sealer = func(protocol.Party) protocol.Sealer { return identity.Sealer{} }
	return signer, sealer, nil
}
