package spdz

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"

	"consilium/sharing/wide"
)

// checker collects what has to be checked before anything opens.
type checker struct {
	transcript hash.Hash // of all masked sums that were opened
	records    []record
	dealt      []*Secret // inputs whose degree nobody has checked
	open       bool      // a check is going on: there are never two at once
	challenges uint64    // in tests: how many challenges there are, 0 for the whole field
}

// record says that z is the sum of the factors.
type record struct {
	factors []factor
	z       []wide.Element
}

// A step of a check cuts its vectors into so many parts, and short ones into
// single numbers. More parts are fewer rounds, and more to compute.
const (
	foldParts  = 8
	foldAtOnce = 32
)

func (e *Engine) active() bool { return !e.Passive && !e.plain && e.backend == nil }

// Check makes sure that all products since the last check are right, unless the
// engine is passive. Open, OpenTo and AnyBeyond call it first.
//
// A corrupted party can add to a product a number that it knows, and do nothing
// else unnoticed (Lindell, Nof 2017, section 4): its share in n ≥ 2t+1 cannot
// move what the honest hold, seeds were compared, and a masked sum that it told
// differently shows when transcripts are compared. All products of a step are
// joined by one random combination to one inner product, whose length one
// random point of a polynomial after the other divides by 8, until two numbers
// and their product, hidden by a random triple, can be opened (Boneh and others
// 2019, "Zero-knowledge proofs on secret-shared data via fully linear PCPs";
// Goyal, Song 2020, "Malicious security comes free in honest-majority MPC").
//
// It takes about 5 + 2·log₈(factors) rounds and a few hundred bytes each. A
// wrong product passes with probability below 2⁻¹¹⁰.
func (e *Engine) Check() error {
	if !e.active() || e.checker.open || len(e.checker.records) == 0 && len(e.checker.dealt) == 0 {
		return nil
	}
	e.checker.open = true
	defer func() { e.checker.open = false }()
	records, dealt := e.checker.records, e.checker.dealt
	e.checker.records, e.checker.dealt = nil, nil
	if err := e.compareTranscripts(); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if err := e.checkDegrees(dealt); err != nil {
		return fmt.Errorf("check inputs: %w", err)
	}
	if len(records) > 0 {
		if err := e.checkProducts(records); err != nil {
			return fmt.Errorf("check products: %w", err)
		}
	}
	return nil
}

// compareTranscripts makes sure that all have heard the same.
func (e *Engine) compareTranscripts() error {
	digest := e.checker.transcript.Sum(nil)
	e.tell(digest)
	for j := 1; j <= e.n; j++ {
		if j == e.self {
			continue
		}
		body, err := e.channel.Receive(j)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(body, digest) != 1 {
			return &CheatError{What: fmt.Sprintf("told party %d and this one different things, or party %d says so", j, j)}
		}
	}
	return nil
}

// random is a secret that nobody knows, so many uniform elements.
func (e *Engine) random(count int) *Secret {
	s := e.secret(count, 1, 0, 0)
	for _, k := range e.mine {
		for i := range s.share {
			s.share[i] = wide.Add(s.share[i], wide.Mul(k.weight, k.uniform.Element()))
		}
	}
	return s
}

// toss opens a fresh random seed. It is called when all that it challenges was
// sent.
func (e *Engine) toss() (*wide.Expander, error) {
	opened, err := e.openElements(e.random(2))
	if err != nil {
		return nil, fmt.Errorf("toss a coin: %w", err)
	}
	return wide.NewExpander(seedOf("challenge", wide.Append(nil, opened)), 0), nil
}

// challenge draws a number that is not zero.
func (e *Engine) challenge(x *wide.Expander) wide.Element {
	if q := e.checker.challenges; q > 0 {
		return wide.Element{Lo: 1 + x.Below(40).Lo%q}
	}
	for {
		if c := x.Element(); !c.IsZero() {
			return c
		}
	}
}

// coefficient draws a number.
func (e *Engine) coefficient(x *wide.Expander) wide.Element {
	if q := e.checker.challenges; q > 0 {
		return wide.Element{Lo: x.Below(40).Lo % q}
	}
	return x.Element()
}

