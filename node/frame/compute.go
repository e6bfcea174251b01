package frame

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"

	"consilium/protocol"
)

const (
	// MaxBody is the longest body of one message of a computation, in bytes.
	MaxBody = 64 << 20
	// MaxName is the longest name of a computation, in bytes.
	MaxName = 128
	// MaxDepth is the largest depth that travels; a larger one travels as this.
	MaxDepth = 1<<31 - 1

	maxNumber = 1<<62 - 1 // of a computation on a link, of a run, of an ending
	piece     = 256 << 10 // a body is read in pieces of so many bytes
)

// Hello opens a stream of computations: the federation, and which life of the
// process this is.
type Hello struct {
	Roster      protocol.Hash
	Incarnation uint64
}

// Encode is the canonical encoding of h.
func (h Hello) Encode() []byte {
	return binary.BigEndian.AppendUint64(append([]byte{}, h.Roster[:]...), h.Incarnation)
}

// DecodeHello is the inverse of Encode; it accepts nothing else.
func DecodeHello(data []byte) (h Hello, err error) {
	if len(data) != len(h.Roster)+8 {
		return h, fmt.Errorf("decode hello: %d bytes", len(data))
	}
	copy(h.Roster[:], data)
	if h.Incarnation = binary.BigEndian.Uint64(data[len(h.Roster):]); h.Incarnation == 0 {
		return h, fmt.Errorf("decode hello: incarnation 0")
	}
	return h, nil
}

// Welcome answers a Hello: which life of the process this is, and the number of
// the first item that it has not received from the other's incarnation.
type Welcome struct {
	Incarnation uint64
	Next        uint64
}

// Encode is the canonical encoding of w.
func (w Welcome) Encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, w.Incarnation), w.Next)
}

// DecodeWelcome is the inverse of Encode; it accepts nothing else.
func DecodeWelcome(data []byte) (w Welcome, err error) {
	if len(data) != 16 {
		return w, fmt.Errorf("decode welcome: %d bytes", len(data))
	}
	w.Incarnation, w.Next = binary.BigEndian.Uint64(data), binary.BigEndian.Uint64(data[8:])
	if w.Incarnation == 0 {
		return w, fmt.Errorf("decode welcome: incarnation 0")
	}
	return w, nil
}

// Kind says what an item of a computation's stream is.
type Kind uint8

// The kinds of items.
const (
	Begin   Kind = iota // a run of a computation gets a number on this link
	Message             // from the sender's program to the receiver's
	End                 // the sender's part is over
	kinds
)

// Item is one element of a stream of computations. Items count from 0 on each
// link, by their place.
type Item struct {
	Kind Kind
	ID   uint64 // of the run on this link, from 1

	Name         string  // Begin: of the computation, 1…MaxName bytes of UTF-8
	Run          uint64  // Begin: which run of that name, from 1
	Incarnations [8]byte // Begin: a digest of all parties' incarnations

	Depth int    // Message: 0…MaxDepth
	Body  []byte // Message: at most MaxBody bytes

	Ending uint64 // End: 0 finished, 1 gave up, 1+p party p restarted
}

// AppendHead appends the encoding of the item but for its body, which follows.
func (i Item) AppendHead(b []byte) []byte {
	b = binary.AppendUvarint(b, i.ID<<2|uint64(i.Kind))
	switch i.Kind {
	case Begin:
		b = binary.AppendUvarint(b, i.Run)
		b = append(b, i.Incarnations[:]...)
		b = binary.AppendUvarint(b, uint64(len(i.Name)))
		b = append(b, i.Name...)
	case Message:
		b = binary.AppendUvarint(b, uint64(min(i.Depth, MaxDepth)))
		b = binary.AppendUvarint(b, uint64(len(i.Body)))
	case End:
		b = binary.AppendUvarint(b, i.Ending)
	}
	return b
}

// ReadItem reads one item. Memory for a body is taken as it comes, not as it is
// announced. The error is that of r, io.EOF between two items, or a *FormError.
func ReadItem(r *bufio.Reader) (i Item, err error) {
	head, err := readNumber(r, maxNumber<<2|3)
	if err != nil {
		return i, err
	}
	i.Kind, i.ID = Kind(head&3), head>>2
	if i.Kind >= kinds || i.ID == 0 {
		return i, &FormError{fmt.Sprintf("an item of kind %d for computation %d", i.Kind, i.ID)}
	}
	switch i.Kind {
	case Begin:
		err = i.readBegin(r)
	case Message:
		err = i.readMessage(r)
	case End:
		i.Ending, err = readNumber(r, protocol.MaxParties+1)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return i, err
}

func (i *Item) readBegin(r *bufio.Reader) (err error) {
	if i.Run, err = readNumber(r, maxNumber); err != nil {
		return err
	}
	if _, err := io.ReadFull(r, i.Incarnations[:]); err != nil {
		return err
	}
	length, err := readNumber(r, MaxName)
	if err != nil {
		return err
	}
	name := make([]byte, length)
	if _, err := io.ReadFull(r, name); err != nil {
		return err
	}
	if i.Name = string(name); i.Run == 0 || CheckName(i.Name) != nil {
		return &FormError{fmt.Sprintf("run %d of a computation with a bad name", i.Run)}
	}
	return nil
}

func (i *Item) readMessage(r *bufio.Reader) error {
	depth, err := readNumber(r, MaxDepth)
	if err != nil {
		return err
	}
	length, err := readNumber(r, MaxBody)
	if err != nil {
		return err
	}
	i.Depth, i.Body = int(depth), make([]byte, min(length, piece))
	for at := 0; ; {
		n, err := io.ReadFull(r, i.Body[at:])
		if err != nil {
			return err
		}
		if at += n; uint64(at) == length {
			return nil
		}
		longer := make([]byte, min(length, 2*uint64(at))) // twice what came
		copy(longer, i.Body)
		i.Body = longer
	}
}

// CheckName says whether a computation can have that name.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return fmt.Errorf("computation %q: a name is 1 to %d bytes of UTF-8", name, MaxName)
	}
	return nil
}

// FormError says that bytes are no encoding.
type FormError struct{ Why string }

func (e *FormError) Error() string { return "decode: " + e.Why }

// readNumber reads a number of 0…limit in its shortest form: seven bits a byte,
// the lowest first.
func readNumber(r io.ByteReader, limit uint64) (uint64, error) {
	var v uint64
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			if shift > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if shift == 63 && b > 1 || b == 0 && shift > 0 {
			return 0, &FormError{"a number that is too long"}
		}
		if v |= uint64(b&0x7f) << shift; b < 0x80 {
			break
		}
	}
	if v > limit {
		return 0, &FormError{fmt.Sprintf("%d where at most %d is allowed", v, limit)}
	}
	return v, nil
}
