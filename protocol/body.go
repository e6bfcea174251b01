package protocol

import (
	"encoding/binary"
	"fmt"
)

// ChunkSize is how many bytes of content a chunk of a body holds at most. A
// sealed chunk is longer by its authentication tag.
const ChunkSize = 64 << 10

// maxChunk bounds a chunk on the wire: content, tag, or an encapsulated key.
const maxChunk = ChunkSize + 4096

// Content that weighs no more than this travels inside the message that
// announces it; larger content is fetched by root over streams.
const (
	inlinePublic = 16 << 10 // part 0 of a body
	inlineBoxes  = 32 << 10 // all boxes of a deal together
)

// Source gives the chunks of one part of a body. The same index gives the same
// bytes every time, so that chunks can be computed when they are asked for and
// need not all be in memory.
type Source interface {
	Chunks() int
	Chunk(i int) ([]byte, error)
}

// Chunks is a Source in memory.
type Chunks [][]byte

// Chunks is how many there are.
func (c Chunks) Chunks() int { return len(c) }

// Chunk returns chunk i.
func (c Chunks) Chunk(i int) ([]byte, error) {
	if i < 0 || i >= len(c) {
		return nil, fmt.Errorf("read chunk %d of %d", i, len(c))
	}
	return c[i], nil
}

// Body is what a post carries: public bytes that fit into a message, and parts
// of any size. Part 0 is for everybody, part j for hospital j alone.
type Body struct {
	Public []byte
	Parts  map[Party]Source
	// Name is, in a deal, the hash of what its dealer is bound to by the names of
	// all parts, the round and the dealer: all but Public. Challenges come from it.
	Name Hash
}

// Ref names a part by its content: the Merkle root over its chunks.
type Ref struct {
	Root   Hash
	Chunks uint32
	Size   uint64 // bytes in all chunks
}

// Leaf is the Merkle leaf of a chunk (RFC 6962, section 2.1).
func Leaf(chunk []byte) Hash { return digest("consilium/chunk/1", chunk) }

// Root is the Merkle root over leaves. The number of leaves is hashed too.
func Root(leaves []Hash) Hash {
	var count [8]byte
	binary.BigEndian.PutUint64(count[:], uint64(len(leaves)))
	return digest("consilium/tree/1", count[:], subtree(leaves))
}

func subtree(leaves []Hash) []byte {
	switch len(leaves) {
	case 0:
		return nil
	case 1:
		return leaves[0][:]
	}
	// The left side is the largest power of two below the number of leaves.
	split := 1
	for split*2 < len(leaves) {
		split *= 2
	}
	node := digest("consilium/node/1", subtree(leaves[:split]), subtree(leaves[split:]))
	return node[:]
}

// RefOf reads a source through once and names it.
func RefOf(s Source) (Ref, error) {
	refs, err := refsOf([]Source{s})
	if err != nil {
		return Ref{}, err
	}
	return refs[0], nil
}

// refsOf names several sources. They are read side by side, chunk by chunk: the
// parts of one deal compute their chunks together.
func refsOf(sources []Source) ([]Ref, error) {
	leaves := make([][]Hash, len(sources))
	refs := make([]Ref, len(sources))
	longest := 0
	for i, s := range sources {
		longest = max(longest, s.Chunks())
		leaves[i] = make([]Hash, s.Chunks())
		refs[i].Chunks = uint32(s.Chunks())
	}
	for c := range longest {
		for i, s := range sources {
			if c >= len(leaves[i]) {
				continue
			}
			chunk, err := s.Chunk(c)
			if err != nil {
				return nil, err
			}
			leaves[i][c] = Leaf(chunk)
			refs[i].Size += uint64(len(chunk))
		}
	}
	for i := range refs {
		refs[i].Root = Root(leaves[i])
	}
	return refs, nil
}

// header is a body as it is announced: its public bytes, every part by name,
// and part 0 itself when it is small. Parts for single hospitals are named with
// a salt, so that nobody else can try candidates for what is in them.
type header struct {
	Public []byte
	Parts  []partRef // ascending by party
	Inline Chunks    // part 0, or nil
}

type partRef struct {
	For Party
	Ref Ref
}

// announce turns a body into its header, and puts part 0 where it is served
// from. salt gives the salts of the parts for single hospitals; their content is
// secret and is not put anywhere.
func (r *Round) announce(b Body, salt func(Party) Hash) (header, Body, error) {
	h := header{Public: b.Public}
	posted := Body{Public: b.Public, Parts: map[Party]Source{}}
	var private []Source
	for p := range Party(r.t.Parties + 1) {
		part, ok := b.Parts[p]
		if !ok {
			continue
		}
		posted.Parts[p] = part
		if p > 0 {
			h.Parts = append(h.Parts, partRef{For: p})
			private = append(private, part)
			continue
		}
		spooled, err := r.spool(part)
		if err != nil {
			return header{}, Body{}, err
		}
		h.Parts = append(h.Parts, partRef{0, spooled[0].Ref})
		if posted.Parts[0] = spooled[0].Source; spooled[0].Ref.Size <= inlinePublic {
			if h.Inline, err = inMemory(spooled[0].Source); err != nil {
				return header{}, Body{}, err
			}
		}
	}
	refs, err := refsOf(private)
	if err != nil {
		return header{}, Body{}, fmt.Errorf("read a body: %w", err)
	}
	for i, ref := range refs {
		named := &h.Parts[len(h.Parts)-len(refs)+i]
		named.Ref = ref.salted(salt(named.For))
	}
	return h, posted, nil
}

