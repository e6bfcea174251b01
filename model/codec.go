package model

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// maxCodecBits is what every scheme of the protocol can sum: the smallest of
// them is the field of 2⁶¹−1 elements, read as signed.
const maxCodecBits = 60

// Codec turns real numbers into integers that add up exactly: x becomes
// x·2^FractionBits, rounded to the nearest integer, half to even. Every sum of
// up to Parties encodings lies in [−2^(Bits−1), 2^(Bits−1)], both ends
// included.
type Codec struct {
	FractionBits int     // binary digits after the point, from 0
	Range        float64 // largest |x| that one hospital may encode, at least 1
	Parties      int     // most hospitals whose encodings are added, at least 1
}

// Bits is the number of bits that a sum needs, its sign included:
// FractionBits + ⌈log₂ Range⌉ + ⌈log₂ Parties⌉ + 1. A scheme that sums in a
// smaller ring compares it with its own.
func (c Codec) Bits() int {
	return c.FractionBits + c.rangeBits() + c.partyBits() + 1
}

func (c Codec) rangeBits() int {
	fraction, exponent := math.Frexp(c.Range)
	if fraction == 0.5 { // a power of two
		exponent--
	}
	return exponent
}

func (c Codec) partyBits() int { return bits.Len(uint(c.Parties - 1)) }

// narrowed is a codec for values of up to a smaller range in the same number
// of bits: those that the range no longer needs go behind the point.
func (c Codec) narrowed(smaller float64) Codec {
	n := Codec{Range: smaller, Parties: c.Parties}
	n.FractionBits = c.FractionBits + c.rangeBits() - n.rangeBits()
	return n
}

// Validate checks that sums fit into 60 bits; the error shows the calculation.
func (c Codec) Validate() error {
	if c.FractionBits < 0 || c.FractionBits > maxCodecBits {
		return fmt.Errorf("fraction bits are %d; they must be between 0 and %d", c.FractionBits, maxCodecBits)
	}
	if !(c.Range >= 1) || math.IsInf(c.Range, 0) {
		return fmt.Errorf("range is %v; it must be a number of at least 1", c.Range)
	}
	if c.Parties < 1 {
		return fmt.Errorf("%d parties; there must be at least 1", c.Parties)
	}
	if c.Bits() > maxCodecBits {
		return fmt.Errorf("sums need %d bits, only %d fit: %d fraction + %d for the range %.12g + %d for %d hospitals + 1 sign; use at most %d fraction bits or a smaller range",
			c.Bits(), maxCodecBits, c.FractionBits, c.rangeBits(), c.Range, c.partyBits(), c.Parties, c.FractionBits-(c.Bits()-maxCodecBits))
	}
	return nil
}

// Resolution is the distance of neighbouring encodings, 2^−FractionBits.
func (c Codec) Resolution() float64 { return math.Ldexp(1, -c.FractionBits) }

// SumError bounds the error of a decoded sum of so many encodings against the
// exact sum: parties·2^−(FractionBits+1). A sum beyond 2⁵³ units additionally
// loses a relative 2⁻⁵³ when it becomes a float64.
func (c Codec) SumError(parties int) float64 {
	return float64(parties) * math.Ldexp(1, -c.FractionBits-1)
}

// Limit is the largest |integer| that one hospital may encode.
func (c Codec) Limit() int64 { return int64(math.RoundToEven(math.Ldexp(c.Range, c.FractionBits))) }

// Encode writes the encoding of src to dst, which has the same length. It
// refuses NaN, infinities and values beyond Range, naming the index from 0;
// nothing is ever clipped. After an error dst is not to be used.
func (c Codec) Encode(dst []int64, src []float64) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if len(dst) != len(src) {
		return fmt.Errorf("encode: room for %d values, got %d", len(dst), len(src))
	}
	scale := math.Ldexp(1, c.FractionBits)
	for i, x := range src {
		if !(math.Abs(x) <= c.Range) { // NaN too
			return fmt.Errorf("encode value %d of %d: %w", i, len(src), c.refuse(x))
		}
		dst[i] = int64(math.RoundToEven(x * scale)) // exact product: a power of two, far from overflow
	}
	return nil
}

func (c Codec) refuse(x float64) error {
	if math.IsNaN(x) {
		return errors.New("it is not a number (NaN); look for a division by zero or a diverging model")
	}
	return fmt.Errorf("%v is beyond ±%.12g, the fixed-point range of the task; raise fixed_point.range, or lower max_rows or the learning rate", x, c.Range)
}

// Decode writes the real numbers of a sum of encodings to dst, which has the
// same length. A sum larger than Parties encodings can produce is refused: it
// was not made by this codec.
func (c Codec) Decode(dst []float64, sum []int64) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if len(dst) != len(sum) {
		return fmt.Errorf("decode: room for %d values, got %d", len(dst), len(sum))
	}
	// At most 2⁵⁹, so that the conversion and the negation below are safe.
	largest := int64(c.Parties) * c.Limit()
	resolution := c.Resolution()
	for i, v := range sum {
		if v > largest || v < -largest {
			return fmt.Errorf("decode value %d of %d: %d is beyond ±%d, the largest sum of %d encodings", i, len(sum), v, largest, c.Parties)
		}
		dst[i] = float64(v) * resolution // exact product: a power of two
	}
	return nil
}
