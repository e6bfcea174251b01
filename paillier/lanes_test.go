package paillier

import (
	"fmt"
	"math/big"
	"sync"
	"testing"
)

// laneKeys makes two keys with two lanes each for numbers of 127 bits.
var laneKeys = sync.OnceValue(func() [2]*PrivateKey {
	var keys [2]*PrivateKey
	for i := range keys {
		key, err := GenerateKey(seeded(fmt.Sprintf("lane key %d", i)), laneKeyBits, InsecureTestBits)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

const (
	laneKeyBits = 1408
	laneValue   = 127
)

func testLanes(t testing.TB) Lanes {
	t.Helper()
	l, err := NewLanes(laneKeyBits, laneValue)
	if err != nil || l.Count != 2 {
		t.Fatalf("%+v, %v", l, err)
	}
	return l
}

// drawn are rows of lanes, the first the largest there are.
func drawn(rows, count int) [][]*big.Int {
	wide := make([]byte, rows*count*16)
	if _, err := seeded(fmt.Sprint("rows ", rows, count)).Read(wide); err != nil {
		panic(err)
	}
	out := drawBelow(wide, laneValue, rows, count)
	most := new(big.Int).Sub(new(big.Int).Lsh(one, laneValue), one)
	for i := range out[0] {
		out[0][i] = most
	}
	return out
}

func TestLanesComeBack(t *testing.T) {
	for bits, want := range map[int]int{1024: 1, 1408: 2, 2048: 3, 3072: 4} {
		l, err := NewLanes(bits, laneValue)
		if err != nil || l.Count != want {
			t.Errorf("%d bits: %+v, %v", bits, l, err)
		}
		n := new(big.Int).Sub(new(big.Int).Lsh(one, uint(bits)), one)
		most := new(big.Int).Lsh(one, uint(l.shown()))
		for _, row := range [][]*big.Int{{most}, {new(big.Int).Neg(most)}, {new(big.Int).Neg(one)}} {
			full := make([]*big.Int, l.Count)
			for i := range full {
				full[i] = row[0]
			}
			sum := l.pack(full)
			if !sameInts(l.unpack(sum.Mod(sum, n), n), full) {
				t.Errorf("%d bits: %v does not come back", bits, row)
			}
		}
	}
	if _, err := NewLanes(512, laneValue); err == nil {
		t.Error("lanes fit into 512 bits")
	}
}

// answered is an affine step with an honest party at both ends.
type answered struct {
	Affine
	key, own            *PrivateKey
	rows, factors       [][]*big.Int
	witness, multiplier *LaneWitness
	masks               *AffineWitness
}

// newAnswered answers count ciphertexts: with one multiplier, or else with one
// for each and a sum of two products in the last.
func newAnswered(t testing.TB, count int, single bool) *answered {
	t.Helper()
	l, keys := testLanes(t), laneKeys()
	a := &answered{key: keys[0], own: keys[1], rows: drawn(count, l.Count)}
	a.Affine = Affine{Lanes: l, Key: a.key.Public(), Own: a.own.Public(), Context: []byte("1 to 2")}
	if a.factors = drawn(1, 1); !single {
		a.factors = drawn((count+l.Count-1)/l.Count, l.Count)
	}
	var err error
	if a.Ciphertexts, a.witness, err = a.Key.EncryptLanes(seeded("c"), l, a.rows); err != nil {
		t.Fatal(err)
	}
	if a.Multipliers, a.multiplier, err = a.Own.EncryptLanes(seeded("b"), l, a.factors); err != nil {
		t.Fatal(err)
	}
	for k := range count {
		term := AffineTerm{Ciphertext: k, Multiplier: k}
		if single {
			term.Multiplier = 0
		}
		a.Terms = append(a.Terms, []AffineTerm{term})
	}
	if !single {
		a.Terms[count-1] = append(a.Terms[count-1], AffineTerm{Ciphertext: 0, Multiplier: 0})
	}
	if a.masks, err = a.Answer(seeded("d"), a.multiplier); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnswersAreProductsPlusMasks(t *testing.T) {
	for _, single := range []bool{true, false} {
		a := newAnswered(t, 9, single)
		opened, err := a.key.DecryptLanes(a.Lanes, a.Answers)
		if err != nil {
			t.Fatal(err)
		}
		for k, terms := range a.Terms {
			for i := range opened[k] {
				want := new(big.Int).Set(a.masks.Masks()[k][i])
				for _, term := range terms {
					want.Add(want, new(big.Int).Mul(a.witness.lanes[term.Ciphertext][i], a.multiplier.lane(term.Multiplier)))
				}
				if want.Cmp(opened[k][i]) != 0 {
					t.Errorf("answer %d, lane %d is wrong", k, i)
				}
			}
		}
		checkProofs(t, a)
	}
}

func checkProofs(t *testing.T, a *answered) {
	t.Helper()
	p, err := a.Key.ProveLanes(seeded("p"), a.Lanes, a.Ciphertexts, a.witness, a.Context)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = a.Key.DecodeLaneProof(a.Lanes, a.Key.EncodeLaneProof(a.Lanes, p)); err != nil {
		t.Fatal(err)
	}
	if err := a.Key.VerifyLanes(a.Lanes, a.Ciphertexts, p, a.Context); err != nil {
		t.Error(err)
	}
	if err := a.Key.VerifyLanes(a.Lanes, a.Ciphertexts, p, []byte("2 to 1")); err == nil {
		t.Error("a proof of lanes passes in another context")
	}
	q, err := a.Prove(seeded("q"), a.multiplier, a.masks)
	if err != nil {
		t.Fatal(err)
	}
	if q, err = a.DecodeProof(a.EncodeProof(q)); err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(q); err != nil {
		t.Error(err)
	}
	other := a.Affine
	other.Context = []byte("2 to 1")
	if err := other.Verify(q); err == nil {
		t.Error("a proof of answers passes in another context")
	}
}
