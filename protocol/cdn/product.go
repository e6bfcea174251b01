package cdn

import (
	"errors"
	"fmt"
	"math/big"

	"consilium/paillier"
)

// Pair is a product of number A of one vector and number B of another.
type Pair struct{ A, B int }

// Bilinear is a list of sums of products of numbers of A, which is shared, and of
// B.
type Bilinear struct {
	A, B *Vector
	Rows [][]Pair
}

// Multiply computes lists of sums of products, all in one round. The result has
// the factors' bits behind the point together, and is not shared.
//
// Whether a party's share is negative depends on its number and on public
// factors, but for a chance of 2^−Hiding: only |share| is treated as secret.
func (e *Engine) Multiply(list ...Bilinear) ([]*Vector, error) {
	if e.plain {
		return multiplyClear(list), nil
	}
	var factors *paillier.Ciphertexts
	var rows [][]paillier.SecretTerm
	var signs [][]paillier.Term // ±1 for each row
	for _, b := range list {
		if b.A.shares == nil {
			return nil, errors.New("multiply: the first factor is not shared")
		}
		from := 0
		if factors == nil {
			factors = b.B.encrypted
		} else {
			from = factors.Len()
			var err error
			if factors, err = factors.Join(b.B.encrypted); err != nil {
				return nil, err
			}
		}
		for _, row := range b.Rows {
			terms, sign, err := b.terms(row, from)
			if err != nil {
				return nil, err
			}
			signs = append(signs, []paillier.Term{{Index: len(rows), Weight: big.NewInt(sign)}})
			rows = append(rows, terms)
		}
	}
	own, err := e.Encryptor.Multiply(e.Random, factors, rows)
	if err != nil {
		return nil, err
	}
	if own, err = own.CombineVarTime(signs); err != nil {
		return nil, err
	}
	sum, err := e.tellSum(own)
	if err != nil {
		return nil, fmt.Errorf("multiply: %w", err)
	}
	var results []*Vector
	for _, b := range list {
		v := &Vector{Bits: b.A.Bits + b.B.Bits}
		if v.encrypted, err = sum.Slice(0, len(b.Rows)); err == nil {
			sum, err = sum.Slice(len(b.Rows), sum.Len())
		}
		if err != nil {
			return nil, err
		}
		results = append(results, v)
	}
	return results, nil
}

// terms are this party's |shares| of a row, and their common sign.
func (b Bilinear) terms(row []Pair, from int) ([]paillier.SecretTerm, int64, error) {
	var terms []paillier.SecretTerm
	sign := 0
	for _, p := range row {
		share := b.A.shares[p.A]
		if s := share.Sign(); s != 0 && sign != 0 && s != sign {
			return nil, 0, errors.New("multiply: shares of both signs, which happens once in 2^hiding runs; begin again")
		} else if s != 0 {
			sign = s
		}
		if share.BitLen() > b.A.shareBits {
			return nil, 0, &RangeError{"a share", share.BitLen(), b.A.shareBits}
		}
		factor := new(big.Int).Abs(share).FillBytes(make([]byte, (b.A.shareBits+7)/8))
		terms = append(terms, paillier.SecretTerm{Index: from + p.B, Factor: factor})
	}
	if sign < 0 {
		return terms, -1, nil
	}
	return terms, 1, nil
}

func multiplyClear(list []Bilinear) []*Vector {
	var results []*Vector
	for _, b := range list {
		v := &Vector{Bits: b.A.Bits + b.B.Bits}
		for _, row := range b.Rows {
			sum, off := new(big.Int), 0.0
			for _, p := range row {
				x, y := b.A.clear[p.A], b.B.clear[p.B]
				sum.Add(sum, new(big.Int).Mul(x, y))
				off += absolute(x)*b.B.off[p.B] + absolute(y)*b.A.off[p.A] + b.A.off[p.A]*b.B.off[p.B]
			}
			v.clear, v.off = append(v.clear, sum), append(v.off, off)
		}
		results = append(results, v)
	}
	return results
}
