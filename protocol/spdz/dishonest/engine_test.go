package dishonest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
	"consilium/protocol/spdz"
)

// operands are a and b, and what one needs to compare with the clear.
type operands struct {
	e    *spdz.Engine
	a, b []float64
	x, y *spdz.Secret
}

// newOperands shares a, of party 1, and b, of party 2: rows×inner and inner×cols.
func newOperands(e *spdz.Engine, rows, inner, cols int, seed uint64) (*operands, error) {
	random := rand.New(rand.NewPCG(seed, 0))
	o := &operands{e: e}
	for range rows * inner {
		o.a = append(o.a, exact(8*random.Float64()-4))
	}
	for range inner * cols {
		o.b = append(o.b, exact(4*random.Float64()-2))
	}
	shapes := make([]spdz.Shape, e.Parties()+1)
	shapes[1], shapes[2] = spdz.Shape{Rows: rows, Cols: inner}, spdz.Shape{Rows: inner, Cols: cols}
	var own []float64
	switch e.Self() {
	case 1:
		own = o.a
	case 2:
		own = o.b
	}
	list, err := e.Input(shapes, own, 4)
	if err != nil {
		return nil, err
	}
	o.x, o.y = list[1], list[2]
	return o, nil
}

// exact rounds to what is shared.
func exact(v float64) float64 {
	return math.Ldexp(math.RoundToEven(math.Ldexp(v, spdz.DefaultFraction)), -spdz.DefaultFraction)
}

