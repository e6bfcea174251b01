package spdz

import (
	"encoding/binary"
	"fmt"

	"consilium/sharing/wide"
)

// bitShare is a list of words of secret bits, 64 values side by side: the
// exclusive or of one number for each set of n−t parties, which all its members
// know (replicated sharing: Ito, Saito, Nishizeki 1987). Exclusive or and public
// numbers are local; an and costs a round and one bit from every sender.
type bitShare [][]uint64 // by the sets with this party

func (e *Engine) bitShare(words int) bitShare {
	b := make(bitShare, len(e.mine))
	for i := range b {
		b[i] = make([]uint64, words)
	}
	return b
}

// xor returns a⊕b.
func (e *Engine) xor(a, b bitShare) bitShare {
	r := e.bitShare(len(a[0]))
	for k := range r {
		for i := range r[k] {
			r[k][i] = a[k][i] ^ b[k][i]
		}
	}
	return r
}

// xorPublic returns a⊕p: the first set's number takes it.
func (e *Engine) xorPublic(a bitShare, p []uint64) bitShare {
	r := e.bitShare(len(p))
	for k := range r {
		copy(r[k], a[k])
		if e.mine[k].index == 0 {
			for i := range p {
				r[k][i] ^= p[i]
			}
		}
	}
	return r
}

// andPublic returns a∧p.
func (e *Engine) andPublic(a bitShare, p []uint64) bitShare {
	r := e.bitShare(len(p))
	for k := range r {
		for i := range p {
			r[k][i] = a[k][i] & p[i]
		}
	}
	return r
}

// part is a view of words from up to before to.
func (b bitShare) part(from, to int) bitShare {
	r := make(bitShare, len(b))
	for k := range b {
		r[k] = b[k][from:to]
	}
	return r
}

// joined puts lists of words after each other.
func joined(list ...bitShare) bitShare {
	r := make(bitShare, len(list[0]))
	for _, b := range list {
		for k := range b {
			r[k] = append(r[k], b[k]...)
		}
	}
	return r
}

// and returns a∧b, in one round: the parties that hold a_A and b_B add up their
// products, hidden by a random secret, and open the sum to the first set.
func (e *Engine) and(a, b bitShare) (bitShare, error) {
	words := len(a[0])
	result := e.bitShare(words)
	message := make([]uint64, words)
	for _, pair := range e.crossTerms {
		x, y := a[pair[0]], b[pair[1]]
		for i := range message {
			message[i] ^= x[i] & y[i]
		}
	}
	for k, set := range e.mine {
		set.bits.Words(result[k])
		if set.adds {
			xorWords(message, result[k])
		}
	}
	opened, err := e.openBits(message, e.sets[0].members)
	if err != nil {
		return nil, fmt.Errorf("and of bits: %w", err)
	}
	for k, set := range e.mine {
		if set.index == 0 {
			xorWords(result[k], opened)
		}
	}
	return result, nil
}

func xorWords(a, b []uint64) {
	for i := range a {
		a[i] ^= b[i]
	}
}

// findCrossTerms lists the pairs of sets whose product this party adds: it is
// the first that belongs to both.
func (e *Engine) findCrossTerms() {
	for k, a := range e.mine {
		for l, b := range e.mine {
			first := 1
			for !a.has(first) || !b.has(first) {
				first++
			}
			if first == e.self {
				e.crossTerms = append(e.crossTerms, [2]int{k, l})
			}
		}
	}
}

// openBits tells some parties the exclusive or of the senders' messages; the
// others get nil.
func (e *Engine) openBits(message []uint64, to []int) ([]uint64, error) {
	if e.sender() {
		for _, j := range e.senders {
			if j != e.self {
				zeros := make([]uint64, len(message))
				e.pairs[j].zeroBits.Words(zeros)
				xorWords(message, zeros)
			}
		}
	} else {
		clear(message)
	}
	listens := false
	for _, j := range to {
		if j == e.self {
			listens = true
		} else if e.sender() {
			e.send(j, appendWords(message))
		}
	}
	if !listens {
		return nil, nil
	}
	for _, j := range e.senders {
		if j == e.self {
			continue
		}
		body, err := e.channel.Receive(j)
		if err != nil {
			return nil, err
		}
		if len(body) != 8*len(message) {
			return nil, &CheatError{Party: j, What: "sent another number of bits"}
		}
		for i := range message {
			message[i] ^= binary.LittleEndian.Uint64(body[8*i:])
		}
	}
	return message, nil
}

func appendWords(words []uint64) []byte {
	body := make([]byte, 0, 8*len(words))
	for _, w := range words {
		body = binary.LittleEndian.AppendUint64(body, w)
	}
	return body
}

// everybody lists all parties.
func (e *Engine) everybody() []int {
	list := make([]int, e.n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// planes writes the low bits of numbers side by side: word w of plane p, at
// p·words + w, has bit p of 64 numbers.
func planes(dst []uint64, numbers []wide.Element, width int) {
	words := (len(numbers) + 63) / 64
	for i, v := range numbers {
		at, bit := i/64, uint(i%64)
		for p := range width {
			dst[p*words+at] |= bitOf(v, p) << bit
		}
	}
}
