package sharing

import (
	"fmt"

	"github.com/gtank/ristretto255"
)

// GroupSize is the length in bytes of a scalar and of an element of ristretto255
// (RFC 9496), a group of prime order about 2²⁵². Both have one encoding each.
const GroupSize = 32

// Scalar is an integer modulo the order of the group: a secret, or a share of
// one. Secrets are uniform in the whole range: from a short one its exponent
// could be found (Pollard's kangaroos).
type Scalar struct{ s *ristretto255.Scalar }

// DecodeScalar reads a scalar; it refuses every encoding but the canonical one.
func DecodeScalar(data []byte) (Scalar, error) {
	if len(data) != GroupSize {
		return Scalar{}, fmt.Errorf("decode a scalar: %d bytes instead of %d", len(data), GroupSize)
	}
	s, err := ristretto255.NewScalar().SetCanonicalBytes(data)
	if err != nil {
		return Scalar{}, fmt.Errorf("decode a scalar: %w", err)
	}
	return Scalar{s}, nil
}

// Append appends the canonical encoding of a.
func (a Scalar) Append(dst []byte) []byte { return append(dst, a.s.Bytes()...) }

// scalar is a small public number.
func scalar(v int) *ristretto255.Scalar {
	var wide [64]byte
	negative := v < 0
	if negative {
		v = -v
	}
	for i := range 8 {
		wide[i] = byte(uint64(v) >> (8 * i))
	}
	s, err := ristretto255.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic("sharing: " + err.Error()) // 64 bytes are always right
	}
	if negative {
		s.Negate(s)
	}
	return s
}

// SharedSecret is a secret that is shared verifiably (Feldman, FOCS 1987): a
// random polynomial of degree below k, whose value at 0 is the secret.
type SharedSecret struct{ coefficients []*ristretto255.Scalar }

// NewSharedSecret draws the polynomial from random.
func NewSharedSecret(k int, random *Expander) SharedSecret {
	p := SharedSecret{make([]*ristretto255.Scalar, k)}
	for i := range p.coefficients {
		var wide [64]byte
		_, _ = random.Read(wide[:]) // has no errors
		s, err := ristretto255.NewScalar().SetUniformBytes(wide[:])
		if err != nil {
			panic("sharing: " + err.Error()) // 64 bytes are always right
		}
		p.coefficients[i] = s
	}
	return p
}

// Secret is what is shared.
func (p SharedSecret) Secret() Scalar { return Scalar{p.coefficients[0]} }

// Share is that of party x, in 1…n.
func (p SharedSecret) Share(x int) Scalar {
	at, sum := scalar(x), ristretto255.NewScalar()
	for i := len(p.coefficients) - 1; i >= 0; i-- {
		sum.Multiply(sum, at)
		sum.Add(sum, p.coefficients[i])
	}
	return Scalar{sum}
}

// AppendCommitments appends the commitments to the k coefficients, GroupSize
// bytes each.
func (p SharedSecret) AppendCommitments(dst []byte) []byte {
	for _, c := range p.coefficients {
		dst = append(dst, ristretto255.NewIdentityElement().ScalarBaseMult(c).Bytes()...)
	}
	return dst
}

// Commitment is to a coefficient, or to the value of a polynomial. As that of a
// secret it is also a public key.
type Commitment struct{ e *ristretto255.Element }

// DecodeCommitment reads a commitment; it refuses every encoding but the
// canonical one.
func DecodeCommitment(data []byte) (Commitment, error) {
	if len(data) != GroupSize {
		return Commitment{}, fmt.Errorf("decode a commitment: %d bytes instead of %d", len(data), GroupSize)
	}
	e, err := ristretto255.NewIdentityElement().SetCanonicalBytes(data)
	if err != nil {
		return Commitment{}, fmt.Errorf("decode a commitment: %w", err)
	}
	return Commitment{e}, nil
}

// IsZero tells whether the commitment is to 0.
func (c Commitment) IsZero() bool { return c.e.Equal(ristretto255.NewIdentityElement()) == 1 }

// Opens tells whether a is what was committed to.
func (c Commitment) Opens(a Scalar) bool {
	return ristretto255.NewIdentityElement().ScalarBaseMult(a.s).Equal(c.e) == 1
}

// ShareCommitmentVarTime is the commitment to the share of party x, from those
// to the coefficients. All of these are public.
func ShareCommitmentVarTime(coefficients []Commitment, x int) Commitment {
	sum := ristretto255.NewIdentityElement()
	for i := len(coefficients) - 1; i >= 0; i-- {
		sum = timesVarTime(sum, x)
		sum.Add(sum, coefficients[i].e)
	}
	return Commitment{sum}
}

// timesVarTime is x·e for a small public x > 0, by doubling and adding: that
// takes a twentieth of the time of a multiplication by a scalar.
func timesVarTime(e *ristretto255.Element, x int) *ristretto255.Element {
	product := ristretto255.NewIdentityElement().Set(e)
	top := 0
	for x>>(top+1) > 0 {
		top++
	}
	for bit := top - 1; bit >= 0; bit-- {
		product.Add(product, product)
		if x>>bit&1 == 1 {
			product.Add(product, e)
		}
	}
	return product
}

// Agree is the Diffie–Hellman secret of a scalar and another's public key, in
// GroupSize bytes: a·B. Hash it before use.
func Agree(a Scalar, public Commitment) []byte {
	return ristretto255.NewIdentityElement().ScalarMult(a.s, public.e).Bytes()
}

// LagrangeScalars returns the coefficients λ with f(0) = Σ λᵢ·f(xᵢ) for every
// polynomial over the scalars of degree below len(xs). It refuses what Lagrange
// refuses.
func LagrangeScalars(xs []int) ([]Scalar, error) {
	if _, err := Lagrange(xs, 0); err != nil {
		return nil, err
	}
	lambda := make([]Scalar, len(xs))
	for i, xi := range xs {
		num, den := scalar(1), scalar(1)
		for j, xj := range xs {
			if j != i {
				num.Multiply(num, scalar(-xj))
				den.Multiply(den, scalar(xi-xj))
			}
		}
		lambda[i] = Scalar{num.Multiply(num, den.Invert(den))}
	}
	return lambda, nil
}

// Interpolate is Σ λᵢ·sharesᵢ.
func Interpolate(lambda, shares []Scalar) Scalar {
	sum, product := ristretto255.NewScalar(), ristretto255.NewScalar()
	for i, l := range lambda {
		sum.Add(sum, product.Multiply(l.s, shares[i].s))
	}
	return Scalar{sum}
}
