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
// checkpoint that all have in dir; empty keeps none. work's Seed, Kept and Keep
// are set here.
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
			if _, err = rand.Read(again.Seed[:]); err != nil {
				return err
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

// checkpointFiles are those of the last checkpoint and the one before.
func checkpointFiles(dir string) [2]string {
	return [2]string{filepath.Join(dir, "last"), filepath.Join(dir, "before")}
}

func keepShares(dir string, data []byte) error {
	files := checkpointFiles(dir)
	if err := os.Rename(files[0], files[1]); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.WriteFile(files[0], data, 0o600)
}

func keptShares(dir string) (kept [][]byte, err error) {
	if dir == "" {
		return nil, nil
	}
	for _, file := range checkpointFiles(dir) {
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
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(file, make([]byte, info.Size()), 0o600)
		}
		if err != nil {
			return fmt.Errorf("erase a checkpoint: %w", err)
		}
	}
	return os.RemoveAll(dir)
}