// checkDegrees makes sure that inputs lie on polynomials of degree t, which n =
// 2t+1 shares of which t lie cannot help to do: a random combination is opened,
// hidden by a random secret.
func (e *Engine) checkDegrees(dealt []*Secret) error {
	if e.n == 2*e.Threshold+1 || len(dealt) == 0 {
		return nil
	}
	coins, err := e.toss()
	if err != nil {
		return err
	}
	sum := e.random(1)
	for _, s := range dealt {
		for _, v := range s.share {
			sum.share[0] = wide.Add(sum.share[0], wide.Mul(e.coefficient(coins), v))
		}
	}
	_, err = e.openElements(sum)
	return err
}

// triple claims that c is the inner product of a and b.
type triple struct {
	a, b []wide.Element
	c    wide.Element
}

func (e *Engine) checkProducts(records []record) error {
	coins, err := e.toss()
	if err != nil {
		return err
	}
	t := e.joinRecords(records, coins)
	for len(t.a) > 1 {
		if t, err = e.foldTriple(t); err != nil {
			return err
		}
	}
	// Two random numbers and their product hide what is opened.
	hidden := e.random(2)
	products, err := e.openProducts([]wide.Element{wide.Mul(hidden.share[0], hidden.share[1])})
	if err != nil {
		return err
	}
	t = triple{a: []wide.Element{t.a[0], hidden.share[0]}, b: []wide.Element{t.b[0], hidden.share[1]}, c: wide.Add(t.c, products[0])}
	if t, err = e.foldParts(t, 2, products); err != nil {
		return err
	}
	opened, err := e.openElements(&Secret{Rows: 3, Cols: 1, share: []wide.Element{t.a[0], t.b[0], t.c}})
	if err != nil {
		return err
	}
	if wide.Mul(opened[0], opened[1]) != opened[2] {
		return &CheatError{What: "computed a product wrongly"}
	}
	return e.compareTranscripts()
}

// joinRecords combines all claims to one, with random coefficients.
func (e *Engine) joinRecords(records []record, coins *wide.Expander) triple {
	length := 0
	for _, r := range records {
		for _, f := range r.factors {
			length += f.length()
		}
	}
	t := triple{a: make([]wide.Element, 0, length+foldAtOnce), b: make([]wide.Element, 0, length+foldAtOnce)}
	for _, r := range records {
		lambda := make([]wide.Element, len(r.z))
		for i := range lambda {
			lambda[i] = e.coefficient(coins)
		}
		t.c = wide.Add(t.c, wide.Dot(lambda, r.z))
		for _, f := range r.factors {
			scaled := lambda
			if f.times != wide.FromInt(1) {
				scaled = make([]wide.Element, len(lambda))
				wide.Accumulate(scaled, f.times, lambda)
			}
			t.addFactor(f, scaled)
		}
	}
	if len(t.a) == 0 { // truncations only
		t.a, t.b = append(t.a, wide.Element{}), append(t.b, wide.Element{})
	}
	return t
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
func (t *triple) addFactor(f factor, lambda []wide.Element) {
	a, b := f.a, f.b
	switch {
	case f.entries:
		group := max(1, f.group)
		for i, v := range a.share {
			t.a = append(t.a, wide.Mul(lambda[i/group], v))
		}
		t.b = append(t.b, b.share...)
	case a.Rows <= b.Cols:
		turned := make([]wide.Element, b.Len())
		wide.Transpose(turned, b.share, b.Rows, b.Cols)
		joined := make([]wide.Element, a.Len())
		wide.MatMul(joined, lambda, turned, a.Rows, b.Cols, b.Rows)
		t.a, t.b = append(t.a, a.share...), append(t.b, joined...)
	default:
		turned := make([]wide.Element, a.Len())
		wide.Transpose(turned, a.share, a.Rows, a.Cols)
		joined := make([]wide.Element, b.Len())
		wide.MatMul(joined, turned, lambda, a.Cols, a.Rows, b.Cols)
		t.a, t.b = append(t.a, joined...), append(t.b, b.share...)
	}
}

// foldTriple cuts the vectors in parts, and gives another claim, true only if
// this one is, of the length of a part.
func (e *Engine) foldTriple(t triple) (triple, error) {
	parts := foldParts
	if len(t.a) <= foldAtOnce {
		parts = len(t.a)
	}
	length := (len(t.a) + parts - 1) / parts
	padding := make([]wide.Element, parts*length-len(t.a))
	t.a, t.b = append(t.a, padding...), append(t.b, padding...)
	return e.foldParts(t, parts, nil)
}

// foldParts: part j of a is a(j) of a polynomial of degree parts−1, and so with
// b. Their inner product c(s) has twice the degree. It is computed at the other
// places, and everything is taken at a random one. last holds those of parts 1,
// 2… that are known already.
func (e *Engine) foldParts(t triple, parts int, last []wide.Element) (triple, error) {
	length := len(t.a) / parts
	part := func(v []wide.Element, j int) []wide.Element { return v[j*length : (j+1)*length] }
	places := 2*parts - 1
	xs := make([]int, parts)
	for j := range xs {
		xs[j] = j
	}
	var dots []wide.Element
	for j := 1 + len(last); j < parts; j++ {
		dots = append(dots, wide.Dot(part(t.a, j), part(t.b, j)))
	}
	for j := parts; j < places; j++ {
		lambda, err := wide.Lagrange(xs, j)
		if err != nil {
			return t, err
		}
		dots = append(dots, wide.Dot(combined(lambda, t.a, length), combined(lambda, t.b, length)))
	}
	opened, err := e.openProducts(dots)
	if err != nil {
		return t, err
	}
	values := append(append([]wide.Element{t.c}, last...), opened...) // c(0) is what the other parts leave of c
	for j := 1; j < parts; j++ {
		values[0] = wide.Sub(values[0], values[j])
	}
	coins, err := e.toss()
	if err != nil {
		return t, err
	}
	at := e.challenge(coins)
	short, long := lagrangeAt(parts, at), lagrangeAt(places, at)
	return triple{a: combined(short, t.a, length), b: combined(short, t.b, length), c: wide.Dot(long, values)}, nil
}

// combined is Σ λ[j]·part j of v.
func combined(lambda, v []wide.Element, length int) []wide.Element {
	sum := make([]wide.Element, length)
	wide.Combine(sum, lambda, v)
	return sum
}

// lagrangeAt are the coefficients that take f(0)…f(places−1) to f(at).
func lagrangeAt(places int, at wide.Element) []wide.Element {
	lambda := make([]wide.Element, places)
	for j := range lambda {
		num, den := wide.FromInt(1), wide.FromInt(1)
		for k := range places {
			if k != j {
				num = wide.Mul(num, wide.Sub(at, wide.FromInt(int64(k))))
				den = wide.Mul(den, wide.FromInt(int64(j-k)))
			}
		}
		lambda[j] = wide.Mul(num, wide.InvVarTime(den))
	}
	return lambda
}

// openProducts makes shares of degree t of shares of degree 2t, without a
// record.
func (e *Engine) openProducts(products []wide.Element) ([]wide.Element, error) {
	message, result := make([]wide.Element, len(products)), make([]wide.Element, len(products))
	if e.sender() {
		wide.Accumulate(message, e.lagrange, products)
	}
	for _, k := range e.mine {
		e.drawMasks(k, message, result, nil, 0)
	}
	m, err := e.openMasked(message)
	if err != nil {
		return nil, err
	}
	wide.AddTo(result, m)
	return result, nil
}

// openElements tells everybody the elements, without a check before.
func (e *Engine) openElements(s *Secret) ([]wide.Element, error) {
	if e.backend != nil {
		return e.backend.Open(s.Shares())
	}
	e.tell(wide.Append(nil, s.share))
	return e.collectElements(s)
}

func newChecker() checker { return checker{transcript: sha256.New()} }
