package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"consilium/internal/durable"
)

// erase overwrites a small secret file and removes it. Overwriting is best
// effort: a journaling file system or a flash disk may keep the old blocks.
func erase(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, info.Size()), 0)
	err = errors.Join(err, f.Sync(), f.Close(), os.Remove(name))
	return errors.Join(err, durable.SyncDir(filepath.Dir(name)))
}
