package protocol

import (
	"fmt"
	"slices"
)

// masks are the phase of scheme masked between the deals and the agreement on
// the set: the hospitals agree on who masks, by which deals; each of these posts
// its update, masked for exactly that set; and all attest which of these posts
// they hold. The set whose sum is opened is then agreed on among those.
type masks struct {
	r       *Round
	join    *ballot          // on who masks
	posts   [][]*maskedState // by party; of a liar there can be several
	attests *attestations    // of masked updates
	joined  bool             // it is known here who masks
	began   uint64           // tick since when
	made    bool             // this hospital's own is made, and served where it needs to be
	slicing *Slicing         // nil: everybody holds all of every update
	duty    *duty
}

// maskedState is a masked update and what this hospital has of it.
type maskedState struct {
	payload maskedPayload
	name    Hash
	held    Source   // all of it
	slices  []Source // in a sliced round, by slice
	asked   claim    // the slices that were asked for
}

func newMasks(r *Round) *masks {
	m := &masks{
		r: r, join: newBallot(r, Mask, r.attests), posts: make([][]*maskedState, r.t.Parties+1),
		attests: newAttestations(r, r.cfg.Description.attestSlot(Agree)), slicing: r.cfg.Description.Slicing(),
	}
	if m.slicing != nil {
		m.duty = m.slicing.newDuty(r.cfg.Self)
	}
	return m
}

func (m *masks) keep(from Party, p maskedPayload) {
	state := &maskedState{payload: p, name: p.name()}
	if m.slicing != nil {
		state.slices, state.asked = make([]Source, m.slicing.count), m.slicing.newClaim()
	}
	m.posts[from] = append(m.posts[from], state)
}

// mask leads through the phase.
func (r *Round) mask() error {
	m := r.masks
	if m == nil {
		return nil
	}
	if err := m.join.advance(); err != nil || m.join.decided == nil || m.join.decided.aborts() {
		return err
	}
	if !m.joined {
		m.joined, m.began = true, r.tick
	}
	if err := m.post(*m.join.decided); err != nil {
		return err
	}
	m.hold(*m.join.decided)
	if r.ballot.decided != nil {
		return nil
	}
	if m.slicing != nil {
		return m.attestSlices(*m.join.decided)
	}
	held, parties := m.held()
	return m.attests.attest(attestPayload{Held: held}, m.join.decided.set().Minus(parties), m.began)
}

// post masks this hospital's update over those who joined. A hospital that is
// late, so that others were agreed on without it, does not: its masks are being
// removed. (Should its post already be on its way, the mask that it has alone
// hides its update, because the seed of that is opened for members of the set
// only.)
func (m *masks) post(c choice) error {
	r, slot := m.r, Slot{Phase: Mask, Step: stepMasked}
	root, joined := find(c.Included, r.cfg.Self)
	said := r.said(slot)
	if m.made || !joined || r.dealing == nil || r.dealing.header.root() != root || r.amnesiac || r.ballot.decided != nil && !said {
		return nil
	}
	set := Certified{JoinedID: m.join.decidedID}
	for _, e := range c.Included {
		deal, public, _ := r.dealOf(e)
		if !public {
			return nil
		}
		set.Joined = append(set.Joined, deal)
	}
	body, err := r.scheme.Mask(set, r.dealing.update, r.dealing.seed)
	if err != nil {
		return fmt.Errorf("mask the update: %w", err)
	}
	h, body, err := r.announce(body, nil)
	if err != nil {
		return err
	}
	if m.slicing != nil { // nobody needs all of it
		h.Inline = nil
	}
	mine := maskedPayload{m.join.decidedID, h}
	if said && m.posts[r.cfg.Self][0].name != mine.name() {
		return fmt.Errorf("the update masked after the restart is not the one that was posted")
	}
	m.made = true
	r.dealing.forgetUpdate() // it is in the post
	r.serve(h, body)
	if err := r.say(slot, mine.encode()); err != nil {
		return err
	}
	m.posts[r.cfg.Self][0].held = body.Parts[0]
	return nil
}

// leavesOut tells whether somebody could join a choice and is not in it. A liar
// that leads could otherwise have itself join instead of an honest hospital, and
// then not mask: too few would be left. Once everybody has seen the same
// attestations, no honest leader leaves anybody out that others would take in.
func (m *masks) leavesOut(c choice) bool {
	r := m.r
	if r.t.Liars == 0 {
		return false
	}
	for _, e := range r.attests.commonRoots(r.all.Minus(c.set()).Minus(r.liars).Minus(r.disputed(true))) {
		if r.attests.holdersOf(append(slices.Clone(c.Included), e)).Len() >= r.t.Parties-r.t.Missing() {
			return true
		}
	}
	return false
}

// hold fetches what hospitals that joined have posted.
func (m *masks) hold(c choice) {
	if m.slicing != nil {
		m.holdSlices(c)
		return
	}
	for _, p := range c.set().Parties() {
		for _, state := range m.posts[p] {
			if state.held != nil || p == m.r.cfg.Self || state.payload.Joined != m.join.decidedID {
				continue
			}
			ref, _ := state.payload.Body.part(0)
			state.held = m.r.content(p, ref, state.payload.Body.Inline)
			m.r.changed = m.r.changed || state.held != nil
		}
	}
}

