// Package node is one hospital: a libp2p host that knows its roster, gossip for
// posts, streams for what is larger, a store, and the driver that lets events,
// disk and network meet in the pure machine of package protocol.
//
// The packages below know no network: identity (keys, signatures, boxes), roster
// (who belongs to the federation), study (what is computed), store (what is on
// disk) and frame (how bytes are cut up on a stream).
package node
