package store

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"consilium/internal/durable"
	"consilium/protocol"
)

// The log of a round is a header and then records, each behind its length and
// its checksum. Secrets are encrypted under a key in a file beside the log; when
// the round ends the key is erased, and the secrets are gone with it.
//
// A third file holds the length of the log that was last acknowledged. It is
// written without waiting, so it survives the process but perhaps not the
// machine: it can only lag behind. A log that is shorter than it says has lost
// records that others may have seen the consequences of.
const (
	logMagic    = "consilium round log 1\n"
	headerSize  = len(logMagic) + 32
	frameSize   = 8       // length and checksum
	maxRecord   = 1 << 30 // an update of 10⁸ values
	writeAtOnce = 1 << 20 // bytes
	kindMessage = 1
	kindSecret  = 2
	kindPart    = 3
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DamagedError says that a log cannot be relied upon. A hospital that has
// forgotten what it signed must not sign in that round again.
type DamagedError struct {
	File   string
	Offset int64
	Why    string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s; restore the home from a copy that is not older, or start with --sit-out to miss this round",
		e.File, e.Offset, e.Why)
}

// Log is the log of one round. It is used by one goroutine.
type Log struct {
	file   *os.File
	head   *os.File
	name   string
	aead   cipher.AEAD
	size   int64
	broken error
}

// Kept is what a log holds of a round.
type Kept struct {
	Records []protocol.Record
	Parts   []protocol.Chunks // small parts that were fetched
}

// OpenLog opens the log of a round, or begins it, and returns what it holds.
// binding is the hash of the round's description; a log with another one
// belongs to another round.
func OpenLog(dir string, round uint64, binding protocol.Hash) (*Log, Kept, error) {
	l := &Log{name: logName(dir, round)}
	key, fresh, err := roundKey(keyName(dir, round), l.name)
	if err != nil {
		return nil, Kept{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, Kept{}, err
	}
	if l.aead, err = cipher.NewGCM(block); err != nil {
		return nil, Kept{}, err
	}
	if l.file, err = os.OpenFile(l.name, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, Kept{}, err
	}
	if l.head, err = os.OpenFile(headName(dir, round), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		l.file.Close()
		return nil, Kept{}, err
	}
	kept, err := l.load(binding, fresh)
	if err != nil {
		l.Close()
		return nil, Kept{}, err
	}
	return l, kept, nil
}

func logName(dir string, round uint64) string {
	return filepath.Join(dir, fmt.Sprintf("round-%06d.log", round))
}

func keyName(dir string, round uint64) string {
	return filepath.Join(dir, fmt.Sprintf("round-%06d.key", round))
}

func headName(dir string, round uint64) string {
	return filepath.Join(dir, fmt.Sprintf("round-%06d.head", round))
}

// roundKey reads the key of a round, or makes one when the round is new.
func roundKey(name, log string) (key []byte, fresh bool, err error) {
	key, err = os.ReadFile(name)
	if err == nil {
		if len(key) != 32 {
			return nil, false, &DamagedError{name, int64(len(key)), "a key has 32 bytes"}
		}
		if _, err := os.Stat(log); errors.Is(err, fs.ErrNotExist) {
			return nil, false, &DamagedError{log, 0, "it is missing, and this hospital has begun the round"}
		}
		return key, false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if info, err := os.Stat(log); err == nil && info.Size() > int64(headerSize) {
		return nil, false, &DamagedError{name, 0, "the key of the round is missing"}
	}
	// The log comes first and empty: a key without a log is one that lost it.
	// Both names become durable together.
	empty, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, false, err
	}
	if err := empty.Close(); err != nil {
		return nil, false, err
	}
	key = make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, false, err
	}
	return key, true, durable.WriteFile(name, key, 0o600)
}

