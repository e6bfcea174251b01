package paillier

import (
	"bytes"
	"math/big"
	"testing"
)

// allDiffer fails when two of the named digests are equal.
func allDiffer(t *testing.T, digests map[string][]byte) {
	t.Helper()
	seen := map[string]string{}
	for name, digest := range digests {
		if other, ok := seen[string(digest)]; ok {
			t.Errorf("%q and %q are the same statement", name, other)
		}
		seen[string(digest)] = name
	}
}

// "Challenge over length-prefixed domain, N, V, v_i, i, round description, set
// hash, the ciphertexts, the partials, a, b": a proof that leaves one of them
// out can be moved, or made after the fact.
func TestDecryptionStatementCoversEverything(t *testing.T) {
	key, _ := testDeal(t, 3, 2)
	again, _, err := Deal(seeded("other deal"), testPrivateKey(t), 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	numbers := func(values ...int64) batch { return key.modulus.of(bigs(values...)...) }
	c := &Ciphertexts{key.PublicKey, numbers(5, 6)}
	p := &Partials{key, 1, numbers(7, 8)}
	base := key.statement(c, p, []byte("round"), []byte("set"))
	allDiffer(t, map[string][]byte{
		"base":              base,
		"holder":            key.statement(c, &Partials{key, 2, p.values}, []byte("round"), []byte("set")),
		"round":             key.statement(c, p, []byte("round 2"), []byte("set")),
		"set":               key.statement(c, p, []byte("round"), []byte("set 2")),
		"between the two":   key.statement(c, p, []byte("rounds"), []byte("et")),
		"ciphertexts":       key.statement(&Ciphertexts{key.PublicKey, numbers(5, 7)}, p, []byte("round"), []byte("set")),
		"their order":       key.statement(&Ciphertexts{key.PublicKey, numbers(6, 5)}, p, []byte("round"), []byte("set")),
		"partials":          key.statement(c, &Partials{key, 1, numbers(7, 9)}, []byte("round"), []byte("set")),
		"from one to other": key.statement(&Ciphertexts{key.PublicKey, numbers(5)}, &Partials{key, 1, numbers(6, 7, 8)}, []byte("round"), []byte("set")),
		"key":               again.statement(c, p, []byte("round"), []byte("set")),
	})
	other := key.statement(c, p, []byte("round"), []byte("set 2"))
	allDiffer(t, map[string][]byte{
		"base":      key.challenge(base, numbers(1, 2)),
		"statement": key.challenge(other, numbers(1, 2)),
		"a":         key.challenge(base, numbers(3, 2)),
		"b":         key.challenge(base, numbers(1, 3)),
	})
	// v_i beside the key's digest, which holds it: once more, as it is written.
	changed := *key
	changed.verification = numbers(1, 2, 3)
	if bytes.Equal(base, changed.statement(c, p, []byte("round"), []byte("set"))) {
		t.Error("the statement does not hold v_i")
	}
	changed = *key
	changed.base = numbers(4)
	if bytes.Equal(base, changed.statement(c, p, []byte("round"), []byte("set"))) {
		t.Error("the statement does not hold V")
	}
}

func TestPlaintextStatementCoversEverything(t *testing.T) {
	key := testPrivateKey(t).Public()
	e := testEncryptor(t, key)
	numbers := func(values ...int64) *Ciphertexts { return ciphertextsOf(key, bigs(values...)...) }
	c := numbers(5, 6)
	vary := func(change func(e *Encryptor)) []byte {
		other := *e
		change(&other)
		return other.statement(c, []byte("context"))
	}
	base := e.statement(c, []byte("context"))
	allDiffer(t, map[string][]byte{
		"base":              base,
		"context":           e.statement(c, []byte("context 2")),
		"ciphertexts":       e.statement(numbers(5, 7), []byte("context")),
		"their order":       e.statement(numbers(6, 5), []byte("context")),
		"their number":      e.statement(numbers(5, 6, 1), []byte("context")),
		"encryptor":         vary(func(e *Encryptor) { e.context = []byte("round 2") }),
		"base of the noise": vary(func(e *Encryptor) { e.base = numbers(2).values }),
		"exponents":         vary(func(e *Encryptor) { e.exponentBits += 8 }),
		"key":               vary(func(e *Encryptor) { e.key = &PublicKey{new(big.Int).Add(key.n, four), key.size, key.modulus} }),
	})
	allDiffer(t, map[string][]byte{
		"base":      e.challenge(base, numbers(1).values),
		"statement": e.challenge(e.statement(c, []byte("context 2")), numbers(1).values),
		"a":         e.challenge(base, numbers(2).values),
	})
}

// h = −y² has Jacobi symbol 1 and is no square, so that the ciphertexts' noise is
// not in the squares alone (Damgård, Jurik, Nielsen 2010).
func TestEncryptionBaseIsMinusASquare(t *testing.T) {
	private := testPrivateKey(t)
	p, q := private.Factors()
	e := testEncryptor(t, private.Public())
	h := private.Public().modulus.ints(e.base)[0]
	if big.Jacobi(new(big.Int).Mod(h, p), p) != -1 || big.Jacobi(new(big.Int).Mod(h, q), q) != -1 {
		t.Error("h is not a non-square mod both factors")
	}
	// It is an N-th power: it decrypts to 0.
	if m, err := private.Decrypt(&Ciphertexts{private.Public(), e.base}); err != nil || m[0].Sign() != 0 {
		t.Errorf("h^N decrypts to %v, %v", m, err)
	}
}
