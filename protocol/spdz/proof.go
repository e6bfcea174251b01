package spdz

import (
	"crypto/sha256"
	"encoding/binary"

	"consilium/sharing/wide"
)

// transcript is a hash of messages, from which challenges come (Fiat, Shamir
// 1986): who has another transcript has other challenges.
type transcript [sha256.Size]byte

// absorb adds what a party sent, or 0 what is said of all.
func (t *transcript) absorb(party int, body []byte) {
	var head [12]byte
	binary.LittleEndian.PutUint32(head[:], uint32(party))
	binary.LittleEndian.PutUint64(head[4:], uint64(len(body)))
	h := sha256.New()
	h.Write(t[:])
	h.Write(head[:])
	h.Write(body)
	h.Sum(t[:0])
}

// seed is that of challenges from what was absorbed.
func (t *transcript) seed() [wide.SeedSize]byte { return seedOf("challenge", t[:]) }

// pair are two challenges from what was absorbed.
func (t *transcript) pair() (first, second wide.Element) {
	s := t.seed()
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(s[8*i:]) }
	return wide.FromUint(word(0), word(1)), wide.FromUint(word(2), word(3))
}

// A claim says that the inner product of a and b is c. Of each entry a party
// holds its point of a polynomial of degree t, which at the place of the claim
// has the value that is meant: the prover knows that one.
type claim struct {
	a, b []wide.Element
	c    wide.Element
}

// A proof cuts the vectors in four until so many numbers are left.
const (
	foldParts  = 4
	foldAtOnce = 4
)

// proofLength is how many numbers a proof about vectors of some length has. It
// takes as many masks: two numbers that it publishes need none, and two that it
// joins are masks.
func proofLength(length int) int {
	published := 2
	for length > foldAtOnce {
		published += 2*foldParts - 2
		length = (length + foldParts - 1) / foldParts
	}
	return published + 2*length
}

// proofMasks are this party's points of the numbers that hide a proof: sums over
// the sets with the prover, whose value at the place the prover knows, and t
// others do not.
func (e *Engine) proofMasks(prover, place, count int) []wide.Element {
	masks := make([]wide.Element, count)
	for _, k := range e.mine {
		if !k.has(prover) {
			continue
		}
		scale := k.scaled[place]
		if prover == e.self {
			scale = wide.FromInt(1) // at the place
		}
		for i := range masks {
			masks[i] = wide.Add(masks[i], wide.Mul(scale, k.uniform.Element()))
		}
	}
	return masks
}

// folding is a proof that goes on: its prover fills published, all others read
// it. masks are their points of what hides it.
type folding struct {
	claim
	engine           *Engine
	transcript       *transcript
	prover           int
	masks, published []wide.Element
}

// prove publishes a proof of a claim. The transcript has absorbed all that the
// claim is about; it is another for each proof.
func (e *Engine) prove(t *transcript, c claim, masks []wide.Element) []wide.Element {
	proof := make([]wide.Element, proofLength(len(c.a)))
	f := folding{claim: c, engine: e, transcript: t, prover: e.self, masks: masks, published: proof}
	f.settle()
	return proof
}

// verify returns this party's point of a polynomial of degree t that is zero at
// the place of the claim if it is true and proved; if it is false, with
// probability below 2⁻¹²⁰ for each hash that the prover computes.
func (e *Engine) verify(prover int, t *transcript, c claim, masks, proof []wide.Element) wide.Element {
	f := folding{claim: c, engine: e, transcript: t, prover: prover, masks: masks, published: proof}
	return f.settle()
}

// settle folds the claim until two numbers and their product are left. Both are
// published, as a random one was joined to each before, and what is claimed of
// them is linear.
func (f *folding) settle() wide.Element {
	joined := f.takeMasks(2)
	for len(f.a) > foldAtOnce {
		f.fold(foldParts, foldParts)
	}
	last := len(f.a)
	f.a, f.b = append(f.a, joined[0]), append(f.b, joined[1])
	f.fold(last+1, last)
	if f.proves() {
		copy(f.published, []wide.Element{f.a[0], f.b[0]})
	}
	values := f.take(2)
	x, y := f.transcript.pair()
	off := wide.Sub(f.c, wide.Mul(values[0], values[1]))
	off = wide.Add(off, wide.Mul(f.engine.coefficient(x), wide.Sub(f.a[0], values[0])))
	return wide.Add(off, wide.Mul(f.engine.coefficient(y), wide.Sub(f.b[0], values[1])))
}

func (f *folding) proves() bool { return f.prover == f.engine.self }

// take absorbs the next published numbers.
func (f *folding) take(count int) []wide.Element {
	list := f.published[:count]
	f.published = f.published[count:]
	f.transcript.absorb(f.prover, wide.Append(nil, list))
	return list
}