// load reads the log from its start, and cuts off what a crash left unfinished
// behind the last acknowledged record.
func (l *Log) load(binding protocol.Hash, fresh bool) (kept Kept, err error) {
	var head [8]byte
	n, err := l.head.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return kept, err
	}
	acknowledged := int64(0)
	if n == len(head) {
		acknowledged = int64(binary.BigEndian.Uint64(head[:]))
	}
	info, err := l.file.Stat()
	if err != nil {
		return kept, err
	}
	if info.Size() < int64(headerSize) && acknowledged == 0 {
		header := append([]byte(logMagic), binding[:]...)
		if err := l.file.Truncate(0); err != nil {
			return kept, err
		}
		return kept, l.write(header, true)
	}
	if fresh || info.Size() < acknowledged {
		return kept, &DamagedError{l.name, info.Size(), fmt.Sprintf("%d bytes were acknowledged", acknowledged)}
	}
	if err := l.read(binding, acknowledged, &kept); err != nil {
		return kept, err
	}
	if err := l.file.Truncate(l.size); err != nil {
		return kept, err
	}
	_, err = l.file.Seek(l.size, io.SeekStart)
	return kept, err
}

func (l *Log) read(binding protocol.Hash, acknowledged int64, kept *Kept) error {
	from := bufio.NewReaderSize(l.file, 1<<16)
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(from, header); err != nil {
		return &DamagedError{l.name, 0, "it has no header"}
	}
	if string(header) != logMagic+string(binding[:]) {
		return &DamagedError{l.name, 0, "it belongs to another round"}
	}
	l.size = int64(headerSize)
	for {
		body, err := readRecord(from)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = l.decode(body, kept)
		}
		if err == nil {
			l.size += frameSize + int64(len(body))
			continue
		}
		if l.size < acknowledged {
			return &DamagedError{l.name, l.size, err.Error()}
		}
		return nil // written when the machine stopped, and never acknowledged
	}
}

var errShort = errors.New("it ends within a record")

// readRecord returns the body of the next record, io.EOF at the end.
func readRecord(from io.Reader) ([]byte, error) {
	var frame [frameSize]byte
	if n, err := io.ReadFull(from, frame[:]); err != nil {
		if n == 0 && err == io.EOF {
			return nil, io.EOF
		}
		return nil, errShort
	}
	size := binary.BigEndian.Uint32(frame[:])
	if size == 0 || size > maxRecord {
		return nil, fmt.Errorf("a record of %d bytes", size)
	}
	body, err := readGrowing(from, int(size))
	if err != nil {
		return nil, err
	}
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(frame[4:]) {
		return nil, errors.New("a checksum does not match")
	}
	return body, nil
}

// readGrowing reads size bytes without trusting the size: memory grows with
// what is there.
func readGrowing(from io.Reader, size int) ([]byte, error) {
	body := make([]byte, 0, min(size, 1<<20))
	for len(body) < size {
		part := min(size-len(body), 1<<20)
		body = append(body, make([]byte, part)...)
		if _, err := io.ReadFull(from, body[len(body)-part:]); err != nil {
			return nil, errShort
		}
	}
	return body, nil
}

func (l *Log) decode(body []byte, kept *Kept) error {
	data := body[1:]
	switch body[0] {
	case kindMessage:
		m, err := protocol.DecodeMessage(data)
		if err == nil {
			kept.Records = append(kept.Records, protocol.Record{Message: &m})
		}
		return err
	case kindSecret:
		if l.aead == nil {
			return errors.New("a secret among what was posted")
		}
		size := l.aead.NonceSize()
		if len(data) < size {
			return errShort
		}
		secret, err := l.aead.Open(nil, data[:size], data[size:], nil)
		if err == nil {
			kept.Records = append(kept.Records, protocol.Record{Secret: secret})
		}
		return err
	case kindPart:
		var chunks protocol.Chunks
		for len(data) > 0 {
			if len(data) < 4 || uint64(binary.BigEndian.Uint32(data)) > uint64(len(data)-4) {
				return errShort
			}
			end := 4 + int(binary.BigEndian.Uint32(data))
			chunks, data = append(chunks, data[4:end]), data[end:]
		}
		kept.Parts = append(kept.Parts, chunks)
		return nil
	}
	return fmt.Errorf("a record of unknown kind %d", body[0])
}

