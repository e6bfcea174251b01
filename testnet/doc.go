// Package testnet runs the hospitals of a federation on one machine: real nodes
// with their own keys, stores and connections, faults that strike in a named
// round and phase, and a judge that compares what came out with the same
// computation in the clear.
package testnet
