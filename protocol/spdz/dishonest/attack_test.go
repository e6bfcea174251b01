package dishonest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// small is a program that has every kind of message: inputs, products of matrices
// and of entries, truncations, openings to all and to one.
func small(opened [][]float64) func(p *party, e *spdz.Engine) error {
	return func(p *party, e *spdz.Engine) error {
		x, err := shared(e, 2, 1, []float64{1.5, -0.75}, 2)
		if err != nil {
			return err
		}
		list, err := e.Reduce(e.Hadamard(x, x), e.MatMul(e.Transpose(x), x))
		if err != nil {
			return err
		}
		got, err := e.Open(e.Stack(list[0], list[1]))
		if err != nil {
			return err
		}
		opened[p.self] = got
		mine, err := e.OpenTo(3, list[1])
		if mine != nil {
			opened[p.self] = append(opened[p.self], mine...)
		}
		return err
	}
}

var smallWants = []float64{2.25, 0.5625, 2.8125, 2.8125}

func rightSoFar(opened []float64) error {
	if opened == nil {
		return nil
	}
	return near("opened", opened, smallWants[:len(opened)], math.Ldexp(2, -spdz.DefaultFraction))
}

// ways are what happens to a message.
var ways = map[string]func(body []byte) []byte{
	"a bit":       func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
	"one more":    func(b []byte) []byte { b[0]++; return b },
	"zeros":       func(b []byte) []byte { clear(b); return b },
	"cut":         func(b []byte) []byte { return b[:len(b)-1] },
	"longer":      func(b []byte) []byte { return append(b, 0) },
	"nothing":     func([]byte) []byte { return nil },
	"all ones":    func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) },
	"the last":    func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
	"first again": func(b []byte) []byte { copy(b[len(b)/2:], b[:len(b)/2]); return b },
}

// Every message of a party, changed in every way on its way to one other and to
// both: nobody opens anything wrong, and somebody notices. Here, where no proof
// covers a whole message, a few changes hit a lane that nothing lies in, or add 4
// to one party's MAC and take it from the other's: then all open what is right.
func TestEveryCorruptedMessageIsCaught(t *testing.T) {
	sent := 0
	count := interactivetest.Options{Tamper: func(from, to, number int, body []byte) ([]byte, bool) {
		if from == 2 {
			sent = max(sent, number+1)
		}
		return body, true
	}}
	opened := make([][]float64, 4)
	if err := errors.Join(runInClear(3, Config{}, count, nil, small(opened)).Errors...); err != nil {
		t.Fatal(err)
	}
	if sent < 30 {
		t.Fatalf("%d messages only", sent)
	}
	for party := 1; party <= 3; party++ {
		if err := rightSoFar(opened[party]); err != nil || len(opened[party]) < 3 {
			t.Fatalf("party %d opened %v", party, opened[party])
		}
	}
	harmless, total := 0, 0
	for number := range sent {
		for name, change := range ways {
			for _, both := range []bool{false, true} {
				changed := false
				o := interactivetest.Options{Seed: uint64(number), Tamper: func(from, to, n int, body []byte) ([]byte, bool) {
					if from != 2 || n != number || to != 1 && !both || len(body) == 0 {
						return body, true
					}
					now := change(bytes.Clone(body))
					changed = changed || !bytes.Equal(now, body)
					return now, true
				}}
				opened := make([][]float64, 4)
				report := runInClear(3, Config{}, o, nil, small(opened))
				if changed {
					total++
				}
				if changed && errors.Join(report.Errors...) == nil {
					harmless++
					if len(opened[1])+len(opened[3]) != 2*len(smallWants)-1 {
						t.Errorf("message %d, %s, to both %v: nobody noticed", number, name, both)
					}
				}
				for _, party := range []int{1, 3} {
					if err := rightSoFar(opened[party]); err != nil {
						t.Errorf("message %d, %s, to both %v: party %d: %v", number, name, both, party, err)
					}
					var cheat *spdz.CheatError
					var different *interactive.DifferentError
					if err := report.Errors[party]; err != nil && !errors.As(err, &cheat) && !errors.As(err, &different) && !errors.Is(err, interactivetest.ErrHung) && !errors.Is(err, interactive.ErrStopped) {
						t.Errorf("message %d, %s: party %d ends with %v", number, name, party, err)
					}
					if cheat != nil && cheat.Party != 0 && cheat.Party != 2 && errors.As(report.Errors[party], &cheat) {
						t.Errorf("message %d, %s: party %d accuses party %d", number, name, party, cheat.Party)
					}
				}
			}
		}
	}
	t.Logf("%d of %d changes did no harm and were not noticed", harmless, total)
	if harmless > total/20 {
		t.Errorf("%d of %d changes were not noticed", harmless, total)
	}
}

// passes counts the runs of an attack that nobody notices.
func passes(t *testing.T, runs int, challenges uint64, liar func(*party, *inClear), code func(p *party, e *spdz.Engine) error) int {
	t.Helper()
	count := 0
	for seed := range uint64(runs) {
		report := runInClear(2, Config{}, interactivetest.Options{Seed: seed}, func(p *party) {
			p.challenges = challenges
			if p.self == 2 && liar != nil {
				liar(p, p.pairwise.(*inClear))
			}
		}, code)
		if report.Errors[1] == nil {
			count++
		}
	}
	return count
}

