package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"consilium/internal/durable"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz/learning"
)

// SharesFolder is where a hospital keeps the checkpoints of a study on shares:
// secret, and erased when the study is over.
func SharesFolder(home, study string) string {
	return filepath.Join(home, "studies", study, "shares")
}

// LearnOnShares runs this hospital's part of a study on shares under a name
// that all members of the roster use. It waits for hospitals that are away, as
// long as ctx lets it, and when one has started again, all go on from the last
// checkpoint that all have in dir; empty keeps none. work's Kept and Keep are set
// here, and its Seed, unless it draws that itself.
func (m *Mesh) LearnOnShares(ctx context.Context, name, dir string, work learning.Study) (*learning.Result, ComputeReport, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, ComputeReport{}, err
		}
		work.Keep = func(data []byte) error { return keepShares(dir, data) }
	}
	for {
		var result *learning.Result
		report, err := m.Compute(ctx, name, func(c *interactive.Channel) (err error) {
			again := work
			if again.Kept, err = keptShares(dir); err != nil {
				return err
			}
			if again.DrawSeed == nil {
				if _, err = rand.Read(again.Seed[:]); err != nil {
					return err
				}
			}
			result, err = again.Run(c)
			return err
		})
		if restarted := (*RestartedError)(nil); errors.As(err, &restarted) && ctx.Err() == nil {
			m.logger.Info("a hospital has started again: going on from the last checkpoint", "hospital", restarted.Hospital)
			continue
		}
		if err == nil && dir != "" {
			err = eraseShares(dir)
		}
		return result, report, err
	}
}

// checkpointFiles are those of the last checkpoint and the one before, and one
// that is being erased.
func checkpointFiles(dir string) [3]string {
	return [3]string{filepath.Join(dir, "last"), filepath.Join(dir, "before"), filepath.Join(dir, "erased")}
}

func keepShares(dir string, data []byte) error {
	files := checkpointFiles(dir)
	for _, to := range []int{2, 1} {
		if err := os.Rename(files[to-1], files[to]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := erase(files[2]); err != nil {
			return err
		}
	}
	return durable.WriteFile(files[0], data, 0o600)
}

func keptShares(dir string) (kept [][]byte, err error) {
	if dir == "" {
		return nil, nil
	}
	files := checkpointFiles(dir)
	for _, file := range files[:2] {
		data, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("read a checkpoint: %w", err)
		default:
			kept = append(kept, data)
		}
	}
	return kept, nil
}

// eraseShares overwrites the checkpoints, as far as a file system lets it, and
// removes them.
func eraseShares(dir string) error {
	for _, file := range checkpointFiles(dir) {
		if err := erase(file); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

// erase writes zeros over a file, if there is one, and removes it.
func erase(file string) error {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.WriteFile(file, make([]byte, info.Size()), 0o600)
	}
	if err == nil {
		err = os.Remove(file)
	}
	if err != nil {
		return fmt.Errorf("erase a checkpoint: %w", err)
	}
	return nil
}
