package kernel

import (
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"sync"
)

// Names of the kernels.
const (
	IFMA     = "ifma"
	ADX      = "adx"
	Portable = "portable"
)

// Limits of N. The upper one keeps every sum of the ifma kernel below 2^64 with
// much to spare, see ifma.go.
const (
	minBits = 16
	maxBits = 8192
)

// groupAlignment is the number of numbers that batches may be cut at: the same
// for every kernel.
const groupAlignment = 8

// Modulus holds what arithmetic modulo N² needs. It does not change, and may be
// used by several goroutines at once.
type Modulus struct {
	n, square *big.Int
	limit     []byte // N², big-endian, NumberBytes long
	limitHalf []byte // N, big-endian, HalfBytes long
	core      core
	name      string
	one       []uint64 // a group of the number 1, in Montgomery form
	enter     []uint64 // a group of R³ mod N²: from plain/R to Montgomery form
	enterHalf []uint64 // a group of R² mod N²: from plain halves to Montgomery form
	workspace sync.Pool
}

// Kernels lists the kernels that this machine can run, the preferred one first.
// With CONSILIUM_NOSIMD=1 in the environment, ifma is not among them; with
// CONSILIUM_NOASM=1, portable is the only one.
func Kernels() []string {
	var names []string
	assembly := os.Getenv("CONSILIUM_NOASM") != "1"
	if hasIFMA() && assembly && os.Getenv("CONSILIUM_NOSIMD") != "1" {
		names = append(names, IFMA)
	}
	if hasADX() && assembly {
		names = append(names, ADX)
	}
	return append(names, Portable)
}

// NewModulus prepares arithmetic modulo n², for an odd n of 16 to 8192 bits. n
// is public.
func NewModulus(n *big.Int) (*Modulus, error) {
	return NewModulusOn(Kernels()[0], n)
}

// NewModulusOn is NewModulus for one of the kernels that Kernels lists.
func NewModulusOn(kernel string, n *big.Int) (*Modulus, error) {
	if n.Sign() <= 0 || n.Bit(0) == 0 {
		return nil, errors.New("prepare modulus: N must be odd and positive")
	}
	if b := n.BitLen(); b < minBits || b > maxBits {
		return nil, fmt.Errorf("prepare modulus: N has %d bits, the kernel takes %d to %d", b, minBits, maxBits)
	}
	if !slices.Contains(Kernels(), kernel) {
		return nil, fmt.Errorf("prepare modulus: this machine cannot run kernel %q, it has %v", kernel, Kernels())
	}
	m := &Modulus{n: new(big.Int).Set(n), square: new(big.Int).Mul(n, n), name: kernel}
	switch kernel {
	case IFMA:
		m.core = newIFMA(n)
	case ADX:
		m.core = newPortable(n, true)
	default:
		m.core = newPortable(n, false)
	}
	m.limit = m.square.FillBytes(make([]byte, m.NumberBytes()))
	m.limitHalf = n.FillBytes(make([]byte, m.HalfBytes()))
	m.workspace.New = func() any {
		w := alignedWords(m.core.scratch())
		return &w
	}
	r := new(big.Int).Lsh(big.NewInt(1), uint(m.core.radix()*m.core.digits()))
	power := big.NewInt(1)
	for _, group := range []*[]uint64{&m.one, &m.enterHalf, &m.enter} {
		power.Mul(power, r).Mod(power, m.square)
		*group = m.constant(power)
	}
	return m, nil
}

// Kernel is the name of the kernel that computes.
func (m *Modulus) Kernel() string { return m.name }

// alike reports whether numbers of both have the same form.
func (m *Modulus) alike(other *Modulus) bool {
	return m == other || m.name == other.name && m.n.Cmp(other.n) == 0
}

// NumberBytes is the length of a number modulo N² in bytes: twice that of N.
func (m *Modulus) NumberBytes() int { return 2 * m.HalfBytes() }

// HalfBytes is the length of N in bytes.
func (m *Modulus) HalfBytes() int { return (m.n.BitLen() + 7) / 8 }

// constant returns a group whose numbers are all x, as it is: not in Montgomery
// form. x is public.
func (m *Modulus) constant(x *big.Int) []uint64 {
	lanes, digits := m.core.lanes(), m.core.digits()
	high, low := new(big.Int).QuoRem(x, m.n, new(big.Int))
	number := make([]uint64, 2*digits)
	publicDigits(number[:digits], low, m.core.radix())
	publicDigits(number[digits:], high, m.core.radix())
	group := alignedWords(2 * digits * lanes)
	for i := range group {
		group[i] = number[i/lanes]
	}
	return group
}

// borrow returns working memory for the core. Give it back with giveBack.
func (m *Modulus) borrow() *[]uint64    { return m.workspace.Get().(*[]uint64) }
func (m *Modulus) giveBack(w *[]uint64) { m.workspace.Put(w) }

// groupWords is the length of a group in words.
func (m *Modulus) groupWords() int { return 2 * m.core.digits() * m.core.lanes() }