// held lists the masked updates that are here, in a sliced round those of which
// the slices are that this hospital holds whatever happens.
func (m *masks) held() (list []named, parties Set) {
	for p, states := range m.posts {
		for _, state := range states {
			here := state.held != nil || m.slicing != nil && state.payload.Joined == m.join.decidedID && state.has(m.duty.first)
			if here && !parties.Has(Party(p)) {
				list = append(list, named{Party(p), state.name})
				parties.Add(Party(p))
			}
		}
	}
	return list, parties
}

// named is the masked update with this name, as far as it is here.
func (m *masks) named(e named) Post {
	post := Post{From: e.Party}
	if state := m.stateOf(e); state != nil && state.held != nil {
		post.Body = Body{Parts: map[Party]Source{0: state.held}}
	}
	return post
}

func (m *masks) stateOf(e named) *maskedState {
	for _, state := range m.posts[e.Party] {
		if state.name == e.Hash {
			return state
		}
	}
	return nil
}

// admits tells whether a second masked update of a hospital is needed to follow
// others: those who attest it, or the set that is decided.
func (m *masks) admits(from Party, p maskedPayload) bool {
	e := named{from, p.name()}
	for _, state := range m.posts[from] {
		if state.name == e.Hash {
			return false
		}
	}
	if c := m.r.ballot.decided; c != nil {
		name, ok := find(c.Included, from)
		return ok && name == e.Hash
	}
	return m.attests.holdersOf([]named{e}).Len() > m.r.t.Liars
}

// ballotOf is the agreement whose messages a phase has.
func (r *Round) ballotOf(phase Phase) *ballot {
	if phase == Mask {
		return r.masks.join
	}
	return r.ballot
}

// dealBallot is the agreement that is on deals.
func (r *Round) dealBallot() *ballot {
	if r.masks != nil {
		return r.masks.join
	}
	return r.ballot
}

// attestSlot is where the attestations stand that an agreement is on.
func (d Description) attestSlot(agreement Phase) Slot {
	if d.Scheme == SchemeMasked && agreement == Agree {
		return Slot{Phase: Mask, Step: stepAttestMasked}
	}
	return Slot{Phase: Attest}
}

func (r *Round) attestsOf(phase Phase) *attestations {
	if phase == Mask {
		return r.masks.attests
	}
	return r.attests
}

// heldFor are the hospitals of whom this one holds what an agreement is about.
func (r *Round) heldFor(b *ballot) Set {
	if b.attests == r.attests {
		return r.dealers(dealHeld)
	}
	_, parties := r.masks.held()
	return parties
}

// dealOf is a deal with this root: whether its public content is here, and
// whether all that is for this hospital is, verified.
func (r *Round) dealOf(e named) (post Post, public, held bool) {
	post, d := Post{From: e.Party}, r.deals[e.Party]
	switch {
	case d == nil || d.root() != e.Hash:
		return post, false, false
	case d.status == dealHeld:
		post.Body = d.held
		return post, true, true
	}
	ref, ok := d.payload.Body.part(0)
	if !ok || r.masks == nil { // elsewhere a deal is used when it is verified
		return post, false, false
	}
	content := r.content(e.Party, ref, d.payload.Body.Inline)
	if content == nil {
		return post, false, false
	}
	post.Body = Body{Public: d.payload.Body.Public, Parts: map[Party]Source{0: content}}
	return post, true, false
}

// maskedPayload announces an update that is masked for those who joined.
type maskedPayload struct {
	Joined Hash // names them and their deals
	Body   header
}

func (p maskedPayload) encode() []byte { return p.Body.append(p.Joined[:]) }

func decodeMasked(data []byte) (p maskedPayload, err error) {
	r := reader{data: data}
	p = maskedPayload{r.hash(), r.header()}
	return p, r.end()
}

// name is what is attested and agreed on. It names who joined, so that whoever
// agrees on a set of masked updates has agreed on that too.
func (p maskedPayload) name() Hash {
	root := p.Body.root()
	return digest("consilium/masked/1", p.Joined[:], root[:])
}

// fits refuses a masked update of another size than all have.
func (p maskedPayload) fits(d Description) error {
	size, chunk := d.maskedSize(), uint64(ChunkSize)
	if s := d.Slicing(); s != nil {
		chunk = uint64(s.chunk)
		if p.Body.Inline != nil {
			return fmt.Errorf("a masked update inside its announcement, of which everybody takes some slices only")
		}
	}
	want := Ref{Chunks: uint32((size + chunk - 1) / chunk), Size: size}
	if len(p.Body.Public) > 0 || len(p.Body.Parts) != 1 || p.Body.Parts[0].For != 0 {
		return fmt.Errorf("a masked update is one part")
	}
	want.Root = p.Body.Parts[0].Ref.Root
	if got := p.Body.Parts[0].Ref; got != want {
		return fmt.Errorf("a masked update of %d bytes in %d chunks instead of %d in %d", got.Size, got.Chunks, want.Size, want.Chunks)
	}
	return nil
}

// maskedSize is that of a masked update in bytes.
func (d Description) maskedSize() uint64 { return d.Length * uint64(d.Modulus/8) }
