package learning

import (
	"fmt"
	"math"
	"slices"

	"consilium/model"
	"consilium/protocol/spdz"
)

// What opens at the end.
const (
	RevealWeights     = "weights"
	RevealPredictions = "predictions" // of each hospital's test rows, to itself
)

// Who is trusted to follow the protocol.
const (
	HonestMajority    = "honest"
	DishonestMajority = "dishonest"
)

// What happens where a weight or a pre-activation is found outside its range.
const (
	GuardHalve = "halve" // back to the last check, and half the rate
	GuardStop  = "stop"
	GuardClip  = "clip" // pre-activations never leave it; for weights, as halve
)

// Settings are what a study on shares says beside its task.
type Settings struct {
	// Threshold says how many hospitals together learn nothing; 0 takes the most,
	// (n−1)/2. Where hospitals have gone for good it is less, but never below
	// Least, 1 unless said.
	Threshold, Least int

	// Majority says how many may deviate: HonestMajority, fewer than half, or
	// DishonestMajority, all but one (package dishonest): any n−1 learn nothing then,
	// and it takes a thousand times as long.
	Majority string
	KeyBits  int  // of a dishonest majority's Paillier moduli: 2048 unless said, or more
	Insecure bool // allows shorter ones, for demonstrations

	Passive bool   // trust that all follow the protocol
	Batch   int    // rows of a step, of all hospitals together; 0: all
	Seed    uint64 // of the order of rows in batches
	Guard   string // GuardHalve unless said
	Reveal  string // RevealWeights unless said
}

// Plan is what all hospitals agree on.
type Plan struct {
	Settings
	Program  *model.Program
	Training spdz.Training
	Parties  int
	label    scale
}

// scale is how a label that is a number becomes one in [−1, 1].
type scale struct{ middle, half float64 }

// The sigmoid on shares: of degree 9 on [−12, 12], off by at most 0.05, and
// watched by the range guard.
const (
	sigmoidDegree   = 9
	sigmoidInterval = 12
	mostFraction    = 18 // bits behind the point, as many as fit
	leastFraction   = 12
	weightLimit     = 4 // of standardised features
	numberLimit     = 8 // of a predicted number, in half the label's range from its middle; watched too
	guardEvery      = 5 // steps from one check of the ranges to the next; with batches, it comes with every round
)

// NewPlan checks that the study can run on shares.
func NewPlan(p *model.Program, parties int, s Settings) (*Plan, error) {
	plan := p.Plan()
	if plan.Trainer != "fedsgd" {
		return nil, fmt.Errorf("train on shares: trainer %q works on sums of updates; on shares it is fedsgd", plan.Trainer)
	}
	if s.Majority == "" {
		s.Majority = HonestMajority
	}
	switch s.Majority {
	case HonestMajority:
	case DishonestMajority:
		return newDishonest(p, parties, s)
	default:
		return nil, fmt.Errorf("train on shares: majority %q is none of %q, %q", s.Majority, HonestMajority, DishonestMajority)
	}
	if s.KeyBits != 0 {
		return nil, fmt.Errorf("train on shares: key_bits are those of majority %q", DishonestMajority)
	}
	most := (parties - 1) / 2
	if s.Least = max(1, s.Least); most < s.Least || s.Threshold > 0 && s.Threshold < s.Least {
		return nil, fmt.Errorf("train on shares: %d hospitals and threshold %d, at least %d, which takes %d hospitals", parties, s.Threshold, s.Least, 2*s.Least+1)
	}
	if s.Threshold == 0 || s.Threshold > most {
		s.Threshold = most
	}
	return newPlan(p, parties, s)
}

func newPlan(p *model.Program, parties int, s Settings) (*Plan, error) {
	plan := p.Plan()
	if s.Reveal == "" {
		s.Reveal = RevealWeights
	}
	if s.Reveal != RevealWeights && s.Reveal != RevealPredictions {
		return nil, fmt.Errorf("train on shares: reveal %q is none of %q, %q", s.Reveal, RevealWeights, RevealPredictions)
	}
	if s.Batch < 0 {
		return nil, fmt.Errorf("train on shares: batches of %d rows; 0 takes all", s.Batch)
	}
	r := &Plan{Settings: s, Program: p, Parties: parties}
	if _, err := spdz.Clear(parties, r.Config()); err != nil {
		return nil, fmt.Errorf("train on shares: %w", err)
	}
	network, err := networkOf(plan.Task)
	if err != nil {
		return nil, err
	}
	if label := plan.Task.Label; !label.Binary() {
		r.label = scale{middle: (label.Min + label.Max) / 2, half: (label.Max - label.Min) / 2}
	}
	r.Training = spdz.Training{
		Network: network, Rate: plan.Rate, L2: plan.L2, Batch: s.Batch, Epochs: plan.Rounds, Limit: weightLimit,
		Seed: s.Seed, Guard: spdz.Halve, Every: guardEvery,
	}
	if s.Batch > 0 {
		r.Training.Every = 1
	}
	return r, r.guard()
}

// guard sets what is done where numbers leave their range.
func (p *Plan) guard() error {
	switch t := &p.Training; p.Guard {
	case "", GuardHalve:
	case GuardStop:
		t.Guard = spdz.Stop
	case GuardClip:
		if !t.Activation.Curved() && !t.Output.Curved() {
			return fmt.Errorf("train on shares: guard %q is about sigmoids and polynomials, and this model has none", p.Guard)
		}
		t.Activation.Clip, t.Output.Clip = t.Activation.Curved(), t.Output.Curved()
	default:
		return fmt.Errorf("train on shares: guard %q is none of %q, %q, %q", p.Guard, GuardHalve, GuardStop, GuardClip)
	}
	return nil
}

