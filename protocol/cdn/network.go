package cdn

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"consilium/paillier"
)

// Network is one hidden layer of units with the sigmoid's Taylor polynomial
// ½ + z/4 − z³/48, and a linear output, trained by gradient descent on the summed
// squared error over rows that everybody knows. Weights stay encrypted.
//
// They stand unit by unit, of each unit the bias first, the output's last.
type Network struct {
	Inputs     [][]int64 // rows of small integers
	Labels     []int64   // one for each row
	Hidden     int
	RateShift  int // the rate is 2^−RateShift
	Iterations int
	Fraction   int // f: bits behind the point
	Whole      int // every number is below 2^Whole
}

// taylorBits is how finely 1/48 is rounded.
const taylorBits = 24

// maxBits bounds the bits behind the point: a product of two numbers is a float64
// in Clear's bounds.
const maxBits = 490

// KeyBits is how long a key must be at least for the network among so many
// parties, with DefaultHiding.
func (n Network) KeyBits(parties int) int {
	widest := 0
	for _, need := range n.openings(true) {
		widest = max(widest, need.Reach)
	}
	return widest + DefaultHiding + parties + spareBits
}

// Size is the number of weights.
func (n Network) Size() int { return n.Hidden*(n.features()+1) + n.Hidden + 1 }

func (n Network) features() int { return len(n.Inputs[0]) }

// Validate says what is wrong.
func (n Network) Validate() error {
	switch {
	case len(n.Inputs) == 0 || len(n.Labels) != len(n.Inputs) || len(n.Inputs[0]) == 0:
		return errors.New("train: no rows, or not one label for each")
	case n.Hidden < 1 || n.Iterations < 1 || n.RateShift < 0 || n.Fraction < 8 || n.Whole < 1 || n.Fraction+n.RateShift > maxBits:
		return fmt.Errorf("train: %d hidden units, %d iterations, rate 2^-%d, %d.%d bits", n.Hidden, n.Iterations, n.RateShift, n.Whole, n.Fraction)
	}
	return nil
}

// step is what an iteration computes on the way, by row and unit.
type step struct {
	Network
	e       *Engine
	weights *Vector
	z, s    *Vector // weighted sums, and their squares
	a, pull *Vector // activations; weights behind the unit times its slope
	errors  *Vector // prediction − label
}

// opening is behind masks, of numbers with so many bits behind the point.
func (n Network) opening(bits, drop int) Opening {
	return Opening{Drop: drop, Reach: bits + n.Whole}
}

// openings of an iteration, in order: z; z²; the activations and the pulls; the
// errors; the step. Those of a prediction are the first three, without the pulls.
func (n Network) openings(train bool) []Need {
	f, each := n.Fraction, len(n.Inputs)*n.Hidden
	needs := []Need{
		{n.opening(f, 0), each},
		{n.opening(2*f, f), each},
		{n.opening(2*f+taylorBits, f+taylorBits), each},
	}
	if train {
		needs = append(needs, Need{n.opening(2*f+4, f+4), each}, Need{n.opening(2*f, f), len(n.Inputs)},
			Need{n.opening(2*f, f+n.RateShift), n.Size()})
	}
	return needs
}

// Train goes through all iterations from start, which has Fraction bits. The
// mean squared error before each step is opened and told to each; nothing else
// is.
func (n Network) Train(e *Engine, start *Vector, each func(iteration int, loss float64)) (*Vector, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	if start.Len() != n.Size() || start.Bits != n.Fraction {
		return nil, fmt.Errorf("train: %d weights with %d bits behind the point for %d with %d", start.Len(), start.Bits, n.Size(), n.Fraction)
	}
	s := &step{Network: n, e: e, weights: start}
	for i := 1; i <= n.Iterations; i++ {
		loss, err := s.iterate()
		if err != nil {
			return nil, fmt.Errorf("iteration %d: %w", i, err)
		}
		each(i, loss)
	}
	return s.weights, nil
}

// iterate takes one step: one round for masks, five openings, four rounds of
// products.
func (s *step) iterate() (float64, error) {
	if err := s.e.Prepare(s.openings(true)...); err != nil {
		return 0, err
	}
	if err := s.activate(true); err != nil {
		return 0, err
	}
	predicted, err := s.predict()
	if err != nil {
		return 0, err
	}
	f := s.Fraction
	residual, err := s.e.Linear(predicted, unitRows(len(s.Inputs)), s.labels(2*f))
	if err != nil {
		return 0, err
	}
	opened, _, err := s.e.Truncate([]Truncated{{residual, s.opening(2*f, f)}}, nil)
	if err != nil {
		return 0, err
	}
	s.errors = opened[0]
	return s.update()
}

