package spdz

import "consilium/sharing/wide"

// Where others may lie, what opens is P(0) of a polynomial for each number,
//
//	P(X) = Σ a(X)·b(X) + l(X) + r(X) + Σ Xˡ·σₗ(X) + Σ X·ρᵢ(X)·Vᵢ(X)/(i − X) + ρ(X)·B(X),
//
// of degree 2t: products, what is added to them, the mask, t random secrets of
// degree t that hide all but P(0), and the guards. Sender j tells λⱼ·P(j), and
// proves it in the same message. It cannot choose anything in that: the others'
// shares determine P(j), of which each of them knows a point of a polynomial of
// degree t whose value at j is meant (Boneh and others 2019, "Zero-knowledge
// proofs on secret-shared data via fully linear PCPs", sections 4 and 6; Boyle
// and others 2019, "Practical fully secure three-party computation via sublinear
// distributed zero-knowledge proofs").
//
// Vᵢ is what the proofs of sender i come to: a polynomial of which each party
// holds a point, and Vᵢ(i) = 0 unless i has proved what is wrong. Then the last
// sum is one of polynomials with no constant term, and P(0) is what it is
// without. ρᵢ is random, of degree t, known to those that are not i, and ρᵢ(i) =
// 0. If Vᵢ(i) is not zero, X·ρᵢ(X)·Vᵢ(X)/(i − X) has at i a random value that
// only those know who are not corrupted, so P(0) is lost to everybody, and so
// for ever (conditional disclosure: Gertner and others 2000). So nothing opens
// over a wrong factor, though nobody waits until proofs were compared; Check
// does that before a result opens. B is shared, and zero unless a promise was
// broken (Engine.Promise); ρ is random.
//
// σ and ρ come from the seeds and from a hash of all that was told before: if a
// liar told two honest parties different things, what they tell from then on is
// random, and unrelated.

// opening is one of a list of numbers: what is public of it, and this party's
// points.
type opening struct {
	engine   *Engine
	products []*Product
	count    int            // of numbers
	known    []wide.Element // what is added to products, and the mask
	cover    []wide.Element // rows of numbers: one for points; σ₁…σₜ; ρᵢ by sender i; ρ
	length   int            // of the vectors of a proof
	scratch  claim          // their memory
	lambda   []wide.Element
}

// room is memory that one opening after the other uses.
type room struct {
	cover, lambda, a, b, numbers []wide.Element
	expander                     wide.Expander
}

// grown is so much of a piece of memory, whatever is in it.
func grown(memory *[]wide.Element, count int) []wide.Element {
	if cap(*memory) < count {
		*memory = make([]wide.Element, count)
	}
	return (*memory)[:count]
}

func (o *opening) row(i int) []wide.Element { return o.cover[i*o.count : (i+1)*o.count] }

// zeros are σₗ, l from 1.
func (o *opening) zeros(l int) []wide.Element { return o.row(l) }

// guard is ρᵢ, which is zero for party i.
func (o *opening) guard(i int) []wide.Element { return o.row(o.engine.Threshold + i) }

// promise is ρ.
func (o *opening) promise() []wide.Element {
	return o.row(o.engine.Threshold + len(o.engine.senders) + 1)
}

func (e *Engine) newOpening(products []*Product, masks []wide.Element) *opening {
	o := &opening{engine: e, products: products, count: len(masks), length: len(e.senders), known: masks}
	at := 0
	for _, p := range products {
		if p.linear != nil {
			wide.AddTo(o.known[at:at+len(p.share)], p.linear)
		}
		at += len(p.share)
		for _, f := range p.factors {
			o.length += f.length()
		}
	}
	o.lambda = grown(&e.room.lambda, o.count)
	o.scratch = claim{a: grown(&e.room.a, o.length+foldParts), b: grown(&e.room.b, o.length+foldParts)}
	o.drawCover()
	return o
}

// drawCover draws what hides the numbers, but for the mask.
func (o *opening) drawCover() {
	e := o.engine
	o.cover = grown(&e.room.cover, (2+e.Threshold+len(e.senders))*o.count)
	clear(o.cover)
	drawn := o.row(0)
	for _, k := range e.mine {
		x := &e.room.expander
		x.Reset(seedOf("cover", k.seed[:], e.checker.view[:]), e.checker.openings)
		for l := 1; l <= e.Threshold; l++ {
			addDrawn(o.zeros(l), k.weight, x)
		}
		addDrawn(o.promise(), k.weight, x)
		clear(drawn)
		addDrawn(drawn, k.weight, x)
		for _, i := range e.senders {
			if !k.has(i) {
				wide.AddTo(o.guard(i), drawn)
			}
		}
	}
	e.checker.openings++
}

// addDrawn adds weight·(a random number) to each entry.
func addDrawn(list []wide.Element, weight wide.Element, x *wide.Expander) {
	for i := range list {
		list[i] = wide.Add(list[i], wide.Mul(weight, x.Element()))
	}
}

// openProven opens products plus masks, of which this party has points. It takes
// one round.
func (e *Engine) openProven(products []*Product, masks []wide.Element) ([]wide.Element, error) {
	o := e.newOpening(products, masks)
	view, count := e.checker.view, proofLength(o.length)
	hiding := make([][]wide.Element, len(e.senders)+1)
	for _, i := range e.senders { // in one order everywhere
		hiding[i] = e.proofMasks(i, i, count)
	}
	sum, numbers, proof := make([]wide.Element, o.count), grown(&e.room.numbers, o.count), make([]wide.Element, count)
	own := view
	if e.sender() {
		o.points(sum)
		body := wide.Append(make([]byte, 0, wide.Size*(o.count+count)), sum)
		own.absorb(e.self, body)
		e.tell(wide.Append(body, e.prove(&own, o.claimOf(e.self, sum, &own), hiding[e.self])))
	}
	settled := make([]wide.Element, len(hiding))
	for _, i := range e.senders {
		t := own
		if i != e.self {
			t = view
			if err := e.receiveProven(i, &t, numbers, proof); err != nil {
				return nil, err
			}
			settled[i] = e.verify(i, &t, o.claimOf(i, numbers, &t), hiding[i], proof)
			wide.AddTo(sum, numbers)
		}
		e.checker.view.absorb(i, t[:])
	}
	e.settle(e.checker.settled, settled)
	return sum, nil
}

