package keygen

import (
	"crypto/sha256"
	"math/big"
	"testing"

	"consilium/paillier/testkey"
)

// Whatever a party sends, the decoders refuse it or read it; nothing panics. What
// is read is what it says: encoding it gives the same bytes.
func FuzzMessages(f *testing.F) {
	l, err := newLayout(3, 2, 256, 1)
	if err != nil {
		f.Fatal(err)
	}
	own := growSeeds(make([]byte, seedSize), nil, 1, 0, l.seeds)
	commitment := own.commitment()
	kept := map[int]bool{0: true}
	key, _, err := testkey.Deal(512, 3, 2)
	if err != nil {
		f.Fatal(err)
	}
	s := &sharing{ceremony: &ceremony{layout: l, talk: newTalk(nil)}, n: big.NewInt(1 << 40), leads: 1,
		commitments: [][]byte{nil, make([]byte, sha256.Size)}, found: &Found{Hashes: [][][]byte{{make([]byte, 32), make([]byte, 32), make([]byte, 32)}}}}
	b := &batch{layout: l, moduli: []*big.Int{new(big.Int).Lsh(one, 255)}}
	f.Add(l.dealSieve(own)[1])
	f.Add(own.open(nil))
	f.Add(own.open(kept))
	f.Add(make([]byte, 3*l.opened.bytes+s.maskBytes()))
	f.Add(make([]byte, 4*seedSize))
	f.Add(make([]byte, key.CiphertextSize()+key.DecryptionProofSize()))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = l.checkWords(data, 1)
		_ = l.checkWords(data, 3)
		if numbers, err := readNumbers(data, len(data)/l.product.bytes, l.product.bytes, l.product.m); err == nil {
			var again []byte
			for _, v := range numbers {
				again = appendNumber(again, v, l.product.bytes)
			}
			if string(again) != string(data) {
				t.Error("numbers have two encodings")
			}
		}
		for _, kept := range []map[int]bool{nil, kept} {
			if read, err := decodeSeeds(data, nil, 1, 0, l.seeds, kept, commitment[:]); err == nil && string(read.open(kept)) != string(data) {
				t.Error("seeds have two encodings")
			}
		}
		if _, mask, err := s.shares(data); err == nil && mask.BitLen() > l.sizes.Masked {
			t.Error("a share of R is too large")
		}
		if _, err := s.decodeSeeds(1, data); err == nil {
			t.Error("seeds for hashes that nobody has seeds of")
		}
		_, _, _ = decodeTrial(key, 1, data)
		_, _ = b.unitsOf(test{candidates: []int{0}, bases: [][]*big.Int{{one}}}, data)
	})
}
