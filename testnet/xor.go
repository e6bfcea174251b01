package testnet

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"consilium/paillier"
	"consilium/paillier/testkey"
	"consilium/protocol/cdn"
	"consilium/protocol/interactive"
)

// XOROptions say how to train the encrypted network.
type XOROptions struct {
	// Bits of the Paillier key: below 2048 a published one, a fresh one from there
	// on; 0 takes the shortest published one that has room for the numbers.
	Bits       int
	Iterations int
	Seed       uint64 // of the hospitals' parts of the first weights
	Logger     *slog.Logger
	Tell       func(iteration int, loss float64, took time.Duration)
}

// XORReport is what came out.
type XORReport struct {
	Key                 string
	Bits                int
	Hidden              int // units
	Inputs              [][]int64
	Predictions         []float64 // in the inputs' order
	Clear               []float64 // those of the run in the clear
	Loss                []float64 // before each step
	Weights             []float64
	WeightsMaxDiff      float64 // from the same run in the clear
	Bound               float64 // what truncation can make of it
	Rounds              int
	BytesSent           int64 // by a hospital, mean
	Decryptions         int   // ciphertexts decrypted jointly
	Seconds             float64
	SecondsPerIteration float64
}

// mostXORIterations keeps the bits behind the point to some 480: bounds on
// products are float64.
const mostXORIterations = 160

// firstReach is how far a hospital's part of a first weight is from 0 at most.
const firstReach = 1

// xorHospitals hold the key together; xorThreshold of them decrypt.
const (
	xorHospitals = 3
	xorThreshold = 2
)

// xorNetwork has six hidden units with the sigmoid's Taylor polynomial of degree
// 3. 0 and 1 go in as −1 and 1, so that every weight learns from every row: of
// 1,000 starts 999 have the four answers right after 50 steps. (With two units,
// inputs of 0 and 1 and a rate of ¼ it is 729.)
//
// A bound on what rounding does grows by up to 2.6 bits in each iteration; bits
// are cheap under Paillier, so that there are more for each behind the point.
func xorNetwork(iterations int) cdn.Network {
	return cdn.Network{
		Inputs: [][]int64{{-1, -1}, {-1, 1}, {1, -1}, {1, 1}}, Labels: []int64{0, 1, 1, 0},
		Hidden: 6, RateShift: 3, Iterations: iterations, Fraction: 32 + 11*iterations/4, Whole: 8,
	}
}

// XOR runs the poster's experiment E2: three hospitals train a network on XOR
// whose weights are under their threshold key from the first iteration to the
// last. The first weights are sums of what each hospital draws by itself, so that
// nobody knows them either. In the end the predictions and, to compare them, the
// weights are opened.
func XOR(ctx context.Context, opt XOROptions) (*XORReport, error) {
	network := xorNetwork(opt.Iterations)
	if opt.Iterations > mostXORIterations {
		return nil, &InputError{fmt.Errorf("--iterations %d: at most %d; 50 are enough for 999 of 1,000 seeds", opt.Iterations, mostXORIterations)}
	}
	if err := network.Validate(); err != nil {
		return nil, &InputError{err}
	}
	x := &xor{opt: opt, network: network, report: &XORReport{Inputs: zerosAndOnes(network.Inputs), Hidden: network.Hidden}}
	if err := x.deal(); err != nil {
		return nil, err
	}
	weights, bounds, err := x.clear()
	if err != nil {
		return nil, fmt.Errorf("in the clear: %w", err)
	}
	if err := x.encrypted(ctx); err != nil {
		return nil, err
	}
	for i, w := range x.weights { // their difference is far below what a float64 of 1 resolves
		off := cdn.Float(new(big.Int).Sub(w, weights[i]), network.Fraction)
		x.report.WeightsMaxDiff = max(x.report.WeightsMaxDiff, math.Abs(off))
		x.report.Bound = max(x.report.Bound, bounds[i])
	}
	return x.report, nil
}

type xor struct {
	opt       XOROptions
	network   cdn.Network
	report    *XORReport
	key       *paillier.ThresholdKey
	shares    []*paillier.KeyShare
	encryptor *paillier.Encryptor

	mu          sync.Mutex
	predictions []float64 // of the first hospital to have them
	weights     []*big.Int
}

// zerosAndOnes are inputs of −1 and 1 as people write them.
func zerosAndOnes(inputs [][]int64) [][]int64 {
	var out [][]int64
	for _, x := range inputs {
		out = append(out, []int64{(x[0] + 1) / 2, (x[1] + 1) / 2})
	}
	return out
}

