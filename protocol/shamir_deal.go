package protocol

import (
	"fmt"

	"consilium/sharing"
)

// shamirDeal computes blocks of shares when they are asked for, and keeps as
// many as dealCache allows.
type shamirDeal struct {
	scheme *Shamir
	update Vector
	masks  []sharing.Element
	seeds  []Seed                      // by party, of those whose shares are random
	shares map[int][][]sharing.Element // by block, by party
}

// dealCache bounds the elements that a deal keeps: 8 MiB. Beyond that blocks are
// dealt again; the parts of one deal are read side by side, so that this is once
// each time that they are read.
const dealCache = 1 << 20

func (d *shamirDeal) length() int { return len(d.update) + len(d.masks) }

// secrets are the values that block i deals: as many blocks of consecutive ones
// as a polynomial has secrets, with zeros behind the last.
func (d *shamirDeal) secrets(i int) [][]sharing.Element {
	at := i * blockLength * d.scheme.packed
	secrets := make([][]sharing.Element, d.scheme.packed)
	for j := range secrets {
		secrets[j] = room(d.scheme.polynomials(), i)
		for v := range secrets[j] {
			switch {
			case at < len(d.update):
				secrets[j][v], _ = sharing.FromInt(d.update[at]) // looked at in Deal
			case at < d.length():
				secrets[j][v] = d.masks[at-len(d.update)]
			}
			at++
		}
	}
	return secrets
}

type shamirPart struct {
	deal  *shamirDeal
	party int // from 0
}

func (p shamirPart) Chunks() int { return blocks(p.deal.scheme.polynomials()) }

func (p shamirPart) Chunk(i int) ([]byte, error) {
	block, err := p.deal.block(i)
	if err != nil {
		return nil, err
	}
	return sharing.Append(make([]byte, 0, sharing.Size*len(block[p.party])), block[p.party]), nil
}

// block deals block i to everybody.
func (d *shamirDeal) block(i int) ([][]sharing.Element, error) {
	s := d.scheme
	if i < 0 || i >= blocks(s.polynomials()) {
		return nil, fmt.Errorf("deal block %d of %d", i, blocks(s.polynomials()))
	}
	if known, ok := d.shares[i]; ok {
		return known, nil
	}
	block := make([][]sharing.Element, s.n)
	for j := range block {
		block[j] = room(s.polynomials(), i)
		if s.drawn(s.self, Party(j+1)) {
			sharing.NewExpander(d.seeds[j], uint64(i)).Fill(block[j])
		}
	}
	s.dealer.Extend(block, d.secrets(i))
	if (len(d.shares)+1)*blockLength*s.n > dealCache {
		clear(d.shares)
	}
	d.shares[i] = block
	return block, nil
}