// activate computes the hidden layer, and for training the pulls.
func (s *step) activate(train bool) error {
	f, e := s.Fraction, s.e
	z, err := e.Linear(s.weights, s.weightedSums(), zeros(len(s.Inputs)*s.Hidden))
	if err != nil {
		return err
	}
	if s.z, err = s.open(Truncated{z, s.opening(f, 0)}); err != nil {
		return err
	}
	squares, err := e.Multiply(Bilinear{s.z, s.z, diagonal(s.z.Len())})
	if err != nil {
		return err
	}
	if s.s, err = s.open(Truncated{squares[0], s.opening(2*f, f)}); err != nil {
		return err
	}
	// a·48·2^2f = 24·2^2f + 12·2^f·z − z³
	products := []Bilinear{{s.s, s.z, diagonal(s.z.Len())}}
	if train {
		slope, err := s.slope()
		if err != nil {
			return err
		}
		products = append(products, Bilinear{slope, s.weights, s.behind()})
	}
	list, err := e.Multiply(products...)
	if err != nil {
		return err
	}
	activations, err := s.taylor(list[0])
	if err != nil {
		return err
	}
	truncated := []Truncated{{activations, s.opening(2*f+taylorBits, f+taylorBits)}}
	if train {
		truncated = append(truncated, Truncated{list[1], s.opening(2*f+4, f+4)})
	}
	opened, _, err := e.Truncate(truncated, nil)
	if err != nil {
		return err
	}
	if s.a = opened[0]; train {
		s.pull = opened[1]
	}
	return nil
}

func (s *step) open(t Truncated) (*Vector, error) {
	opened, _, err := s.e.Truncate([]Truncated{t}, nil)
	if err != nil {
		return nil, err
	}
	return opened[0], nil
}

// slope is ¼ − z²/16, with four more bits.
func (s *step) slope() (*Vector, error) {
	rows, constants := make([][]paillier.Term, s.s.Len()), make([]*big.Int, s.s.Len())
	for i := range rows {
		rows[i] = []paillier.Term{{Index: i, Weight: big.NewInt(-1)}}
		constants[i] = power(s.Fraction + 2)
	}
	slope, err := s.e.Linear(s.s, rows, constants)
	if err != nil {
		return nil, err
	}
	slope.Bits += 4
	return slope, nil
}

// taylor is ½ + z/4 − z³/48 of the cubes, with 2f + taylorBits.
func (s *step) taylor(cubes *Vector) (*Vector, error) {
	f, count := s.Fraction, s.z.Len()
	lifted, err := s.e.Linear(s.z, unitRows(count), zeros(count))
	if err != nil {
		return nil, err
	}
	lifted.Bits = 2 * f // z·2^f counts f bits less in each unit
	both, err := s.e.Join(lifted, cubes)
	if err != nil {
		return nil, err
	}
	part := big.NewInt(int64(math.Round(math.Ldexp(1./48, taylorBits))))
	rows, constants := make([][]paillier.Term, count), make([]*big.Int, count)
	for i := range rows {
		linear := new(big.Int).Lsh(new(big.Int).Mul(part, big.NewInt(12)), uint(f))
		rows[i] = []paillier.Term{{Index: i, Weight: linear}, {Index: count + i, Weight: new(big.Int).Neg(part)}}
		constants[i] = new(big.Int).Lsh(new(big.Int).Mul(part, big.NewInt(24)), uint(2*f))
	}
	a, err := s.e.Linear(both, rows, constants)
	if err != nil {
		return nil, err
	}
	a.Bits += taylorBits
	return a, nil
}

// predict is the output for each row, with 2f bits.
func (s *step) predict() (*Vector, error) {
	rows := make([][]Pair, len(s.Inputs))
	for r := range rows {
		for u := range s.Hidden {
			rows[r] = append(rows[r], Pair{r*s.Hidden + u, s.output(u)})
		}
	}
	list, err := s.e.Multiply(Bilinear{s.a, s.weights, rows})
	if err != nil {
		return nil, err
	}
	bias, err := s.e.Linear(s.weights, [][]paillier.Term{{{Index: s.output(-1), Weight: power(s.Fraction)}}}, zeros(1))
	if err != nil {
		return nil, err
	}
	bias.Bits += s.Fraction
	both, err := s.e.Join(list[0], bias)
	if err != nil {
		return nil, err
	}
	sums := unitRows(len(s.Inputs))
	for r := range sums {
		sums[r] = append(sums[r], paillier.Term{Index: len(s.Inputs), Weight: big.NewInt(1)})
	}
	return s.e.Linear(both, sums, zeros(len(sums)))
}

