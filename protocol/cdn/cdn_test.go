package cdn

import (
	"crypto/sha3"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"testing"

	"consilium/paillier"
	"consilium/paillier/testkey"
	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
)

func seeded(what string) io.Reader {
	shake := sha3.NewSHAKE256()
	_, _ = io.WriteString(shake, what)
	return shake
}

// run runs the same code at all parties, under a key of 512 bits of which any two
// decrypt.
func run(t testing.TB, n int, o interactivetest.Options, code func(e *Engine) error) interactivetest.Report {
	t.Helper()
	key, shares, err := testkey.Deal(512, n, 2)
	if err != nil {
		t.Fatal(err)
	}
	encryptor, err := paillier.NewEncryptor(key.PublicKey, []byte("test"), paillier.DefaultExponentBits(key.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	programs := make([]interactive.Program, n)
	for i := range programs {
		programs[i] = func(c *interactive.Channel) error {
			e, err := New(c, Config{Key: key, Share: shares[i], Encryptor: encryptor, Random: seeded(fmt.Sprint("party", i, o.Seed))})
			if err != nil {
				return err
			}
			return code(e)
		}
	}
	return interactivetest.Run(o, programs...)
}

func check(t testing.TB, r interactivetest.Report) {
	t.Helper()
	for party, err := range r.Errors {
		if err != nil {
			t.Fatalf("party %d: %v", party, err)
		}
	}
}

func ints(values ...int64) []*big.Int {
	var list []*big.Int
	for _, v := range values {
		list = append(list, big.NewInt(v))
	}
	return list
}

// of gives every party the sum; the first one puts it in.
func of(e *Engine, bits int, values ...int64) (*Vector, error) {
	own := ints(values...)
	if !e.plain && e.channel.Self() != 1 {
		own = zeros(len(values))
	}
	return e.Sum(bits, own)
}

// Products and truncations of numbers of either sign, on the edges of the range
// too, are those of the clear up to what truncation is allowed; without
// truncation they are exact.
func TestProductsAndTruncations(t *testing.T) {
	a := []int64{0, 1, -1, 1023, -1024, 17, -300, 1023}
	b := []int64{5, -7, -7, 1023, 1023, 0, 299, -1024}
	for n := 2; n <= 4; n++ {
		for _, drop := range []int{0, 1, 6} {
			o, keep := Opening{Drop: drop, Reach: 21}, Opening{Reach: 12}
			check(t, run(t, n, interactivetest.Options{Seed: uint64(n)}, func(e *Engine) error {
				x, err := of(e, 4, a...)
				if err != nil {
					return err
				}
				y, err := of(e, 4, b...)
				if err != nil {
					return err
				}
				if err := e.Prepare(Need{keep, len(a)}, Need{o, len(a)}); err != nil {
					return err
				}
				shared, _, err := e.Truncate([]Truncated{{x, keep}}, nil)
				if err != nil {
					return err
				}
				products, err := e.Multiply(Bilinear{shared[0], y, diagonal(len(a))})
				if err != nil {
					return err
				}
				truncated, exact, err := e.Truncate([]Truncated{{products[0], o}}, products[0])
				if err != nil {
					return err
				}
				opened, err := e.Open(truncated[0])
				if err != nil {
					return err
				}
				for i := range a {
					if exact[i].Int64() != a[i]*b[i] {
						return fmt.Errorf("%d·%d = %v", a[i], b[i], exact[i])
					}
					off := math.Abs(float64(opened[i].Int64()) - float64(a[i]*b[i])/float64(int(1)<<drop))
					if drop == 0 && off != 0 || off > float64(n+1)/2 {
						return fmt.Errorf("%d parties drop %d bits of %v and have %v", n, drop, exact[i], opened[i])
					}
				}
				return nil
			}))
		}
	}
}

// Truncation is right on the average: it does not drift.
func TestTruncationHasNoBias(t *testing.T) {
	const count = 400
	values := make([]int64, count)
	for i := range values {
		values[i] = int64(i*37%512) - 256
	}
	for _, n := range []int{2, 3} {
		check(t, run(t, n, interactivetest.Options{}, func(e *Engine) error {
			x, err := of(e, 8, values...)
			if err != nil {
				return err
			}
			o := Opening{Drop: 4, Reach: 10}
			if err := e.Prepare(Need{o, count}); err != nil {
				return err
			}
			truncated, _, err := e.Truncate([]Truncated{{x, o}}, nil)
			if err != nil {
				return err
			}
			opened, err := e.Open(truncated[0])
			if err != nil {
				return err
			}
			sum := 0.0
			for i, v := range opened {
				sum += (float64(v.Int64()) - float64(values[i])/16) / count
			}
			if math.Abs(sum) > 0.1 {
				return fmt.Errorf("%d parties are off by %v on the average", n, sum)
			}
			return nil
		}))
	}
}

func xor() Network {
	return Network{Inputs: [][]int64{{0, 0}, {0, 1}, {1, 0}, {1, 1}}, Labels: []int64{0, 1, 1, 0},
		Hidden: 2, RateShift: 2, Iterations: 3, Fraction: 40, Whole: 8}
}

func startOf(n Network) []*big.Int {
	var list []*big.Int
	for i := range n.Size() {
		list = append(list, Fixed(math.Sin(float64(3*i+1)), n.Fraction))
	}
	return list
}

// Weights, losses and predictions of training on encryptions are those of the
// clear, up to the bound; and the clear is gradient descent.
func TestTrainingAgainstTheClear(t *testing.T) {
	network := xor()
	clear := Clear(3)
	start, err := clear.Sum(network.Fraction, startOf(network))
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	want, err := network.Train(clear, start, func(_ int, loss float64) { losses = append(losses, loss) })
	if err != nil {
		t.Fatal(err)
	}
	floats, floatLosses := network.floats(Floats(startOf(network), network.Fraction))
	for i, w := range Floats(want.clear, network.Fraction) {
		if math.Abs(w-floats[i]) > 1e-6 {
			t.Errorf("weight %d in fixed point is %v, in floats %v", i, w, floats[i])
		}
	}
	report := run(t, 3, interactivetest.Options{}, func(e *Engine) error {
		start, err := e.Sum(network.Fraction, part(e, startOf(network)))
		if err != nil {
			return err
		}
		weights, err := network.Train(e, start, func(i int, loss float64) {
			if math.Abs(loss-losses[i-1]) > 1e-9 || math.Abs(loss-floatLosses[i-1]) > 1e-6 {
				t.Errorf("iteration %d: loss %v, in the clear %v, in floats %v", i, loss, losses[i-1], floatLosses[i-1])
			}
		})
		if err != nil {
			return err
		}
		predictions, err := network.Predict(e, weights)
		if err != nil {
			return err
		}
		opened, err := e.Open(weights)
		if err != nil {
			return err
		}
		for i, w := range Floats(opened, network.Fraction) {
			off, bound := math.Abs(w-Float(want.clear[i], network.Fraction)), want.Bounds()[i]
			if off > bound || bound > 1e-8 {
				return fmt.Errorf("weight %d is off by %v, the bound is %v", i, off, bound)
			}
		}
		plain, err := network.Predict(clear, want)
		for i := range plain {
			if math.Abs(plain[i]-predictions[i]) > 1e-8 {
				return fmt.Errorf("prediction %d is %v, in the clear %v", i, predictions[i], plain[i])
			}
		}
		return err
	})
	check(t, report)
	if rounds := 1 + 10*network.Iterations + 8 + 1; report.Rounds != rounds {
		t.Errorf("%d rounds, not %d", report.Rounds, rounds)
	}
}

// part is this party's part of a sum: nobody holds the whole.
func part(e *Engine, sum []*big.Int) []*big.Int {
	own := make([]*big.Int, len(sum))
	for i, v := range sum {
		third := new(big.Int).Quo(v, big.NewInt(3))
		if own[i] = third; e.channel.Self() == 1 {
			own[i] = new(big.Int).Sub(v, new(big.Int).Lsh(third, 1))
		}
	}
	return own
}

// floats is the same training in float64.
func (n Network) floats(w []float64) (weights, losses []float64) {
	s := step{Network: n}
	for range n.Iterations {
		gradient, loss := make([]float64, len(w)), 0.0
		for r, inputs := range n.Inputs {
			x := []float64{1}
			for _, v := range inputs {
				x = append(x, float64(v))
			}
			e := w[s.output(-1)] - float64(n.Labels[r])
			z := make([]float64, n.Hidden)
			for u := range z {
				for j, v := range x {
					z[u] += w[u*len(x)+j] * v
				}
				e += w[s.output(u)] * (0.5 + z[u]/4 - z[u]*z[u]*z[u]/48)
			}
			loss += e * e / float64(len(n.Inputs))
			gradient[s.output(-1)] += e
			for u := range z {
				gradient[s.output(u)] += e * (0.5 + z[u]/4 - z[u]*z[u]*z[u]/48)
				for j, v := range x {
					gradient[u*len(x)+j] += e * w[s.output(u)] * (0.25 - z[u]*z[u]/16) * v
				}
			}
		}
		for i := range w {
			w[i] -= math.Ldexp(gradient[i], -n.RateShift)
		}
		losses = append(losses, loss)
	}
	return w, losses
}

// Each party's masks alone are longer by Hiding bits than what they hide, and
// uniform: of 600, none lacks its 20 highest bits.
func TestMasksAreLongEnough(t *testing.T) {
	short := 0
	check(t, run(t, 3, interactivetest.Options{}, func(e *Engine) error {
		o := Opening{Drop: 4, Reach: 20}
		if err := e.Prepare(Need{o, 200}); err != nil {
			return err
		}
		for _, h := range e.stock[0].own {
			if h.BitLen()+o.Drop < o.Reach+DefaultHiding-20 {
				short++
			}
		}
		return nil
	}))
	if short > 0 {
		t.Errorf("%d masks of 600 are 20 bits too short", short)
	}
}

// What opens behind masks looks alike for the numbers at both ends of the range:
// its low bits, which fall off, and the bits above the number, which masks alone
// make. An attacker who counts either tells the ends apart no better than chance.
func TestOpenedNumbersSayNothing(t *testing.T) {
	const count = 600
	o := Opening{Drop: 3, Reach: 12}
	values := make([]int64, 2*count)
	for i := range values { // even places hold the least number, odd ones the largest
		values[i] = int64(i%2*2-1) * (1<<o.Reach - 1)
	}
	check(t, run(t, 3, interactivetest.Options{}, func(e *Engine) error {
		v, err := of(e, 4, values...)
		if err != nil {
			return err
		}
		if err := e.Prepare(Need{o, len(values)}); err != nil {
			return err
		}
		c, err := e.masked(Truncated{v, o}, e.stock[0])
		if err != nil {
			return err
		}
		opened, err := e.decrypt(c)
		if err != nil {
			return err
		}
		for _, above := range []uint{0, uint(o.Reach), uint(o.Reach + DefaultHiding - 8)} {
			var seen [2][8]float64
			for i, x := range opened {
				seen[i%2][new(big.Int).Rsh(x, above).Uint64()&7]++
			}
			chi := 0.0
			for k := range 8 {
				chi += (seen[0][k] - seen[1][k]) * (seen[0][k] - seen[1][k]) / (seen[0][k] + seen[1][k])
			}
			if !(chi < 29.9) { // beyond it once in 10,000 for 7 degrees of freedom
				return fmt.Errorf("bits from %d on tell the numbers apart: %v", above, seen)
			}
		}
		return nil
	}))
}

// A mask is used once: an opening without one of its own is refused.
func TestMasksAreNotUsedAgain(t *testing.T) {
	r := run(t, 3, interactivetest.Options{}, func(e *Engine) error {
		v, err := of(e, 4, 1)
		if err != nil {
			return err
		}
		o := Opening{Reach: 8}
		if err := e.Prepare(Need{o, 1}); err != nil {
			return err
		}
		if _, _, err := e.Truncate([]Truncated{{v, o}}, nil); err != nil {
			return err
		}
		if _, _, err = e.Truncate([]Truncated{{v, o}}, nil); err == nil {
			t.Error("a second opening found masks")
		}
		return nil
	})
	check(t, r)
}

func TestGarbageIsNamed(t *testing.T) {
	for _, garble := range []func([]byte) []byte{
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { return make([]byte, len(b)) },
		func(b []byte) []byte { return append(b, b...) },
	} {
		r := run(t, 3, interactivetest.Options{Tamper: func(from, to, number int, body []byte) ([]byte, bool) {
			if from == 2 && to == 1 {
				return garble(append([]byte(nil), body...)), true
			}
			return body, true
		}}, func(e *Engine) error {
			_, err := of(e, 4, 1, 2, 3)
			return err
		})
		if garbled := (*GarbledError)(nil); !errors.As(r.Errors[1], &garbled) || garbled.Party != 2 {
			t.Errorf("party 1 ended with %v", r.Errors[1])
		}
	}
}

func TestRangesAreRefused(t *testing.T) {
	clear := Clear(3)
	v, err := clear.Sum(0, ints(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	ranges := (*RangeError)(nil)
	if _, _, err := clear.Truncate([]Truncated{{v, Opening{Reach: 20}}}, nil); !errors.As(err, &ranges) {
		t.Errorf("a number beyond its range: %v", err)
	}
	r := run(t, 3, interactivetest.Options{}, func(e *Engine) error { return e.Prepare(Need{Opening{Reach: 450}, 1}) })
	if !errors.As(r.Errors[1], &ranges) {
		t.Errorf("a mask longer than N: %v", r.Errors[1])
	}
}