// receiveProven reads what sender i tells, and absorbs the numbers.
func (e *Engine) receiveProven(i int, t *transcript, numbers, proof []wide.Element) error {
	body, err := e.channel.Receive(i)
	if err != nil {
		return err
	}
	split := min(len(body), wide.Size*len(numbers))
	if wide.Decode(numbers, body[:split]) != nil || wide.Decode(proof, body[split:]) != nil {
		return &CheatError{Party: i, What: "sent what is no list of elements"}
	}
	t.absorb(i, body[:split])
	return nil
}

// settle adds to each prover's V what its last proof came to, times a random
// number that is known to nobody before all have proved.
func (e *Engine) settle(all, last []wide.Element) {
	x := wide.NewExpander(e.checker.view.seed(), 0)
	for i, v := range last {
		all[i] = wide.Add(all[i], wide.Mul(e.coefficient(x.Element()), v))
	}
	e.checker.pending = true
}

// points writes λ·P(j) of this party j.
func (o *opening) points(dst []wide.Element) {
	e, whole := o.engine, o.row(0)
	at := 0
	for _, p := range o.products {
		part := whole[at : at+len(p.share)]
		copy(part, p.share)
		if p.linear != nil {
			wide.SubTo(part, p.linear)
		}
		at += len(p.share)
	}
	wide.AddTo(whole, o.known)
	lambda := e.lagrange[e.self]
	factors, power := []wide.Element{lambda}, lambda
	for range e.Threshold {
		power = wide.Mul(power, wide.FromInt(int64(e.self)))
		factors = append(factors, power)
	}
	for _, i := range e.senders {
		factors = append(factors, wide.Mul(lambda, wide.Mul(e.guarding[i][e.self], e.checker.settled[i])))
	}
	factors = append(factors, wide.Mul(lambda, e.checker.broken))
	wide.Combine(dst, factors, o.cover)
}

// claimOf is what sender i claims when it tells these numbers, in this party's
// points: a random combination of all of them. It is good until the next.
func (o *opening) claimOf(i int, numbers []wide.Element, t *transcript) claim {
	e, lambda := o.engine, o.lambda
	e.room.expander.Reset(t.seed(), 0)
	for k := range lambda {
		lambda[k] = e.coefficient(e.room.expander.Element())
	}
	c := claim{a: o.scratch.a[:0], b: o.scratch.b[:0]}
	c.c = wide.Sub(wide.Mul(e.inverse[i], wide.Dot(lambda, numbers)), wide.Dot(lambda, o.known))
	power := wide.FromInt(1)
	for l := 1; l <= e.Threshold; l++ {
		power = wide.Mul(power, wide.FromInt(int64(i)))
		c.c = wide.Sub(c.c, wide.Mul(power, wide.Dot(lambda, o.zeros(l))))
	}
	at := 0
	for _, p := range o.products {
		c.addProduct(p, lambda[at:at+len(p.share)])
		at += len(p.share)
	}
	for _, s := range e.senders {
		if s != i {
			c.a = append(c.a, wide.Dot(lambda, o.guard(s)))
			c.b = append(c.b, wide.Mul(e.guarding[s][i], e.checker.settled[s]))
		}
	}
	c.a, c.b = append(c.a, wide.Dot(lambda, o.promise())), append(c.b, e.checker.broken)
	return c
}

// addProduct appends Σ λ[o]·product[o] as an inner product.
func (c *claim) addProduct(p *Product, lambda []wide.Element) {
	for _, f := range p.factors {
		scaled := lambda
		if f.times != wide.FromInt(1) {
			scaled = make([]wide.Element, len(lambda))
			wide.Accumulate(scaled, f.times, lambda)
		}
		c.addFactor(f, scaled)
	}
}

// length is how many products stand for the factor in an inner product.
func (f factor) length() int {
	if f.entries || f.a.Rows <= f.b.Cols {
		return f.a.Len()
	}
	return f.b.Len()
}

// addFactor appends Σ λ[o]·(a·b)[o] as an inner product: of matrices, whichever
// of a and b has fewer entries stays, and the other takes the coefficients.
func (c *claim) addFactor(f factor, lambda []wide.Element) {
	a, b := f.a, f.b
	switch {
	case f.entries:
		group := max(1, f.group)
		for i, v := range a.share {
			c.a = append(c.a, wide.Mul(lambda[i/group], v))
		}
		c.b = append(c.b, b.share...)
	case a.Rows <= b.Cols:
		turned := make([]wide.Element, b.Len())
		wide.Transpose(turned, b.share, b.Rows, b.Cols)
		joined := make([]wide.Element, a.Len())
		wide.MatMul(joined, lambda, turned, a.Rows, b.Cols, b.Rows)
		c.a, c.b = append(c.a, a.share...), append(c.b, joined...)
	default:
		turned := make([]wide.Element, a.Len())
		wide.Transpose(turned, a.share, a.Rows, a.Cols)
		joined := make([]wide.Element, b.Len())
		wide.MatMul(joined, turned, lambda, a.Cols, a.Rows, b.Cols)
		c.a, c.b = append(c.a, joined...), append(c.b, b.share...)
	}
}