func (f *folding) takeMasks(count int) []wide.Element {
	list := f.masks[:count]
	f.masks = f.masks[count:]
	return list
}

// fold cuts the vectors in parts, of which the first, claimed, add up to c: part
// j of a is a(j) of a polynomial, and so with b; their inner product c(s) has
// twice the degree. Its prover publishes c at all places but 0, which c less the
// other claimed parts is, each hidden by a mask; then all is taken at a random
// place.
func (f *folding) fold(parts, claimed int) {
	length := (len(f.a) + parts - 1) / parts
	padding := make([]wide.Element, parts*length-len(f.a))
	f.a, f.b = append(f.a, padding...), append(f.b, padding...)
	places := 2*parts - 1
	masks := f.takeMasks(places - 1)
	if f.proves() {
		f.products(parts, length)
		wide.SubTo(f.published[:places-1], masks)
		if cheat := f.engine.checker.cheat; cheat != nil {
			cheat(f, parts, claimed)
		}
	}
	values := make([]wide.Element, places)
	copy(values[1:], f.take(places-1))
	wide.AddTo(values[1:], masks)
	values[0] = f.c
	for j := 1; j < claimed; j++ {
		values[0] = wide.Sub(values[0], values[j])
	}
	s := f.engine.challenge(f.transcript)
	short := f.engine.lagrangeAt(parts, s)
	wide.Combine(f.a[:length], short, f.a)
	wide.Combine(f.b[:length], short, f.b)
	f.a, f.b = f.a[:length], f.b[:length]
	f.c = wide.Dot(f.engine.lagrangeAt(places, s), values)
}

// products computes c at 1, 2, 3….
func (f *folding) products(parts, length int) {
	if parts == 4 {
		dots := wide.CubicDots(f.a, f.b)
		copy(f.published, dots[:])
		return
	}
	for j := 1; j < 2*parts-1; j++ {
		f.published[j-1] = wide.Dot(f.at(j, parts, length))
	}
}

// at is a(j) and b(j).
func (f *folding) at(j, parts, length int) (a, b []wide.Element) {
	if j < parts {
		return f.a[j*length : (j+1)*length], f.b[j*length : (j+1)*length]
	}
	row := f.engine.further[parts][j-parts]
	return combined(row, f.a, length), combined(row, f.b, length)
}

// combined is Σ λ[j]·part j of v.
func combined(lambda, v []wide.Element, length int) []wide.Element {
	sum := make([]wide.Element, length)
	wide.Combine(sum, lambda, v)
	return sum
}

// Of polynomials by their values at 0, 1, 2…: how to find further ones.
type places struct {
	further      [foldAtOnce + 2][][]wide.Element // by the number of parts
	denominators [2*foldAtOnce + 2][]wide.Element // by the number of places, inverted
}

func newPlaces() (p places, err error) {
	for parts := 1; parts < len(p.further); parts++ {
		xs := make([]int, parts)
		for j := range xs {
			xs[j] = j
		}
		for j := parts; j < 2*parts-1; j++ {
			row, err := wide.Lagrange(xs, j)
			if err != nil {
				return p, err
			}
			p.further[parts] = append(p.further[parts], row)
		}
	}
	for count := 1; count < len(p.denominators); count++ {
		for j := range count {
			product := wide.FromInt(1)
			for k := range count {
				if k != j {
					product = wide.Mul(product, wide.FromInt(int64(j-k)))
				}
			}
			p.denominators[count] = append(p.denominators[count], wide.InvVarTime(product))
		}
	}
	return p, nil
}

// lagrangeAt are the coefficients that take f(0)…f(count−1) to f(at).
func (p *places) lagrangeAt(count int, at wide.Element) []wide.Element {
	lambda := make([]wide.Element, count)
	before := wide.FromInt(1)
	for j := range lambda {
		lambda[j] = before
		before = wide.Mul(before, wide.Sub(at, wide.FromInt(int64(j))))
	}
	after := wide.FromInt(1)
	for j := count - 1; j >= 0; j-- {
		lambda[j] = wide.Mul(wide.Mul(lambda[j], after), p.denominators[count][j])
		after = wide.Mul(after, wide.Sub(at, wide.FromInt(int64(j))))
	}
	return lambda
}

// challenge draws a place that is none of those that have values.
func (e *Engine) challenge(t *transcript) wide.Element {
	const first = 2*foldAtOnce + 2
	s, _ := t.pair()
	if q := e.checker.challenges; q > 0 {
		s.Lo, s.Hi = s.Lo%q, 0
	}
	if s.Hi == 0 && s.Lo < 1<<63 {
		s.Lo += first // below 2⁶³ once in 2⁶⁴
	}
	return s
}

// coefficient is a challenge.
func (e *Engine) coefficient(c wide.Element) wide.Element {
	if q := e.checker.challenges; q > 0 {
		return wide.Element{Lo: c.Lo % q}
	}
	return c
}
