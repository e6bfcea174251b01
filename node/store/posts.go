package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"consilium/internal/durable"
	"consilium/protocol"
)

// What was posted in a round outlives it by one round: those who have finished
// it may be the only ones who hold enough of it for the others. It is signed,
// and public among the hospitals; nothing secret is in it.
const postsMagic = "consilium posts 1\n"

func postsName(dir string, round uint64) string {
	return filepath.Join(dir, fmt.Sprintf("round-%06d.posts", round))
}

// Posts is what all hospitals posted in a round that is over.
type Posts struct {
	Messages []protocol.Message
	Parts    []protocol.Chunks // small ones; large parts are files already
}

// WritePosts keeps the posts of a round, and is durable when it returns.
func WritePosts(dir string, round uint64, p Posts) error {
	l := Log{}
	data := []byte(postsMagic)
	for i := range p.Messages {
		var err error
		if data, err = l.encode(data, protocol.Record{Message: &p.Messages[i]}); err != nil {
			return err
		}
	}
	for _, part := range p.Parts {
		var err error
		if data, err = l.encodePart(data, part); err != nil {
			return err
		}
	}
	return durable.WriteFile(postsName(dir, round), data, 0o600)
}

// ReadPosts returns the posts of a round, none when nothing was kept.
func ReadPosts(dir string, round uint64) (Posts, error) {
	name := postsName(dir, round)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Posts{}, nil
	}
	if err != nil {
		return Posts{}, err
	}
	rest, ok := bytes.CutPrefix(data, []byte(postsMagic))
	if !ok {
		return Posts{}, &DamagedError{name, 0, "it has no header"}
	}
	l, kept := Log{}, Kept{}
	for from := bytes.NewReader(rest); ; {
		at := int64(len(data) - from.Len())
		body, err := readRecord(from)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = l.decode(body, &kept)
		}
		if err != nil {
			return Posts{}, &DamagedError{name, at, err.Error()}
		}
	}
	p := Posts{Parts: kept.Parts}
	for _, r := range kept.Records {
		p.Messages = append(p.Messages, *r.Message)
	}
	return p, nil
}

// endPosts removes the posts of all rounds but the one before the given one.
func endPosts(dir string, before uint64) error {
	names, err := filepath.Glob(filepath.Join(dir, "round-*.posts"))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		var round uint64
		if _, err := fmt.Sscanf(filepath.Base(name), "round-%d.posts", &round); err == nil && round+1 < before {
			errs = append(errs, os.Remove(name))
		}
	}
	return errors.Join(errs...)
}
