// Package testnet runs the hospitals of a federation on one machine: real nodes
// with their own keys, stores and connections, faults that strike in a named
// round and phase, and a judge that compares what came out with the same
// computation in the clear.
//
// A scenario says who the hospitals are, what they compute and what befalls
// them; it is made from the options of a demonstration or from a manifest. A
// network plays it: it holds hospitals at the gate of each round until all are
// there, strikes them, and takes note of what they do. Where they run is a
// runner: this process (real or virtual time), or a process for each. Mode sim
// replaces network and nodes by the simulator of package protocoltest.
package testnet
