package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// BenchmarkLeak looks for time that depends on secrets, as dudect does (Reparaz,
// Balasch and Verbauwhede 2017): each operation runs on one fixed secret or on a
// random one, in random turns, and Welch's t says whether the two kinds of times
// have different means. |t| above 10 is a leak, below 4.5 none was found; the
// largest of several cuts of the slowest runs is reported.
//
// Two operations are controls. Same gets random secrets in both classes: its |t|
// is what the measurement itself makes of nothing. VarTime does leak: it shows
// that a leak is found.
//
//	go test -run '^$' -bench Leak -benchtime 20s ./paillier/internal/kernel
func BenchmarkLeak(b *testing.B) {
	for _, kernel := range Kernels() {
		for _, o := range leakOperations(b, kernel) {
			b.Run("kernel="+kernel+"/"+o.name, func(b *testing.B) { measureLeak(b, o) })
		}
	}
}

// leakOperation is timed in run, on the secret that load was given before.
type leakOperation struct {
	name   string
	secret func(fixed bool) []byte
	load   func(secret []byte)
	run    func()
}

func leakOperations(b *testing.B, kernel string) []leakOperation {
	const bits, count, length = 512, 8, 16
	s := &stream{seed: "leak"}
	m := mustModulus(b, kernel, s.odd(bits))
	f, err := NewFixedBase(m, big.NewInt(3), 8*length, 5)
	if err != nil {
		b.Fatal(err)
	}
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	dst, x, public := m.NewBatch(count), m.NewBatch(count), m.NewBatch(count)
	numbers := func(fixed bool) []byte {
		var data []byte
		for range count {
			value := big.NewInt(1)
			if !fixed {
				value = s.below(m.square)
			}
			data = append(data, value.FillBytes(make([]byte, m.NumberBytes()))...)
		}
		return data
	}
	check(public.SetBytes(numbers(false)))
	exponents := func(fixed bool) []byte {
		if fixed {
			return make([]byte, count*length)
		}
		return s.bytes(count * length)
	}
	data, flat, views, publicViews := make([]byte, len(numbers(true))), make([]byte, count*length), [][]byte{}, [][]byte{}
	for i := range count {
		views = append(views, flat[i*length:(i+1)*length])
		publicViews = append(publicViews, s.bytes(length))
	}
	loadExponents := func(secret []byte) { copy(flat, secret) }
	variable := new(big.Int)
	return []leakOperation{
		{"ExpSecretExponent", exponents, loadExponents, func() { m.Exp(dst, public, views) }},
		{"ExpSecretBase", numbers, func(secret []byte) { check(x.SetBytes(secret)) }, func() { m.Exp(dst, x, publicViews) }},
		{"FixedBase", exponents, loadExponents, func() { check(f.Exp(dst, views)) }},
		{"SetBytes", numbers, func(secret []byte) { copy(data, secret) }, func() { check(dst.SetBytes(data)) }},
		{"Bytes", numbers, func(secret []byte) { check(x.SetBytes(secret)) }, func() { x.Bytes() }},
		{"Same", func(bool) []byte { return numbers(false) }, func(secret []byte) { copy(data, secret) }, func() { check(dst.SetBytes(data)) }},
		{"VarTime", exponents, func(secret []byte) {
			variable.SetBytes(secret[:length]).SetBit(variable, 8*length-1, 1)
		}, func() { m.ExpVarTime(dst, public, []*big.Int{variable}) }},
	}
}

// measureLeak reports the largest |t|. All secrets are copied to the same place
// before the clock starts: where they lie would make a difference of its own.
func measureLeak(b *testing.B, o leakOperation) {
	const variants = 64
	var secrets [2][variants][]byte
	for i := range variants {
		secrets[0][i], secrets[1][i] = o.secret(true), o.secret(false)
	}
	var times [2][]float64
	for b.Loop() {
		choice := rand.IntN(2 * variants)
		class, i := choice%2, choice/2
		o.load(secrets[class][i])
		start := time.Now()
		o.run()
		times[class] = append(times[class], float64(time.Since(start)))
	}
	all := slices.Concat(times[0], times[1])
	slices.Sort(all)
	largest := 0.0
	for _, keep := range []float64{0.5, 0.75, 0.9, 0.95, 0.99, 1} {
		limit := all[int(keep*float64(len(all)-1))]
		largest = max(largest, math.Abs(welch(below(times[0], limit), below(times[1], limit))))
	}
	b.ReportMetric(largest, "|t|")
	b.ReportMetric(float64(len(all)), "runs")
}

func below(x []float64, limit float64) []float64 {
	return slices.DeleteFunc(slices.Clone(x), func(v float64) bool { return v > limit })
}

// welch returns the t statistic of two samples, 0 if there are too few.
func welch(x, y []float64) float64 {
	if len(x) < 2 || len(y) < 2 {
		return 0
	}
	meanX, errX := meanAndError(x)
	meanY, errY := meanAndError(y)
	if errX+errY == 0 {
		return 0
	}
	return (meanX - meanY) / math.Sqrt(errX+errY)
}

// meanAndError returns the mean and the square of its standard error.
func meanAndError(x []float64) (mean, squared float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		squared += (v - mean) * (v - mean)
	}
	return mean, squared / float64(len(x)-1) / float64(len(x))
}
