package spdz

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"consilium/protocol/protocoltest/interactivetest"
	"consilium/sharing/wide"
)

// small computes something of everything, and returns what it opened.
func small(e *Engine) ([]float64, error) {
	shapes := make([]Shape, e.Parties()+1)
	for j := range shapes {
		shapes[j] = Shape{2, 3}
	}
	own := []float64{0.5, -0.25, float64(e.Self()) / 8, 0.1, 0.2, -0.3}
	in, err := e.Input(shapes, own, 1)
	if err != nil {
		return nil, err
	}
	list, err := e.Reduce(e.MatMul(in[1], e.Transpose(in[2])), e.MatMul(in[3], e.Transpose(in[1])).PlusSecret(e, e.Constant(2, 2, 4, []float64{1, 2, 3, 4})))
	if err != nil {
		return nil, err
	}
	negative, err := e.Negative(list[0])
	if err != nil {
		return nil, err
	}
	if list, err = e.Reduce(e.Hadamard(list[1], negative[0]), e.Hadamard(list[0], list[1])); err != nil {
		return nil, err
	}
	opened, err := e.Open(e.Add(list[0], list[1]))
	return opened, err
}

// Every message of a corrupted party, one after the other, in every way, in
// inputs, comparisons, products, proofs, checks and openings: the honest open
// what is right, or nothing, and somebody says so. Of four parties, the fourth
// sends no sums.
func TestEveryCorruptedMessageIsCaught(t *testing.T) {
	for _, c := range []struct{ n, t, liar int }{{3, 1, 3}, {4, 1, 2}, {4, 1, 4}, {5, 2, 4}} {
		cfg := Config{Threshold: c.t}
		results, want := make([][]float64, c.n+1), []float64(nil)
		code := func(e *Engine) (err error) {
			results[e.Self()], err = small(e)
			return err
		}
		messages := run(t, c.n, cfg, 5, code).Messages[c.liar]
		want = results[1]
		caught := 0
		for number := range (messages + c.n - 2) / (c.n - 1) {
			for kind, corrupt := range corruptions {
				for _, all := range []bool{false, true} {
					if c.n > 3 && all == (number%2 == 0) {
						continue
					}
					victim := number%(c.n-1) + 1
					if victim >= c.liar {
						victim++
					}
					touched := false
					report := runWith(c.n, cfg, interactivetest.Options{Seed: 5, Tamper: func(from, to, k int, body []byte) ([]byte, bool) {
						if from == c.liar && k == number && (all || to == victim) {
							touched = true
							return corrupt(append([]byte(nil), body...)), true
						}
						return body, true
					}}, code)
					noticed := false
					for party := 1; party <= c.n; party++ {
						if party == c.liar {
							continue
						}
						noticed = noticed || report.Errors[party] != nil
						if report.Errors[party] == nil && !slices.Equal(results[party], want) {
							t.Errorf("%+v, message %d, %s, to all %v (or %d): party %d opened %v for %v", c, number, kind, all, victim, party, results[party], want)
						}
					}
					if !noticed && touched {
						t.Errorf("%+v, message %d, %s, to all %v (or %d): nobody noticed", c, number, kind, all, victim)
					}
					caught++
				}
			}
		}
		t.Logf("%+v: %d times nothing was opened", c, caught)
	}
}

var corruptions = map[string]func([]byte) []byte{
	"low bit":  func(b []byte) []byte { b[0] ^= 1; return b },
	"last bit": func(b []byte) []byte { b[len(b)-2] ^= 1; return b },
	"shorter":  func(b []byte) []byte { return b[:len(b)-1] },
	"zeros":    func(b []byte) []byte { clear(b); return b },
	"not canonical": func(b []byte) []byte {
		for i := range b {
			b[i] = 0xff
		}
		return b
	},
}

// The probability that a wrong product passes, where challenges come from a set
// of q and the liar publishes what suits as many of them as can be: its
// coefficient is zero once in q, and so is the one that its proof is joined
// with; and in each step of the proof six or eight places of q hide it, as many
// as the degree of what is published. With all elements that is below 2⁻¹²⁰.
func TestWrongProductsPassAsSeldomAsStated(t *testing.T) {
	const runs = 300
	for _, c := range []struct {
		q       uint64
		cols    int
		degrees []int
	}{{16, 1, []int{8}}, {64, 1, []int{8}}, {64, 8, []int{6, 6}}} {
		passed := 0
		for seed := range uint64(runs) {
			report := runWith(3, Config{Threshold: 1}, interactivetest.Options{Seed: seed}, func(e *Engine) error {
				e.checker.challenges = c.q
				e.checker.cheat = func(f *folding, parts, claimed int) { f.suit(parts, claimed, c.q) }
				return addToProduct(e, c.cols, wide.FromInt(1<<20))
			})
			if report.Errors[1] == nil && report.Errors[2] == nil {
				passed++
				continue
			}
			var cheat *CheatError
			if !errors.As(report.Errors[1], &cheat) && !errors.Is(report.Errors[1], errWrong) {
				t.Fatalf("seed %d: %v", seed, report.Errors)
			}
			if errors.Is(report.Errors[1], errWrong) {
				passed++
			}
		}
		rate, one := float64(passed)/runs, 1/float64(c.q)
		want := (1 - one) * (1 - one)
		for _, degree := range c.degrees {
			want *= 1 - float64(degree)*one
		}
		want = 1 - want
		t.Logf("%d challenges, steps of degree %v: %.3f passed, stated %.3f", c.q, c.degrees, rate, want)
		if deviation := math.Sqrt(want * (1 - want) / runs); math.Abs(rate-want) > 4*deviation {
			t.Errorf("of %d challenges, steps of degree %v: a wrong product passed %.3f of the time, want %.3f", c.q, c.degrees, rate, want)
		}
	}
}

