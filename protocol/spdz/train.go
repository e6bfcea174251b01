package spdz

import (
	"errors"
	"fmt"
	"math"

	"consilium/sharing/wide"
)

// Guard says what happens when a secure comparison finds a weight beyond the
// limit, or a pre-activation outside its interval: AnyBeyond in a passive engine,
// otherwise Promise and Broken.
type Guard int

const (
	Stop   Guard = iota // end with ErrOutOfRange
	Halve               // back to the weights of the last check, and half the rate
	Unsafe              // no check: an explosion is computed, and may show in what is opened
)

// slack is how many times the limit a weight may reach between two checks.
const slack = 4

// mostHalvings is how often the rate is halved before a check was ever passed.
const mostHalvings = 6

// ErrOutOfRange ends a training that left its range.
var ErrOutOfRange = errors.New("a weight or a pre-activation left its range; use a smaller rate, weight decay, a wider interval, a guard that clips, or one that halves the rate")

// Training says how a network learns. All parties have the same.
type Training struct {
	Network
	Rate   float64
	L2     float64 // weight decay, of all but the biases
	Batch  int     // rows of a step, 0 for all
	First  int     // epochs that are behind, when a run goes on
	Epochs int     // number of the epoch to end with
	Seed   uint64  // of the order of rows in each epoch, when there are batches

	Limit float64 // of a |weight|; between two checks none may grow beyond four times that
	Guard Guard
	Every int // epochs from check to check, 1 unless said

	// Before is called before an epoch, and in its end, before what is checked is:
	// tests and demonstrations hold a party there.
	Before func(epoch int, end bool) error

	// Each is called after every epoch that was checked, with the weights.
	Each func(epoch int, w Weights) error

	// Save is called at the start and after every epoch that was checked, with
	// what a training needs to go on from there: see Engine.Continue.
	Save func(*Checkpoint) error
}

// Outcome is what training ended with.
type Outcome struct {
	Weights  Weights
	Rate     float64 // in the end
	Halvings int
	Epochs   int // computed, those that were rolled back included
}

// Train learns from the rows of x, features without a column of ones, and
// labels y. Weights are those to start from.
func (c Training) Train(e *Engine, x, y *Secret, start Weights) (*Outcome, error) {
	if err := c.validate(x, y, start); err != nil {
		return nil, err
	}
	if c.Batch == 0 || c.Batch > x.Rows {
		c.Batch = x.Rows
	}
	c.Every = max(1, c.Every)
	r := &trainer{Training: c, engine: e, x: e.WithOnes(x), y: y, weights: start.within(slack * c.Limit), outcome: &Outcome{Rate: c.Rate}}
	r.safe, r.safeEpoch = r.weights, c.First
	r.given = append([]*Secret{x, y}, start...)
	if err := r.save(c.First); err != nil {
		return nil, err
	}
	for epoch := c.First; epoch < c.Epochs; epoch++ {
		var err error
		if epoch, err = r.epoch(epoch); err != nil {
			return nil, fmt.Errorf("epoch %d: %w", epoch+1, err)
		}
	}
	if e.bounds() && c.Guard != Unsafe {
		r.boundByLimit()
	}
	r.outcome.Weights = r.weights
	return r.outcome, nil
}

// boundByLimit: the guard has found no weight beyond the limit, here and on
// shares, so they differ by twice that at most.
func (r *trainer) boundByLimit() {
	for _, w := range r.weights {
		for i, bound := range w.err {
			if !(bound <= 2*r.Limit) {
				w.err[i] = 2 * r.Limit
			}
		}
	}
}

func (c *Training) validate(x, y *Secret, start Weights) error {
	layers := c.layers()
	switch {
	case x.Cols != c.Inputs || y.Cols != 1 || x.Rows != y.Rows || x.Rows == 0:
		return fmt.Errorf("train: %d×%d features and %d×%d labels for %d inputs", x.Rows, x.Cols, y.Rows, y.Cols, c.Inputs)
	case !(c.Rate > 0) || !(c.L2 >= 0) || c.Rate*c.L2 >= 1 || !(c.Limit > 0) || c.Batch < 0:
		return fmt.Errorf("train: rate %v, weight decay %v, limit of weights %v, batches of %d", c.Rate, c.L2, c.Limit, c.Batch)
	case len(start) != len(layers)-1:
		return fmt.Errorf("train: weights of %d layers for %d", len(start), len(layers)-1)
	}
	for l, w := range start {
		if w.Rows != layers[l]+1 || w.Cols != layers[l+1] {
			return fmt.Errorf("train: layer %d has %d×%d weights, want %d×%d", l+1, w.Rows, w.Cols, layers[l]+1, layers[l+1])
		}
	}
	return nil
}

