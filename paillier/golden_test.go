package paillier

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// All bytes that hospitals exchange, and those of a key, in one hash. They were
// computed without the kernel, and every kernel must give them: hospitals with
// different processors take part in one round, and old posts are replayed.
func TestGoldenBytes(t *testing.T) {
	const want = "1d6aa272e788c081d0ddb31a2f3b23a84e04303959c7a9d10033e1762673fef2"
	key, shares := testDeal(t, 5, 3)
	hash := sha256.New()
	hash.Write(key.Encode())
	e := testEncryptor(t, key.PublicKey)
	for _, count := range []int{1, 2, 7, 8, 9, 65} {
		messages := make([]int64, count)
		for i := range messages {
			messages[i] = int64(i) * 1234567890123
		}
		c, w, err := e.Encrypt(seeded("encrypt"), bigs(messages...))
		if err != nil {
			t.Fatal(err)
		}
		plaintexts, err := e.ProvePlaintexts(seeded("prove"), c, w, []byte("context"))
		if err != nil {
			t.Fatal(err)
		}
		textbook, err := key.Encrypt(seeded("textbook"), bigs(messages...))
		if err != nil {
			t.Fatal(err)
		}
		weighted, err := c.MulSmallVarTime(12345)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := weighted.Add(textbook)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := e.Rerandomise(seeded("rerandomise"), sum)
		if err != nil {
			t.Fatal(err)
		}
		partials, proof, err := key.PartialDecrypt(seeded("open"), shares[count%5], fresh, []byte("round"), []byte("set"))
		if err != nil {
			t.Fatal(err)
		}
		for _, bytes := range [][]byte{c.Encode(), e.EncodePlaintextProof(plaintexts), textbook.Encode(), weighted.Encode(),
			sum.Encode(), fresh.Encode(), partials.Encode(), key.EncodeDecryptionProof(proof)} {
			hash.Write(bytes)
		}
	}
	for _, s := range shares {
		hash.Write(s.Encode())
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		t.Errorf("the bytes have hash %s, want %s", got, want)
	}
}
