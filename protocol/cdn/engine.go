package cdn

import (
	"fmt"
	"io"
	"math/big"

	"consilium/paillier"
	"consilium/protocol/interactive"
)

// DefaultHiding is how many bits a mask is longer than what it hides.
const DefaultHiding = 64

// Config is one party's key and randomness.
type Config struct {
	Key       *paillier.ThresholdKey
	Share     *paillier.KeyShare
	Encryptor *paillier.Encryptor // the same for all parties
	Random    io.Reader           // cryptographic, of this party alone
	Hiding    int                 // 0: DefaultHiding
}

// Engine is one party's end of a computation. All parties call the same methods
// in the same order.
type Engine struct {
	Config
	channel *interactive.Channel
	n       int
	plain   bool
	stock   []*mask
	// Decryptions counts ciphertexts that were decrypted jointly.
	Decryptions int
}

// New begins a computation.
func New(c *interactive.Channel, cfg Config) (*Engine, error) {
	if cfg.Hiding == 0 {
		cfg.Hiding = DefaultHiding
	}
	switch {
	case cfg.Key == nil || cfg.Share == nil || cfg.Encryptor == nil || cfg.Random == nil:
		return nil, fmt.Errorf("begin computing: no key, share, encryptor or randomness")
	case c.Parties() < 2 || c.Parties() > cfg.Key.Holders() || cfg.Share.Holder() != c.Self():
		return nil, fmt.Errorf("begin computing: party %d of %d holds share %d of %d", c.Self(), c.Parties(), cfg.Share.Holder(), cfg.Key.Holders())
	}
	return &Engine{Config: cfg, channel: c, n: c.Parties()}, nil
}

// Clear is an engine that computes the same numbers in the clear, with a bound
// of how far n parties' result may be from each. Truncation rounds to the
// nearest. It refuses numbers that leave the range they are said to have.
func Clear(n int) *Engine { return &Engine{n: n, plain: true} }

// Vector is a list of encrypted integers that stand for fractions.
type Vector struct {
	Bits int // behind the point

	encrypted *paillier.Ciphertexts
	shares    []*big.Int // this party's: all parties' add up to the numbers; nil for none
	shareBits int        // no share is longer

	clear []*big.Int // in the clear
	off   []float64  // bounds, in units of the last place
}

// Len is the number of numbers.
func (v *Vector) Len() int {
	if v.encrypted == nil {
		return len(v.clear)
	}
	return v.encrypted.Len()
}

// Shared says whether the vector can be the first factor of a product.
func (v *Vector) Shared() bool { return v.clear != nil || v.shares != nil }

// GarbledError says that a party sent what it cannot have sent.
type GarbledError struct {
	Party int
	Why   error
}

func (e *GarbledError) Error() string {
	return fmt.Sprintf("party %d sent garbage: %v", e.Party, e.Why)
}

func (e *GarbledError) Unwrap() error { return e.Why }

// tell posts ciphertexts and returns those of all parties, by party from 1.
func (e *Engine) tell(own *paillier.Ciphertexts) ([]*paillier.Ciphertexts, error) {
	bodies, err := e.channel.Tell(own.Encode())
	if err != nil {
		return nil, err
	}
	all := make([]*paillier.Ciphertexts, e.n+1)
	for party := 1; party <= e.n; party++ {
		if party == e.channel.Self() {
			all[party] = own
			continue
		}
		if all[party], err = e.Key.DecodeCiphertexts(bodies[party]); err == nil && all[party].Len() != own.Len() {
			err = fmt.Errorf("%d ciphertexts, not %d", all[party].Len(), own.Len())
		}
		if err != nil {
			return nil, &GarbledError{party, err}
		}
	}
	return all, nil
}

