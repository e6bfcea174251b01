package protocoltest

import (
	"fmt"
	"slices"

	"consilium/protocol"
)

// A hospital that lies runs the honest machine and lies about what it did: it
// tells one half of the hospitals one story and the other half another, or
// deals and opens what is not valid. All liars of a run know of each other.

// schemer is a liar's scheme: wrong deals and openings, signed like any.
type schemer struct {
	protocol.Scheme
	description protocol.Description
	kinds       map[string]protocol.Phase // of the faults that are on
}

// Lies are the kinds of faults by which a hospital lies in a round, and from which
// phase on.
func Lies(faults []Fault, p protocol.Party, round uint64) map[string]protocol.Phase {
	kinds := map[string]protocol.Phase{}
	for _, f := range faults {
		if f.Party == p && f.Lie() && round >= f.Round && (f.For == 0 || round < f.End()) {
			kinds[f.Kind] = f.Phase
		}
	}
	return kinds
}

// Lying is what a hospital that lies makes a round of. Two stories in one slot it
// tells by itself (protocol.Forge).
func Lying(cfg *protocol.Config, scheme protocol.Scheme, kinds map[string]protocol.Phase, seed uint64) protocol.Scheme {
	if len(kinds) == 0 {
		return scheme
	}
	if phase, ok := kinds[WrongShare]; ok && phase == protocol.Check {
		cfg.Sealer = badSealer{cfg.Sealer, newRandom(seed, 6000+uint64(cfg.Self))}
	}
	return schemer{scheme, cfg.Description, kinds}
}

func (h *hospital) lies(round uint64) map[string]protocol.Phase {
	return Lies(h.sim.opt.Faults, h.party, round)
}

// lies tells whether a hospital ever lies in this run.
func (s *sim) liars() protocol.Set {
	var set protocol.Set
	for _, f := range s.opt.Faults {
		if f.Lie() {
			set.Add(f.Party)
		}
	}
	return set
}

func (s schemer) Deal(update protocol.Vector, seed protocol.Seed) (protocol.Body, error) {
	var body protocol.Body
	var err error
	if paillier, ok := s.Scheme.(*protocol.Paillier); ok && s.has(FalseUpdate) {
		body, err = protocol.SpoiledDeal(paillier, update, seed)
	} else {
		body, err = s.Scheme.Deal(s.falsify(update), seed)
	}
	if err != nil {
		return body, err
	}
	if phase, ok := s.kinds[WrongShare]; ok && (phase == protocol.Deal || s.Scheme.MostAnswers() == 0) {
		for p, part := range body.Parts {
			body.Parts[p] = wrong{part}
		}
	}
	if phase, ok := s.kinds[BadProof]; ok && phase < protocol.Open && s.Scheme.Name() == protocol.SchemeMasked {
		body.Parts[0] = wrong{body.Parts[0]} // what shares are verified against
	}
	return body, nil
}

func (s schemer) Prove(deal protocol.Body, seed protocol.Seed) ([]byte, error) {
	public, err := s.Scheme.Prove(deal, seed)
	if phase, ok := s.kinds[BadProof]; ok && phase < protocol.Open && len(public) > 0 {
		public = slices.Clone(public)
		public[len(public)/2] ^= 1
	}
	return public, err
}

func (s schemer) Open(set protocol.Certified, seed protocol.Seed) (protocol.Body, error) {
	body, err := s.Scheme.Open(set, seed)
	if err != nil {
		return body, err
	}
	if _, ok := s.kinds[WrongOpen]; ok {
		body.Parts[0] = wrong{body.Parts[0]}
	}
	if _, ok := s.kinds[BadProof]; ok && len(body.Public) > 0 {
		body.Public = slices.Clone(body.Public)
		body.Public[len(body.Public)/2] ^= 1
	}
	return body, nil
}

// Mask masks the update or, if it lies about it, another one.
func (s schemer) Mask(joined protocol.Certified, update protocol.Vector, seed protocol.Seed) (protocol.Body, error) {
	return s.Scheme.Mask(joined, s.falsify(update), seed)
}

func (s schemer) has(kind string) bool {
	_, ok := s.kinds[kind]
	return ok
}

func (s schemer) falsify(update protocol.Vector) protocol.Vector {
	if s.has(FalseUpdate) {
		return protocol.FalseUpdate(update, s.description)
	}
	return update
}

// badSealer seals some boxes so that they do not open. A wrong share in the check
// phase is one that did not arrive whole.
type badSealer struct {
	protocol.Sealer
	random *random
}

func (s badSealer) Seal(public, info []byte) (encapsulation, key []byte, err error) {
	encapsulation, key, err = s.Sealer.Seal(public, info)
	if err == nil && s.random.chance(0.3) {
		key = slices.Clone(key)
		key[0] ^= 1
	}
	return encapsulation, key, err
}