// Every operation against the clear, on matrices of random sizes.
func TestOperations(t *testing.T) {
	for seed := range uint64(40) {
		n := 2 + int(seed%3)
		report := runInClear(n, Config{}, interactivetest.Options{Seed: seed}, nil, func(p *party, e *spdz.Engine) error {
			return checkOperations(e, 1+int(seed%5), 1+int(seed/5%4), 1+int(seed/2%3), seed)
		})
		if err := errors.Join(report.Errors...); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// The same by Paillier.
func TestOperationsByPaillier(t *testing.T) {
	for _, n := range []int{2, 3} {
		run(t, n, Config{}, func(p *party, e *spdz.Engine) error { return checkOperations(e, 2, 2, 1, 1) })
	}
}

func checkOperations(e *spdz.Engine, rows, inner, cols int, seed uint64) error {
	o, err := newOperands(e, rows, inner, cols, seed)
	if err != nil {
		return err
	}
	half := 0.5
	products, err := e.Reduce(
		e.MatMul(o.x, o.y),
		e.Hadamard(o.x, o.x).Times(-half, 1).PlusSecret(e, e.Negate(o.x)),
		e.Hadamard(e.Transpose(o.y), e.Transpose(o.y)).Plus(e.Hadamard(e.Transpose(o.y), e.Scale(e.Transpose(o.y), 0.25, 0))))
	if err != nil {
		return err
	}
	within := math.Ldexp(float64(e.Parties())/2+0.5, -spdz.DefaultFraction)
	product, square := make([]float64, rows*cols), make([]float64, rows*inner)
	for i := range rows {
		for j := range cols {
			for k := range inner {
				product[i*cols+j] += o.a[i*inner+k] * o.b[k*cols+j]
			}
		}
	}
	for i, v := range o.a {
		square[i] = -half*v*v - v
	}
	if err := opensTo(e, "matrices", products[0], product, within); err != nil {
		return err
	}
	if err := opensTo(e, "entries", products[1], square, within); err != nil {
		return err
	}
	sum := make([]float64, len(o.a))
	for i, v := range o.a {
		sum[i] = 3*v + 1
	}
	if err := opensTo(e, "sums", e.Sub(e.Add(o.x, o.x), e.AddConstant(e.Negate(o.x), -1)), sum, 0); err != nil {
		return err
	}
	last := e.WithoutFirst(e.WithOnes(e.Select(e.Stack(o.x, o.x), []int{2*rows - 1, 0})))
	if err := opensTo(e, "rows", last, append(append([]float64(nil), o.a[(rows-1)*inner:]...), o.a[:inner]...), 0); err != nil {
		return err
	}
	mine, err := e.OpenTo(2, products[0])
	if err != nil || (mine != nil) != (e.Self() == 2) {
		return fmt.Errorf("party %d got %v, %v", e.Self(), mine, err)
	}
	if mine != nil {
		return near("opened to one", mine, product, within)
	}
	return nil
}

func opensTo(e *spdz.Engine, what string, s *spdz.Secret, want []float64, within float64) error {
	got, err := e.Open(s)
	if err != nil {
		return err
	}
	return near(what, got, want, within)
}

// Truncation is off by n/2 + ½ units of the last place at most, of small, large
// and negative numbers, however many bits go.
func TestTruncation(t *testing.T) {
	for _, n := range []int{2, 3, 5} {
		report := runInClear(n, Config{}, interactivetest.Options{}, nil, func(p *party, e *spdz.Engine) error {
			values := []float64{0, 0.5, -0.5, 4, -4, math.Ldexp(1, -16), -math.Ldexp(1, -16)}
			for range 2 {
				values = append(values, values...)
			}
			x, err := shared(e, len(values), 1, values, 4)
			if err != nil {
				return err
			}
			ones := make([]float64, len(values))
			for i := range ones {
				ones[i] = 1
			}
			for _, more := range []int{1, 7, 28} {
				list, err := e.Reduce(e.Hadamard(x, e.Constant(len(values), 1, 0, ones)).Times(1, more))
				if err != nil {
					return err
				}
				if err := opensTo(e, fmt.Sprintf("%d bits", more), list[0], values, math.Ldexp(float64(n)/2+0.5, -spdz.DefaultFraction)); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(report.Errors...); err != nil {
			t.Fatalf("%d parties: %v", n, err)
		}
	}
}

// Polynomials of degree 3, 5 and 7 against the clear.
func TestPolynomials(t *testing.T) {
	curves := [][]float64{{0.5, 0.75, 0, -0.25}, {0.5, 1.2, 0, -1, 0, 0.3}, {0.5, 1.5, 0.125, -1, 0, 0.5, -0.25, -0.1}}
	at := []float64{-1, -0.6, 0, 0.3, 1}
	for _, how := range []spdz.Evaluation{spdz.Powers, spdz.Horner} {
		report := runInClear(3, Config{}, interactivetest.Options{}, nil, func(p *party, e *spdz.Engine) error {
			x, err := shared(e, len(at), 1, at, 1)
			if err != nil {
				return err
			}
			list, err := e.Polynomials(x, how, curves...)
			if err != nil {
				return err
			}
			for i, c := range curves {
				want := make([]float64, len(at))
				for j, v := range at {
					for k := len(c) - 1; k >= 0; k-- {
						want[j] = want[j]*v + c[k]
					}
				}
				if err := opensTo(e, fmt.Sprintf("degree %d", len(c)-1), list[i], want, math.Ldexp(16, -spdz.DefaultFraction)); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(report.Errors...); err != nil {
			t.Fatal(err)
		}
	}
}

// A product that fits no proof is made of several triples.
func TestLargeProductsAreCut(t *testing.T) {
	const rows, inner, cols = 700, 600, 2
	report := runInClear(2, Config{}, interactivetest.Options{}, nil, func(p *party, e *spdz.Engine) error {
		a, b := make([]float64, rows*inner), make([]float64, inner*cols)
		for i := range a {
			a[i] = float64(i % 3)
		}
		for i := range b {
			b[i] = float64(i % 2)
		}
		list, err := e.Reduce(e.MatMul(e.Constant(rows, inner, e.Fraction, a), e.Constant(inner, cols, e.Fraction, b)))
		if err != nil {
			return err
		}
		if taken := len(p.stock.taken); taken < 2 {
			return fmt.Errorf("%d kinds of triples", taken)
		}
		want := make([]float64, rows*cols)
		for i := range rows {
			for k := range inner {
				want[i*cols+1] += a[i*inner+k]
			}
		}
		return opensTo(e, "a large product", list[0], want, 0.001)
	})
	if err := errors.Join(report.Errors...); err != nil {
		t.Fatal(err)
	}
}

// What the engine cannot do is refused, and sends nothing.
func TestWhatIsNotThereIsRefused(t *testing.T) {
	report := runInClear(2, Config{}, interactivetest.Options{}, nil, func(p *party, e *spdz.Engine) error {
		x := e.Constant(1, 1, e.Fraction, []float64{1})
		if _, err := e.Negative(x); !errors.Is(err, spdz.ErrNoComparison) {
			return fmt.Errorf("a comparison: %v", err)
		}
		if _, err := e.AnyBeyond(1, x); !errors.Is(err, spdz.ErrNoComparison) {
			return fmt.Errorf("a comparison with a limit: %v", err)
		}
		var tooLarge *spdz.RangeError
		if _, err := e.Reduce(e.Hadamard(x, x).Times(math.Ldexp(1, 40), 0)); !errors.As(err, &tooLarge) {
			return fmt.Errorf("a number that does not fit: %v", err)
		}
		return nil
	})
	if err := errors.Join(report.Errors...); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"passive":         {Config: spdz.Config{Passive: true}},
		"short keys":      {Bits: 1024},
		"very short keys": {Bits: 512, LeastBits: 512},
	} {
		cfg.Random = seeded("refused", 0)
		err := interactivetest.Run(interactivetest.Options{}, program1(cfg), program1(cfg)).Errors[1]
		if err == nil || errors.Is(err, interactivetest.ErrHung) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func program1(cfg Config) interactive.Program {
	return func(c *interactive.Channel) error {
		_, err := New(c, cfg)
		return err
	}
}

// A promise is kept while numbers are in ±0.8, and broken beyond 1.
func TestPromises(t *testing.T) {
	for _, c := range []struct {
		values []float64
		broken bool
	}{
		{[]float64{0, 0.5, -0.79, 0.79, 0.1}, false}, {[]float64{0, 0, 1.01}, true}, {[]float64{-1.01}, true}, {[]float64{7.9, 0}, true},
	} {
		report := runInClear(3, Config{}, interactivetest.Options{}, nil, func(p *party, e *spdz.Engine) error {
			x, err := shared(e, len(c.values), 1, c.values, 8)
			if err != nil {
				return err
			}
			if err := e.Promise(x); errors.Is(err, spdz.ErrOutOfRange) != c.broken || err != nil && !c.broken {
				return fmt.Errorf("%v: %v", c.values, err)
			}
			return nil
		})
		if err := errors.Join(report.Errors...); err != nil {
			t.Error(err)
		}
	}
}
