package keygen

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"consilium/paillier"
	"consilium/protocol/interactive"
)

// ceremony is one party's part.
type ceremony struct {
	*layout
	config Config
	talk   *talk
	state  Checkpoint
	result *Result
}

// Program is one party's part of a ceremony. It sets result when it ends without
// an error. Among its errors are *CheatError, *DisputeError,
// *interactive.DifferentError and *MismatchError.
func Program(config Config, result *Result) interactive.Program {
	return func(channel *interactive.Channel) error {
		c, err := newCeremony(config, channel, result)
		if err != nil {
			return err
		}
		return c.run()
	}
}

func newCeremony(config Config, channel *interactive.Channel, result *Result) (*ceremony, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	l, err := newLayout(channel.Parties(), config.Threshold, config.Bits, config.Candidates)
	if err != nil {
		return nil, err
	}
	if err := config.Resume.Found.check(l); err != nil {
		return nil, fmt.Errorf("resume the making of a key: %w", err)
	}
	return &ceremony{layout: l, config: config, talk: newTalk(channel), state: config.Resume, result: result}, nil
}

// MismatchError names the parties that were started with another configuration
// than this one.
type MismatchError struct{ Parties []int }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("parties %v were started for another key: another roster, length or version", e.Parties)
}

func (c *ceremony) run() error {
	found, made, err := c.meet()
	if err != nil {
		return err
	}
	if !made {
		c.state.Made = nil
		if !found {
			if err := c.search(); err != nil {
				return err
			}
		}
		if err := c.share(); err != nil {
			return err
		}
	}
	return c.endorse()
}

// hello is what a party says first: what it was started for, in one hash, some
// randomness, and digests of what it has from before (zeros: nothing).
const helloSize = 4 * sha256.Size

// meet names the ceremony, and finds out what all parties have from before.
func (c *ceremony) meet() (found, made bool, err error) {
	c.report(StageMeet, 0)
	c.talk.step = "meet"
	configuration := newStream("consilium/keygen/1/configuration", c.config.Context)
	for _, v := range []int{c.bits, c.threshold, c.candidates, c.parties} {
		configuration.write(binary.BigEndian.AppendUint32(nil, uint32(v)))
	}
	nonce, err := c.random()
	if err != nil {
		return false, false, err
	}
	own := append(configuration.bytes(sha256.Size), nonce...)
	own = append(own, c.state.Found.digest()...)
	own = append(own, c.state.Made.digest()...)
	all, err := c.talk.broadcast(own)
	if err != nil {
		return false, false, err
	}
	found, made = c.state.Found != nil, c.state.Made != nil
	var others []int
	for party := 1; party <= c.parties; party++ {
		their := all[party]
		if len(their) != helloSize || string(their[:sha256.Size]) != string(own[:sha256.Size]) {
			others = append(others, party)
			continue
		}
		found = found && string(their[2*sha256.Size:3*sha256.Size]) == string(c.state.Found.digest())
		made = made && string(their[3*sha256.Size:]) == string(c.state.Made.digest())
	}
	if len(others) > 0 {
		return false, false, &MismatchError{others}
	}
	c.talk.session = append([]byte(nil), c.talk.heard[:]...)
	return found, made, nil
}

// random reads a seed.
func (c *ceremony) random() ([]byte, error) {
	seed := make([]byte, seedSize)
	if _, err := io.ReadFull(c.config.Random, seed); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return seed, nil
}

// digest names what all parties have in common of a found candidate.
func (f *Found) digest() []byte {
	if f == nil {
		return make([]byte, sha256.Size)
	}
	return digestOf(f.Session, f.Batch, f.N, f.Hashes)
}

func (m *Made) digest() []byte {
	if m == nil {
		return make([]byte, sha256.Size)
	}
	return digestOf(m.Key, m.Transcript)
}

func digestOf(values ...any) []byte {
	text, err := json.Marshal(values)
	if err != nil {
		panic("keygen: " + err.Error()) // bytes and numbers
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

// search looks at batches until a candidate passes.
func (c *ceremony) search() error {
	c.state.Found = nil
	for number := 0; c.state.Found == nil; number++ {
		c.report(StageSearch, number)
		root, err := c.random()
		if err != nil {
			return err
		}
		b := &batch{layout: c.layout, talk: c.talk, number: number}
		b.own = growSeeds(root, c.talk.session, c.talk.self(), number, c.seeds)
		if err := c.look(b); err != nil {
			return err
		}
		if err := c.save(); err != nil {
			return err
		}
	}
	return nil
}

// look takes a batch through its steps.
func (c *ceremony) look(b *batch) error {
	chosen := -1
	err := b.sieve()
	if err == nil && !b.unexplained {
		err = b.multiply()
	}
	if err == nil && !b.unexplained {
		c.state.Products += b.count()
		c.state.Tested += len(b.with(untested))
		chosen, err = b.choose()
	}
	if err != nil {
		return err
	}
	all, err := b.open(chosen)
	if err != nil || chosen < 0 {
		return err
	}
	places := b.places(b.picks, chosen)
	f := &Found{Session: c.talk.session, Batch: b.number, N: b.moduli[chosen].Bytes(), Seeds: b.own.at(places)}
	for party := 1; party <= b.parties; party++ {
		var hashes [][]byte
		for _, place := range places {
			hashes = append(hashes, all[party].hashes[place][:])
		}
		f.Hashes = append(f.Hashes, hashes)
	}
	c.state.Found = f
	return nil
}

func (c *ceremony) save() error {
	if c.config.Save == nil {
		return nil
	}
	if err := c.config.Save(c.state); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	return nil
}

func (c *ceremony) report(stage Stage, batch int) {
	if c.config.Report == nil {
		return
	}
	p := Progress{Stage: stage, Batch: batch, Products: c.state.Products, Tested: c.state.Tested}
	p.ExpectedProducts, p.ExpectedTested = c.expected()
	c.config.Report(p)
}

// endorse exchanges signatures of the key, and ends.
func (c *ceremony) endorse() error {
	c.report(StageEndorse, 0)
	c.talk.step = "confirm"
	made := c.state.Made
	key, err := paillier.DecodeThresholdKey(made.Key, c.config.MinBits)
	if err != nil {
		return err
	}
	var share *paillier.KeyShare
	if len(made.Share) > 0 {
		if share, err = key.DecodeKeyShare(made.Share); err != nil {
			return err
		}
	}
	// An endorsement may bind its maker for ever. It is made only when all parties
	// have written the key down, and go on with it after a restart.
	all, err := c.talk.broadcast(made.digest())
	if err != nil {
		return err
	}
	for party := 1; party <= c.parties; party++ {
		if string(all[party]) != string(made.digest()) {
			return &CheatError{party, c.talk.step, "it has another key"}
		}
	}
	var own []byte
	if c.config.Endorse != nil {
		if own, err = c.config.Endorse(key, made.Transcript); err != nil {
			return fmt.Errorf("sign the key: %w", err)
		}
	}
	c.talk.step = "endorse"
	endorsements, err := c.talk.broadcast(own)
	if err != nil {
		return err
	}
	for party := 1; party <= c.parties && c.config.Verify != nil; party++ {
		if err := c.config.Verify(party, key, made.Transcript, endorsements[party]); err != nil {
			return &CheatError{party, c.talk.step, err.Error()}
		}
	}
	*c.result = Result{Key: key, Share: share, Transcript: made.Transcript, Endorsements: endorsements, Products: c.state.Products, Tested: c.state.Tested}
	c.report(StageDone, 0)
	return nil
}
