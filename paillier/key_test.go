package paillier

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
)

func TestPublicKeyRefusesWhatIsNoModulus(t *testing.T) {
	n := testPrivateKey(t).Public().N()
	prime, err := blumPrime(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	half, err := blumPrime(rand.Reader, 256)
	if err != nil {
		t.Fatal(err)
	}
	top := new(big.Int).Lsh(one, 511)
	cases := map[string]*big.Int{
		"zero":                new(big.Int),
		"negative":            new(big.Int).Neg(n),
		"even":                new(big.Int).Add(n, one),
		"3 mod 4":             new(big.Int).Add(n, two),
		"a prime, 3 mod 4":    prime,
		"a square":            new(big.Int).Mul(half, half),
		"too short":           new(big.Int).Rsh(n, 64),
		"not of whole words":  new(big.Int).Mul(n, big.NewInt(13)),
		"a power of two":      top,
		"with a small factor": multipleOf(top, 5*997),
	}
	for name, v := range cases {
		if _, err := NewPublicKey(v, InsecureTestBits); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for bits := 1; ; bits += 4 { // a prime that is 1 mod 4
		if p := new(big.Int).Add(top, big.NewInt(int64(bits))); p.ProbablyPrime(20) {
			if _, err := NewPublicKey(p, InsecureTestBits); err == nil {
				t.Error("a prime, 1 mod 4: accepted")
			}
			break
		}
	}
	if _, err := NewPublicKey(n, InsecureTestBits); err != nil {
		t.Error(err)
	}
}

// multipleOf is the first multiple of f above v that is 1 mod 4.
func multipleOf(v *big.Int, f int64) *big.Int {
	by := big.NewInt(f)
	out := new(big.Int).Mul(new(big.Int).Quo(v, by), by)
	for out.Cmp(v) <= 0 || out.Bit(0) != 1 || out.Bit(1) != 0 {
		out.Add(out, by)
	}
	return out
}

// A short key needs the word insecure, and no word makes it shorter than 256.
func TestShortKeysNeedTheirName(t *testing.T) {
	n := testPrivateKey(t).Public().N()
	if _, err := NewPublicKey(n, MinBits); err == nil {
		t.Error("512 bits pass for 2048")
	}
	if _, err := NewPublicKey(n, 128); err == nil || !strings.Contains(err.Error(), "128") {
		t.Errorf("a least length of 128 bits: %v", err)
	}
	if _, err := GenerateKey(rand.Reader, 1024, MinBits); err == nil {
		t.Error("a key of 1024 bits was generated")
	}
	if _, err := GenerateKey(rand.Reader, 576, InsecureTestBits); err == nil {
		t.Error("a key of 576 bits was generated: no two primes of whole words")
	}
	key, _ := testDeal(t, 3, 2)
	if _, err := DecodeThresholdKey(key.Encode(), MinBits); err == nil {
		t.Error("a threshold key of 512 bits passes for 2048")
	}
	if _, err := DecodePublicKey(key.PublicKey.Encode(), MinBits); err == nil {
		t.Error("an encoded key of 512 bits passes for 2048")
	}
}

func TestPrivateKeyRefusesBadFactors(t *testing.T) {
	p, q := testPrivateKey(t).Factors()
	near := new(big.Int).Add(p, four)
	for !near.ProbablyPrime(20) {
		near.Add(near, four)
	}
	oneModFour := new(big.Int).Add(q, two)
	for !oneModFour.ProbablyPrime(20) {
		oneModFour.Add(oneModFour, four)
	}
	for name, f := range map[string][2]*big.Int{
		"equal":            {p, p},
		"near":             {p, near},
		"1 mod 4":          {p, oneModFour},
		"composite":        {p, new(big.Int).Add(q, four)},
		"of other lengths": {p, new(big.Int).Lsh(q, 64)},
	} {
		if _, err := NewPrivateKey(f[0], f[1], InsecureTestBits); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestMessagesAndKeysMustFit(t *testing.T) {
	private := testPrivateKey(t)
	key := private.Public()
	e := testEncryptor(t, key)
	for _, m := range []*big.Int{key.N(), big.NewInt(-1)} {
		if _, _, err := e.Encrypt(rand.Reader, []*big.Int{m}); err == nil {
			t.Errorf("message %d was encrypted", m)
		}
		if _, err := key.Encrypt(rand.Reader, []*big.Int{m}); err == nil {
			t.Errorf("message %d was encrypted with a full r", m)
		}
	}
	if _, _, err := e.Encrypt(bytes.NewReader(make([]byte, 10)), bigs(1)); err == nil {
		t.Error("too little randomness was enough")
	}
	for _, bits := range []int{0, 248, 257, key.Bits() + 136} {
		if _, err := NewEncryptor(key, nil, bits); err == nil {
			t.Errorf("an exponent of %d bits was accepted", bits)
		}
	}
	otherPrivate, err := GenerateKey(rand.Reader, InsecureTestBits, InsecureTestBits)
	if err != nil {
		t.Fatal(err)
	}
	other := testEncryptor(t, otherPrivate.Public())
	a, _ := encrypt(t, e, 1)
	b, _ := encrypt(t, other, 1)
	if err := a.AddTo(b); err == nil {
		t.Error("ciphertexts under two keys were added")
	}
	two, _ := encrypt(t, e, 1, 2)
	if _, err := a.Add(two); err == nil {
		t.Error("one ciphertext and two were added")
	}
	if _, err := private.Decrypt(b); err == nil {
		t.Error("another key decrypted")
	}
	if _, err := e.Rerandomise(rand.Reader, b); err == nil {
		t.Error("another key's ciphertext was rerandomised")
	}
	if _, err := a.MulSmallVarTime(0); err == nil {
		t.Error("a weight of 0 was accepted")
	}
}

func TestArithmeticOnCiphertexts(t *testing.T) {
	private := testPrivateKey(t)
	e := testEncryptor(t, private.Public())
	a, _ := encrypt(t, e, 5, 0)
	b, _ := encrypt(t, e, 7, 1)
	weighted, err := a.MulSmallVarTime(1<<64 - 1)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := weighted.Add(b)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := e.Rerandomise(rand.Reader, sum)
	if err != nil {
		t.Fatal(err)
	}
	want := []*big.Int{new(big.Int).SetUint64(1<<64 - 1), one}
	want[0].Mul(want[0], big.NewInt(5))
	want[0].Add(want[0], big.NewInt(7))
	for name, c := range map[string]*Ciphertexts{"sum": sum, "rerandomised": fresh} {
		if got, err := private.Decrypt(c); err != nil || !sameInts(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if bytes.Equal(fresh.Encode(), sum.Encode()) {
		t.Error("a rerandomised ciphertext is the same")
	}
	if got, err := private.Decrypt(a); err != nil || !sameInts(got, bigs(5, 0)) {
		t.Errorf("adding changed a summand: %v, %v", got, err)
	}
}

// Combine names what does not fit, and never opens fewer than k.
func TestCombineRefusals(t *testing.T) {
	key, shares := testDeal(t, 4, 3)
	c, _ := encrypt(t, testEncryptor(t, key.PublicKey), 1, 2)
	p, _ := opened(t, key, shares, c)
	otherKey, otherShares, err := Deal(seeded("other deal"), testPrivateKey(t), 4, 3)
	if err != nil {
		t.Fatal(err)
	}
	q, _ := opened(t, otherKey, otherShares, c)
	wrong := tamper(p[2], new(big.Int).Add(p[2].ints()[0], two))
	for says, partials := range map[string][]*Partials{
		"0 partial":          {},
		"2 partial":          p[:2],
		"holder 1 is there":  {p[0], p[1], p[0]},
		"under another key":  {p[0], p[1], q[2]},
		"holder 3 decrypted": {p[0], p[1], {key, 3, key.modulus.at(p[2].values, 0)}},
		"do not fit":         {p[0], p[1], wrong},
	} {
		if m, err := key.Combine(partials); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("opened to %v, %v; want an error with %q", m, err, says)
		}
	}
	if _, _, err := otherKey.PartialDecrypt(rand.Reader, shares[0], c, nil, nil); err == nil {
		t.Error("a share of another key decrypted")
	}
	if err := otherKey.CheckShare(shares[0]); err == nil {
		t.Error("a share of another key is said to be right")
	}
	for _, nk := range [][2]int{{17, 2}, {3, 1}, {3, 4}, {0, 0}} {
		if _, _, err := Deal(rand.Reader, testPrivateKey(t), nk[0], nk[1]); err == nil {
			t.Errorf("dealt a threshold of %d among %d", nk[1], nk[0])
		}
	}
}

// A share that was damaged on its way is found before it is used.
func TestCheckShareFindsAWrongShare(t *testing.T) {
	key, shares := testDeal(t, 3, 2)
	data := shares[0].Encode()
	if s, err := key.DecodeKeyShare(data); err != nil || key.CheckShare(s) != nil {
		t.Fatal("a good share is refused")
	}
	data[len(data)-1] ^= 1
	s, err := key.DecodeKeyShare(data)
	if err != nil {
		t.Fatal(err)
	}
	if key.CheckShare(s) == nil {
		t.Error("a damaged share is said to be right")
	}
	data[len(data)-1] ^= 1
	data[0] = 2
	if s, err = key.DecodeKeyShare(data); err != nil || key.CheckShare(s) == nil {
		t.Error("another holder's share is said to be right")
	}
	for _, holder := range []byte{0, 4, 255} {
		data[0] = holder
		if _, err := key.DecodeKeyShare(data); err == nil {
			t.Errorf("a share of holder %d of 3", holder)
		}
	}
}

// Nothing secret is printed, by any verb, logger or encoder.
func TestSecretsAreNotPrinted(t *testing.T) {
	private := testPrivateKey(t)
	_, shares := testDeal(t, 3, 2)
	_, w := encrypt(t, testEncryptor(t, private.Public()), 3133731337313373)
	share := shares[0]
	p, _ := private.Factors()
	for _, secret := range []any{private, *private, share, *share, w, *w, []*KeyShare{share}, struct{ S *KeyShare }{share}} {
		var text strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			printed := fmt.Sprintf(verb, secret)
			text.WriteString(printed)
			if !strings.Contains(printed, redacted) && verb != "%#v" {
				t.Errorf("%T with %s prints %q", secret, verb, printed)
			}
		}
		slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "secret", secret)
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "secret", secret)
		encoded, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(encoded)
		for name, figure := range map[string]string{
			"the share":              new(big.Int).SetBytes(share.value).String(),
			"the share in hex":       fmt.Sprintf("%x", share.value),
			"the share's first byte": fmt.Sprintf("[%d %d ", share.value[0], share.value[1]),
			"its last bytes":         fmt.Sprintf(" %d %d]", share.value[len(share.value)-2], share.value[len(share.value)-1]),
			"the factor":             p.String(),
			"the message":            "3133731337313373",
			"an exponent":            fmt.Sprintf("%x", w.exponents[0]),
			"a slice of bytes":       "[]byte{",
			"a slice of words":       "limbs",
		} {
			if strings.Contains(text.String(), figure) {
				t.Errorf("%T prints %s", secret, name)
			}
		}
	}
}
