package paillier

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPackingAddsLanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		valueBits := rapid.IntRange(1, 50).Draw(t, "bits")
		maxAbs := rapid.Int64Range(1, 1<<valueBits).Draw(t, "largest")
		contributions := rapid.IntRange(1, 300).Draw(t, "contributions")
		length := rapid.IntRange(1, 100).Draw(t, "length")
		p, err := NewPacking(512, maxAbs, contributions, length)
		if err != nil {
			t.Fatal(err)
		}
		sums := make([]*big.Int, p.Plaintexts())
		for i := range sums {
			sums[i] = new(big.Int)
		}
		want := make([]int64, length)
		given := rapid.IntRange(1, contributions).Draw(t, "given")
		values := make([]int64, length)
		for i := range values { // the largest sums are at the edges
			values[i] = rapid.SampledFrom([]int64{-maxAbs, maxAbs, 0, rapid.Int64Range(-maxAbs, maxAbs).Draw(t, "value")}).Draw(t, "which")
			want[i] = values[i] * int64(given)
		}
		plaintexts, err := p.Pack(values)
		if err != nil {
			t.Fatal(err)
		}
		for i := range sums {
			sums[i].Mul(plaintexts[i], big.NewInt(int64(given)))
			if sums[i].BitLen() > 512-headroomBits {
				t.Fatalf("a sum of %d bits reaches the headroom", sums[i].BitLen())
			}
		}
		got, err := p.Unpack(sums, given)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("value %d is %d, want %d", i, got[i], want[i])
			}
		}
	})
}

// "width ≥ bits + ⌈log₂ n⌉ + ⌈log₂ w_max⌉ + 1", and how many lanes that gives.
func TestPackingLanes(t *testing.T) {
	for _, c := range []struct {
		modulus       int
		maxAbs        int64
		contributions int
		width, lanes  int
	}{
		{2048, 1<<27 - 1, 8, 32, 61}, // 28 bits signed, 8 hospitals
		{3072, 1<<27 - 1, 8, 32, 93},
		{2048, 1<<23 - 1, 16, 29, 68},
		{2048, 1<<40 - 1, 16, 46, 43},
		{3072, 1 << 59, 1, 62, 48},
	} {
		p, err := NewPacking(c.modulus, c.maxAbs, c.contributions, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if p.Width() != c.width || p.Lanes() != c.lanes || p.Plaintexts() != (1000+c.lanes-1)/c.lanes {
			t.Errorf("%+v: lanes of %d bits, %d of them", c, p.Width(), p.Lanes())
		}
	}
}

func TestPackingRefusesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		modulus       int
		maxAbs        int64
		contributions int
		length        int
		says          string
	}{
		{2048, 1 << 59, 2, 1, "more than 60"},
		{2048, 1<<63 - 1, 1 << 30, 1, "more than 60"},
		{127, 1 << 59, 1, 1, "a lane has 62"},
		{64, 1, 1, 1, "leaves 0"},
		{2048, 0, 1, 1, "±0"},
		{2048, 1, 0, 1, "0 contributions"},
		{2048, 1, 1, 0, "0 values"},
	} {
		if _, err := NewPacking(c.modulus, c.maxAbs, c.contributions, c.length); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want an error with %q", c, err, c.says)
		}
	}
	p, err := NewPacking(512, 100, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range [][]int64{{1, 2, 3}, {1, 2, 3, 101}, {-101, 0, 0, 0}, {-1 << 63, 0, 0, 0}, {1<<63 - 1, 0, 0, 0}} {
		if _, err := p.Pack(values); err == nil {
			t.Errorf("%d were packed", values)
		}
	}
}

// A sum that honest contributions cannot add up to is refused, without a name:
// a wrong number of them, a lane that wrapped, something in an unused lane.
func TestUnpackRefusesWrongSums(t *testing.T) {
	p, err := NewPacking(512, 1000, 4, 40)
	if err != nil {
		t.Fatal(err)
	}
	contribution, err := p.Pack(make([]int64, 40))
	if err != nil {
		t.Fatal(err)
	}
	sum := func(change int, by *big.Int) []*big.Int {
		out := make([]*big.Int, len(contribution))
		for i := range out {
			out[i] = new(big.Int).Mul(contribution[i], big.NewInt(3))
		}
		out[change].Add(out[change], by)
		return out
	}
	lane := func(i int, v int64) *big.Int { return new(big.Int).Lsh(big.NewInt(v), uint(i*p.width)) }
	last := len(contribution) - 1
	cases := []struct {
		name          string
		sums          []*big.Int
		contributions int
	}{
		{"one contribution fewer than said", sum(0, new(big.Int)), 4},
		{"one more than said", sum(0, new(big.Int)), 2},
		{"one ciphertext left out of a contribution", sum(last, new(big.Int).Neg(contribution[last])), 3},
		{"a lane beyond its bound", sum(0, lane(3, 3001)), 3},
		{"a lane below its bound", sum(0, lane(3, -3001)), 3},
		{"the highest lane overflows into the counter", sum(0, lane(p.lanes-1, 1<<p.width-1)), 3},
		{"an unused lane", sum(last, lane(p.lanes-1, 1)), 3},
		{"above the counter", sum(0, new(big.Int).Lsh(one, uint(p.lanes*p.width+p.counter))), 3},
		{"minus one", sum(0, lane(0, -1<<40)), 3},
	}
	for _, test := range cases {
		_, err := p.Unpack(test.sums, test.contributions)
		var wrong *LaneError
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, err := p.Unpack(sum(0, new(big.Int)), 5); err == nil {
		t.Error("more contributions than there is room for")
	}
	if _, err := p.Unpack(sum(0, new(big.Int))[1:], 3); err == nil {
		t.Error("a plaintext too few")
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint8(3))
	p, err := NewPacking(512, 1000, 4, 40)
	if err != nil {
		f.Fatal(err)
	}
	contribution, err := p.Pack(make([]int64, 40))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(contribution[0].Bytes(), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, contributions uint8) {
		plaintexts := make([]*big.Int, p.Plaintexts())
		for i := range plaintexts {
			plaintexts[i] = new(big.Int).Set(contribution[i])
		}
		plaintexts[0].SetBytes(data)
		sums, err := p.Unpack(plaintexts, int(contributions))
		if err != nil {
			return
		}
		for _, s := range sums {
			if s > 1000*int64(contributions) || s < -1000*int64(contributions) {
				t.Fatalf("a sum of %d from %d contributions", s, contributions)
			}
		}
	})
}
