package paillier

import (
	"bytes"
	"math/big"
	"testing"
)

func TestCiphertextsInChunks(t *testing.T) {
	key := testPrivateKey(t).Public()
	c, _ := encrypt(t, testEncryptor(t, key), 1, 2, 3, 4, 5)
	whole := c.Encode()
	if len(whole) != 5*key.CiphertextSize() {
		t.Fatalf("5 ciphertexts have %d bytes", len(whole))
	}
	chunks := &Ciphertexts{key: key}
	for from := 0; from < 5; from += 2 {
		if err := chunks.Extend(c.Append(nil, from, min(from+2, 5))); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(chunks.Encode(), whole) {
		t.Error("reading in chunks gives other ciphertexts")
	}
	if err := chunks.Extend(make([]byte, key.CiphertextSize())); err == nil || chunks.Len() != 5 {
		t.Errorf("a refused chunk left %d ciphertexts, %v", chunks.Len(), err)
	}
}

// "Refuse 0, non-units, ≥ N²."
func TestOnlyUnitsAreRead(t *testing.T) {
	private := testPrivateKey(t)
	threshold, _ := testDeal(t, 3, 2)
	key := private.Public()
	p, _ := private.Factors()
	square := key.modulus.square
	cases := map[string]*big.Int{
		"0":            new(big.Int),
		"N":            key.n,
		"p":            p,
		"a power of p": new(big.Int).Exp(p, big.NewInt(3), nil),
		"N²":           square,
		"N²+1":         new(big.Int).Add(square, one),
		"the largest":  new(big.Int).Sub(new(big.Int).Lsh(one, uint(8*key.CiphertextSize())), one),
	}
	good := one.FillBytes(make([]byte, key.CiphertextSize()))
	for name, v := range cases {
		data := append(bytes.Clone(good), v.FillBytes(make([]byte, key.CiphertextSize()))...)
		if _, err := key.DecodeCiphertexts(data); err == nil {
			t.Errorf("%s was read as a ciphertext", name)
		}
		if _, err := threshold.DecodePartials(1, data); err == nil {
			t.Errorf("%s was read as a partial decryption", name)
		}
	}
	for _, length := range []int{1, key.CiphertextSize() - 1, key.CiphertextSize() + 1} {
		if _, err := key.DecodeCiphertexts(make([]byte, length)); err == nil {
			t.Errorf("%d bytes were read", length)
		}
	}
	for _, holder := range []int{0, -1, 4} {
		if _, err := threshold.DecodePartials(holder, good); err == nil {
			t.Errorf("partial decryptions of holder %d of 3 were read", holder)
		}
	}
}

func TestThresholdKeyRoundTrip(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	data := key.Encode()
	again, err := DecodeThresholdKey(data, InsecureTestBits)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Encode(), data) || again.Digest() != key.Digest() {
		t.Error("another key came back")
	}
	share, err := again.DecodeKeyShare(shares[2].Encode())
	if err != nil || again.CheckShare(share) != nil || share.Holder() != 3 {
		t.Errorf("a share of it: %v", err)
	}
	at := len(key.PublicKey.Encode())
	for name, change := range map[string]func([]byte) []byte{
		"cut":                   func(b []byte) []byte { return b[:len(b)-1] },
		"longer":                func(b []byte) []byte { return append(b, 0) },
		"cut before the shares": func(b []byte) []byte { return b[:at+3] },
		"more holders":          func(b []byte) []byte { b[at]++; return b },
		"17 holders":            func(b []byte) []byte { b[at] = 17; return append(b, make([]byte, 14*key.CiphertextSize())...) },
		"a threshold of 1":      func(b []byte) []byte { b[at+1] = 1; return b },
		"a threshold above n":   func(b []byte) []byte { b[at+1] = 4; return b },
		"shares of odd bits":    func(b []byte) []byte { b[at+3]++; return b },
		"shares that are huge":  func(b []byte) []byte { b[at+2] = 0xff; return b },
		"shares that are short": func(b []byte) []byte { b[at+2] = 0; return b },
		"θ = 0":                 func(b []byte) []byte { clear(b[at+4 : at+4+key.size]); return b },
		"θ = N":                 func(b []byte) []byte { copy(b[at+4:], key.nBytes()); return b },
		"θ = N+1":               func(b []byte) []byte { new(big.Int).Add(key.n, one).FillBytes(b[at+4 : at+4+key.size]); return b },
		"v = 0":                 func(b []byte) []byte { clear(b[len(b)-key.CiphertextSize():]); return b },
		"nothing":               func([]byte) []byte { return nil },
	} {
		if _, err := DecodeThresholdKey(change(bytes.Clone(data)), InsecureTestBits); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// One number has one encoding, and it is in range.
func TestNonCanonicalEncodings(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	e := testEncryptor(t, key.PublicKey)
	c, w := encrypt(t, e, 1)
	plaintexts, err := e.ProvePlaintexts(seeded("p"), c, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, decryption, err := key.PartialDecrypt(seeded("d"), shares[0], c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	public := key.PublicKey.Encode()
	longer := append([]byte{0, byte(key.size + 8), 0, 0, 0, 0, 0, 0, 0, 0}, public[2:]...)
	proof := e.EncodePlaintextProof(plaintexts)
	change := func(data []byte, at int, with ...byte) []byte {
		data = bytes.Clone(data)
		copy(data[at:], with)
		return data
	}
	for name, err := range map[string]error{
		"N with zeros in front":   second(DecodePublicKey(longer, InsecureTestBits)),
		"N cut":                   second(DecodePublicKey(public[:len(public)-1], InsecureTestBits)),
		"N and a byte":            second(DecodePublicKey(append(bytes.Clone(public), 0), InsecureTestBits)),
		"a message of N":          second(e.DecodePlaintextProof(change(proof, challengeSize, key.nBytes()...))),
		"an exponent too long":    second(e.DecodePlaintextProof(change(proof, challengeSize+key.size, 2))),
		"a plaintext proof cut":   second(e.DecodePlaintextProof(proof[1:])),
		"a response too long":     second(key.DecodeDecryptionProof(change(key.EncodeDecryptionProof(decryption), challengeSize, 2))),
		"a decryption proof more": second(key.DecodeDecryptionProof(append(key.EncodeDecryptionProof(decryption), 0))),
	} {
		if err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzDecodePublicKey(f *testing.F) {
	f.Add(testPrivateKey(f).Public().Encode())
	f.Add([]byte{0, 64})
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := DecodePublicKey(data, InsecureTestBits); err == nil && !bytes.Equal(key.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, key.Encode())
		}
	})
}

func FuzzDecodeThresholdKey(f *testing.F) {
	key, _ := testDeal(f, 3, 2)
	f.Add(key.Encode())
	f.Add(key.Encode()[:100])
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := DecodeThresholdKey(data, InsecureTestBits); err == nil && !bytes.Equal(key.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, key.Encode())
		}
	})
}

