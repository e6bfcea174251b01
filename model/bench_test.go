package model

import (
	"math/rand/v2"
	"testing"
)

const benchmarkRows, benchmarkFeatures = 10_000, 100

// benchmarkStudy is a study at the point of its first training round, and the
// rows of one hospital in it.
func benchmarkStudy(b *testing.B, trainer string) (*Program, State, *Dataset) {
	b.Helper()
	task := parseSmall(b)
	task.MaxRows, task.FixedPoint = benchmarkRows, FixedPoint{FractionBits: 24, Range: 1 << 24}
	task.Features = nil
	for i := range benchmarkFeatures {
		task.Features = append(task.Features, Feature{Column: hospitalName(i), Kind: Number, Min: 0, Max: 1})
	}
	p := newProgram(b, Plan{Task: task, Trainer: trainer, LocalEpochs: 5})
	random := rand.New(rand.NewPCG(1, 2))
	d := &Dataset{Features: task.FeatureNames(), Binary: true}
	for range benchmarkRows {
		for range benchmarkFeatures {
			d.X = append(d.X, random.Float64())
		}
		d.Y = append(d.Y, float64(random.IntN(2)))
	}
	sum, err := p.Update(p.Start(), d, nil)
	if err != nil {
		b.Fatal(err)
	}
	s, err := p.Apply(p.Start(), sum)
	if err != nil {
		b.Fatal(err)
	}
	return p, s, d
}

func BenchmarkUpdate(b *testing.B) {
	for _, trainer := range TrainerNames() {
		b.Run(trainer, func(b *testing.B) {
			p, s, d := benchmarkStudy(b, trainer)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Update(s, d, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("standardise", func(b *testing.B) {
		p, _, d := benchmarkStudy(b, "fedsgd")
		for b.Loop() {
			if _, err := p.Update(p.Start(), d, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	c := Codec{FractionBits: 30, Range: 1 << 22, Parties: 4}
	src, dst := make([]float64, 100_000), make([]int64, 100_000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range src {
		src[i] = 1000 * random.NormFloat64()
	}
	b.SetBytes(int64(8 * len(src)))
	for b.Loop() {
		if err := c.Encode(dst, src); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	c := Codec{FractionBits: 30, Range: 1 << 22, Parties: 4}
	sum, dst := make([]int64, 100_000), make([]float64, 100_000)
	for i := range sum {
		sum[i] = int64(i) << 30
	}
	b.SetBytes(int64(8 * len(sum)))
	for b.Loop() {
		if err := c.Decode(dst, sum); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadTable(b *testing.B) {
	task := embedded(b, "synthetic")
	for b.Loop() {
		if _, err := task.generateHospital(1, 0, 4); err != nil {
			b.Fatal(err)
		}
	}
}