// trainer is a training that goes on.
type trainer struct {
	Training
	engine    *Engine
	x, y      *Secret
	given     []*Secret // features, labels and checked weights, as a checkpoint has them
	weights   Weights
	safe      Weights // of the last check
	safeEpoch int
	watched   []*Secret
	spread    float64 // in the clear: bounds the length of the difference to the weights on shares
	outcome   *Outcome
	predicted []float64 // in the clear: the errors of the step's predictions
	steps     int       // behind
}

// rowsAhead is for how many rows a Backend makes ready at once: its proofs cost
// little more for many than for few.
const rowsAhead = 512

// prepare is called after a step, when it is known what one takes. It makes ready
// the rest of the first epoch; or, with a Backend, the next steps of any.
func (r *trainer) prepare(steps int) error {
	r.steps++
	times := 0
	switch total, period := steps*(r.Epochs-r.First), max(1, rowsAhead/r.Batch); {
	case r.engine.backend == nil && r.steps > 1:
		return nil
	case r.engine.backend == nil:
		times = steps - 1
	case r.steps == 1:
		times = min(period, total) - 1
	case r.steps%period == 0:
		times = min(period, total-r.steps)
	}
	return r.engine.Refill(times)
}

// epoch goes once through the rows. It returns the epoch it went through, or the
// last safe one when it went back.
func (r *trainer) epoch(epoch int) (int, error) {
	if err := r.before(epoch, false); err != nil {
		return epoch, err
	}
	order := r.order(epoch)
	steps := (len(order) + r.Batch - 1) / r.Batch
	for from := 0; from < len(order); from += r.Batch {
		rows := order[from:min(from+r.Batch, len(order))]
		x, y := r.x, r.y
		if len(rows) < r.x.Rows {
			x, y = r.engine.Select(r.x, rows), r.engine.Select(r.y, rows)
		}
		err := r.step(x, y)
		if errors.Is(err, ErrOutOfRange) && r.Guard == Halve { // with a Backend, a step finds out
			return r.rollBack(epoch)
		}
		if err != nil {
			return epoch, err
		}
		if err := r.prepare(steps); err != nil {
			return epoch, err
		}
	}
	r.outcome.Epochs++
	if err := r.before(epoch, true); err != nil {
		return epoch, err
	}
	if (epoch+1)%r.Every != 0 && epoch+1 < r.Epochs {
		return epoch, nil
	}
	beyond, err := r.check()
	if err != nil {
		return epoch, err
	}
	if beyond && r.Guard == Stop {
		return epoch, ErrOutOfRange
	}
	if beyond {
		return r.rollBack(epoch)
	}
	r.safe, r.safeEpoch = r.weights, epoch+1
	copy(r.given[2:], r.weights)
	if err := r.save(epoch + 1); err != nil {
		return epoch, err
	}
	if r.Each != nil {
		return epoch, r.Each(epoch+1, r.weights)
	}
	return epoch, nil
}

// rollBack goes to the last weights that were checked, with half the rate.
func (r *trainer) rollBack(epoch int) (int, error) {
	r.weights, r.watched = r.safe, nil
	r.Rate /= 2
	r.outcome.Rate = r.Rate
	r.outcome.Halvings++
	switch {
	case r.outcome.Halvings > mostHalvings && r.safeEpoch == r.First:
		return epoch, fmt.Errorf("%w: the weights to start from are outside, or nearly so, whatever the rate", ErrOutOfRange)
	case r.outcome.Halvings > 30:
		return epoch, ErrOutOfRange
	}
	return r.safeEpoch - 1, nil
}

func (r *trainer) before(epoch int, end bool) error {
	if r.Before == nil {
		return nil
	}
	return r.Before(epoch, end)
}

// save hands a checkpoint to whoever keeps them.
func (r *trainer) save(epoch int) error {
	if r.Save == nil {
		return nil
	}
	e := r.engine
	if err := e.meet(); err != nil {
		return err
	}
	c := &Checkpoint{Party: e.self, Parties: e.n, Threshold: e.Threshold, Run: e.run, Epoch: epoch, Rate: r.Rate}
	for _, s := range r.given {
		c.Shares = append(c.Shares, s.Hold())
	}
	if err := r.Save(c); err != nil {
		return fmt.Errorf("keep a checkpoint: %w", err)
	}
	return nil
}

// check is the range guard.
func (r *trainer) check() (bool, error) {
	watched := r.watched
	r.watched = nil
	if r.Guard == Unsafe {
		return false, nil
	}
	e := r.engine
	if !e.Passive {
		watched = nil // each was looked at before it was computed with
	}
	watched = append(watched, r.scaledWeights(r.Limit)...)
	if e.Passive {
		return e.AnyBeyond(1, watched...)
	}
	switch err := e.Promise(watched...); {
	case errors.Is(err, ErrOutOfRange):
		return true, nil
	case err != nil:
		return false, err
	}
	return e.Broken()
}