// expect fails unless about runs·rate of them passed: five standard deviations.
func expect(t *testing.T, what string, passed, runs int, rate float64) {
	t.Helper()
	mean := float64(runs) * rate
	if d := math.Abs(float64(passed) - mean); d > 5*math.Sqrt(mean)+1 {
		t.Errorf("%s: %d of %d passed, %v are expected", what, passed, runs, mean)
	}
	t.Logf("%s: %d of %d passed, %v are expected", what, passed, runs, mean)
}

// A party that authenticates c+1 and ĉ+r for the c and ĉ that it has passes the
// sacrifice for one challenge r: measured with 4 and 16 challenges. With all there
// are, nobody passed.
func TestSacrificeCatchesWithTheStatedProbability(t *testing.T) {
	make := func(p *party, _ *spdz.Engine) error { return p.moreTriples(map[shape]int{{1, 1, 1}: 1}) }
	wrong := func(guess uint64) func(p *party, c *inClear) {
		return func(_ *party, c *inClear) {
			c.spoil = func(purpose string, own []wide.Element) {
				if purpose == "triples c" {
					own[0] = wide.Add(own[0], wide.FromInt(1))
					own[1] = wide.Add(own[1], wide.Element{Lo: guess})
				}
			}
		}
	}
	for _, q := range []uint64{4, 16} {
		// Δ is small here, too, and the check's coefficients: a wrong number also
		// passes where these are zero.
		miss := 1 / float64(q)
		zero := miss + (1-miss)*miss*miss
		expect(t, fmt.Sprintf("%d challenges", q), passes(t, 3000, q, wrong(1), make), 3000, miss+(1-miss)*zero)
	}
	expect(t, "all challenges", passes(t, 50, 0, wrong(1), make), 50, 0)
	expect(t, "no lie", passes(t, 20, 0, nil, make), 20, 1)
}

// A party that opens x+1 for x must guess the others' part of Δ to hide it.
func TestMACsCatchWithTheStatedProbability(t *testing.T) {
	open := func(p *party, _ *spdz.Engine) error {
		s, err := p.inputUnproved([]int{0, 1, 0}, make([]wide.Element, 2-p.self))
		if err != nil {
			return err
		}
		if p.self == 2 {
			s[1].Value[0] = wide.Add(s[1].Value[0], wide.FromInt(1))
			s[1].MAC[0] = wide.Add(s[1].MAC[0], wide.Add(p.delta, wide.FromInt(1))) // the guess
		}
		if _, err := p.reveal(s[1]); err != nil {
			return err
		}
		return p.check()
	}
	for _, q := range []uint64{4, 16} {
		miss := 1 / float64(q)
		expect(t, fmt.Sprintf("%d keys", q), passes(t, 3000, q, nil, open), 3000, miss+(1-miss)*miss)
	}
	expect(t, "all keys", passes(t, 50, 0, nil, open), 50, 0)
}

// A number out of range is no digit: it passes with an unlucky coefficient or key.
func TestNumbersOutOfRangeAreCaught(t *testing.T) {
	for value, want := range map[uint64]float64{3: 1, 4: 0, 5: 0, 1 << 40: 0} {
		code := func(p *party, _ *spdz.Engine) error {
			_, err := p.dealDigits("test", make([]wide.Element, p.self-1), []int{0, 0, 1}, []int{2})
			return err
		}
		liar := func(_ *party, c *inClear) {
			c.spoil = func(_ string, own []wide.Element) {
				if len(own) > 2 { // not Δ
					own[0] = wide.Element{Lo: value}
				}
			}
		}
		expect(t, fmt.Sprintf("%d as a digit of two bits", value), passes(t, 20, 0, liar, code), 20, want)
	}
	// And wrong masks do not pass, whose high parts are two bits too long, or low.
	for _, place := range []int{0, 2, 5} {
		liar := func(_ *party, c *inClear) {
			c.spoil = func(purpose string, own []wide.Element) {
				if purpose == "masks" {
					own[place] = wide.Add(own[place], wide.Element{Lo: 1 << digitBits})
				}
			}
		}
		expect(t, "a mask out of range", passes(t, 10, 0, liar, func(p *party, _ *spdz.Engine) error { return p.moreMasks(2, maskKind{90, 16}) }), 10, 0)
	}
}

// What was taken cannot be taken again.
func TestNothingIsUsedTwice(t *testing.T) {
	report := runInClear(2, Config{}, interactivetest.Options{}, nil, func(p *party, _ *spdz.Engine) error {
		s := shape{2, 1, 1}
		if err := p.moreTriples(map[shape]int{s: 1}); err != nil {
			return err
		}
		first, err := p.takeTriple(s)
		if err != nil {
			return err
		}
		p.stock.triples[s] = append(p.stock.triples[s], first)
		if _, err := p.takeTriple(s); !errors.Is(err, errReused) {
			return fmt.Errorf("a triple was given twice: %v", err)
		}
		kind := maskKind{90, 16}
		if err := p.moreMasks(1, kind); err != nil {
			return err
		}
		m, err := p.takeMask(kind)
		if err != nil {
			return err
		}
		p.stock.masks[kind] = append(p.stock.masks[kind], m)
		if _, err := p.takeMask(kind); !errors.Is(err, errReused) {
			return fmt.Errorf("a mask was given twice: %v", err)
		}
		return nil
	})
	if err := errors.Join(report.Errors...); err != nil {
		t.Fatal(err)
	}
}