// Config is the engine's, but for the seed.
func (p *Plan) Config() spdz.Config {
	return spdz.Config{Threshold: p.Threshold, Passive: p.Passive, Fraction: mostFraction, Dishonest: p.Majority == DishonestMajority}
}

// networkOf is the task's model on shares.
func networkOf(t *model.Task) (spdz.Network, error) {
	n := spdz.Network{Inputs: len(t.FeatureNames()), Hidden: t.Model.Hidden}
	n.Output = spdz.Activation{Limit: numberLimit}
	if t.Label.Binary() {
		n.Output = sigmoid()
	}
	if len(n.Hidden) == 0 {
		return n, nil
	}
	switch t.Model.Activation {
	case "sigmoid":
		n.Activation = sigmoid()
	case "tanh": // 2σ(2x) − 1
		n.Activation = sigmoid()
		p := &n.Activation.Polynomial
		p.Interval /= 2
		for i := range p.Coefficients {
			p.Coefficients[i] *= 2
		}
		p.Coefficients[0]--
	case "relu":
		n.Activation = spdz.Activation{Rectifier: true}
	case "polynomial":
		n.Activation.Polynomial = model.Polynomial{Interval: t.Model.Interval, Coefficients: t.Model.Coefficients}
		if len(t.Model.Coefficients) == 0 {
			n.Activation.Polynomial = model.SigmoidPolynomial()
		}
	default:
		return n, fmt.Errorf("train on shares: activation %q is not known", t.Model.Activation)
	}
	return n, nil
}

func sigmoid() spdz.Activation {
	return spdz.Activation{Polynomial: model.Polynomial{
		Interval:     sigmoidInterval,
		Coefficients: interpolated(func(t float64) float64 { return model.Sigmoid(sigmoidInterval * t) }, sigmoidDegree),
	}}
}

// interpolated are the coefficients of the polynomial through f at Chebyshev's
// points of [−1, 1].
func interpolated(f func(float64) float64, degree int) []float64 {
	n := degree + 1
	sum := make([]float64, n)
	previous, current := make([]float64, n), make([]float64, n) // T(k−1), T(k)
	current[0] = 1
	for k := range n {
		c := 0.0
		for j := range n {
			angle := math.Pi * (float64(j) + 0.5) / float64(n)
			c += f(math.Cos(angle)) * math.Cos(float64(k)*angle) * 2 / float64(n)
		}
		if k == 0 {
			c /= 2
		}
		for i := range sum {
			sum[i] += c * current[i]
		}
		next := make([]float64, n) // 2t·T(k) − T(k−1), and t·T(0) at first
		for i := 1; i < n; i++ {
			next[i] = 2 * current[i-1]
		}
		if k == 0 {
			next[1] = 1
		}
		for i := range next {
			next[i] -= previous[i]
		}
		previous, current = current, next
	}
	for i, c := range sum {
		if math.Abs(c) < 1e-9 {
			sum[i] = 0 // of an odd function every second is rounding
		}
	}
	return sum
}

// start are the weights before training: those of the model, for scaled labels;
// of hidden units that have an interval half of them, so that outlying rows are
// in it.
func (p *Plan) start() []float64 {
	w := slices.Clone(p.Program.Start().Weights)
	if t := &p.Training; t.Activation.Curved() {
		for i := range w[:t.Size()-t.Hidden[len(t.Hidden)-1]-1] {
			w[i] /= 2
		}
	}
	if p.linear() {
		w[0] = -p.label.middle / p.label.half // predicts zero in the label's unit
	}
	return w
}

// linear says that weights are in the label's unit: a network's are not.
func (p *Plan) linear() bool {
	return p.label.half != 0 && len(p.Training.Hidden) == 0
}

// unscaled takes weights back to the label's unit.
func (p *Plan) unscaled(w []float64) []float64 {
	r := slices.Clone(w)
	if p.linear() {
		for i := range r {
			r[i] *= p.label.half
		}
		r[0] += p.label.middle
	}
	return r
}

// rows are a data set as the engine wants it: standardised features without the
// ones, and labels in [−1, 1] or 0 and 1.
func (p *Plan) rows(z model.Standardiser, d *model.Dataset) (x, y []float64) {
	design := z.Design(d)
	for i := range design.Rows() {
		x = append(x, design.X.Data[i*design.X.Stride+1:(i+1)*design.X.Stride]...)
		label := design.Y[i]
		if p.label.half != 0 {
			label = (label - p.label.middle) / p.label.half
		}
		y = append(y, label)
	}
	return x, y
}

// reach bounds the standardised features: the declared ranges and what opened of
// them are public.
func (p *Plan) reach(z model.Standardiser) float64 {
	reach, at := 1.0, 0
	for _, f := range p.Program.Plan().Task.Features {
		low, high, columns := f.Min, f.Max, 1
		if f.Kind == model.Category {
			low, high, columns = 0, 1, len(f.Levels)-1
		}
		for range columns {
			reach = max(reach, (high-z.Mean[at])/z.Scale(at), (z.Mean[at]-low)/z.Scale(at))
			at++
		}
	}
	return reach
}
