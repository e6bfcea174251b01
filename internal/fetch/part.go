package fetch

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// part is what has arrived of a download: the bytes in one file, and beside it
// the version of the published file that they are of, as the server names it.
// Without a version nobody knows what the bytes would be continued with.
type part struct {
	file    *os.File
	size    int64
	version string // an entity tag or a date for If-Range; "" when there is none
}

const maxVersion = 1 << 10

func openPart(path string) (*part, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	p := &part{file: file}
	version, err := os.ReadFile(p.versionPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		file.Close()
		return nil, err
	}
	if len(version) > 0 && len(version) <= maxVersion {
		p.version = string(version)
		p.size, err = file.Seek(0, io.SeekEnd)
	} else {
		err = file.Truncate(0)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return p, nil
}

func (p *part) versionPath() string { return p.file.Name() + ".version" }

// restart forgets what has arrived, and notes of which version the rest is.
func (p *part) restart(version string) error {
	if len(version) > maxVersion {
		version = ""
	}
	// A version must never stand beside bytes of another.
	if err := os.WriteFile(p.versionPath(), nil, 0o644); err != nil {
		return err
	}
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.size, p.version = 0, version
	return os.WriteFile(p.versionPath(), []byte(version), 0o644)
}

// Write appends.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.WriteAt(b, p.size)
	p.size += int64(n)
	return n, err
}

func (p *part) content() ([]byte, error) {
	content := make([]byte, p.size)
	_, err := p.file.ReadAt(content, 0)
	return content, err
}

func (p *part) close() { _ = p.file.Close() }

func (p *part) remove() error {
	err := os.Remove(p.versionPath())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(p.file.Name()))
}