// suit adds to what is published a polynomial that makes a wrong claim right,
// and is zero at as many challenges as its degree allows.
func (f *folding) suit(parts, claimed int, q uint64) {
	places := 2*parts - 1
	off := f.c
	for j := range claimed {
		a, b := f.at(j, parts, len(f.a)/parts)
		off = wide.Sub(off, wide.Dot(a, b))
	}
	if off.IsZero() {
		return
	}
	values, sum := make([]wide.Element, places), wide.Element{}
	for j := range values {
		values[j] = wide.FromInt(1)
		for k := range min(q, uint64(places-1)) {
			root := wide.Element{Lo: 2*foldAtOnce + 2 + k}
			values[j] = wide.Mul(values[j], wide.Sub(wide.FromInt(int64(j)), root))
		}
		if j < claimed {
			sum = wide.Add(sum, values[j])
		}
	}
	wide.Accumulate(f.published[:places-1], wide.Mul(off, wide.InvVarTime(sum)), values[1:])
}

// addToProduct is a computation in which party 3 adds a number that it knows to
// one of a row of products.
func addToProduct(e *Engine, cols int, add wide.Element) error {
	values := make([]float64, cols)
	values[0] = 0.5
	x, err := shared(e, 1, cols, values, 1)
	if err != nil {
		return err
	}
	p := e.Hadamard(x, x)
	if e.Self() == 3 {
		p.share[0] = wide.Add(p.share[0], add)
	}
	y, err := e.one(p)
	if err != nil {
		return err
	}
	opened, err := e.Open(y)
	if err == nil && math.Abs(opened[0]-0.25) > 1 {
		return errWrong
	}
	return err
}

var errWrong = errors.New("opened a wrong number")

// A party that adds to a product in the passive engine is not noticed: the
// check does it, and nothing else.
func TestThePassiveEngineTrusts(t *testing.T) {
	report := runWith(3, Config{Threshold: 1, Passive: true}, interactivetest.Options{Seed: 1}, func(e *Engine) error {
		return addToProduct(e, 1, wide.PowerOfTwo(40))
	})
	if !errors.Is(report.Errors[1], errWrong) {
		t.Errorf("%v", report.Errors)
	}
}

// Dealt shares that are no polynomial of degree t, where n > 2t+1.
func TestInputsOfAnotherDegreeAreNoticed(t *testing.T) {
	for liar := 1; liar <= 4; liar++ { // the fourth tells nobody any sum
		for seed := range uint64(5) {
			report := runWith(4, Config{Threshold: 1}, interactivetest.Options{Seed: seed}, func(e *Engine) error {
				in, err := shared(e, 1, 1, []float64{0.5}, 1)
				if err != nil {
					return err
				}
				if e.Self() == liar { // as if it had another share than the others think
					in.share[0] = wide.Add(in.share[0], wide.FromInt(1))
				}
				y, err := e.one(e.Hadamard(in, in))
				if err != nil {
					return err
				}
				_, err = e.Open(y)
				return err
			})
			for party := 1; party <= 4; party++ {
				if party != liar && report.Errors[party] == nil {
					t.Errorf("liar %d, party %d: %v", liar, party, fmt.Sprint(report.Errors))
				}
			}
		}
	}
}

// A number out of range would show what it is multiplied with: it is noticed
// before anything is.
func TestInputsOutOfRangeAreNoticed(t *testing.T) {
	for _, value := range []wide.Element{wide.PowerOfTwo(40), wide.Neg(wide.PowerOfTwo(100)), wide.PowerOfTwo(126)} {
		used := false
		report := runWith(3, Config{Threshold: 1}, interactivetest.Options{Seed: 1}, func(e *Engine) error {
			shapes := []Shape{{}, {1, 2}, {0, 2}, {2, 2}}
			secrets := make([]wide.Element, shapes[e.Self()].Rows*2)
			if e.Self() == 3 {
				secrets[1] = value
			}
			list, err := e.inputElements(shapes, secrets, e.Fraction, 1)
			if err == nil {
				err = e.proveRanges(secrets, list)
			}
			used = used || err == nil
			return err
		})
		var cheat *CheatError
		if used || !errors.As(report.Errors[1], &cheat) || !errors.As(report.Errors[2], &cheat) {
			t.Errorf("%v: %v", value, report.Errors)
		}
	}
}

