// Package protocoltest runs many hospitals of package protocol in one thread
// of virtual time: a seeded simulator with delays, losses, crashes at any save
// point and restarts, the faults of the command line, and scripts with golden
// output. Equal seeds give equal runs, bit for bit.
//
// It is linked into hospital-node for `hospital-node sim` only; no node uses
// it. Its signatures and boxes are stand-ins unless others are handed in.
package protocoltest
