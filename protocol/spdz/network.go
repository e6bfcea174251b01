package spdz

import (
	"fmt"

	"consilium/model"
	"consilium/sharing/wide"
)

// Activation is what a unit makes of its weighted inputs x. The zero value
// leaves x as it is.
type Activation struct {
	// Polynomial in t = x/Interval, and the one that stands for its slope: nil
	// differentiates it.
	Polynomial model.Polynomial
	Slope      []float64

	// Logistic takes a·(1−a) for the slope of a, which is right for the logistic
	// curve: one product and a round, instead of a second polynomial.
	Logistic bool

	// Clip takes x back to ±Interval first, by two secure comparisons: nothing
	// can leave the interval then. Otherwise somebody must watch: Training.Guard.
	Clip bool

	// Rectifier is max(0, x), by a secure comparison.
	Rectifier bool

	// Limit promises that |x| is not larger, where x is left as it is or
	// rectified; the guard watches it. 0 reckons with the largest that weights
	// and inputs could make.
	Limit float64

	How Evaluation
}

// Curved says whether it is a polynomial.
func (a Activation) Curved() bool { return len(a.Polynomial.Coefficients) > 0 }

func (a Activation) identity() bool { return !a.Rectifier && !a.Curved() }

// slope are the coefficients in t of the derivative by x.
func (a Activation) slope() []float64 {
	if a.Slope != nil || len(a.Polynomial.Coefficients) == 0 {
		return a.Slope
	}
	var list []float64
	for i, c := range a.Polynomial.Coefficients[1:] {
		list = append(list, float64(i+1)*c/a.Polynomial.Interval)
	}
	return list
}

// Network is a multilayer perceptron with one output; without hidden layers it
// is linear or, with a sigmoid for Output, logistic regression. The gradient is
// that of the squared error for a linear Output, of the log-likelihood for a
// sigmoid: prediction − label. Squared asks for that of the squared error in any
// case, which takes the slope of the output, too.
type Network struct {
	Inputs     int
	Hidden     []int
	Activation Activation // of hidden units
	Output     Activation
	Squared    bool
}

// layers lists the sizes from the inputs to the output.
func (n Network) layers() []int {
	return append(append([]int{n.Inputs}, n.Hidden...), 1)
}

// Size is the number of weights.
func (n Network) Size() int {
	size, layers := 0, n.layers()
	for l := 1; l < len(layers); l++ {
		size += (layers[l-1] + 1) * layers[l]
	}
	return size
}

// Weights are the secrets of a network: for each layer (inputs+1)×units, the
// biases in the first row.
type Weights []*Secret

// Constant makes weights that everybody knows, in the order of model.MLP: layer
// by layer, unit by unit, of each the bias first.
func (n Network) Constant(e *Engine, flat []float64) (Weights, error) {
	if len(flat) != n.Size() {
		return nil, fmt.Errorf("%d weights for a network of %d", len(flat), n.Size())
	}
	var w Weights
	layers := n.layers()
	for l := 1; l < len(layers); l++ {
		rows, units := layers[l-1]+1, layers[l]
		values := make([]float64, rows*units)
		for i := range values {
			values[i] = flat[i%units*rows+i/units]
		}
		w = append(w, e.Constant(rows, units, e.Fraction, values))
		flat = flat[rows*units:]
	}
	return w, nil
}

// Open tells everybody the weights, in the order of model.MLP.
func (w Weights) Open(e *Engine) ([]float64, error) {
	var flat []float64
	for _, layer := range w {
		values, err := e.Open(e.Transpose(layer))
		if err != nil {
			return nil, err
		}
		flat = append(flat, values...)
	}
	return flat, nil
}

// Errors bound, in the clear, how far each opened weight of a computation on
// shares may be away.
func (w Weights) Errors(e *Engine) []float64 {
	var flat []float64
	for _, layer := range w {
		flat = append(flat, e.Transpose(layer).err...)
	}
	return flat
}

// within promises that no weight is beyond the limit. All steps begin with the
// same reach then, and so take the same preparation.
func (w Weights) within(limit float64) Weights {
	r := make(Weights, len(w))
	for i, layer := range w {
		c := *layer
		c.Reach = limit
		r[i] = &c
	}
	return r
}

// pass is what a pass forward leaves for the one backward.
type pass struct {
	inputs []*Secret // of each layer, with a column of ones
	slopes []*Secret // of each hidden layer, nil for the identity
	pulled *Secret   // slopes of the last hidden layer times the weights behind it
	output *Secret
	// outputSlope is nil unless the loss is the squared error of a curve.
	outputSlope *Secret
	watched     []*Secret // pre-activations over their interval: none may be beyond ±1
	trusts      bool      // nobody is to look
	pending     []*Secret // weights over what they may reach, to be looked at with the first pre-activations
}

// Predict runs the network: probabilities, or numbers.
// Pre-activations are clipped: nobody asks a guard. With a Backend they cannot be,
// and ErrOutOfRange says that one is outside.
func (n Network) Predict(e *Engine, w Weights, x *Secret) (*Secret, error) {
	p := &pass{trusts: e.backend == nil}
	if p.trusts {
		n.Activation.Clip, n.Output.Clip = n.Activation.Curved(), n.Output.Curved()
	}
	if err := n.forward(e, p, w, e.WithOnes(x), false); err != nil {
		return nil, err
	}
	return p.output, nil
}

