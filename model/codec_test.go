package model

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func drawCodec(t *rapid.T) Codec {
	c := Codec{
		FractionBits: rapid.IntRange(0, 40).Draw(t, "fraction bits"),
		Range:        math.Ldexp(rapid.Float64Range(1, 2).Draw(t, "range mantissa"), rapid.IntRange(0, 12).Draw(t, "range exponent")),
		Parties:      rapid.IntRange(1, 64).Draw(t, "parties"),
	}
	if err := c.Validate(); err != nil {
		t.Skip(err)
	}
	return c
}

// "A sum of n encodings errs at most n·2^−(fraction+1)", and lies in
// [−2^(Bits−1), 2^(Bits−1)].
func TestSumsOfEncodingsAreWithinTheBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCodec(t)
		exact := new(big.Float).SetPrec(200)
		var sum int64
		for i := range c.Parties {
			x := rapid.Float64Range(-c.Range, c.Range).Draw(t, "x")
			if i == 0 && rapid.Bool().Draw(t, "extreme") {
				x = math.Copysign(c.Range, x)
			}
			var encoded [1]int64
			if err := c.Encode(encoded[:], []float64{x}); err != nil {
				t.Fatal(err)
			}
			exact.Add(exact, big.NewFloat(x))
			sum += encoded[0]
		}
		if limit := int64(1) << (c.Bits() - 1); sum > limit || sum < -limit {
			t.Fatalf("sum %d needs more than %d bits", sum, c.Bits())
		}
		var decoded [1]float64
		if err := c.Decode(decoded[:], []int64{sum}); err != nil {
			t.Fatal(err)
		}
		diff, _ := new(big.Float).Sub(exact, big.NewFloat(decoded[0])).Float64()
		if bound := c.SumError(c.Parties) + math.Abs(decoded[0])*0x1p-53; math.Abs(diff) > bound {
			t.Fatalf("the sum is off by %g, bound %g", diff, bound)
		}
	})
}

func TestEncodeRoundsHalfToEven(t *testing.T) {
	c := Codec{FractionBits: 1, Range: 4, Parties: 1}
	src := []float64{0.25, 0.75, -0.25, -0.75, 1.25, 4, -4, 0.2500001}
	want := []int64{0, 2, 0, -2, 2, 8, -8, 1}
	got := make([]int64, len(src))
	if err := c.Encode(got, src); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("encoding of %v is %d, want %d", src[i], got[i], want[i])
		}
	}
}

func TestEncodeRefusesInsteadOfClipping(t *testing.T) {
	c := Codec{FractionBits: 8, Range: 100, Parties: 3}
	tail := ", the fixed-point range of the task; raise fixed_point.range, or lower max_rows or the learning rate"
	cases := []struct {
		x    float64
		want string
	}{
		{math.NaN(), "encode value 1 of 2: it is not a number (NaN); look for a division by zero or a diverging model"},
		{math.Inf(1), "encode value 1 of 2: +Inf is beyond ±100" + tail},
		{-100.5, "encode value 1 of 2: -100.5 is beyond ±100" + tail},
		{math.Nextafter(100, 200), "encode value 1 of 2: 100.00000000000001 is beyond ±100" + tail},
	}
	for _, test := range cases {
		checkError(t, c.Encode(make([]int64, 2), []float64{100, test.x}), test.want)
	}
	checkError(t, c.Encode(make([]int64, 1), make([]float64, 2)), "encode: room for 1 values, got 2")
}

func TestDecodeRefusesImpossibleSums(t *testing.T) {
	c := Codec{FractionBits: 8, Range: 100, Parties: 3}
	dst := make([]float64, 1)
	if err := c.Decode(dst, []int64{-3 * 100 << 8}); err != nil || dst[0] != -300 {
		t.Errorf("the smallest sum decodes to %v, %v", dst[0], err)
	}
	checkError(t, c.Decode(dst, []int64{3*100<<8 + 1}), "decode value 0 of 1: 76801 is beyond ±76800, the largest sum of 3 encodings")
	checkError(t, c.Decode(dst, []int64{-3*100<<8 - 1}), "decode value 0 of 1: -76801 is beyond ±76800, the largest sum of 3 encodings")
	checkError(t, c.Decode(dst, []int64{math.MinInt64}), "decode value 0 of 1: -9223372036854775808 is beyond ±76800, the largest sum of 3 encodings")
	checkError(t, c.Decode(dst, nil), "decode: room for 1 values, got 0")
}

// "bits needed = fraction + ⌈log2 range⌉ + ⌈log2 parties⌉ + 1 sign ≤ 60".
func TestBits(t *testing.T) {
	cases := []struct {
		codec Codec
		want  int
	}{
		{Codec{0, 1, 1}, 1}, {Codec{0, 1, 2}, 2}, {Codec{10, 8, 4}, 16}, {Codec{10, 8.5, 5}, 18},
		{Codec{30, 1 << 22, 128}, 60}, {Codec{30, 1<<22 - 1, 128}, 60}, {Codec{30, 1<<22 + 1, 128}, 61}, {Codec{30, 1 << 22, 129}, 61},
	}
	for _, c := range cases {
		if got := c.codec.Bits(); got != c.want {
			t.Errorf("%+v needs %d bits, want %d", c.codec, got, c.want)
		}
		if fits := c.codec.Validate() == nil; fits != (c.want <= 60) {
			t.Errorf("%+v with %d bits: fits = %v", c.codec, c.want, fits)
		}
	}
}

func TestCodecValidateShowsTheNumbers(t *testing.T) {
	cases := []struct {
		codec Codec
		want  string
	}{
		{Codec{40, 1 << 20, 4}, "sums need 63 bits, only 60 fit: 40 fraction + 20 for the range 1048576 + 2 for 4 hospitals + 1 sign; use at most 37 fraction bits or a smaller range"},
		{Codec{-1, 1, 1}, "fraction bits are -1; they must be between 0 and 60"},
		{Codec{8, 0.5, 1}, "range is 0.5; it must be a number of at least 1"},
		{Codec{8, math.NaN(), 1}, "range is NaN; it must be a number of at least 1"},
		{Codec{8, math.Inf(1), 1}, "range is +Inf; it must be a number of at least 1"},
		{Codec{8, 1, 0}, "0 parties; there must be at least 1"},
	}
	for _, c := range cases {
		checkError(t, c.codec.Validate(), c.want)
	}
}

func FuzzCodec(f *testing.F) {
	f.Add(30, 1024.0, 4, 3.25)
	f.Add(59, 1.0, 1, -1.0)
	f.Add(0, 1e300, 1, 1e299)
	f.Fuzz(func(t *testing.T, fractionBits int, limit float64, parties int, x float64) {
		c := Codec{FractionBits: fractionBits, Range: limit, Parties: parties}
		var encoded [1]int64
		if err := c.Encode(encoded[:], []float64{x}); err != nil {
			return
		}
		var decoded [1]float64
		if err := c.Decode(decoded[:], encoded[:]); err != nil {
			t.Fatalf("%+v encodes %v but does not decode it: %v", c, x, err)
		}
		if diff := math.Abs(decoded[0] - x); diff > c.Resolution()/2+math.Abs(x)*0x1p-53 {
			t.Fatalf("%+v: %v became %v", c, x, decoded[0])
		}
		if encoded[0]*int64(parties) > 1<<(c.Bits()-1) || encoded[0]*int64(parties) < -1<<(c.Bits()-1) {
			t.Fatalf("%+v: %d parties leave %d bits", c, parties, c.Bits())
		}
	})
}
