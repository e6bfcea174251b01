package spdz

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"consilium/sharing/wide"
)

// Streams of a seed that a set shares, one for each use.
const (
	streamMasks   = iota // numbers that hide a product that is truncated
	streamUniform        // random secrets
	streamBits           // words
	streamHiders         // numbers that hide one that is compared
)

// Streams of a seed that two parties share.
const (
	streamZeros = iota
	streamZeroBits
)

// keyed is a set with its streams.
type keyed struct {
	*subset
	index                        int
	seed                         [wide.SeedSize]byte
	masks, uniform, bits, hiders *wide.Expander
	adds                         bool           // this party adds the set's number where one of it must
	scaled                       []wide.Element // weight, by the party or 0 at whose place the set's polynomial is to be 1
}

// pairKeys are the streams shared with one other party.
type pairKeys struct {
	zeros, zeroBits *wide.Expander
}

// exchangeKeys draws all seeds. Each member of a set contributes to its seed,
// so a seed is fresh if one member is; and members compare what came out. What a
// party draws for itself is told to all, and names the computation.
func (e *Engine) exchangeKeys() error {
	own := e.drawSeeds(e.private)
	name := own[len(e.sets)+e.self][:]
	for j := 1; j <= e.n; j++ {
		if j == e.self {
			continue
		}
		body := append(append([]byte(nil), name...), own[len(e.sets)+j][:]...)
		for i := range e.sets {
			if s := &e.sets[i]; s.has(e.self) && s.has(j) {
				body = append(body, own[i][:]...)
			}
		}
		e.send(j, body)
	}
	from := make([][]byte, e.n+1)
	for j := 1; j <= e.n; j++ {
		if j == e.self {
			continue
		}
		var err error
		if from[j], err = e.channel.Receive(j); err != nil {
			return err
		}
		if len(from[j]) != wide.SeedSize*(2+e.common(j)) {
			return &CheatError{Party: j, What: "sent seeds of another length"}
		}
	}
	names := make([][]byte, e.n)
	for j := 1; j <= e.n; j++ {
		names[j-1] = name
		if j != e.self {
			names[j-1], from[j] = from[j][:wide.SeedSize], from[j][wide.SeedSize:]
		}
	}
	e.run = seedOf("run", names...)
	e.checker.view = e.run
	return e.deriveKeys(own, from)
}

// drawSeeds draws what a party contributes: to the seed of each set, and of each
// pair.
func (e *Engine) drawSeeds(private *wide.Expander) [][wide.SeedSize]byte {
	own := make([][wide.SeedSize]byte, len(e.sets)+e.n+1)
	for i := range own {
		private.Bytes(own[i][:])
	}
	return own
}

// common is the number of sets with this party and another.
func (e *Engine) common(other int) int {
	count := 0
	for i := range e.sets {
		if e.sets[i].has(e.self) && e.sets[i].has(other) {
			count++
		}
	}
	return count
}

func (e *Engine) deriveKeys(own [][wide.SeedSize]byte, from [][]byte) error {
	e.pairs = make([]*pairKeys, e.n+1)
	digests := make([][]byte, e.n+1)
	for j := 1; j <= e.n; j++ {
		if j == e.self {
			continue
		}
		lower, higher := own[len(e.sets)+j][:], from[j][:wide.SeedSize]
		if j < e.self {
			lower, higher = higher, lower
		}
		e.pairs[j] = newPair(seedOf("pair", lower, higher))
		digests[j] = append(digests[j], e.run[:]...)
		from[j] = from[j][wide.SeedSize:]
	}
	for i := range e.sets {
		s := &e.sets[i]
		if !s.has(e.self) {
			continue
		}
		var parts [][]byte
		for _, j := range s.members {
			part := own[i][:]
			if j != e.self {
				part, from[j] = from[j][:wide.SeedSize], from[j][wide.SeedSize:]
			}
			parts = append(parts, part)
		}
		seed := seedOf("set", parts...)
		e.mine = append(e.mine, e.newKeyed(s, i, seed))
		check := seedOf("check", seed[:])
		for _, j := range s.members {
			digests[j] = append(digests[j], check[:]...)
		}
	}
	e.findCrossTerms()
	return e.compareKeys(digests)
}

// compareKeys makes sure that all members of a set have one seed: what is drawn
// from two would not lie on one polynomial.
func (e *Engine) compareKeys(digests [][]byte) error {
	for j := 1; j <= e.n; j++ {
		if j != e.self {
			digest := sha256.Sum256(digests[j])
			e.send(j, digest[:])
			digests[j] = digest[:]
		}
	}
	for j := 1; j <= e.n; j++ {
		if j == e.self {
			continue
		}
		heard, err := e.channel.Receive(j)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(heard, digests[j]) != 1 {
			return &CheatError{Party: j, What: "has another seed"}
		}
	}
	return nil
}

func (e *Engine) newKeyed(s *subset, index int, seed [wide.SeedSize]byte) *keyed {
	k := &keyed{subset: s, index: index, seed: seed, adds: s.members[0] == e.self, scaled: make([]wide.Element, e.n+1),
		masks: wide.NewExpander(seed, streamMasks), uniform: wide.NewExpander(seed, streamUniform),
		bits: wide.NewExpander(seed, streamBits), hiders: wide.NewExpander(seed, streamHiders)}
	s.weight = s.weightOf(e.self, e.n)
	k.scaled[0] = s.weight
	for _, j := range s.members {
		k.scaled[j] = wide.Mul(s.weight, wide.InvVarTime(s.weightOf(j, e.n)))
	}
	return k
}

func newPair(seed [wide.SeedSize]byte) *pairKeys {
	return &pairKeys{zeros: wide.NewExpander(seed, streamZeros), zeroBits: wide.NewExpander(seed, streamZeroBits)}
}

// seedOf hashes the parts, all of one length, to a seed.
func seedOf(purpose string, parts ...[]byte) (seed [wide.SeedSize]byte) {
	h := sha256.New()
	h.Write([]byte("consilium/spdz/" + purpose + "/1"))
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(seed[:0])
	return seed
}

// CheatError says that the computation stopped because a message was not what
// the protocol makes. Party is 0 where it cannot be known whose.
type CheatError struct {
	Party int
	What  string
}

func (e *CheatError) Error() string {
	if e.Party == 0 {
		return "somebody " + e.What + "; nothing was opened"
	}
	return fmt.Sprintf("party %d %s; nothing was opened", e.Party, e.What)
}
