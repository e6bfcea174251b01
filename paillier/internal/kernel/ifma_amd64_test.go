//go:build !purego

package kernel

import (
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The bounds of ifma.go, attacked from inside: halves that no conversion makes,
// up to 2N−1, with parts that are equal, larger or smaller than each other. The
// result is right, below 2N, and has normal digits.
func TestLazyHalves(t *testing.T) {
	if !hasIFMA() {
		t.Skip("this machine has no AVX-512 IFMA")
	}
	for _, bits := range []int{64, 512, 514, 515, 1024, 1554, 2048, 2074, 3072, 8192} {
		for shape, n := range moduli(bits) {
			t.Run(fmt.Sprintf("bits=%d/shape=%d", bits, shape), func(t *testing.T) {
				c := newIFMA(n).(*ifma)
				halves := halvesOf(c, n)
				r := new(big.Int).Lsh(big.NewInt(1), uint(ifmaRadix*c.n))
				square := new(big.Int).Mul(n, n)
				inverse := new(big.Int).ModInverse(r, square)
				scratch := alignedWords(c.scratch())
				a, b, dst := alignedWords(2*c.half()), alignedWords(2*c.half()), alignedWords(2*c.half())
				for shift := range len(halves) {
					for lane := range ifmaLanes {
						at := func(i int) *big.Int { return halves[(i+shift)%len(halves)] }
						setLane(c, a, lane, at(lane), at(3*lane+1))
						setLane(c, b, lane, at(5*lane+shift), at(2*lane+3+shift))
					}
					c.mul(dst, a, b, scratch)
					checkLanes(t, c, n, dst, a, b, inverse)
					c.square(dst, a, scratch)
					checkLanes(t, c, n, dst, a, a, inverse)
				}
			})
		}
	}
}

// halvesOf returns halves below 2N.
func halvesOf(c *ifma, n *big.Int) []*big.Int {
	top := new(big.Int).Lsh(n, 1) // 2N
	top.Sub(top, big.NewInt(1))
	part := uint(ifmaRadix * c.n / 2)
	low := new(big.Int).Lsh(big.NewInt(1), part)
	low.Sub(low, big.NewInt(1)) // the lower part all ones, the upper 0
	even := new(big.Int).Rsh(top, part)
	even.Or(even, new(big.Int).Lsh(even, part)) // both parts equal
	out := []*big.Int{new(big.Int), big.NewInt(1), n, top, low, even, new(big.Int).AndNot(top, low)}
	s := &stream{seed: "halves"}
	for range 4 {
		out = append(out, s.below(top))
	}
	for i := range out {
		if out[i].Cmp(top) > 0 {
			out[i] = new(big.Int).Mod(out[i], top)
		}
	}
	return out
}

func setLane(c *ifma, group []uint64, lane int, low, high *big.Int) {
	digits := make([]uint64, c.n)
	for i, x := range []*big.Int{low, high} {
		publicDigits(digits, x, ifmaRadix)
		for j, d := range digits {
			group[i*c.half()+j*ifmaLanes+lane] = d
		}
	}
}

// laneOf returns the halves of a number.
func laneOf(t *testing.T, c *ifma, group []uint64, lane int) (halves [2]*big.Int) {
	t.Helper()
	for i := range halves {
		x := new(big.Int)
		for j := c.n - 1; j >= 0; j-- {
			d := group[i*c.half()+j*ifmaLanes+lane]
			if d > ifmaMask {
				t.Fatalf("digit %d of half %d is %x, more than 52 bits", j, i, d)
			}
			x.Lsh(x, ifmaRadix).Or(x, new(big.Int).SetUint64(d))
		}
		halves[i] = x
	}
	return halves
}

// checkLanes: dst = a·b/R modulo N², with halves below 2N.
func checkLanes(t *testing.T, c *ifma, n *big.Int, dst, a, b []uint64, inverse *big.Int) {
	t.Helper()
	square := new(big.Int).Mul(n, n)
	twice := new(big.Int).Lsh(n, 1)
	value := func(group []uint64, lane int) *big.Int {
		halves := laneOf(t, c, group, lane)
		if halves[0].Cmp(twice) >= 0 || halves[1].Cmp(twice) >= 0 {
			t.Fatalf("halves of lane %d are not below 2N: %x, %x", lane, halves[0], halves[1])
		}
		x := new(big.Int).Mul(halves[1], n)
		return x.Add(x, halves[0])
	}
	for lane := range ifmaLanes {
		want := new(big.Int).Mul(value(a, lane), value(b, lane))
		want.Mul(want, inverse).Mod(want, square)
		got := value(dst, lane)
		if got.Mod(got, square).Cmp(want) != 0 {
			t.Fatalf("lane %d is %x, want %x", lane, got, want)
		}
	}
}

// What is committed is what the generator writes.
func TestAssemblyIsFresh(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	want, err := os.ReadFile("ifma_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "gen")
	if out, err := exec.Command(goTool, "build", "-o", program, "./gen").CombinedOutput(); err != nil {
		t.Fatalf("build the generator: %v\n%s", err, out)
	}
	run := exec.Command(program)
	run.Dir = dir
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("run the generator: %v\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(dir, "ifma_amd64.s"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("ifma_amd64.s is not what package gen writes: run go generate ./paillier/internal/kernel")
	}
}
