package kernel

import (
	"bytes"
	"math/big"
	"testing"
)

// FuzzKernels computes with every kernel and with math/big. The modulus, its
// length (512 to 3072 bits, in steps of one), the numbers and the exponents
// come from the input.
func FuzzKernels(f *testing.F) {
	for _, bits := range []uint16{512, 513, 520, 1000, 1024, 1034, 2048, 3072} {
		f.Add(bits, []byte("modulus"), []byte("numbers"), []byte{1, 0, 200})
		f.Add(bits, bytes.Repeat([]byte{0xff}, 384), bytes.Repeat([]byte{0xff}, 768), []byte{0xff, 0xff})
		f.Add(bits, []byte{}, []byte{}, []byte{})
	}
	f.Fuzz(func(t *testing.T, bits uint16, modulus, numbers, exponent []byte) {
		length := 512 + int(bits)%(3072-512+1)
		if len(exponent) > 16 {
			exponent = exponent[:16]
		}
		n := new(big.Int).SetBytes(modulus)
		n.Mod(n, new(big.Int).Lsh(big.NewInt(1), uint(length-1))).SetBit(n, length-1, 1).SetBit(n, 0, 1)
		square := new(big.Int).Mul(n, n)
		var bases []*big.Int // successive cuts of the input, nine of them
		for i := range 9 {
			x := new(big.Int).SetBytes(numbers[min(i, len(numbers)):])
			bases = append(bases, x.Mod(x.Sub(x, big.NewInt(int64(i))), square))
		}
		e := new(big.Int).SetBytes(exponent)
		power := make([]*big.Int, len(bases))
		product := make([]*big.Int, len(bases))
		for i, x := range bases {
			power[i] = new(big.Int).Exp(x, e, square)
			product[i] = new(big.Int).Mul(power[i], bases[len(bases)-1-i])
			product[i].Mod(product[i], square)
		}
		for _, kernel := range Kernels() {
			m := mustModulus(t, kernel, n)
			a, b := mustBatch(t, m, bases), m.NewBatch(len(bases))
			m.Exp(b, a, [][]byte{exponent})
			wantNumbers(t, b, func(i int) *big.Int { return power[i] })
			turned := m.NewBatch(len(bases))
			for i := range bases {
				turned.Put(i, a, len(bases)-1-i)
			}
			m.Mul(b, b, turned)
			wantNumbers(t, b, func(i int) *big.Int { return product[i] })
			m.Square(b, a)
			wantNumbers(t, b, func(i int) *big.Int { return productOf(m, bases[i], bases[i]) })
		}
	})
}

// FuzzDigits: digits and bytes are the same number.
func FuzzDigits(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, uint8(0))
	f.Add(bytes.Repeat([]byte{0xff}, 65), uint8(7))
	f.Fuzz(func(t *testing.T, number []byte, stride uint8) {
		for _, radix := range []int{52, 64} {
			step := 1 + int(stride)%8
			count := (8*len(number)+radix-1)/radix + 1
			digits := make([]uint64, step*count)
			digitsOf(digits, step, number, radix)
			x := new(big.Int)
			for j := count - 1; j >= 0; j-- {
				x.Lsh(x, uint(radix)).Or(x, new(big.Int).SetUint64(digits[j*step]))
			}
			if x.Cmp(new(big.Int).SetBytes(number)) != 0 {
				t.Fatalf("digits of %x make %x", number, x)
			}
			back := make([]byte, len(number))
			bytesOf(back, digits, step, radix)
			if !bytes.Equal(back, number) {
				t.Fatalf("%x comes back as %x", number, back)
			}
		}
	})
}
