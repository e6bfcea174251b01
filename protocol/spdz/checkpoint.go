package spdz

import (
	"encoding/binary"
	"fmt"
	"math"

	"consilium/sharing/wide"
)

// Checkpoint is what a party keeps of a training that may have to go on without
// somebody: its shares of the rows, the labels and the weights after an epoch.
// It is as secret as the rows of whoever reads t+1 of them.
type Checkpoint struct {
	Party, Parties, Threshold int
	Run                       [32]byte // names the computation that the shares are of
	Epoch                     int      // behind
	Rate                      float64  // of the next
	Shares                    []Held
}

const (
	checkpointMagic = "consilium/spdz/checkpoint/2\n"
	maxMatrices     = 64
	maxEntries      = 1 << 28
)

// MarshalBinary is the canonical encoding.
func (c *Checkpoint) MarshalBinary() ([]byte, error) {
	b := []byte(checkpointMagic)
	for _, v := range []int{c.Party, c.Parties, c.Threshold, c.Epoch, len(c.Shares)} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	b = append(b, c.Run[:]...)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Rate))
	for _, h := range c.Shares {
		for _, v := range []int{h.Rows, h.Cols, h.Bits} {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(h.Reach))
		b = wide.Append(b, h.Share)
	}
	return b, nil
}

// UnmarshalBinary refuses all but the canonical encoding of a checkpoint that
// makes sense.
func (c *Checkpoint) UnmarshalBinary(data []byte) error {
	d := decoder{rest: data}
	if string(d.take(len(checkpointMagic))) != checkpointMagic {
		return fmt.Errorf("decode checkpoint: it is none of this version")
	}
	r := Checkpoint{Party: d.number(), Parties: d.number(), Threshold: d.number(), Epoch: d.number()}
	count := d.number()
	r.Run = [32]byte(d.take(len(r.Run)))
	r.Rate = math.Float64frombits(d.word())
	if d.failed || count > maxMatrices || checkSizes(r.Parties, r.Threshold) != nil || r.Party < 1 || r.Party > r.Parties || !(r.Rate > 0) || math.IsInf(r.Rate, 0) {
		return fmt.Errorf("decode checkpoint: numbers out of range")
	}
	for range count {
		h := Held{Rows: d.number(), Cols: d.number(), Bits: d.number()}
		h.Reach = math.Float64frombits(d.word())
		if d.failed || h.Rows > maxEntries || h.Cols > maxEntries || h.Rows*h.Cols > len(d.rest)/wide.Size || h.Bits >= wide.Bits || !(h.Reach >= 0) || math.IsInf(h.Reach, 0) {
			return fmt.Errorf("decode checkpoint: a matrix out of range")
		}
		h.Share = make([]wide.Element, h.Rows*h.Cols)
		if err := wide.Decode(h.Share, d.take(wide.Size*len(h.Share))); err != nil {
			return fmt.Errorf("decode checkpoint: %w", err)
		}
		r.Shares = append(r.Shares, h)
	}
	if len(d.rest) > 0 {
		return fmt.Errorf("decode checkpoint: %d bytes too many", len(d.rest))
	}
	*c = r
	return nil
}

// decoder takes fields off the front; failed stays once there was too little.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) take(n int) []byte {
	if len(d.rest) < n {
		d.failed, d.rest = true, nil
		return make([]byte, n)
	}
	field := d.rest[:n]
	d.rest = d.rest[n:]
	return field
}

func (d *decoder) number() int  { return int(binary.LittleEndian.Uint32(d.take(4))) }
func (d *decoder) word() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }
