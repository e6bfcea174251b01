package protocol

// A hospital that attests without a deal that counts complains by that: what is
// for it in the deal did not come, or is not valid. The dealer answers by
// publishing that one share, which then everybody can check, and the hospital
// holds it. A false complaint so shows no more than what the liar had been dealt.
//
// That a sealed box was invalid cannot be proved to others: its key is agreed on
// by a private key, which opens the boxes of all dealers. So a complaint comes
// without proof, and who lied about the box stays open; an invalid answer is
// evidence.

// answerPayload publishes what is for one hospital in the sender's deal, the
// subject of the slot: its salt, and its content as part 0.
type answerPayload struct {
	Salt Hash
	Body header
}

func (p answerPayload) encode() []byte { return p.Body.append(p.Salt[:]) }

func decodeAnswer(data []byte) (p answerPayload, err error) {
	r := reader{data: data}
	p = answerPayload{r.hash(), r.header()}
	if r.err == nil && (len(p.Body.Public) > 0 || len(p.Body.Parts) != 1 || p.Body.Parts[0].For != 0) {
		r.fail("an answer has one part and nothing else")
	}
	return p, r.end()
}

// answerState is an answer of a dealer, for one hospital.
type answerState struct {
	message Message
	payload answerPayload
	status  dealStatus
	content Source
}

// answer publishes what others attest that they do not hold of this hospital's
// deal. A dealer of whom more is asked than may be published withdraws: it
// answers no more, and its deal is in no set.
func (r *Round) answer() error {
	if r.scheme.MostAnswers() == 0 || r.dealing == nil || !r.said(Slot{Phase: Deal}) || r.dealBallot().decided != nil && !r.dealBallot().decided.set().Has(r.cfg.Self) {
		return nil
	}
	for _, j := range r.all.Parties() {
		if !r.lacks(j, r.cfg.Self) || len(r.answers[r.cfg.Self]) >= r.scheme.MostAnswers() {
			continue
		}
		h, posted, err := r.announce(Body{Parts: map[Party]Source{0: r.dealing.body.Parts[j]}}, nil)
		if err != nil {
			return err
		}
		if err := r.say(Slot{Phase: Check, Subject: j}, answerPayload{r.dealing.salt(j), h}.encode()); err != nil {
			return err
		}
		r.serve(h, posted)
	}
	return nil
}

// lacks tells whether hospital j attests without the deal of p, and p has not
// answered.
func (r *Round) lacks(j, p Party) bool {
	a := r.attests.latest[j]
	if a == nil || j == p || a.set.Has(p) {
		return false
	}
	if _, counts := r.counted(p); !counts {
		return false
	}
	known := r.answers[p][j]
	return known == nil || known.status != dealHeld
}

// disputed are the dealers with an open complaint. A late complaint, one that
// began after this hospital had begun to vote, keeps a vote from nobody: a liar
// could stop one view after the other. A leader heeds it once there was time to
// answer.
func (r *Round) disputed(leading bool) Set {
	var dealers Set
	r.eachComplaint(func(p Party, early, young bool) {
		if early || leading && !young {
			dealers.Add(p)
		}
	})
	return dealers
}

// awaitsAnswer tells that an open complaint is so young that it may yet be
// answered.
func (b *ballot) awaitsAnswer() (awaits bool) {
	if b != b.r.dealBallot() {
		return false
	}
	b.r.eachComplaint(func(_ Party, _, young bool) { awaits = awaits || young })
	return awaits
}

// eachComplaint goes through the open complaints. Those of a proved liar do not
// count: it may have told the dealer that it holds the deal.
func (r *Round) eachComplaint(do func(about Party, early, young bool)) {
	if r.scheme.MostAnswers() == 0 {
		return
	}
	for _, j := range r.attests.said.Minus(r.liars).Parties() {
		a := r.attests.latest[j]
		for _, p := range r.all.Minus(a.set).Parties() {
			if r.lacks(j, p) {
				do(p, a.early.Has(p), r.tick-a.since[p] < uint64(r.cfg.Description.Deadlines.View)/2)
			}
		}
	}
}

// check verifies the answers to complaints, as everybody does.
func (r *Round) check() error {
	for _, p := range r.all.Parties() {
		d := r.deals[p]
		if d == nil || len(r.answers[p]) == 0 || r.counts(p, d) != dealHeld {
			continue
		}
		for _, j := range r.all.Parties() {
			a := r.answers[p][j]
			if a == nil || a.status != dealPending || r.dealBallot().decided != nil && j != r.cfg.Self {
				continue
			}
			if err := r.checkAnswer(p, j, d, a); err != nil {
				return err
			}
			r.changed = r.changed || a.status != dealPending
		}
	}
	return nil
}

func (r *Round) checkAnswer(p, j Party, d *dealState, a *answerState) error {
	if p == r.cfg.Self {
		a.status = dealHeld
		return nil
	}
	ref, _ := a.payload.Body.part(0)
	if committed, ok := d.payload.Body.part(j); !ok || ref.salted(a.payload.Salt) != committed {
		r.blameAnswer(p, d, a)
		return nil
	}
	content := r.content(p, ref, a.payload.Body.Inline)
	if content == nil {
		return nil
	}
	a.content = content
	parts := map[Party]Source{j: content}
	if ref, ok := d.payload.Body.part(0); ok { // what it is verified against
		if parts[0] = r.content(p, ref, d.payload.Body.Inline); parts[0] == nil {
			return nil
		}
	}
	err := r.scheme.Check(p, Body{Public: d.payload.Body.Public, Parts: parts, Name: d.payload.Body.dealName(r.hash, p)})
	if invalid(err) {
		r.blameAnswer(p, d, a)
		return nil
	}
	if err == nil {
		a.status = dealHeld
	}
	return err
}

// blameAnswer notes an answer that is not what was dealt, or not valid.
func (r *Round) blameAnswer(p Party, d *dealState, a *answerState) {
	a.status = dealInvalid
	deal, ok := r.dealMessage(p, d.root())
	if !ok {
		return
	}
	r.accuse(InvalidAnswer, p, deal, a.message)
	var parts []Part
	if ref, ok := a.payload.Body.part(0); ok && a.payload.Body.Inline == nil && a.content != nil {
		parts = append(parts, Part{ref, a.content})
	}
	if ref, ok := d.payload.Body.part(0); ok && d.payload.Body.Inline == nil && r.fetched[ref] != nil {
		parts = append(parts, Part{ref, r.fetched[ref]})
	}
	r.attach(p, parts...)
}

// answered is what p published for this hospital, nil while there is nothing
// valid.
func (r *Round) answered(p Party) Source {
	if a := r.answers[p][r.cfg.Self]; a != nil && a.status == dealHeld {
		return a.content
	}
	return nil
}
