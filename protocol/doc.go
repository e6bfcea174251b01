// Package protocol is a round of summing without a server, as a pure state
// machine: events in, effects out. It imports no network, disk, clock or random
// source, so that every delay, loss and crash can be replayed from a seed
// (package protocoltest).
//
// A Round sums the updates of one round, a Session leads a hospital through the
// rounds of a study. Both change in Step only and are used by one goroutine.
// docs/protocol.md says what a round protects and why its phases are what they
// are.
//
// # Duties of the caller
//
//  1. Carry out the Effects of a step in field order: Save is durable (fsync)
//     before anything of Send leaves, and before the Outcome is acted upon.
//  2. Store secret records encrypted, under a key that is erased when the
//     round ends.
//  3. After a crash, Restore with every record that was saved, in order. A
//     store that lost acknowledged records must not take part in the round.
//  4. Deliver Fetched only when the part matches its name, and make it durable
//     before anything of a later step leaves. After Restore the round asks
//     again: answer from what was kept.
//  5. Call Step with Ticked regularly. A tick is a local wait, not a clock.
//  6. Send every message to every hospital, in any order, once or more often.
//     Compare Query and Answer with another hospital now and then: what is lost
//     is not sent again otherwise.
//  7. Begin the next round when an Outcome is given; on Behind, fetch the State
//     that it names from any hospital, check it against its root, and begin
//     that round.
//  8. An error that is no *Refusal means that this hospital cannot go on: stop.
package protocol
