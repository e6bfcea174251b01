package spdz

import "consilium/sharing/wide"

// Where others may lie, what opens is P(0) of a polynomial for each number,
//
//	P(X) = Σ a(X)·b(X) + l(X) + r(X) + Σ Xˡ·σₗ(X) + Σ X·ρᵢ(X)·Vᵢ(X)/(i − X),
//
// of degree 2t: products, what is added to them, the mask, t random secrets of
// degree t that hide all but P(0), and the guard. Sender j tells λⱼ·P(j), and
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
// does that before a result opens.
//
// σ and ρ come from the seeds and from a hash of all that was told before: if a
// liar told two honest parties different things, what they tell from then on is
// random, and unrelated.

// cover hides what opens, but for the mask: this party's points.
type cover struct {
	zeros  [][]wide.Element // σ₁…σₜ
	guards [][]wide.Element // ρᵢ by sender i; nil for this party
}

// drawCover draws the cover of so many numbers.
func (e *Engine) drawCover(count int) cover {
	c := cover{zeros: make([][]wide.Element, e.Threshold), guards: make([][]wide.Element, len(e.senders)+1)}
	for l := range c.zeros {
		c.zeros[l] = make([]wide.Element, count)
	}
	for _, i := range e.senders {
		if i != e.self {
			c.guards[i] = make([]wide.Element, count)
		}
	}
	for _, k := range e.mine {
		x := wide.NewExpander(seedOf("cover", k.seed[:], e.checker.view[:]), e.checker.openings)
		for l := range c.zeros {
			addDrawn(c.zeros[l], k.weight, x)
		}
		drawn := make([]wide.Element, count)
		addDrawn(drawn, k.weight, x)
		for _, i := range e.senders {
			if !k.has(i) {
				wide.AddTo(c.guards[i], drawn)
			}
		}
	}
	e.checker.openings++
	return c
}

// addDrawn adds weight·(a random number) to each entry.
func addDrawn(list []wide.Element, weight wide.Element, x *wide.Expander) {
	for i := range list {
		list[i] = wide.Add(list[i], wide.Mul(weight, x.Element()))
	}
}

// opening is one of a list of numbers: what is public of it, and this party's
// points.
type opening struct {
	engine   *Engine
	products []*Product
	known    []wide.Element // what is added to products, and the mask
	length   int            // of the vectors of a proof
	cover
}

// openProven opens products plus masks, of which this party has points. It takes
// one round.
func (e *Engine) openProven(products []*Product, masks []wide.Element) ([]wide.Element, error) {
	o := e.newOpening(products, masks)
	view, count := e.checker.view, proofLength(o.length)
	own := make([]transcript, len(e.senders)+1)
	numbers, proofs, hiding := make([][]wide.Element, len(own)), make([][]wide.Element, len(own)), make([][]wide.Element, len(own))
	for _, i := range e.senders { // in one order everywhere
		hiding[i], own[i] = e.proofMasks(i, i, count), view
		numbers[i], proofs[i] = make([]wide.Element, len(o.known)), make([]wide.Element, count)
	}
	if e.sender() {
		i := e.self
		numbers[i] = o.points()
		own[i].absorb(i, wide.Append(nil, numbers[i]))
		proofs[i] = e.prove(&own[i], o.claimOf(i, numbers[i], &own[i]), hiding[i])
		e.tell(wide.Append(wide.Append(make([]byte, 0, wide.Size*(len(o.known)+count)), numbers[i]), proofs[i]))
	}
	settled := make([]wide.Element, len(own))
	both := make([]wide.Element, len(o.known)+count)
	sum := make([]wide.Element, len(o.known))
	for _, i := range e.senders {
		if i != e.self {
			if err := e.receiveElements(i, both); err != nil {
				return nil, err
			}
			copy(numbers[i], both)
			copy(proofs[i], both[len(o.known):])
			own[i].absorb(i, wide.Append(nil, numbers[i]))
			settled[i] = e.verify(i, &own[i], o.claimOf(i, numbers[i], &own[i]), hiding[i], proofs[i])
		}
		wide.AddTo(sum, numbers[i])
		e.checker.view.absorb(i, own[i][:])
	}
	e.settle(e.checker.settled, settled)
	return sum, nil
}

// settle adds to each prover's V what its last proof came to, times a random
// number that is known to nobody before all have proved.
func (e *Engine) settle(all, last []wide.Element) {
	x := e.checker.view.expander("settle")
	for i, v := range last {
		all[i] = wide.Add(all[i], wide.Mul(e.coefficient(x), v))
	}
	e.checker.pending = true
}

func (e *Engine) newOpening(products []*Product, masks []wide.Element) *opening {
	o := &opening{engine: e, products: products, length: len(e.senders) - 1, known: masks}
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
	o.cover = e.drawCover(len(o.known))
	return o
}

// points are λ·P(j) of this party j.
func (o *opening) points() []wide.Element {
	e := o.engine
	sum := make([]wide.Element, 0, len(o.known))
	for _, p := range o.products {
		sum = append(sum, p.share...)
		if p.linear != nil {
			wide.SubTo(sum[len(sum)-len(p.share):], p.linear)
		}
	}
	wide.AddTo(sum, o.known)
	power := wide.FromInt(1)
	for _, zeros := range o.zeros {
		power = wide.Mul(power, wide.FromInt(int64(e.self)))
		wide.Accumulate(sum, power, zeros)
	}
	for i, guard := range o.guards {
		if guard != nil {
			wide.Accumulate(sum, wide.Mul(e.guarding[i][e.self], e.checker.settled[i]), guard)
		}
	}
	points := make([]wide.Element, len(sum))
	wide.Accumulate(points, e.lagrange[e.self], sum)
	return points
}

// claimOf is what sender i claims when it tells these numbers, in this party's
// points: a random combination of all of them.
func (o *opening) claimOf(i int, numbers []wide.Element, t *transcript) claim {
	e := o.engine
	x := t.expander("coefficients")
	lambda := make([]wide.Element, len(numbers))
	for k := range lambda {
		lambda[k] = e.coefficient(x)
	}
	c := claim{a: make([]wide.Element, 0, o.length+foldParts), b: make([]wide.Element, 0, o.length+foldParts)}
	c.c = wide.Sub(wide.Mul(e.inverse[i], wide.Dot(lambda, numbers)), wide.Dot(lambda, o.known))
	power := wide.FromInt(1)
	for _, zeros := range o.zeros {
		power = wide.Mul(power, wide.FromInt(int64(i)))
		c.c = wide.Sub(c.c, wide.Mul(power, wide.Dot(lambda, zeros)))
	}
	rest := lambda
	for _, p := range o.products {
		c.addProduct(p, rest[:len(p.share)])
		rest = rest[len(p.share):]
	}
	for _, s := range e.senders {
		if s == i {
			continue
		}
		a := wide.Element{}
		if s != e.self {
			a = wide.Dot(lambda, o.guards[s])
		}
		c.a, c.b = append(c.a, a), append(c.b, wide.Mul(e.guarding[s][i], e.checker.settled[s]))
	}
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
