package protocol

import (
	"fmt"
	"maps"
	"slices"
)

// dealState is somebody's deal and what this hospital has of it.
type dealState struct {
	payload dealPayload
	status  dealStatus
	held    Body // the parts for this hospital, opened
	name    Hash // of the body, once it was asked for
}

// root names the body of the deal.
func (d *dealState) root() Hash {
	if d.name == (Hash{}) {
		d.name = d.payload.Body.root()
	}
	return d.name
}

type dealStatus uint8

const (
	dealPending dealStatus = iota
	dealHeld               // all that is for this hospital is here and verified
	dealInvalid            // what is for this hospital is not valid
)

// reveal posts this hospital's deal once its commitment counts, with a box for
// everybody whose key is here.
func (r *Round) reveal() error {
	slot := Slot{Phase: Deal, Step: stepDeal}
	if r.dealing == nil || r.said(slot) {
		return nil
	}
	if c, ok := r.counted(r.cfg.Self); !ok || c != r.dealing.commitment {
		return nil
	}
	p := dealPayload{Nonce: r.dealing.nonce, Body: r.dealing.header}
	var boxes []Source
	for _, to := range r.recipients().Parties() {
		box, err := r.box(to)
		if err != nil {
			return err
		}
		boxes = append(boxes, box)
		p.Boxes = append(p.Boxes, sealedBox{To: to})
	}
	parts, err := r.spool(boxes...)
	if err != nil {
		return err
	}
	size := uint64(0)
	for i, part := range parts {
		p.Boxes[i].Ref = part.Ref
		size += part.Ref.Size
	}
	if size <= inlineBoxes {
		for i := range p.Boxes {
			if p.Boxes[i].Inline, err = inMemory(parts[i].Source); err != nil {
				return err
			}
		}
		parts = nil
	}
	if err := r.say(slot, p.encode()); err != nil {
		return err
	}
	r.out.Serve = append(r.out.Serve, parts...)
	r.serve(r.dealing.header, r.dealing.body)
	return nil
}

// recipients are the hospitals that a box can be sealed for now.
func (r *Round) recipients() Set {
	var s Set
	for _, p := range r.described.Minus(NewSet(r.cfg.Self)).Parties() {
		if _, ok := r.dealing.body.Parts[p]; ok {
			s.Add(p)
		}
	}
	return s
}

// sealLate posts boxes for hospitals that described the round after this one
// had dealt: they came back, or their description was late.
func (r *Round) sealLate() error {
	if r.dealing == nil || !r.said(Slot{Phase: Deal, Step: stepDeal}) || r.ballot.decided != nil {
		return nil
	}
	if r.described.Within(r.boxed) {
		return nil
	}
	for _, to := range r.recipients().Minus(r.boxed).Parties() {
		slot := Slot{Phase: Deal, Step: stepBox, Subject: to}
		box, err := r.box(to)
		if err != nil {
			return err
		}
		parts, err := r.spool(box)
		if err != nil {
			return err
		}
		b := sealedBox{To: to, Ref: parts[0].Ref}
		if b.Ref.Size <= inlineBoxes {
			if b.Inline, err = inMemory(parts[0].Source); err != nil {
				return err
			}
			parts = nil
		}
		if err := r.say(slot, boxPayload{b}.encode()); err != nil {
			return err
		}
		r.out.Serve = append(r.out.Serve, parts...)
	}
	return nil
}

func (p dealPayload) box(to Party) (sealedBox, bool) {
	for _, b := range p.Boxes {
		if b.To == to {
			return b, true
		}
	}
	return sealedBox{}, false
}

// serveBoxes offers the boxes that did not fit into a message, and part 0.
func (r *Round) serveBoxes(boxes ...sealedBox) error {
	for _, b := range boxes {
		if b.Inline != nil {
			continue
		}
		box, err := r.box(b.To)
		if err != nil {
			return err
		}
		r.out.Serve = append(r.out.Serve, Part{b.Ref, box})
	}
	r.serve(r.dealing.header, r.dealing.body)
	return nil
}

// serve offers part 0 of a body when it did not fit into its announcement.
func (r *Round) serve(h header, b Body) {
	if ref, ok := h.part(0); ok && h.Inline == nil {
		r.out.Serve = append(r.out.Serve, Part{ref, b.Parts[0]})
	}
}

// serveAgain offers after a restart what was offered before.
func (r *Round) serveAgain() error {
	if r.dealing == nil || r.deals[r.cfg.Self] == nil {
		return nil
	}
	if err := r.serveBoxes(r.deals[r.cfg.Self].payload.Boxes...); err != nil {
		return err
	}
	for _, p := range r.sorted(r.cfg.Self) {
		if slot := p.message.Slot; slot.Phase != Deal || slot.Step != stepBox {
			continue
		}
		late, err := decodeBox(p.message.Payload)
		if err != nil {
			return err
		}
		if err := r.serveBoxes(late.Box); err != nil {
			return err
		}
	}
	for _, j := range slices.Sorted(maps.Keys(r.answers[r.cfg.Self])) {
		a := r.answers[r.cfg.Self][j]
		r.serve(a.payload.Body, Body{Parts: map[Party]Source{0: r.dealing.body.Parts[j]}})
	}
	return nil
}