// Spool reads parts once, side by side and chunk by chunk, and gives each back
// under its name, from where it takes no memory. What it is given are boxes and
// parts for everybody, which others may ask for; the result is not asked for
// before it is served.
type Spool func(parts []Source) ([]Part, error)

// spool puts parts of posts where they stay until the round is over.
func (r *Round) spool(parts ...Source) ([]Part, error) {
	if r.cfg.Spool != nil {
		spooled, err := r.cfg.Spool(parts)
		if err != nil {
			return nil, fmt.Errorf("store a part: %w", err)
		}
		return spooled, nil
	}
	spooled := make([]Part, len(parts))
	for i, part := range parts {
		chunks, err := inMemory(part)
		if err != nil {
			return nil, err
		}
		spooled[i].Source = chunks
		if spooled[i].Ref, err = RefOf(chunks); err != nil {
			return nil, err
		}
	}
	return spooled, nil
}

// salted hides the root of a part behind a salt that goes with its content.
func (ref Ref) salted(salt Hash) Ref {
	ref.Root = digest("consilium/part/1", salt[:], ref.Root[:])
	return ref
}

func inMemory(s Source) (Chunks, error) {
	chunks := make(Chunks, s.Chunks())
	for i := range chunks {
		var err error
		if chunks[i], err = s.Chunk(i); err != nil {
			return nil, err
		}
	}
	return chunks, nil
}

// dealName is Body.Name of a deal.
func (h header) dealName(description Hash, dealer Party) Hash {
	return digest("consilium/deal/1", description[:], appendParty(nil, dealer), header{Parts: h.Parts}.appendNames(nil))
}

// root is the name of the whole body. It does not depend on whether parts are
// inlined.
func (h header) root() Hash { return digest("consilium/body/1", h.appendNames(nil)) }

// part returns the reference of the part for party p.
func (h header) part(p Party) (Ref, bool) {
	for _, part := range h.Parts {
		if part.For == p {
			return part.Ref, true
		}
	}
	return Ref{}, false
}

func (h header) appendNames(dst []byte) []byte {
	dst = appendBytes(dst, h.Public)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.Parts)))
	for _, p := range h.Parts {
		dst = p.Ref.append(appendParty(dst, p.For))
	}
	return dst
}

func (ref Ref) append(dst []byte) []byte {
	dst = append(dst, ref.Root[:]...)
	dst = binary.BigEndian.AppendUint32(dst, ref.Chunks)
	return binary.BigEndian.AppendUint64(dst, ref.Size)
}

func (h header) append(dst []byte) []byte {
	return appendInline(h.appendNames(dst), h.Inline)
}

// appendInline appends content that may be absent. Empty content is not
// inlined: there is nothing to save.
func appendInline(dst []byte, inline Chunks) []byte {
	if len(inline) == 0 {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	for _, chunk := range inline {
		dst = appendBytes(dst, chunk)
	}
	return dst
}

// maxPublic bounds the public bytes of a body.
const maxPublic = 8 << 10

// maxPart bounds a part: 10⁹ bytes are 10⁸ values and more.
const maxPart = 1 << 30

func (r *reader) ref() Ref {
	ref := Ref{Root: r.hash(), Chunks: r.uint32(), Size: r.uint64()}
	if ref.Size > maxPart || uint64(ref.Chunks) > ref.Size {
		r.fail("part of %d chunks and %d bytes", ref.Chunks, ref.Size)
	}
	return ref
}

func (r *reader) header() (h header) {
	h.Public = r.bytes(maxPublic)
	last := -1
	for range r.count(MaxParties + 1) {
		p := partRef{For: r.party(), Ref: r.ref()}
		if int(p.For) <= last {
			r.fail("parts are not in ascending order")
		}
		if r.err != nil {
			return header{}
		}
		last = int(p.For)
		h.Parts = append(h.Parts, p)
	}
	ref, _ := h.part(0)
	h.Inline = r.inline(ref)
	if h.Inline != nil && r.err == nil {
		if got, err := RefOf(h.Inline); err != nil || got != ref {
			r.fail("the content of part 0 is not what its name says")
		}
	}
	return h
}

// inline reads content that may stand behind its name.
func (r *reader) inline(ref Ref) (chunks Chunks) {
	switch r.uint8() {
	case 0:
		return nil
	case 1:
	default:
		r.fail("inline flag is neither 0 nor 1")
	}
	for range ref.Chunks {
		chunk := r.bytes(maxChunk)
		if r.err != nil { // the count is a peer's word: stop where the bytes stop
			return nil
		}
		chunks = append(chunks, chunk)
	}
	if len(chunks) == 0 {
		r.fail("no content behind the inline flag")
	}
	return chunks
}