func FuzzDecodeKeyShare(f *testing.F) {
	key, shares := testDeal(f, 3, 2)
	f.Add(shares[0].Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := key.DecodeKeyShare(data); err == nil && !bytes.Equal(s.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, s.Encode())
		}
	})
}

func FuzzDecodeCiphertexts(f *testing.F) {
	threshold, _ := testDeal(f, 3, 2)
	key := threshold.PublicKey
	c, _ := encryptSeeded(f, testEncryptor(f, key), 1, 2)
	f.Add(c.Encode())
	f.Add(make([]byte, key.CiphertextSize()))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := key.DecodeCiphertexts(data)
		p, errPartials := threshold.DecodePartials(1, data)
		if (err == nil) != (errPartials == nil) {
			t.Fatalf("%x: as ciphertexts %v, as partial decryptions %v", data, err, errPartials)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(c.Encode(), data) || !bytes.Equal(p.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, c.Encode())
		}
		if sum, err := c.Add(c); err != nil || sum.Len() != c.Len() {
			t.Fatal(err)
		}
	})
}

func FuzzDecodePlaintextProof(f *testing.F) {
	e := testEncryptor(f, testPrivateKey(f).Public())
	c, w := encryptSeeded(f, e, 1, 2)
	proof, err := e.ProvePlaintexts(seeded("fuzz"), c, w, nil)
	if err != nil {
		f.Fatal(err)
	}
	good := e.EncodePlaintextProof(proof)
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := e.DecodePlaintextProof(data)
		if err != nil {
			return
		}
		if !bytes.Equal(e.EncodePlaintextProof(p), data) {
			t.Fatalf("%x decodes and encodes otherwise", data)
		}
		if accepted := e.VerifyPlaintexts(c, p, nil) == nil; accepted != bytes.Equal(data, good) {
			t.Fatalf("%x: accepted is %v", data, accepted)
		}
	})
}

func FuzzDecodeDecryptionProof(f *testing.F) {
	key, shares := testDeal(f, 3, 2)
	c, _ := encryptSeeded(f, testEncryptor(f, key.PublicKey), 1)
	partials, proof, err := key.PartialDecrypt(seeded("fuzz"), shares[0], c, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	good := key.EncodeDecryptionProof(proof)
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := key.DecodeDecryptionProof(data)
		if err != nil {
			return
		}
		if !bytes.Equal(key.EncodeDecryptionProof(p), data) {
			t.Fatalf("%x decodes and encodes otherwise", data)
		}
		if accepted := key.VerifyPartials(c, partials, p, nil, nil) == nil; accepted != bytes.Equal(data, good) {
			t.Fatalf("%x: accepted is %v", data, accepted)
		}
	})
}

// encryptSeeded gives the same ciphertexts in every process of the fuzzer.
func encryptSeeded(f *testing.F, e *Encryptor, messages ...int64) (*Ciphertexts, *Witness) {
	f.Helper()
	c, w, err := e.Encrypt(seeded("fuzz"), bigs(messages...))
	if err != nil {
		f.Fatal(err)
	}
	return c, w
}
