package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse says that another process runs on the home.
var ErrInUse = errors.New("the home is in use by another hospital-node")

// Lock keeps a second process off a home: two with one key would contradict
// each other. The lock ends with the process, also when it is killed.
type Lock struct{ file *os.File }

// LockHome takes the lock of a home, or returns ErrInUse.
func LockHome(home string) (*Lock, error) {
	name := filepath.Join(home, "lock")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the home: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", home, ErrInUse)
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return &Lock{f}, nil
}

// Unlock gives the home free.
func (l *Lock) Unlock() error { return l.file.Close() }
