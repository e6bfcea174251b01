package dishonest

import (
	"bytes"
	"errors"
	"testing"

	"consilium/paillier"
	"consilium/protocol/protocoltest/interactivetest"
	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// view is what came to a coalition: messages by sender.
type view map[int][][]byte

// numbers are all that a coalition with these keys can decrypt of its view, and all
// that lies in it as it is.
func (v view) numbers(t *testing.T, keys map[int]*paillier.PrivateKey, lanes paillier.Lanes) map[wide.Element]bool {
	t.Helper()
	found := map[wide.Element]bool{}
	for _, messages := range v {
		for _, body := range messages {
			for at := 0; at+wide.Size <= min(len(body), 4096); at++ {
				var e [1]wide.Element
				if wide.Decode(e[:], body[at:at+wide.Size]) == nil {
					found[e[0]] = true
				}
			}
			for _, key := range keys {
				for size := key.Public().CiphertextSize(); len(body) >= size; body = body[size:] {
					c, err := key.Public().DecodeCiphertexts(body[:size])
					if err != nil {
						break
					}
					rows, err := key.DecryptLanes(lanes, c)
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range elements(rows) {
						found[e] = true
					}
				}
			}
		}
	}
	return found
}

// n−1 parties that pool what came to them hold nothing of the last one's number:
// not as it is, and not as what was opened of its product plus their parts of the
// triple plus something. With the last one's key they do, which shows that
// this attack is one.
func TestViewsOfAllButOneHoldNothing(t *testing.T) {
	const n = 3
	secret := wide.NewExpander([32]byte{7}, 0).Element()
	seen := view{}
	var epsilon wide.Element
	parts := make([]wide.Element, n+1)
	code := func(p *party, _ *spdz.Engine) error {
		var own []wide.Element
		if p.self == 1 {
			own = []wide.Element{secret}
		}
		list, err := p.inputUnproved([]int{0, 1, 0, 0}, own)
		if err != nil {
			return err
		}
		s := shape{1, 1, 1}
		if err := p.moreTriples(map[shape]int{s: 1}); err != nil {
			return err
		}
		parts[p.self] = p.stock.triples[s][0].a.Value[0]
		if _, err := p.multiply([]spdz.Sum{{Rows: 1, Cols: 1, Terms: []spdz.Term{{A: list[1], B: list[1], Group: 1, PublicTimes: wide.FromInt(1)}}}}); err != nil {
			return err
		}
		epsilon = p.pending.value[0]
		return p.check()
	}
	o := interactivetest.Options{Tamper: func(from, to, number int, body []byte) ([]byte, bool) {
		if to != 1 {
			seen[from] = append(seen[from], bytes.Clone(body))
		}
		return body, true
	}}
	if err := errors.Join(runWith(n, Config{}, o, nil, code).Errors...); err != nil {
		t.Fatal(err)
	}
	lanes, err := paillier.NewLanes(testBits, wide.Bits)
	if err != nil {
		t.Fatal(err)
	}
	known := wide.Add(wide.Add(epsilon, parts[2]), parts[3])
	reads := func(keys map[int]*paillier.PrivateKey) (plain, masked bool) {
		for v := range seen.numbers(t, keys, lanes) {
			plain = plain || v == secret
			masked = masked || wide.Add(known, v) == secret
		}
		return plain, masked
	}
	keys := map[int]*paillier.PrivateKey{2: testKeys()[1], 3: testKeys()[2]}
	if plain, masked := reads(keys); plain || masked {
		t.Errorf("two of three read the number of the third: %v, %v", plain, masked)
	}
	if plain, masked := reads(map[int]*paillier.PrivateKey{1: testKeys()[0]}); !plain || !masked {
		t.Errorf("with the third's key they do not read it either (%v, %v): the attack is wrong", plain, masked)
	}
}

// Every message of a party is covered by a proof, a MAC or a commitment: changed on
// its way, it is noticed by whom it reaches.
func TestEveryCorruptedMessageIsCaughtByPaillier(t *testing.T) {
	code := func(p *party, e *spdz.Engine) error {
		x, err := shared(e, 1, 1, []float64{1.5}, 2)
		if err != nil {
			return err
		}
		list, err := e.Reduce(e.Hadamard(x, x))
		if err != nil {
			return err
		}
		return opensTo(e, "a square", list[0], []float64{2.25}, 0.001)
	}
	var lengths []int
	o := interactivetest.Options{Tamper: func(from, _, _ int, body []byte) ([]byte, bool) {
		if from == 2 {
			lengths = append(lengths, len(body))
		}
		return body, true
	}}
	if err := errors.Join(runWith(2, Config{}, o, nil, code).Errors...); err != nil {
		t.Fatal(err)
	}
	if len(lengths) < 25 {
		t.Fatalf("%d messages only", len(lengths))
	}
	for number, length := range lengths {
		if length == 0 {
			continue
		}
		// One bit at a place that goes through the message from one to the next.
		at := (number * 7919) % length
		o := interactivetest.Options{Tamper: func(from, _, n int, body []byte) ([]byte, bool) {
			if from == 2 && n == number {
				body = bytes.Clone(body)
				body[at] ^= 1
			}
			return body, true
		}}
		err := runWith(2, Config{}, o, nil, code).Errors[1]
		var cheat *spdz.CheatError
		if err == nil {
			t.Errorf("message %d of %d bytes: nobody noticed", number, length)
		}
		if errors.As(err, &cheat) && cheat.Party != 0 && cheat.Party != 2 {
			t.Errorf("message %d of %d bytes: party %d is accused", number, length, cheat.Party)
		}
	}
}

// Two parties with one key are refused: who has the factors reads what the other
// is answered.
func TestAnotherPartysKeyIsRefused(t *testing.T) {
	report := runWith(2, Config{}, interactivetest.Options{}, func(p *party) { p.Key = testKeys()[0] }, func(*party, *spdz.Engine) error { return nil })
	for party := 1; party <= 2; party++ {
		var cheat *spdz.CheatError
		if !errors.As(report.Errors[party], &cheat) {
			t.Errorf("party %d ends with %v", party, report.Errors[party])
		}
	}
}

// Two parties compare what the third has sent them to prove that its digit is one: of
// either polynomial the highest number is a term that a guess at the digit gives, less
// a number that hides it. If that were the same number for both, they would differ by
// what the right guess says.
func TestProofsOfDigitsToTwoPartiesHideApart(t *testing.T) {
	for digit := range uint64(2) {
		var sent [4][]wide.Element
		var guesses [4]wide.Element
		o := interactivetest.Options{Tamper: func(from, to, _ int, body []byte) ([]byte, bool) {
			if list := make([]wide.Element, 2); from == 1 && wide.Decode(list, body) == nil {
				sent[to] = list // the last is the proof
			}
			return body, true
		}}
		report := runInClear(3, Config{}, o, nil, func(p *party, _ *spdz.Engine) error {
			own := []wide.Element{{Lo: digit}}
			if p.self > 1 {
				own = nil
			}
			list, err := p.dealDigits("test", own, []int{0, 1, 0, 0}, []int{1})
			if err != nil || p.self == 1 {
				return err
			}
			// ∏ (tag + Δ·(v−x)) for v = 0, 1 has tag·(1−2x)·Δ; MAC is −key.
			tag := wide.Sub(wide.Mul(p.delta, wide.Element{Lo: digit}), list[1].MAC[0])
			guesses[p.self] = wide.Mul(p.coefficient(p.digitCoins("test", 1, p.self)), wide.Mul(tag, wide.FromInt(1-2*int64(digit))))
			return nil
		})
		if err := errors.Join(report.Errors...); err != nil {
			t.Fatal(err)
		}
		if wide.Sub(guesses[2], sent[2][1]) == wide.Sub(guesses[3], sent[3][1]) {
			t.Errorf("parties 2 and 3 read off that the digit is %d", digit)
		}
	}
}
