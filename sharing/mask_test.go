package sharing

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// Against a vector whose masks are made in one piece and added value by value.
func TestMasksAgainstPlainSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom([]Ring{Ring32, Ring64}).Draw(t, "ring")
		length := rapid.IntRange(0, 5000).Draw(t, "lanes")
		values := make([]int64, length)
		for i := range values {
			values[i] = int64(i) * 7919 * -1
		}
		lanes, want := make([]byte, r.Size()*length), make([]uint64, length)
		r.Put(lanes, values)
		masks := make([]Mask, rapid.IntRange(0, 11).Draw(t, "masks"))
		for i, v := range values {
			want[i] = uint64(v)
		}
		for j := range masks {
			key := [MaskKeySize]byte{byte(j), 3}
			negative := rapid.Bool().Draw(t, "negative")
			masks[j] = NewMask(key, negative)
			plain := plainMask(key, len(lanes))
			for i := range want {
				m := laneOf(r, plain, i)
				if negative {
					m = -m
				}
				want[i] += m
			}
		}
		var m Masker
		for from := 0; from < len(lanes); { // in stretches, as chunks are asked for
			to := min(from+16*rapid.IntRange(1, 600).Draw(t, "blocks"), len(lanes))
			m.Add(r, lanes[from:to], from, masks)
			from = to
		}
		for i := range want {
			if got := laneOf(r, lanes, i); got != want[i]&r.word() {
				t.Fatalf("lane %d of %d is %x, want %x", i, length, got, want[i]&r.word())
			}
		}
	})
}

func plainMask(key [MaskKeySize]byte, size int) []byte {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	out := make([]byte, size)
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(out, out)
	return out
}

func laneOf(r Ring, lanes []byte, i int) uint64 {
	if r == Ring32 {
		return uint64(binary.LittleEndian.Uint32(lanes[4*i:]))
	}
	return binary.LittleEndian.Uint64(lanes[8*i:])
}

// Masks that one hospital adds and another subtracts vanish from the sum, which
// wraps around on its way.
func TestPairwiseMasksCancel(t *testing.T) {
	for _, r := range []Ring{Ring32, Ring64} {
		limit := int64(1)<<(min(r, 61)-1) - 1
		a, b := []int64{limit, -limit, 5}, []int64{-limit, limit, -9}
		x, y := make([]byte, 3*r.Size()), make([]byte, 3*r.Size())
		r.Put(x, a)
		r.Put(y, b)
		var m Masker
		m.Add(r, x, 0, []Mask{NewMask([16]byte{1}, false)})
		m.Add(r, y, 0, []Mask{NewMask([16]byte{1}, true)})
		before := append([]byte{}, x...)
		r.AddTo(x, y, false)
		sum := make([]int64, 3)
		r.Values(sum, x)
		if sum[0] != 0 || sum[1] != 0 || sum[2] != -4 {
			t.Errorf("%d bits: the sum is %v", r, sum)
		}
		r.AddTo(x, y, true)
		if string(x) != string(before) {
			t.Errorf("%d bits: subtraction does not undo addition", r)
		}
	}
}

func TestRingFits(t *testing.T) {
	for _, c := range []struct {
		r     Ring
		n     int
		limit uint64
		fits  bool
	}{
		{Ring32, 1, 1<<31 - 1, true}, {Ring32, 1, 1 << 31, false}, {Ring32, 10, (1<<31 - 1) / 10, true}, {Ring32, 10, (1<<31-1)/10 + 1, false},
		{Ring64, 256, 1<<52 - 1, true}, {Ring64, 256, 1 << 52, false}, {Ring64, 0, 1, false}, {Ring64, 2, 1<<64 - 1, false},
	} {
		if c.r.Fits(c.n, c.limit) != c.fits {
			t.Errorf("%d values of up to %d in %d bits: fits is %v", c.n, c.limit, c.r, !c.fits)
		}
	}
}

func BenchmarkMasks(b *testing.B) {
	const width = 1 << 14
	for _, r := range []Ring{Ring32, Ring64} {
		b.Run(map[Ring]string{Ring32: "bits=32", Ring64: "bits=64"}[r], func(b *testing.B) {
			lanes, masks := make([]byte, width*r.Size()), make([]Mask, 10)
			for i := range masks {
				masks[i] = NewMask([16]byte{byte(i)}, i < 4)
			}
			var m Masker
			b.ReportAllocs()
			done := perValue(b, width)
			for b.Loop() {
				m.Add(r, lanes, 0, masks)
			}
			done()
		})
	}
}