func (n Network) forward(e *Engine, p *pass, w Weights, ones *Secret, back bool) error {
	p.inputs = []*Secret{ones}
	for l, weights := range w {
		last := l == len(w)-1
		a := n.Activation
		if last {
			a = n.Output
		}
		e.Name(fmt.Sprintf("layer %d", l+1))
		z := e.MatMul(p.inputs[l], weights)
		if !last {
			value, err := n.hidden(e, p, a, z, w, l, back)
			if err != nil {
				return err
			}
			p.inputs = append(p.inputs, e.WithOnes(value))
			continue
		}
		var err error
		if p.output, p.outputSlope, err = a.apply(e, p, z, back && n.Squared, nil); err != nil {
			return err
		}
	}
	return p.promise(e)
}

// hidden computes a hidden layer, and, where one unit follows, what its slopes
// pull back, in a round that is needed anyway.
func (n Network) hidden(e *Engine, p *pass, a Activation, z *Product, w Weights, l int, back bool) (*Secret, error) {
	pull := func(slope *Secret) {
		if back && l == len(w)-2 && slope != nil {
			row := e.WithoutFirst(e.Transpose(w[l+1]))
			e.Later(e.Hadamard(slope, e.repeated(row, slope.Rows)), &p.pulled)
		}
	}
	value, slope, err := a.apply(e, p, z, back, pull)
	p.slopes = append(p.slopes, slope)
	return value, err
}

// repeated puts a row below itself so many times.
func (e *Engine) repeated(row *Secret, times int) *Secret {
	r := e.secret(times, row.Cols, row.Bits, row.Reach)
	for i := range times {
		each(r, row, func(dst, src []wide.Element) { copy(dst[i*row.Cols:], src) })
		if row.err != nil {
			copy(r.err[i*row.Cols:], row.err)
		}
	}
	return r
}

// apply computes the activation, and its slope where back is set; slopeReady is
// called as soon as the slope is there.
func (a Activation) apply(e *Engine, p *pass, z *Product, back bool, slopeReady func(*Secret)) (value, slope *Secret, err error) {
	ready := func() {
		if slopeReady != nil {
			slopeReady(slope)
		}
	}
	if a.identity() {
		value, err = a.limited(e, p, z)
		ready()
		return value, nil, err
	}
	if a.Rectifier {
		x, err := a.limited(e, p, z)
		if err != nil {
			return nil, nil, err
		}
		negative, err := e.Negative(x)
		if err != nil {
			return nil, nil, err
		}
		slope = e.AddConstant(e.Negate(negative[0]), 1).Within(1)
		ready()
		e.Name("rectifier")
		value, err = e.one(e.Hadamard(x, slope))
		return value, slope, err
	}
	t, err := a.scaled(e, p, z)
	if err != nil {
		return nil, nil, err
	}
	e.Name("activation")
	curves, bounds := [][]float64{a.Polynomial.Coefficients}, []float64{boundOf(a.Polynomial.Coefficients, 1)}
	if back && !a.Logistic {
		curves, bounds = append(curves, a.slope()), append(bounds, boundOf(a.slope(), 1))
	}
	list, err := e.Polynomials(t, a.How, curves...)
	if err != nil {
		return nil, nil, err
	}
	value = list[0].Within(bounds[0])
	if back && !a.Logistic {
		slope = list[1].Within(bounds[1])
	} else if back {
		if slope, err = e.one(e.Hadamard(value, e.AddConstant(e.Negate(value), 1))); err != nil {
			return nil, nil, err
		}
	}
	ready()
	return value, slope, nil
}

// limited is x, watched where there is a limit.
func (a Activation) limited(e *Engine, p *pass, z *Product) (*Secret, error) {
	x, err := e.one(z)
	if err != nil || a.Limit == 0 {
		return x, err
	}
	return x.Within(a.Limit), p.watch(e, e.Scale(x, 1/a.Limit, fineness(1/a.Limit)))
}

// watch looks whether entries leave [−1, 1]: where others may lie, before it is
// computed with them.
func (p *pass) watch(e *Engine, x *Secret) error {
	p.watched = append(p.watched, x)
	if e.Passive || p.trusts {
		return nil
	}
	p.pending = append(p.pending, x)
	return p.promise(e)
}

func (p *pass) promise(e *Engine) error {
	pending := p.pending
	p.pending = nil
	if len(pending) == 0 {
		return nil
	}
	return e.Promise(pending...)
}

// scaled is t = x/Interval, clipped or to be watched.
func (a Activation) scaled(e *Engine, p *pass, z *Product) (*Secret, error) {
	t, err := e.one(z.Times(1/a.Polynomial.Interval, reciprocalBits(a.Polynomial.Interval)))
	if err != nil {
		return nil, err
	}
	if a.Clip {
		return e.Clip(t, 1)
	}
	return t.Within(1), p.watch(e, t)
}

// reciprocalBits is how many bits 1/interval takes: it is exact for a power of
// two, and right to 2⁻¹⁰ otherwise.
func reciprocalBits(interval float64) int { return fineness(1 / interval) }

// Clip takes every entry to [−limit, limit], by two comparisons and a product.
func (e *Engine) Clip(t *Secret, limit float64) (*Secret, error) {
	if t.Reach <= limit {
		return t, nil
	}
	low, high := e.AddConstant(t, limit), e.AddConstant(e.Negate(t), limit)
	beyond, err := e.Negative(low, high)
	if err != nil {
		return nil, err
	}
	// t − [t < −limit]·(t + limit) + [t > limit]·(limit − t)
	e.Name("clipping")
	p := e.Hadamard(beyond[0], e.Negate(low)).Plus(e.Hadamard(beyond[1], high)).PlusSecret(e, t)
	clipped, err := e.one(p)
	if err != nil {
		return nil, err
	}
	return clipped.Within(limit), nil
}