// wrong changes the last bit of every chunk.
type wrong struct{ protocol.Source }

func (w wrong) Chunk(i int) ([]byte, error) {
	chunk, err := w.Source.Chunk(i)
	if err != nil {
		return nil, err
	}
	chunk = slices.Clone(chunk)
	chunk[len(chunk)-1] ^= 1
	return chunk, nil
}

// falsifiers are those whose update of a round is a false one.
func (s *sim) falsifiers(round uint64) (set protocol.Set) {
	for _, h := range s.hospitals[1:] {
		if _, ok := h.lies(round)[FalseUpdate]; ok {
			set.Add(h.party)
		}
	}
	return set
}

// plot is what the liars of a run have agreed on.
type plot struct {
	dark     protocol.Set                        // the half that is told the other story
	proposed map[[2]uint64][]protocol.Hash       // by round and view: the sets that were proposed
	forged   map[protocol.Hash]*protocol.Message // by the payload's signature: the other story
}

func (s *sim) newPlot() {
	s.plot = plot{proposed: map[[2]uint64][]protocol.Hash{}, forged: map[protocol.Hash]*protocol.Message{}}
	liars := s.liars()
	if liars == (protocol.Set{}) {
		return
	}
	for _, h := range s.hospitals[1:] {
		if !liars.Has(h.party) && newRandom(s.opt.Seed, 5000+uint64(h.party)).chance(0.5) {
			s.plot.dark.Add(h.party)
		}
	}
}

// note a proposal: liars see everything.
func (s *sim) overhear(m protocol.Message) {
	id, ok := protocol.ProposedSet(m)
	if at := [2]uint64{m.Round, uint64(m.Slot.View)}; ok && !slices.Contains(s.plot.proposed[at], id) {
		s.plot.proposed[at] = append(s.plot.proposed[at], id)
	}
}

// told is what a liar tells one hospital when it should say m; false for
// nothing.
func (s *sim) told(h, to *hospital, m protocol.Message) (protocol.Message, bool) {
	phase, lies := h.lies(m.Round)[Equivocate]
	if !lies || m.From != h.party || m.Slot.Phase < phase || !s.plot.dark.Has(to.party) {
		return m, true
	}
	key := protocol.Hash(m.Signature[protocol.SignatureSize-32:])
	other, known := s.plot.forged[key]
	if !known {
		pick := newRandom(s.opt.Seed, uint64(h.party)<<32|uint64(m.Slot.Phase)<<24|uint64(m.Slot.View)<<8|uint64(m.Slot.Step)).Uint64()
		var vote protocol.Hash // for another set that was proposed, or for none
		if sets := s.plot.proposed[[2]uint64{m.Round, uint64(m.Slot.View)}]; len(sets) > 1 || pick&64 > 0 && len(sets) > 0 {
			vote = sets[len(sets)-1]
		}
		if pick&(7<<20) != 0 { // else it stays silent
			if forged, ok := protocol.Forge(m, h.session.Round().Described(), h.signer(), pick, vote); ok {
				other = &forged
				s.overhear(forged)
			}
		}
		s.plot.forged[key] = other
	}
	if other == nil {
		return m, false
	}
	return *other, true
}

// CheckLie refuses a lie in a phase where it means nothing.
func CheckLie(f Fault, scheme string) error {
	phases := map[string][]protocol.Phase{
		WrongShare: {protocol.Deal, protocol.Check}, WrongOpen: {protocol.Open},
		BadProof: {protocol.Deal, protocol.Check, protocol.Open}, FalseUpdate: {protocol.Deal},
	}[f.Kind]
	if phases != nil && !slices.Contains(phases, f.Phase) {
		return fmt.Errorf("fault %s: %s means something in %v only", f, f.Kind, phases)
	}
	if f.Kind == BadProof && f.Phase == protocol.Open && scheme == protocol.SchemeShamir {
		return fmt.Errorf("fault %s: openings of scheme shamir have no proofs", f)
	}
	return nil
}

// proves verifies evidence as a third party does that has nothing but the file
// and what the roster says.
func (h *hospital) proves(e protocol.Evidence) error {
	encoded, err := e.Encode()
	if err != nil {
		return err
	}
	if e, err = protocol.DecodeEvidence(encoded); err != nil {
		return err
	}
	var key *protocol.PaillierKey
	if h.sim.opt.Key != nil {
		key = h.sim.opt.Key(1)
	}
	scheme, err := honestScheme(1, e.Description, key)
	if err != nil {
		return err
	}
	return e.Verify(h.signer().Verify, h.sealer(), scheme)
}