// deal makes the threshold key.
func (x *xor) deal() (err error) {
	bits, need := x.opt.Bits, x.network.KeyBits(xorHospitals)
	if bits == 0 {
		lengths := testkey.Lengths()
		at, _ := slices.BinarySearch(lengths, need)
		bits = lengths[min(at, len(lengths)-1)]
	}
	x.report.Bits = bits
	published := bits < paillier.MinBits || x.opt.Bits == 0
	if err := checkBits(bits); err != nil {
		return err
	}
	switch {
	case bits < need:
		return &InputError{fmt.Errorf("%d iterations take a key of %d bits or more, not %d", x.network.Iterations, need, bits)}
	case published:
		x.report.Key = fmt.Sprintf("INSECURE: the built-in test key of %d bits, whose factors everybody knows, protects nothing", bits)
		x.key, x.shares, err = testkey.Deal(bits, xorHospitals, xorThreshold)
	default:
		var private *paillier.PrivateKey
		if private, err = paillier.GenerateKey(rand.Reader, bits, paillier.MinBits); err != nil {
			return &InputError{err}
		}
		x.report.Key = fmt.Sprintf("A key of %d bits, dealt in this process, which knows its factors", bits)
		x.key, x.shares, err = paillier.Deal(rand.Reader, private, xorHospitals, xorThreshold)
	}
	if err != nil {
		return err
	}
	x.encryptor, err = paillier.NewEncryptor(x.key.PublicKey, []byte("xor"), paillier.DefaultExponentBits(x.key.PublicKey))
	return err
}

// part is what a hospital draws for the first weights.
func (x *xor) part(party int) []*big.Int {
	random := mathrand.New(mathrand.NewPCG(x.opt.Seed, uint64(party)))
	list := make([]*big.Int, x.network.Size())
	for i := range list {
		list[i] = cdn.Fixed(firstReach*(2*random.Float64()-1), x.network.Fraction)
	}
	return list
}

// clear is the same fixed-point run in the clear: the weights, and how far
// truncation may take those of the encrypted run from them.
func (x *xor) clear() (weights []*big.Int, bounds []float64, err error) {
	sum := x.part(1)
	for party := 2; party <= xorHospitals; party++ {
		for i, v := range x.part(party) {
			sum[i].Add(sum[i], v)
		}
	}
	e := cdn.Clear(xorHospitals)
	start, err := e.Sum(x.network.Fraction, sum)
	if err != nil {
		return nil, nil, err
	}
	trained, err := x.network.Train(e, start, func(int, float64) {})
	if err != nil {
		return nil, nil, err
	}
	if x.report.Clear, err = x.network.Predict(e, trained); err != nil {
		return nil, nil, err
	}
	weights, err = e.Open(trained)
	return weights, trained.Bounds(), err
}

// encrypted is the run of the hospitals over their connections.
func (x *xor) encrypted(ctx context.Context) error {
	p, err := openParties([]string{"hospital-1", "hospital-2", "hospital-3"}, x.opt.Logger)
	if err != nil {
		return err
	}
	defer p.close()
	began := time.Now()
	reports, err := p.compute(ctx, "xor", x.program)
	if err != nil {
		return err
	}
	r := x.report
	r.Seconds = time.Since(began).Seconds()
	r.SecondsPerIteration = r.Seconds / float64(x.network.Iterations)
	r.Predictions, r.Weights = x.predictions, cdn.Floats(x.weights, x.network.Fraction)
	for _, c := range reports[1:] {
		r.Rounds = max(r.Rounds, c.Rounds)
		r.BytesSent += c.BytesSent / xorHospitals
	}
	return nil
}

func (x *xor) program(party int) interactive.Program {
	return func(c *interactive.Channel) error {
		e, err := cdn.New(c, cdn.Config{Key: x.key, Share: x.shares[party-1], Encryptor: x.encryptor, Random: rand.Reader})
		if err != nil {
			return err
		}
		start, err := e.Sum(x.network.Fraction, x.part(party))
		if err != nil {
			return err
		}
		last := time.Now()
		trained, err := x.network.Train(e, start, func(iteration int, loss float64) {
			if party == 1 {
				x.report.Loss = append(x.report.Loss, loss)
				x.opt.Tell(iteration, loss, time.Since(last))
				last = time.Now()
			}
		})
		if err != nil {
			return err
		}
		predictions, err := x.network.Predict(e, trained)
		if err != nil {
			return err
		}
		weights, err := e.Open(trained)
		if err != nil {
			return err
		}
		return x.keep(e.Decryptions, predictions, weights)
	}
}

// keep takes what a hospital ends with: all must end alike.
func (x *xor) keep(decryptions int, predictions []float64, weights []*big.Int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.weights == nil {
		x.report.Decryptions, x.predictions, x.weights = decryptions, predictions, weights
		return nil
	}
	same := slices.Equal(predictions, x.predictions)
	for i, w := range weights {
		same = same && w.Cmp(x.weights[i]) == 0
	}
	if !same {
		return fmt.Errorf("the hospitals end with different weights or predictions")
	}
	return nil
}
