package paillier

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"
)

// Packing lays many signed integers into one plaintext, each in a lane of its
// own, so that adding ciphertexts adds all lanes. From the low end, a plaintext
// is
//
//	lane 0 | lane 1 | … | counter | zeros (the top 64 bits and what is left over)
//
// A lane of one contribution holds value + maxAbs, which is not negative, and the
// counter 1. A lane is one bit wider than the largest honest sum, and so is the
// counter.
//
// Every plaintext has a counter, not the first alone: the bias of each lane is
// taken off once for each contribution to that very ciphertext, so that number
// is what has to be right; and a sum that overflows the highest lane runs into
// the counter above it. It takes some ten bits.
type Packing struct {
	maxAbs        int64
	contributions int
	length        int
	width, lanes  int // bits of a lane; lanes of a plaintext
	counter       int // bits of the counter
}

// headroomBits are the top bits of a plaintext that stay empty, so that no sum
// reaches N.
const headroomBits = 64

// maxSumBits bounds a sum, in either direction, so that it is an int64 with
// something to spare.
const maxSumBits = 60

// NewPacking lays out vectors of length values with |value| ≤ maxAbs, under an N
// of modulusBits bits, for sums over up to contributions of them. Where
// contributions are weighted (MulSmallVarTime), contributions is the largest sum
// of weights. It refuses what does not fit.
func NewPacking(modulusBits int, maxAbs int64, contributions, length int) (*Packing, error) {
	if maxAbs < 1 || contributions < 1 || length < 1 {
		return nil, fmt.Errorf("lay out plaintexts: %d values up to ±%d from %d contributions", length, maxAbs, contributions)
	}
	if high, low := bits.Mul64(uint64(maxAbs), uint64(contributions)); high > 0 || bits.Len64(low) > maxSumBits {
		return nil, fmt.Errorf("lay out plaintexts: a sum over %d contributions up to ±%d has %d bits, more than %d; quantise to fewer bits",
			contributions, maxAbs, bits.Len64(uint64(maxAbs))+bits.Len64(uint64(contributions)), maxSumBits)
	}
	p := &Packing{maxAbs: maxAbs, contributions: contributions, length: length}
	p.width = bits.Len64(2*uint64(maxAbs)*uint64(contributions)) + 1
	p.counter = bits.Len64(uint64(contributions)) + 1
	room := modulusBits - headroomBits - p.counter
	if p.lanes = room / p.width; room < p.width {
		return nil, fmt.Errorf("lay out plaintexts: N of %d bits leaves %d after a headroom of %d and a counter of %d; a lane has %d",
			modulusBits, max(room, 0), headroomBits, p.counter, p.width)
	}
	return p, nil
}

// Lanes is the number of values in a plaintext.
func (p *Packing) Lanes() int { return p.lanes }

// Width is the number of bits of a lane.
func (p *Packing) Width() int { return p.width }

// Plaintexts is the number of plaintexts that hold a vector.
func (p *Packing) Plaintexts() int { return (p.length + p.lanes - 1) / p.lanes }

// Pack lays out one contribution of exactly length values, in Plaintexts()
// plaintexts.
func (p *Packing) Pack(values []int64) ([]*big.Int, error) {
	if len(values) != p.length {
		return nil, fmt.Errorf("pack: %d values, not %d", len(values), p.length)
	}
	for i, v := range values {
		if v < -p.maxAbs || v > p.maxAbs {
			return nil, fmt.Errorf("pack: value %d is beyond ±%d", i, p.maxAbs)
		}
	}
	out := make([]*big.Int, p.Plaintexts())
	for i := range out {
		lanes := make(laneWords, p.words())
		for j, v := range values[i*p.lanes : min((i+1)*p.lanes, p.length)] {
			lanes.put(j*p.width, uint64(v+p.maxAbs))
		}
		lanes.put(p.lanes*p.width, 1)
		out[i] = lanes.big()
	}
	return out, nil
}

// LaneError says that a sum cannot be what honest contributions add up to. It
// accuses nobody: any contributor could have caused it, and none is seen in it.
type LaneError struct {
	Plaintext int
	Lane      int // −1: the counter
	Why       string
}

func (e *LaneError) Error() string {
	if e.Lane < 0 {
		return fmt.Sprintf("unpack: plaintext %d: %s", e.Plaintext, e.Why)
	}
	return fmt.Sprintf("unpack: plaintext %d, lane %d: %s", e.Plaintext, e.Lane, e.Why)
}

// Unpack returns the sums that the plaintexts hold, where contributions were
// added (or weights that add up to contributions). A *LaneError says that they
// cannot be sums of so many honest ones: another number was added, or a lane
// wrapped. A contributor who stays within the lane can lie about its values
// unseen; that is not for this to find.
func (p *Packing) Unpack(plaintexts []*big.Int, contributions int) ([]int64, error) {
	if len(plaintexts) != p.Plaintexts() || contributions < 1 || contributions > p.contributions {
		return nil, fmt.Errorf("unpack: %d plaintexts of %d contributions, laid out for %d of up to %d",
			len(plaintexts), contributions, p.Plaintexts(), p.contributions)
	}
	out := make([]int64, 0, p.length)
	bias := uint64(p.maxAbs) * uint64(contributions)
	for i, plaintext := range plaintexts {
		if plaintext.Sign() < 0 || plaintext.BitLen() > p.lanes*p.width+p.counter {
			return nil, &LaneError{i, -1, "it is longer than any sum"}
		}
		lanes := p.split(plaintext)
		if got := lanes.get(p.lanes*p.width, p.counter); got != uint64(contributions) {
			return nil, &LaneError{i, -1, fmt.Sprintf("its counter says %d contributions, not %d", got, contributions)}
		}
		for j := range p.lanes {
			sum := lanes.get(j*p.width, p.width)
			switch {
			case len(out) < p.length && sum <= 2*bias:
				out = append(out, int64(sum)-int64(bias))
			case len(out) < p.length:
				return nil, &LaneError{i, j, "the sum is beyond what the contributions can add up to"}
			case sum != 0:
				return nil, &LaneError{i, j, "an unused lane is not zero"}
			}
		}
	}
	return out, nil
}

// words is the number of 64-bit words of a plaintext, and one that put and get
// may touch.
func (p *Packing) words() int { return (p.lanes*p.width+p.counter)/64 + 2 }

func (p *Packing) split(v *big.Int) laneWords {
	lanes := make(laneWords, p.words())
	data := v.FillBytes(make([]byte, 8*len(lanes)))
	for i := range lanes {
		lanes[len(lanes)-1-i] = binary.BigEndian.Uint64(data[8*i:])
	}
	return lanes
}

// laneWords is a plaintext as 64-bit words, least significant first. A lane is at
// most 64 bits wide, so it lies in two of them. A shift by 64 gives 0 in Go.
type laneWords []uint64

func (w laneWords) put(at int, v uint64) {
	w[at/64] |= v << (at % 64)
	w[at/64+1] |= v >> (64 - at%64)
}

func (w laneWords) get(at, width int) uint64 {
	v := w[at/64]>>(at%64) | w[at/64+1]<<(64-at%64)
	return v & (1<<width - 1)
}

func (w laneWords) big() *big.Int {
	var data []byte
	for i := range w {
		data = binary.BigEndian.AppendUint64(data, w[len(w)-1-i])
	}
	return new(big.Int).SetBytes(data)
}
