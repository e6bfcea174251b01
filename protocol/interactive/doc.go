// Package interactive runs computations in which the parties answer each other
// many times: training on shares, making a key, multiplying ciphertexts. What
// one party does is ordinary code that sends and receives; the Machine around
// it is a value like a round: events in, effects out, no network, no clock, and
// the same events give the same effects. So every delay, crash and lie is
// replayed from a seed (protocoltest/interactivetest).
//
// Channels are private, authenticated and in order between each pair: that is
// the caller's duty. What a party told everybody is compared in Broadcast.
package interactive