// scaledWeights are the weights over a limit: beyond it they are beyond ±1, as a
// pre-activation over its interval.
func (r *trainer) scaledWeights(limit float64) []*Secret {
	var list []*Secret
	for _, w := range r.weights {
		list = append(list, r.engine.Scale(w, 1/limit, fineness(1/limit)))
	}
	return list
}

// order is the order of rows in an epoch: as they are for a full batch.
func (r *trainer) order(epoch int) []int {
	order := make([]int, r.x.Rows)
	for i := range order {
		order[i] = i
	}
	if r.Batch == r.x.Rows {
		return order
	}
	random := wide.NewExpander([wide.SeedSize]byte{}, r.Seed<<20|uint64(epoch)) // public
	for i := len(order) - 1; i > 0; i-- {
		j := int(random.Below(32).Lo % uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// step is one step of gradient descent on a batch.
func (r *trainer) step(x, y *Secret) error {
	if r.engine.bounds() && r.contracts() {
		return r.stepWithSpread(x, y)
	}
	return r.descend(x, y)
}

func (r *trainer) descend(x, y *Secret) error {
	e := r.engine
	p := &pass{trusts: r.Guard == Unsafe}
	if !e.Passive && !p.trusts {
		p.pending = r.scaledWeights(slack * r.Limit)
	}
	if err := r.forward(e, p, r.weights, x, true); err != nil {
		return err
	}
	if r.Guard != Unsafe {
		r.watched = append(r.watched, p.watched...)
	}
	updates := make([]*Product, len(r.weights))
	delta := e.Sub(p.output, y)
	r.predicted = delta.err
	var err error
	if p.outputSlope != nil {
		if delta, err = e.one(e.Hadamard(delta, p.outputSlope)); err != nil {
			return err
		}
	}
	for l := len(r.weights) - 1; l >= 0; l-- {
		updates[l] = r.update(l, e.MatMul(e.Transpose(p.inputs[l]), delta), x.Rows)
		if l == 0 {
			break
		}
		if delta, err = r.back(p, delta, l); err != nil {
			return err
		}
	}
	e.Name("update")
	list, err := e.Reduce(updates...)
	if err != nil {
		return err
	}
	r.weights = Weights(list).within(slack * r.Limit)
	return nil
}

// back takes the errors of layer l to the layer before.
func (r *trainer) back(p *pass, delta *Secret, l int) (*Secret, error) {
	e := r.engine
	e.Name("errors of hidden units")
	slope := p.slopes[l-1]
	if l == len(r.weights)-1 && p.pulled != nil {
		return e.one(e.Hadamard(p.pulled, e.widened(delta, p.pulled.Cols)))
	}
	back, err := e.one(e.MatMul(delta, e.WithoutFirst(e.Transpose(r.weights[l]))))
	if err != nil || slope == nil {
		return back, err
	}
	return e.one(e.Hadamard(back, slope))
}

// widened puts a column beside itself so many times.
func (e *Engine) widened(column *Secret, times int) *Secret {
	return e.Transpose(e.repeated(e.Transpose(column), times))
}

// update is w·(1 − rate·L2) − rate/rows·gradient, biases without decay.
func (r *trainer) update(l int, gradient *Product, rows int) *Product {
	e := r.engine
	rate := r.Rate / float64(rows)
	w := r.weights[l]
	p := gradient.Times(-rate, r.rateBits(gradient, rate, w.Reach)).PlusSecret(e, w)
	if shrink := r.Rate * r.L2; shrink > 0 {
		decay := e.Scale(w, -shrink, min(fineness(shrink), p.bits-w.Bits))
		clear(decay.share[:w.Cols])
		if decay.mac != nil {
			clear(decay.mac[:w.Cols])
		}
		if decay.err != nil {
			clear(decay.err[:w.Cols])
		}
		p.PlusSecret(e, decay)
	}
	return p
}

// rateBits is how many bits the rate takes: those of fineness, or fewer, if then
// the update fits. A rate that was halved has more, in front of which are the
// weights; it is right to 2⁻⁷ of itself at least.
func (r *trainer) rateBits(gradient *Product, rate, weights float64) int {
	most := fineness(rate)
	room := r.engine.magnitude - gradient.bits - math.Ilogb(2*rate*gradient.reach+weights) - 1
	return max(min(most, room), most-3)
}

// fineness is how many bits a factor takes to be right to 2⁻¹⁰ of itself.
func fineness(factor float64) int {
	fraction, exponent := math.Frexp(factor)
	if fraction == 0.5 {
		return max(0, 1-exponent) // a power of two
	}
	return max(0, 11-exponent)
}