// update takes the step and returns the loss before it.
func (s *step) update() (float64, error) {
	f, rows, e := s.Fraction, len(s.Inputs), s.e
	outer, deltas := make([][]Pair, s.Hidden), make([][]Pair, rows*s.Hidden)
	var square []Pair
	for r := range rows {
		square = append(square, Pair{r, r})
		for u := range s.Hidden {
			at := r*s.Hidden + u
			outer[u] = append(outer[u], Pair{r, at})
			deltas[at] = []Pair{{r, at}}
		}
	}
	list, err := e.Multiply(Bilinear{s.errors, s.a, outer}, Bilinear{s.errors, s.pull, deltas}, Bilinear{s.errors, s.errors, [][]Pair{square}})
	if err != nil {
		return 0, err
	}
	lifted := *s.errors // for the output's bias
	lifted.Bits = 2 * f
	all, err := e.Join(list[0], list[1], &lifted)
	if err != nil {
		return 0, err
	}
	gradient, err := e.Linear(all, s.gradientRows(), zeros(s.Size()))
	if err != nil {
		return 0, err
	}
	steps, loss, err := e.Truncate([]Truncated{{gradient, s.opening(2*f, f+s.RateShift)}}, list[2])
	if err != nil {
		return 0, err
	}
	steps[0].Bits = f // the rate is in it
	both, err := e.Join(s.weights, steps[0])
	if err != nil {
		return 0, err
	}
	difference := unitRows(s.Size())
	for i := range difference {
		difference[i] = append(difference[i], paillier.Term{Index: s.Size() + i, Weight: big.NewInt(-1)})
	}
	if s.weights, err = e.Linear(both, difference, zeros(s.Size())); err != nil {
		return 0, err
	}
	return Float(loss[0], 2*f) / float64(rows), nil
}

// gradientRows add up, over the rows of data, deltas times inputs for the hidden
// weights, and what was added up already for the output's.
func (s *step) gradientRows() [][]paillier.Term {
	rows := make([][]paillier.Term, s.Size())
	for u := range s.Hidden {
		for r, inputs := range s.Inputs {
			delta := s.Hidden + r*s.Hidden + u
			for j, x := range append([]int64{1}, inputs...) {
				if at := u*(s.features()+1) + j; x != 0 {
					rows[at] = append(rows[at], paillier.Term{Index: delta, Weight: big.NewInt(x)})
				}
			}
		}
		rows[s.output(u)] = []paillier.Term{{Index: u, Weight: big.NewInt(1)}}
	}
	for r := range s.Inputs {
		at := s.Hidden + len(s.Inputs)*s.Hidden + r
		rows[s.output(-1)] = append(rows[s.output(-1)], paillier.Term{Index: at, Weight: power(s.Fraction)})
	}
	return rows
}

// Predict runs the network on its rows and opens the answers.
func (n Network) Predict(e *Engine, weights *Vector) ([]float64, error) {
	if err := e.Prepare(n.openings(false)...); err != nil {
		return nil, err
	}
	s := &step{Network: n, e: e, weights: weights}
	if err := s.activate(false); err != nil {
		return nil, err
	}
	predicted, err := s.predict()
	if err != nil {
		return nil, err
	}
	opened, err := e.Open(predicted)
	if err != nil {
		return nil, err
	}
	return Floats(opened, predicted.Bits), nil
}

// weightedSums are the rows of bias + Σ weight·input, by row and unit.
func (s *step) weightedSums() [][]paillier.Term {
	var rows [][]paillier.Term
	for _, inputs := range s.Inputs {
		for u := range s.Hidden {
			at := u * (s.features() + 1)
			row := []paillier.Term{{Index: at, Weight: big.NewInt(1)}}
			for j, x := range inputs {
				if x != 0 {
					row = append(row, paillier.Term{Index: at + 1 + j, Weight: big.NewInt(x)})
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// behind pairs each row and unit with the weight from the unit to the output.
func (s *step) behind() [][]Pair {
	rows := make([][]Pair, len(s.Inputs)*s.Hidden)
	for i := range rows {
		rows[i] = []Pair{{i, s.output(i % s.Hidden)}}
	}
	return rows
}

// output is the place of the output's weight of a hidden unit; −1: of its bias.
func (s *step) output(unit int) int { return s.Hidden*(s.features()+1) + 1 + unit }

// labels are −label, with so many bits.
func (s *step) labels(bits int) []*big.Int {
	constants := make([]*big.Int, len(s.Labels))
	for i, y := range s.Labels {
		constants[i] = new(big.Int).Lsh(big.NewInt(-y), uint(bits))
	}
	return constants
}
