package protocol

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// result posts the hash of a sum, or that what was opened is none. Where somebody
// may lie the sum is served, for those who cannot combine it (adopt).
func (r *Round) result(sum Vector, spoiled *Spoiled) error {
	p := resultPayload{Sum: sum.hash(r.hash, r.ballot.decidedID)}
	switch {
	case spoiled != nil:
		sum, r.spoiled, p.Sum = nil, spoiled.Why, spoiledHash(r.hash, r.ballot.decidedID)
	case r.t.Liars > 0:
		var err error
		if p.At, err = RefOf(vectorSource(sum)); err != nil {
			return err
		}
		r.out.Serve = append(r.out.Serve, Part{p.At, vectorSource(sum)})
	}
	r.sum, r.sumHash, r.changed = sum, p.Sum, true
	return r.say(Slot{Phase: Combine}, p.encode())
}

// signers are those who signed this result.
func (r *Round) signers(sum Hash) (set Set) {
	for p, list := range r.results {
		if slices.ContainsFunc(list, func(v resultPayload) bool { return v.Sum == sum }) {
			set.Add(Party(p))
		}
	}
	return set
}

// adopt takes over a result that f+1 hospitals have signed, when this one has had
// time to find it by itself. One of them is honest, and has found it, or has taken it
// over from one who has. A liar can open for some and not for others, or tell them
// another story; where that leaves a hospital without enough openings, the others
// could not go on without it.
func (r *Round) adopt() error {
	if r.t.Liars == 0 || r.sumHash != (Hash{}) || r.began[Open] == 0 || r.tick-r.began[Open] < uint64(r.cfg.Description.Deadlines.Deal) {
		return nil
	}
	places := map[resultPayload]Set{}
	for p, list := range r.results {
		for _, v := range list {
			set := places[v]
			set.Add(Party(p))
			places[v] = set
		}
	}
	for v, signers := range places {
		if signers.Len() <= r.t.Liars || v.Reason != "" {
			continue
		}
		if v.Sum == spoiledHash(r.hash, r.ballot.decidedID) {
			return r.result(nil, &Spoiled{"others have opened what cannot be a sum"})
		}
		content := r.content(signers.Parties()[0], v.At, nil)
		if content == nil {
			return nil
		}
		sum, err := readVector(content, r.cfg.Description.Length)
		if err != nil {
			return fmt.Errorf("read the sum that others signed: %w", err)
		}
		if sum != nil && sum.hash(r.hash, r.ballot.decidedID) == v.Sum {
			return r.result(sum, nil)
		}
	}
	return nil
}

// finish ends the round when a quorum has signed the same result, or the same
// wish to abort.
func (r *Round) finish() error {
	if c := r.dealBallot().decided; r.outcome == nil && c != nil && c.aborts() {
		r.endWithoutSet(r.dealBallot().decidedID)
	}
	if r.outcome != nil || r.ballot.decided == nil {
		return nil
	}
	if r.ballot.decided.aborts() {
		r.endWithoutSet(r.ballot.decidedID)
		return nil
	}
	if err := r.adopt(); err != nil {
		return err
	}
	aborts, reason := 0, ""
	for _, v := range slices.Concat(r.results...) {
		if v.Reason != "" {
			aborts++
			reason = v.Reason
		}
	}
	c, q := r.ballot.decided, r.t.Quorum()
	o := &Outcome{Set: r.ballot.decidedID, Included: c.set().Parties(), Holders: c.Holders.Parties()}
	switch {
	case r.sumHash != (Hash{}) && r.signers(r.sumHash).Len() >= q:
		o.Sum, o.Hash, o.Spoiled = r.sum, r.sumHash, r.spoiled
		for _, p := range r.resulted().Parties() {
			r.blameResult(p)
		}
	case aborts >= q:
		o.Aborted = reason
	default:
		return nil
	}
	r.end(o)
	return nil
}

// giveUp wishes to abort a round whose openings are here and still do not give
// the sum: dealers that lied, and hospitals too slow to complain in time. Who is
// away is waited for. A result and an abort share one slot, and q hospitals sign
// the one or the other.
func (r *Round) giveUp(openings int) error {
	deadline := r.cfg.Description.Deadlines.Stall
	if r.began[Open] == 0 {
		r.began[Open] = r.tick + 1
	}
	if deadline == 0 || openings < r.t.Parties-r.t.Missing() || r.tick+1-r.began[Open] < uint64(deadline) {
		return nil
	}
	return r.say(Slot{Phase: Combine}, resultPayload{Reason: "too few of the openings agree"}.encode())
}

// vectorSource is a vector in chunks, eight bytes a value.
type vectorSource Vector

const vectorChunk = ChunkSize / 8

func (v vectorSource) Chunks() int { return (len(v) + vectorChunk - 1) / vectorChunk }

func (v vectorSource) Chunk(i int) ([]byte, error) {
	if i < 0 || i >= v.Chunks() {
		return nil, fmt.Errorf("read chunk %d of %d", i, v.Chunks())
	}
	values := v[i*vectorChunk : min((i+1)*vectorChunk, len(v))]
	chunk := make([]byte, 0, 8*len(values))
	for _, x := range values {
		chunk = binary.BigEndian.AppendUint64(chunk, uint64(x))
	}
	return chunk, nil
}

// readVector reads a vector of so many values; nil when there is none of them.
func readVector(s Source, length uint64) (Vector, error) {
	var v Vector
	for i := range s.Chunks() {
		chunk, err := s.Chunk(i)
		if err != nil {
			return nil, err
		}
		if len(chunk)%8 != 0 || uint64(len(v)+len(chunk)/8) > length {
			return nil, nil
		}
		for ; len(chunk) > 0; chunk = chunk[8:] {
			v = append(v, int64(binary.BigEndian.Uint64(chunk)))
		}
	}
	if uint64(len(v)) != length {
		return nil, nil
	}
	return v, nil
}

// hash names a sum of a set: the digest of its values, eight bytes each.
func (v Vector) hash(description, set Hash) Hash {
	d := newDigest("consilium/sum/1")
	d.field(description[:])
	d.field(set[:])
	d.begin(8 * len(v))
	buffer := make([]byte, 0, 8<<10)
	for i, x := range v {
		buffer = binary.BigEndian.AppendUint64(buffer, uint64(x))
		if len(buffer) == cap(buffer) || i == len(v)-1 {
			d.Write(buffer)
			buffer = buffer[:0]
		}
	}
	return Hash(d.Sum(nil))
}

// spoiledHash is signed in the place of a sum's hash. Why does not matter: what was
// opened is the same everywhere.
func spoiledHash(description, set Hash) Hash {
	return digest("consilium/spoiled/1", description[:], set[:])
}
