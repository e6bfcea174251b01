package sharing

import (
	"bytes"
	"testing"
)

func sharedSecret(k int, seed byte) (SharedSecret, []Commitment, error) {
	p := NewSharedSecret(k, NewExpander([SeedSize]byte{seed}, 0))
	data := p.AppendCommitments(nil)
	var commitments []Commitment
	for ; len(data) > 0; data = data[GroupSize:] {
		c, err := DecodeCommitment(data[:GroupSize])
		if err != nil {
			return p, nil, err
		}
		commitments = append(commitments, c)
	}
	return p, commitments, nil
}

// Every k shares give the secret; k−1 give another one.
func TestFeldmanShares(t *testing.T) {
	const n, k = 6, 4
	p, commitments, err := sharedSecret(k, 1)
	if err != nil {
		t.Fatal(err)
	}
	for mask := range 1 << n {
		xs := members(mask)
		if len(xs) < k-1 || len(xs) > k {
			continue
		}
		lambda, err := LagrangeScalars(xs)
		if err != nil {
			t.Fatal(err)
		}
		shares := make([]Scalar, len(xs))
		for i, x := range xs {
			shares[i] = p.Share(x)
		}
		if commitments[0].Opens(Interpolate(lambda, shares)) != (len(xs) == k) {
			t.Errorf("parties %v of threshold %d: opened is %v", xs, k, len(xs) != k)
		}
	}
	if !commitments[0].Opens(p.Secret()) {
		t.Error("the secret is not what was committed to")
	}
}

// A share that is false, of another party, or of another polynomial is noticed,
// also at the largest number that a party can have.
func TestFeldmanNoticesFalseShares(t *testing.T) {
	const k = 3
	p, commitments, err := sharedSecret(k, 1)
	if err != nil {
		t.Fatal(err)
	}
	other, _, _ := sharedSecret(k, 2)
	for _, x := range []int{1, 2, 3, 7, 100, 255, 256, MaxParties} {
		c := ShareCommitmentVarTime(commitments, x)
		if !c.Opens(p.Share(x)) {
			t.Errorf("party %d: a true share is refused", x)
		}
		for what, s := range map[string]Scalar{"the next party's": p.Share(x + 1), "another secret's": other.Share(x), "zero": {scalar(0)}} {
			if c.Opens(s) {
				t.Errorf("party %d: %s share is accepted", x, what)
			}
		}
	}
}

func TestAgreement(t *testing.T) {
	a, ca, _ := sharedSecret(2, 1)
	b, cb, _ := sharedSecret(2, 2)
	if !bytes.Equal(Agree(a.Secret(), cb[0]), Agree(b.Secret(), ca[0])) {
		t.Error("two parties do not agree on a secret")
	}
	if bytes.Equal(Agree(a.Secret(), cb[0]), Agree(a.Secret(), ca[0])) {
		t.Error("one secret for two parties")
	}
}

// The order of the group, least significant byte first: an encoding of 0 that is
// not canonical.
var order = []byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10}

func TestGroupDecodersRefuseNonCanonical(t *testing.T) {
	for _, data := range [][]byte{nil, make([]byte, 31), make([]byte, 33), order, bytes.Repeat([]byte{255}, 32)} {
		if _, err := DecodeScalar(data); err == nil {
			t.Errorf("scalar %x was accepted", data)
		}
	}
	// 1 is negative in the sense of RFC 9496, 2²⁵⁵−19 is not below the prime.
	prime := append([]byte{0xed}, append(bytes.Repeat([]byte{255}, 30), 0x7f)...)
	for _, data := range [][]byte{nil, make([]byte, 33), {31: 0, 0: 1}, prime, bytes.Repeat([]byte{255}, 32)} {
		if _, err := DecodeCommitment(data); err == nil {
			t.Errorf("element %x was accepted", data)
		}
	}
	if c, err := DecodeCommitment(make([]byte, GroupSize)); err != nil || !c.IsZero() {
		t.Errorf("the identity: %v", err)
	}
	for _, xs := range [][]int{{0, 1}, {1, 1}, {1, MaxParties + 1}} {
		if _, err := LagrangeScalars(xs); err == nil {
			t.Errorf("abscissae %v were accepted", xs)
		}
	}
}

func FuzzDecodeGroup(f *testing.F) {
	p, _, _ := sharedSecret(1, 1)
	f.Add(p.AppendCommitments(nil))
	f.Add(p.Secret().Append(nil))
	f.Add(order)
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := DecodeScalar(data); err == nil && !bytes.Equal(s.Append(nil), data) {
			t.Fatalf("scalar %x encodes to %x", data, s.Append(nil))
		}
		if c, err := DecodeCommitment(data); err == nil && !bytes.Equal(c.e.Bytes(), data) {
			t.Fatalf("element %x encodes to %x", data, c.e.Bytes())
		}
	})
}

func BenchmarkFeldman(b *testing.B) {
	const k, x = 6, 10
	p, commitments, err := sharedSecret(k, 1)
	if err != nil {
		b.Fatal(err)
	}
	encoded, share := p.AppendCommitments(nil), p.Share(x)
	for name, do := range map[string]func(){
		"commit":       func() { p.AppendCommitments(nil) },
		"decode":       func() { _, _ = DecodeCommitment(encoded[:GroupSize]) },
		"verify share": func() { ShareCommitmentVarTime(commitments, x).Opens(share) },
		"agree":        func() { Agree(share, commitments[0]) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				do()
			}
		})
	}
}
