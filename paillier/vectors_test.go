package paillier

import (
	"encoding/json"
	"math/big"
	"os"
	"strconv"
	"testing"

	"filippo.io/bigmod"
)

// hexInt is an integer as the vectors file writes it.
type hexInt struct{ *big.Int }

func (h *hexInt) UnmarshalJSON(data []byte) error {
	text, err := strconv.Unquote(string(data))
	if err != nil {
		return err
	}
	h.Int = new(big.Int)
	if _, ok := h.SetString(text, 0); !ok {
		return strconv.ErrSyntax
	}
	return nil
}

// vectors is testdata/threshold-paillier-n5-k3-512.json, which another program
// made.
type vectors struct {
	N                int `json:"n"`
	K                int `json:"k"`
	P                hexInt
	Q                hexInt
	Modulus          hexInt `json:"N"`
	Beta, Theta      hexInt
	Coefficients     []hexInt `json:"coeffs"`
	Shares           map[string]hexInt
	Messages         []hexInt
	H                hexInt
	RandomExponents  []hexInt `json:"rand_exponents"`
	Ciphertexts      []hexInt
	Product          hexInt
	DecryptionShares map[string]hexInt `json:"decryption_shares"`
	Sum              hexInt
}

func readVectors(t *testing.T) *vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/threshold-paillier-n5-k3-512.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	// encoding/json matches names without regard to case, and "n" and "N" differ
	// in nothing else: take those two by hand.
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]any{
		"n": &v.N, "k": &v.K, "p": &v.P, "q": &v.Q, "N": &v.Modulus, "beta": &v.Beta, "theta": &v.Theta,
		"coeffs": &v.Coefficients, "shares": &v.Shares, "messages": &v.Messages, "h": &v.H,
		"rand_exponents": &v.RandomExponents, "ciphertexts": &v.Ciphertexts, "product": &v.Product,
		"decryption_shares": &v.DecryptionShares, "sum": &v.Sum,
	} {
		if err := json.Unmarshal(raw[name], target); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		delete(raw, name)
	}
	delete(raw, "note")
	for name := range raw {
		t.Errorf("the vectors have a figure %s that no test looks at", name)
	}
	return &v
}

// Every figure of the vectors file comes out of our code.
func TestVectors(t *testing.T) {
	v := readVectors(t)
	private, err := NewPrivateKey(v.P.Int, v.Q.Int, InsecureTestBits)
	if err != nil {
		t.Fatal(err)
	}
	v.same(t, "N", private.public.n, v.Modulus.Int)
	key, shares := v.deal(t, private)
	sum := v.encryptAndAdd(t, private.Public())
	var partials []*Partials
	for i, s := range shares {
		p, _, err := key.PartialDecrypt(zeros{}, s, sum, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		v.same(t, "decryption share "+strconv.Itoa(i+1), p.ints()[0], v.DecryptionShares[strconv.Itoa(i+1)].Int)
		partials = append(partials, p)
	}
	for _, subset := range subsets(v.N, v.K) {
		opened, err := key.Combine(choose(partials, subset))
		if err != nil {
			t.Fatal(err)
		}
		v.same(t, "sum", opened[0], v.Sum.Int)
	}
}

func (v *vectors) same(t *testing.T, what string, got, want *big.Int) {
	t.Helper()
	if got.Cmp(want) != 0 {
		t.Errorf("%s is %x, want %x", what, got, want)
	}
}

// deal checks the polynomial: its value at 0, θ, and its shares.
func (v *vectors) deal(t *testing.T, private *PrivateKey) (*ThresholdKey, []*KeyShare) {
	t.Helper()
	phi := new(big.Int).Mul(new(big.Int).Sub(v.P.Int, one), new(big.Int).Sub(v.Q.Int, one))
	v.same(t, "f(0)", v.Coefficients[0].Int, phi.Mul(phi, v.Beta.Int))
	// These shares are longer than ours: β has 81 bits more than N.
	shareBits := maxShareBits(private.public, v.N, v.K)
	z := newIntegers(shareBits)
	var coefficients []*bigmod.Nat
	for _, c := range v.Coefficients {
		coefficients = append(coefficients, z.fromBig(c.Int))
	}
	theta := new(big.Int).SetBytes(reduced(z.bytes(coefficients[0]), private.n).Bytes(private.n))
	v.same(t, "θ", theta, v.Theta.Int)
	key, shares := dealPolynomial(private.public, z, coefficients, theta, v.N, shareBits)
	for i, s := range shares {
		v.same(t, "share "+strconv.Itoa(i+1), new(big.Int).SetBytes(s.value), v.Shares[strconv.Itoa(i+1)].Int)
	}
	return key, shares
}

// encryptAndAdd checks encryption, with h and exponents given, and the product.
func (v *vectors) encryptAndAdd(t *testing.T, key *PublicKey) *Ciphertexts {
	t.Helper()
	e := newEncryptor(key, v.H.Int, 8*bytesFor(v.RandomExponents[0].BitLen()))
	var random []byte
	var messages []*big.Int
	for i, m := range v.Messages {
		messages = append(messages, m.Int)
		random = append(random, v.RandomExponents[i].FillBytes(make([]byte, e.exponentBits/8))...)
	}
	c, _, err := e.Encrypt(byteReader(random), messages)
	if err != nil {
		t.Fatal(err)
	}
	sum := ciphertextsOf(key, c.ints()[0])
	for i, want := range v.Ciphertexts {
		v.same(t, "ciphertext "+strconv.Itoa(i), c.ints()[i], want.Int)
		if i > 0 {
			if err := sum.AddTo(ciphertextsOf(key, c.ints()[i])); err != nil {
				t.Fatal(err)
			}
		}
	}
	v.same(t, "product", sum.ints()[0], v.Product.Int)
	return sum
}

// The textbook: N = 293·433, m = 10100, r = 74384. Its factors are too short for
// the kernel, which decrypts.
func TestKnownAnswer(t *testing.T) {
	public := newPublicKey(big.NewInt(293 * 433))
	c := public.encryptWith([][]byte{big.NewInt(10100).Bytes()}, [][]byte{big.NewInt(74384).Bytes()})
	if c.ints()[0].Cmp(big.NewInt(935906717)) != 0 {
		t.Errorf("the ciphertext is %d, want 935906717", c.ints()[0])
	}
}