// hold takes in the deals that count: what is for this hospital must be here,
// open and pass the scheme's check.
func (r *Round) hold() error {
	for _, p := range r.all.Parties() {
		d := r.deals[p]
		if d == nil || d.status == dealHeld || d.status == dealInvalid && (r.answered(p) == nil || r.counts(p, d) != dealHeld) {
			continue
		}
		switch r.counts(p, d) {
		case dealHeld:
			if err := r.takeIn(p, d); err != nil {
				return err
			}
		case dealInvalid:
			d.status = dealInvalid
			r.blameDealer(p, d.payload)
		}
		r.changed = r.changed || d.status != dealPending
	}
	return nil
}

// counts tells whether a deal is the one that its dealer committed to:
// dealHeld, dealInvalid, or dealPending while that is not known. A dealer that
// tells everybody something else can leave this hospital without the
// commitment that the others have: so it also counts what f+1 hospitals attest,
// of whom one is honest and has seen the lists. The deals of a certified set
// are attested by more.
func (r *Round) counts(p Party, deal *dealState) dealStatus {
	root := deal.root()
	if c, ok := r.counted(p); ok {
		if commitment(r.hash, p, deal.payload.Nonce, root) == c {
			return dealHeld
		}
		return dealInvalid
	}
	attesting := 0
	for _, h := range r.attests.said.Parties() {
		if attestsAll(r.attests.latest[h].payload, []named{{p, root}}) {
			attesting++
		}
	}
	if attesting > r.t.Liars {
		return dealHeld
	}
	return dealPending
}

// takeIn takes in one deal, as far as its parts are here.
func (r *Round) takeIn(p Party, d *dealState) error {
	if p == r.cfg.Self {
		if r.dealing != nil {
			d.held, d.status = r.dealing.body, dealHeld
		}
		return nil
	}
	held := Body{Public: d.payload.Body.Public, Parts: map[Party]Source{}}
	complete := true
	if ref, ok := d.payload.Body.part(0); ok {
		held.Parts[0] = r.content(p, ref, d.payload.Body.Inline)
		complete = held.Parts[0] != nil
	}
	if committed, ok := d.payload.Body.part(r.cfg.Self); ok {
		content, err := r.dealt(p, d, committed)
		if err != nil {
			return r.judge(p, d, err)
		}
		if content == nil || !complete {
			return nil
		}
		held.Parts[r.cfg.Self] = content
	}
	if !complete {
		return nil
	}
	held.Name = d.payload.Body.dealName(r.hash, p)
	d.held = held
	return r.judge(p, d, r.scheme.Check(p, held))
}

// dealt is what p dealt to this hospital, published or in a box; nil while it is
// not here.
func (r *Round) dealt(p Party, d *dealState, committed Ref) (Source, error) {
	if content := r.answered(p); content != nil {
		return content, nil
	}
	box := r.boxFrom(p, d)
	if box == nil {
		return nil, nil
	}
	return openBox(r.cfg.Sealer, r.private, box, sealInfo(r.hash, p, r.cfg.Self), committed)
}

// judge sets the status of a deal that was looked at. A failure to read one's
// own copy is not the dealer's fault.
func (r *Round) judge(from Party, d *dealState, err error) error {
	if invalid(err) {
		d.status = dealInvalid
		if m, all := r.invalidForAll(from, d); all {
			r.accuse(InvalidDeal, from, m)
			if ref, ok := d.payload.Body.part(0); ok && d.payload.Body.Inline == nil {
				r.attach(from, Part{ref, r.content(from, ref, nil)})
			}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("check the deal of hospital %d: %w", from, err)
	}
	d.status = dealHeld
	return nil
}

// boxFrom is the box that p sealed for this hospital, with its deal or later;
// nil while it is not here.
func (r *Round) boxFrom(p Party, d *dealState) Source {
	b, ok := d.payload.box(r.cfg.Self)
	if !ok && r.boxes[p] != nil {
		b, ok = *r.boxes[p], true
	}
	if !ok {
		return nil
	}
	return r.content(p, b.Ref, b.Inline)
}

// content is what a reference names: inline, fetched, or nil while it is being
// fetched from the hospital that announced it.
func (r *Round) content(from Party, ref Ref, inline Chunks) Source {
	source := r.contentHere(ref, inline)
	if source == nil && !r.wanted[ref] {
		r.wanted[ref] = true
		r.out.Want = append(r.out.Want, Want{From: from, Ref: ref})
	}
	return source
}

// noContent names a part without chunks.
var noContent = Ref{Root: Root(nil)}

// contentHere is what a reference names, or nil when it is not here. All of it is
// meant: a liar can announce the root of what others post with another size, which
// nobody can serve, and theirs must come all the same.
func (r *Round) contentHere(ref Ref, inline Chunks) Source {
	switch {
	case inline != nil:
		return inline
	case ref == noContent:
		return Chunks{}
	}
	return r.fetched[ref]
}

// dealers are the parties whose deals are in a state.
func (r *Round) dealers(status dealStatus) Set {
	var s Set
	for _, p := range r.all.Parties() {
		if r.deals[p] != nil && r.deals[p].status == status {
			s.Add(p)
		}
	}
	return s
}

// expectedDeals are the parties whose commitment is on q lists, or may still
// come to be.
func (r *Round) expectedDeals() Set {
	var s Set
	open := r.t.Parties - r.listed.Len()
	for _, p := range r.all.Parties() {
		if on := r.lists[p].any; on > 0 && on+open >= r.t.Quorum() {
			s.Add(p)
		}
	}
	return s
}
