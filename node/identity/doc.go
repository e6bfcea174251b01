// Package identity is who a hospital is: its Ed25519 key, the card that others
// put into a roster, and the real signatures and boxes of a round. It knows no
// network.
package identity