// frame appends a record of a kind; fill appends its data.
func (l *Log) frame(dst []byte, kind byte, fill func([]byte) ([]byte, error)) ([]byte, error) {
	at := len(dst)
	dst, err := fill(append(append(dst, make([]byte, frameSize)...), kind))
	if err != nil {
		return nil, err
	}
	body := dst[at+frameSize:]
	if len(body) > maxRecord {
		return nil, fmt.Errorf("a record of %d bytes, at most %d", len(body), maxRecord)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(body)))
	binary.BigEndian.PutUint32(dst[at+4:], crc32.Checksum(body, castagnoli))
	return dst, nil
}

func (l *Log) encode(dst []byte, rec protocol.Record) ([]byte, error) {
	if rec.Message != nil {
		return l.frame(dst, kindMessage, func(b []byte) ([]byte, error) { return append(b, rec.Message.Encode()...), nil })
	}
	return l.frame(dst, kindSecret, func(b []byte) ([]byte, error) {
		nonce := make([]byte, l.aead.NonceSize())
		if _, err := rand.Read(nonce); err != nil {
			return nil, err
		}
		return l.aead.Seal(append(b, nonce...), nonce, rec.Secret, nil), nil
	})
}

// Keep adds a small part that was fetched. It becomes durable with the next
// record that does, and nothing that depends on it is sent before.
func (l *Log) Keep(part protocol.Chunks) error {
	if l.broken != nil {
		return l.broken
	}
	data, err := l.encodePart(nil, part)
	if err != nil {
		return err
	}
	return l.write(data, false)
}

func (l *Log) encodePart(dst []byte, part protocol.Chunks) ([]byte, error) {
	return l.frame(dst, kindPart, func(b []byte) ([]byte, error) {
		for _, chunk := range part {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(chunk))), chunk...)
		}
		return b, nil
	})
}

// Append adds records. With sync they are durable when it returns; without, they
// become so with a later call. After an error the log takes nothing more: the
// caller must not send what depends on these records.
func (l *Log) Append(records []protocol.Record, sync bool) error {
	if l.broken != nil {
		return l.broken
	}
	var data []byte
	for _, rec := range records {
		var err error
		if data, err = l.encode(data, rec); err != nil {
			return err
		}
		if len(data) >= writeAtOnce { // an update of ten million values is many records
			if err := l.write(data, false); err != nil {
				return err
			}
			data = data[:0]
		}
	}
	return l.write(data, sync)
}

func (l *Log) write(data []byte, sync bool) error {
	_, err := l.file.Write(data)
	if err == nil && sync {
		err = l.file.Sync()
	}
	if err != nil {
		l.broken = fmt.Errorf("append to %s: %w", l.name, err)
		// Nothing half-written stays; should this fail too, the next start cuts it.
		_ = l.file.Truncate(l.size)
		return l.broken
	}
	l.size += int64(len(data))
	if sync {
		var head [8]byte
		binary.BigEndian.PutUint64(head[:], uint64(l.size))
		if _, err := l.head.WriteAt(head[:], 0); err != nil {
			l.broken = fmt.Errorf("write %s: %w", l.head.Name(), err)
			return l.broken
		}
	}
	return nil
}

// Close closes the files and leaves them for the next start.
func (l *Log) Close() error { return errors.Join(l.file.Close(), l.head.Close()) }

// EndRounds erases the keys of all rounds before the given one, and then their
// logs; what was posted in the last of them stays.
func EndRounds(dir string, before uint64) error {
	keys, err := filepath.Glob(filepath.Join(dir, "round-*.key"))
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range keys {
		var round uint64
		if _, err := fmt.Sscanf(filepath.Base(key), "round-%d.key", &round); err != nil || round >= before {
			continue
		}
		for _, name := range []string{logName(dir, round), headName(dir, round)} {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		// The key goes last in case of a crash in between: it is what a later
		// start looks for. Without its log it opens nothing.
		errs = append(errs, durable.Erase(key))
	}
	return errors.Join(append(errs, endPosts(dir, before))...)
}
