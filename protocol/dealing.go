package protocol

import (
	"encoding/binary"
	"fmt"
	"io"
)

// dealing is this hospital's own deal: all that is secret in it, from which the
// same bytes are made again after a crash.
type dealing struct {
	seed   Seed
	nonce  Hash
	update Vector
	keys   []boxKey // by recipient

	body       Body // as the scheme made it
	header     header
	commitment Hash
}

// boxKey is the key that is shared with one recipient; without an encapsulation
// there is none yet.
type boxKey struct {
	encapsulation []byte
	key           []byte
}

// prepare makes this hospital's deal, and saves what it is made from.
func (r *Round) prepare() error {
	d := &dealing{update: r.update}
	if _, err := io.ReadFull(r.cfg.Random, d.seed[:]); err != nil {
		return fmt.Errorf("draw a seed: %w", err)
	}
	if _, err := io.ReadFull(r.cfg.Random, d.nonce[:]); err != nil {
		return fmt.Errorf("draw a nonce: %w", err)
	}
	if err := r.build(d); err != nil {
		return err
	}
	r.saveSecret(append([]byte{secretDealing}, d.encode()...))
	r.dealing, r.update = d, nil
	return nil
}

// build derives the body of a deal from its secrets.
func (r *Round) build(d *dealing) (err error) {
	d.keys = make([]boxKey, r.t.Parties+1)
	if d.body, err = r.scheme.Deal(d.update, d.seed); err != nil {
		return fmt.Errorf("deal: %w", err)
	}
	if d.header, err = announce(d.body, r.t.Parties, d.salt); err != nil {
		return err
	}
	d.body.Name = d.header.dealName(r.hash, r.cfg.Self)
	if d.body.Public, err = r.scheme.Prove(d.body, d.seed); err != nil {
		return fmt.Errorf("prove the deal: %w", err)
	}
	d.header.Public = d.body.Public
	d.commitment = commitment(r.hash, r.cfg.Self, d.nonce, d.header.root())
	return nil
}

// salt of the part for one hospital.
func (d *dealing) salt(p Party) Hash {
	return digest("consilium/salt/1", d.seed[:], appendParty(nil, p))
}

// box seals the part for hospital p, with the key that was agreed on for it.
func (r *Round) box(p Party) (Source, error) {
	if err := r.agreeKey(p); err != nil {
		return nil, err
	}
	d := r.dealing
	aead, err := newAEAD(d.keys[p].key)
	if err != nil {
		return nil, err
	}
	return sealed{encapsulation: d.keys[p].encapsulation, salt: d.salt(p), aead: aead, content: d.body.Parts[p]}, nil
}

// agreeKey makes the key of one box, once, and saves it: the same box must come
// out after a restart.
func (r *Round) agreeKey(p Party) error {
	if r.dealing.keys[p].encapsulation != nil {
		return nil
	}
	encapsulation, key, err := r.cfg.Sealer.Seal(r.keys[p], sealInfo(r.hash, r.cfg.Self, p))
	if err != nil {
		return fmt.Errorf("seal a box for hospital %d: %w", p, err)
	}
	r.dealing.keys[p] = boxKey{encapsulation, key}
	secret := appendParty([]byte{secretBox}, p)
	r.saveSecret(appendBytes(appendBytes(secret, encapsulation), key))
	return nil
}

// Kinds of secret records.
const (
	secretKey     byte = 1 // the round's private sealing key
	secretDealing byte = 2 // seed, nonce and update of a deal
	secretBox     byte = 3 // the key of one box
)

func (d *dealing) encode() []byte {
	b := append(append([]byte{}, d.seed[:]...), d.nonce[:]...)
	for _, v := range d.update {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func (r *Round) restoreSecret(data []byte) error {
	from := reader{data: data}
	switch kind := from.uint8(); kind {
	case secretKey:
		r.private = from.take(len(from.data))
	case secretDealing:
		d := &dealing{seed: Seed(from.hash()), nonce: from.hash(), update: make(Vector, len(from.data)/8)}
		for i := range d.update {
			d.update[i] = int64(from.uint64())
		}
		if err := from.end(); err != nil {
			return err
		}
		r.dealing = d
		return r.build(d)
	case secretBox:
		p := from.party()
		key := boxKey{from.bytes(maxKey), from.bytes(KeySize)}
		if err := from.end(); err != nil {
			return err
		}
		if r.dealing == nil || int(p) >= len(r.dealing.keys) {
			return fmt.Errorf("the key of a box for hospital %d without a deal", p)
		}
		r.dealing.keys[p] = key
	default:
		return fmt.Errorf("unknown kind of secret %d", kind)
	}
	return from.end()
}