// tellSum posts ciphertexts and returns the sums over all parties.
func (e *Engine) tellSum(own *paillier.Ciphertexts) (*paillier.Ciphertexts, error) {
	all, err := e.tell(own)
	if err != nil {
		return nil, err
	}
	sum := all[1]
	for _, c := range all[2:] {
		if sum, err = sum.Add(c); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// Sum encrypts one list of each party and adds them up: numbers that nobody
// knows. In the clear, own is the sum.
func (e *Engine) Sum(bits int, own []*big.Int) (*Vector, error) {
	if e.plain {
		return &Vector{Bits: bits, clear: own, off: make([]float64, len(own))}, nil
	}
	c, _, err := e.Encryptor.Encrypt(e.Random, e.modN(own))
	if err != nil {
		return nil, err
	}
	sum, err := e.tellSum(c)
	if err != nil {
		return nil, fmt.Errorf("add up encryptions: %w", err)
	}
	return &Vector{Bits: bits, encrypted: sum}, nil
}

// modN takes integers of any sign to [0, N).
func (e *Engine) modN(values []*big.Int) []*big.Int {
	n, out := e.Key.N(), make([]*big.Int, len(values))
	for i, v := range values {
		out[i] = new(big.Int).Mod(v, n)
	}
	return out
}

// decrypt opens ciphertexts to everybody: numbers in [0, N).
func (e *Engine) decrypt(c *paillier.Ciphertexts) ([]*big.Int, error) {
	own, err := e.Key.PartialDecryptUnproved(e.Share, c)
	if err != nil {
		return nil, err
	}
	e.Decryptions += c.Len()
	bodies, err := e.channel.Tell(own.Encode())
	if err != nil {
		return nil, err
	}
	var partials []*paillier.Partials
	for party := 1; party <= e.Key.Threshold(); party++ {
		p := own
		if party != e.channel.Self() {
			if p, err = e.Key.DecodePartials(party, bodies[party]); err == nil && p.Len() != c.Len() {
				err = fmt.Errorf("%d partial decryptions, not %d", p.Len(), c.Len())
			}
			if err != nil {
				return nil, &GarbledError{party, err}
			}
		}
		partials = append(partials, p)
	}
	return e.Key.Combine(partials)
}

// Linear returns Σ weight·v over the terms of each row, plus a constant. The
// result is shared where v is.
func (e *Engine) Linear(v *Vector, rows [][]paillier.Term, constants []*big.Int) (*Vector, error) {
	out := &Vector{Bits: v.Bits}
	if e.plain {
		for i, row := range rows {
			sum, off := new(big.Int).Set(constants[i]), 0.0
			for _, t := range row {
				sum.Add(sum, new(big.Int).Mul(t.Weight, v.clear[t.Index]))
				off += absolute(t.Weight) * v.off[t.Index]
			}
			out.clear, out.off = append(out.clear, sum), append(out.off, off)
		}
		return out, nil
	}
	c, err := v.encrypted.CombineVarTime(rows)
	if err != nil {
		return nil, err
	}
	known, err := e.Key.Constants(e.modN(constants))
	if err != nil {
		return nil, err
	}
	if out.encrypted, err = c.Add(known); err != nil || v.shares == nil {
		return out, err
	}
	for i, row := range rows {
		sum := new(big.Int)
		if e.channel.Self() == 1 {
			sum.Set(constants[i])
		}
		bits := constants[i].BitLen()
		for _, t := range row {
			sum.Add(sum, new(big.Int).Mul(t.Weight, v.shares[t.Index]))
			bits = max(bits, t.Weight.BitLen()+v.shareBits)
		}
		out.shares = append(out.shares, sum)
		out.shareBits = max(out.shareBits, bits+len(row)+1)
	}
	return out, nil
}

// Join puts vectors with as many bits behind the point one after the other.
func (e *Engine) Join(list ...*Vector) (*Vector, error) {
	out := *list[0]
	for _, v := range list[1:] {
		if v.Bits != out.Bits {
			return nil, fmt.Errorf("join numbers with %d and %d bits behind the point", out.Bits, v.Bits)
		}
		if e.plain {
			out.clear, out.off = append(out.clear[:len(out.clear):len(out.clear)], v.clear...), append(out.off[:len(out.off):len(out.off)], v.off...)
			continue
		}
		var err error
		if out.encrypted, err = out.encrypted.Join(v.encrypted); err != nil {
			return nil, err
		}
		out.shares = nil
	}
	return &out, nil
}

func absolute(v *big.Int) float64 {
	f, _ := new(big.Float).SetInt(v).Float64()
	return max(f, -f)
}
