package spdz

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"consilium/sharing/wide"
)

// operation makes a secret of two.
type operation struct {
	name string
	do   func(e *Engine, a, b *Secret, choice int) (*Secret, error)
}

func local(do func(e *Engine, a, b *Secret, choice int) *Secret) func(*Engine, *Secret, *Secret, int) (*Secret, error) {
	return func(e *Engine, a, b *Secret, choice int) (*Secret, error) { return do(e, a, b, choice), nil }
}

func reduced(do func(e *Engine, a, b *Secret, choice int) *Product) func(*Engine, *Secret, *Secret, int) (*Secret, error) {
	return func(e *Engine, a, b *Secret, choice int) (*Secret, error) { return e.one(do(e, a, b, choice)) }
}

// operations are on matrices of 2×2.
var operations = []operation{
	{"add", local(func(e *Engine, a, b *Secret, _ int) *Secret { return e.Add(a, b) })},
	{"sub", local(func(e *Engine, a, b *Secret, _ int) *Secret { return e.Sub(a, b) })},
	{"negate", local(func(e *Engine, a, _ *Secret, _ int) *Secret { return e.Negate(a) })},
	{"scale", local(func(e *Engine, a, _ *Secret, c int) *Secret { return e.Scale(a, float64(c-3)/4, 3) })},
	{"halved", local(func(_ *Engine, a, _ *Secret, c int) *Secret { return a.Halved(c % 3) })},
	{"constant", local(func(e *Engine, a, _ *Secret, c int) *Secret { return e.AddConstant(a, float64(c)/8) })},
	{"transpose", local(func(e *Engine, a, _ *Secret, _ int) *Secret { return e.Transpose(a) })},
	{"select", local(func(e *Engine, a, _ *Secret, c int) *Secret { return e.Select(a, []int{c % 2, 1}) })},
	{"stack", local(func(e *Engine, a, b *Secret, _ int) *Secret { return e.Stack(a.Part(1, 2), b.Part(0, 1)) })},
	{"columns", local(func(e *Engine, a, b *Secret, _ int) *Secret { return e.WithOnes(e.WithoutFirst(e.Add(a, b))) })},
	{"matrix product", reduced(func(e *Engine, a, b *Secret, _ int) *Product { return e.MatMul(a, b) })},
	{"element-wise", reduced(func(e *Engine, a, b *Secret, c int) *Product { return e.Hadamard(a, b).Keep(e.Fraction + c%2) })},
	{"sum of products", reduced(func(e *Engine, a, b *Secret, c int) *Product {
		return e.MatMul(a, b).Plus(e.Hadamard(a, b)).Times(float64(c)-2.5, 2).PlusSecret(e, a)
	})},
	{"truncation", reduced(func(e *Engine, a, _ *Secret, c int) *Product { return e.linear(a).Keep(e.Fraction - c) })},
	{"sign", func(e *Engine, a, _ *Secret, _ int) (*Secret, error) {
		list, err := e.Negative(a)
		if err != nil {
			return nil, err
		}
		return list[0], nil
	}},
	{"clip", func(e *Engine, a, _ *Secret, c int) (*Secret, error) { return e.Clip(a, 0.25*float64(c+1)) }},
	{"polynomial", func(e *Engine, a, _ *Secret, c int) (*Secret, error) {
		list, err := e.Polynomials(a, Evaluation(c%2), []float64{0.5, 0.25, 0, -0.125, 0.5}, []float64{1, -0.5})
		if err != nil {
			return nil, err
		}
		return list[c/2%2], nil
	}},
	{"any beyond", func(e *Engine, a, b *Secret, c int) (*Secret, error) {
		beyond, err := e.AnyBeyond(0.5*float64(c), a, b)
		if beyond {
			a = e.Negate(a)
		}
		return a, err
	}},
}

// step is an operation on two of the secrets that there are.
type step struct{ operation, a, b, choice int }

func drawStep(t *rapid.T) step {
	return step{rapid.IntRange(0, len(operations)-1).Draw(t, "operation"), rapid.IntRange(0, 9).Draw(t, "a"), rapid.IntRange(0, 9).Draw(t, "b"), rapid.IntRange(0, 5).Draw(t, "choice")}
}

// perform takes steps, but those whose results would not fit, and opens all.
func perform(e *Engine, steps []step, a, b *Secret, count map[string]int) ([]float64, error) {
	list := []*Secret{a, b}
	for _, s := range steps {
		o := operations[s.operation]
		next, err := o.do(e, list[s.a%len(list)], list[s.b%len(list)], s.choice)
		if tooLarge := (*RangeError)(nil); errors.As(err, &tooLarge) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.name, err)
		}
		if count != nil {
			count[o.name]++
		}
		list = append(list, next)
	}
	var all []float64
	for _, s := range list {
		opened, err := e.Open(s)
		if err != nil {
			return nil, err
		}
		all = append(all, opened...)
	}
	return all, nil
}

// Every operation, in random programs, gives on shares bit for bit what it gives
// in the clear with the same roundings.
func TestRandomProgramsAgainstTheClear(t *testing.T) {
	done := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom([][2]int{{3, 1}, {3, 1}, {4, 1}, {5, 2}}).Draw(rt, "parties, threshold")
		cfg := Config{Threshold: size[1], Passive: rapid.Bool().Draw(rt, "passive")}
		seed := rapid.Uint64Range(0, 1<<16-1).Draw(rt, "seed")
		values := rapid.SliceOfN(rapid.Float64Range(-1, 1), 8, 8).Draw(rt, "values")
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 6).Draw(rt, "steps")
		seeds := make([][wide.SeedSize]byte, size[0]+1)
		for party := range seeds {
			seeds[party] = [wide.SeedSize]byte{byte(seed), byte(seed >> 8), byte(party)}
		}
		clear, err := Replay(seeds, cfg)
		if err != nil {
			rt.Fatal(err)
		}
		want, err := perform(clear, steps, clear.Constant(2, 2, clear.Fraction, values[:4]).Within(1), clear.Constant(2, 2, clear.Fraction, values[4:]).Within(1), done)
		if err != nil {
			rt.Fatal(err)
		}
		report := runWith(size[0], cfg, optionsOf(seed), func(e *Engine) error {
			a, err := shared(e, 2, 2, values[:4], 1)
			if err != nil {
				return err
			}
			b, err := shared(e, 2, 2, values[4:], 1)
			if err != nil {
				return err
			}
			got, err := perform(e, steps, a.Within(1), b.Within(1), nil)
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("%v, in the clear %v", got, want)
			}
			return err
		})
		if err := errors.Join(report.Errors...); err != nil {
			rt.Fatal(err)
		}
	})
	for _, o := range operations {
		if done[o.name] == 0 && !testing.Short() {
			t.Errorf("%s was never tried", o.name)
		}
	}
}