// A large number added to a product makes the next one larger than its mask, and
// shows the factor that it is multiplied with. The liar tells two values of it
// apart where there is no guard, and guesses where there is.
func TestNothingOpensOverAWrongFactor(t *testing.T) {
	const runs = 60
	for _, size := range [][2]int{{3, 1}, {4, 1}, {5, 2}} {
		for _, guarded := range []bool{false, true} {
			right := 0
			for seed := range uint64(runs) {
				secret := []float64{0.25, 1.25}[seed/3%2]
				var m wide.Element
				liar := 2*size[1] + 1
				report := runWith(size[0], Config{Threshold: size[1]}, interactivetest.Options{Seed: seed}, func(e *Engine) (err error) {
					if !guarded {
						for _, row := range e.guarding {
							clear(row)
						}
					}
					sum, err := openOverAWrongFactor(e, liar, secret)
					if err != nil {
						return err
					}
					if e.Self() == liar {
						m = sum
					}
					return e.Check()
				})
				var cheat *CheatError
				for party := 1; party < liar; party++ {
					if !errors.As(report.Errors[party], &cheat) {
						t.Fatalf("%v, guarded %v, party %d: %v", size, guarded, party, report.Errors[party])
					}
				}
				// e·x is 4x·2¹²⁴, r below 3·2¹²⁴.
				if large := m.Hi>>59 >= 9; large == (secret > 1) {
					right++
				}
			}
			t.Logf("%v, guarded %v: the liar is right in %d of %d", size, guarded, right, runs)
			if guarded && (right < runs/5 || right > runs*4/5) || !guarded && right < runs-3 {
				t.Errorf("%v, guarded %v: the liar is right in %d of %d", size, guarded, right, runs)
			}
		}
	}
}

// openOverAWrongFactor opens (x² + 2¹²⁶≫16)·x under a mask.
func openOverAWrongFactor(e *Engine, liar int, secret float64) (wide.Element, error) {
	x, err := shared(e, 1, 1, []float64{secret}, 2)
	if err != nil {
		return wide.Element{}, err
	}
	p := e.Hadamard(x, x)
	if e.Self() == liar {
		p.share[0] = wide.Add(p.share[0], wide.Mul(wide.PowerOfTwo(126), e.inverse[liar]))
	}
	y, err := e.one(p)
	if err != nil {
		return wide.Element{}, err
	}
	return openMaskedProduct(e, y, x)
}

func openMaskedProduct(e *Engine, y, x *Secret) (wide.Element, error) {
	masks, result := make([]wide.Element, 1), make([]wide.Element, 1)
	e.drawMasks(masks, result, 16)
	sum, err := e.openProven([]*Product{e.Hadamard(y, x)}, masks)
	if err != nil {
		return wide.Element{}, err
	}
	return sum[0], nil
}

// If a liar told two honest parties different things, what they tell from then
// on is random, and unrelated: here without the guard, which hides it too. Where
// the cover did not depend on what was told, what opens next would be nearly the
// same number.
func TestWhoWasToldOtherThingsHidesOtherwise(t *testing.T) {
	for _, bound := range []bool{true, false} {
		far := 0
		for seed := range uint64(10) {
			var sums [2]wide.Element
			for lie := range 2 {
				runWith(3, Config{Threshold: 1}, interactivetest.Options{Seed: seed, Tamper: func(from, to, k int, body []byte) ([]byte, bool) {
					if lie == 1 && from == 3 && to == 2 && k == 5 { // the sum of the first product
						body = append([]byte(nil), body...)
						body[0] ^= 1
					}
					return body, true
				}}, func(e *Engine) error {
					for _, row := range e.guarding {
						clear(row)
					}
					sum, err := openTwo(e, bound)
					if e.Self() == 1 && err == nil {
						sums[lie] = sum
					}
					return err
				})
			}
			if d := math.Abs(wide.Sub(sums[0], sums[1]).Float()); sums[0].IsZero() || d > 0x1p100 {
				far++
			}
		}
		if bound && far < 10 || !bound && far > 0 {
			t.Errorf("bound to what was told %v: %d of 10 sums were far off", bound, far)
		}
	}
}

// openTwo opens a product, and then, under a mask, one with its result.
func openTwo(e *Engine, bound bool) (wide.Element, error) {
	x, err := shared(e, 1, 1, []float64{0.5}, 1)
	if err != nil {
		return wide.Element{}, err
	}
	y, err := e.one(e.Hadamard(x, x))
	if err != nil {
		return wide.Element{}, err
	}
	if !bound {
		e.checker.view = transcript{}
	}
	return openMaskedProduct(e, y, x)
}
