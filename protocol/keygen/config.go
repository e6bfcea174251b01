package keygen

import (
	"errors"
	"fmt"
	"io"
	"math/big"

	"consilium/paillier"
)

// Config is what a party brings to a ceremony. Context, Bits, Threshold and
// Candidates are the same at all parties.
type Config struct {
	Context    []byte // names what the key is for: federation, epoch, members in their order
	Bits       int    // length of N, a multiple of 128
	MinBits    int    // the shortest N that is taken; paillier.MinBits outside tests
	Threshold  int    // k: so many parties decrypt; more than half
	Candidates int    // looked at together; 0: DefaultCandidates
	Random     io.Reader

	// Resume is what Save was given last, if the ceremony was broken off.
	Resume Checkpoint
	// Save makes a checkpoint durable, which holds secrets, before the ceremony goes
	// on; nil: it is not kept.
	Save func(Checkpoint) error
	// Report hears how far the ceremony is; nil: nobody does.
	Report func(Progress)

	// Endorse signs the key and a digest of everything that was said; Verify checks
	// another party's. nil: there is nothing to sign.
	Endorse func(key *paillier.ThresholdKey, transcript []byte) ([]byte, error)
	Verify  func(party int, key *paillier.ThresholdKey, transcript, endorsement []byte) error
}

// DefaultCandidates is how many candidates a batch has.
const DefaultCandidates = 128

const minCandidates = 16

// Progress is how far a ceremony is. Tries have no memory: however many
// candidates were looked at, as many as expected on average are still ahead.
type Progress struct {
	Stage            Stage
	Batch            int
	Products, Tested int     // candidates multiplied, and tested, so far
	ExpectedProducts float64 // until one is found, on average
	ExpectedTested   float64
}

// Stage is a part of the ceremony.
type Stage string

// Stages, in their order.
const (
	StageMeet    Stage = "meet"    // wait for all parties
	StageSearch  Stage = "search"  // look for N
	StageShare   Stage = "share"   // N is found; share the key
	StageTrial   Stage = "trial"   // decrypt something
	StageEndorse Stage = "endorse" // sign
	StageDone    Stage = "done"
)

// Checkpoint is what a party writes down to go on after a restart. It is as
// secret as a key share.
type Checkpoint struct {
	Products, Tested int    // candidates so far
	Found            *Found `json:",omitempty"`
	Made             *Made  `json:",omitempty"`
}

// Found is a candidate that passed all tests. It is in no checkpoint any more when
// its sharing begins: a ceremony that is broken off then looks for another.
type Found struct {
	Session []byte
	Batch   int
	N       []byte
	Seeds   [][]byte   // own
	Hashes  [][][]byte // of all parties' seeds: [0] is party 1's
}

// Made is a key that decrypts, and that not all parties are known to have signed.
type Made struct {
	Key        []byte
	Share      []byte `json:",omitempty"` // empty: its owner keeps it elsewhere by now
	Transcript []byte
}

// Result is what a party has in the end.
type Result struct {
	Key          *paillier.ThresholdKey
	Share        *paillier.KeyShare // nil after a resumption without it
	Transcript   []byte             // digest of everything that was said to all
	Endorsements [][]byte           // by party, 0 unused
	Products     int
	Tested       int
}

func (c *Config) validate() error {
	switch {
	case c.Random == nil:
		return errors.New("make a key: no source of randomness")
	case c.Bits < c.MinBits:
		return errors.New("make a key: N would be shorter than the least that is taken")
	case (c.Endorse == nil) != (c.Verify == nil):
		return errors.New("make a key: endorsements are made and verified, or neither")
	}
	if c.Candidates == 0 {
		c.Candidates = DefaultCandidates
	}
	if c.Candidates < minCandidates {
		return fmt.Errorf("make a key: %d candidates at once are too few to tell a liar from chance; %d are the least", c.Candidates, minCandidates)
	}
	return nil
}

// check refuses what cannot have been found with this layout: a file that was
// damaged.
func (f *Found) check(l *layout) error {
	if f == nil {
		return nil
	}
	seeds := 1 + 2*len(l.groups)
	lists := append([][][]byte{f.Seeds}, f.Hashes...)
	right := f.Batch >= 0 && f.modulus().BitLen() == l.bits && len(f.Hashes) == l.parties
	for _, list := range lists {
		right = right && len(list) == seeds
		for _, entry := range list {
			right = right && len(entry) == seedSize
		}
	}
	if !right {
		return errors.New("the checkpoint is damaged: delete it to begin anew")
	}
	return nil
}

// modulus is N of a found candidate.
func (f *Found) modulus() *big.Int { return new(big.Int).SetBytes(f.N) }
