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
	limit := int64(r.cfg.Description.Limit)
	for i, v := range r.update {
		if v > limit || v < -limit {
			return fmt.Errorf("value %d of the update is beyond the limit of the round", i)
		}
	}
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
	for _, record := range d.encode(r.updateWidth()) {
		r.saveSecret(record)
	}
	r.dealing, r.update = d, nil
	return nil
}

// forgetUpdate drops the update when it is posted for good: a vector less in
// memory. Overwriting is best effort, see Round.forget.
func (d *dealing) forgetUpdate() {
	clear(d.update)
	d.update = nil
}

// opened drops what only a deal that may still be opened, or boxed, needs.
func (d *dealing) opened() {
	d.forgetUpdate()
	for p := range d.body.Parts {
		if p != 0 {
			delete(d.body.Parts, p)
		}
	}
}

// build derives the body of a deal from its secrets.
func (r *Round) build(d *dealing) (err error) {
	d.keys = make([]boxKey, r.t.Parties+1)
	if d.body, err = r.scheme.Deal(d.update, d.seed); err != nil {
		return fmt.Errorf("deal: %w", err)
	}
	if d.header, d.body, err = r.announce(d.body, d.salt); err != nil {
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
	secretDealing byte = 2 // seed and nonce of a deal, and the first values of its update
	secretBox     byte = 3 // the key of one box
	secretUpdate  byte = 4 // further values, in order
)

// updatePiece is how many values of an update a record holds at most: so that
// whoever stores it needs memory for one record, not for one more update.
const updatePiece = 8 << 10

// updateWidth is how many bytes a value of an update takes in a record.
func (r *Round) updateWidth() int {
	if r.cfg.Description.Limit < 1<<31 {
		return 4
	}
	return 8
}

func (d *dealing) encode(width int) (records [][]byte) {
	record := append(append([]byte{secretDealing}, d.seed[:]...), d.nonce[:]...)
	for at := 0; at < len(d.update); at += updatePiece {
		for _, v := range d.update[at:min(at+updatePiece, len(d.update))] {
			if width == 4 {
				record = binary.BigEndian.AppendUint32(record, uint32(v))
			} else {
				record = binary.BigEndian.AppendUint64(record, uint64(v))
			}
		}
		records = append(records, record)
		record = append(make([]byte, 0, 1+width*updatePiece), secretUpdate)
	}
	return records
}

// restoreUpdate reads values of an update, and makes the deal again with the last
// of them. The store may end before those: then nothing of the deal was posted,
// and there is none.
func (r *Round) restoreUpdate(from *reader) error {
	d, width := r.restoring, r.updateWidth()
	if d == nil || len(from.data)%width != 0 || len(d.update)+len(from.data)/width > cap(d.update) {
		return fmt.Errorf("values that belong to no deal")
	}
	for len(from.data) > 0 {
		if width == 4 {
			d.update = append(d.update, int64(int32(from.uint32())))
		} else {
			d.update = append(d.update, int64(from.uint64()))
		}
	}
	if len(d.update) < cap(d.update) {
		return nil
	}
	r.dealing, r.restoring = d, nil
	return r.build(d)
}

func (r *Round) restoreSecret(data []byte) error {
	from := reader{data: data}
	switch kind := from.uint8(); kind {
	case secretKey:
		r.private = from.take(len(from.data))
	case secretDealing:
		r.restoring = &dealing{seed: Seed(from.hash()), nonce: from.hash(), update: make(Vector, 0, r.cfg.Description.Length)}
		return r.restoreUpdate(&from)
	case secretUpdate:
		return r.restoreUpdate(&from)
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
