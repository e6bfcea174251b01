package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"consilium/internal/durable"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz/learning"
)

// SharesFolder is where a hospital keeps the checkpoints of a study on shares:
// secret, and erased when the study is over.
func SharesFolder(home, study string) string {
	return filepath.Join(home, "studies", study, "shares")
}

// SharesName names the computation of a study on shares, by its hash.
func SharesName(study string) string { return "study " + study[:16] }

// resultWait is how long a hospital that has the result waits for others that may
// need it to get theirs.
const resultWait = 5 * time.Second

// LearnOnShares runs this hospital's part of a study on shares under a name
// that all members of the roster use. It waits for hospitals that are away, as
// long as ctx lets it, and when one has started again, all go on from the last
// checkpoint that all have in dir; empty keeps none. Nobody ends before all have
// the result, which stays beside dir: a hospital that starts again with it, and
// finds the others gone, has it from there. work's Kept, Keep and Finish are set
// here, and its Seed, unless it draws that itself.
func (m *Mesh) LearnOnShares(ctx context.Context, name, dir string, work learning.Study) (*learning.Result, ComputeReport, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, ComputeReport{}, err
		}
		work.Keep = func(data []byte) error { return keepShares(dir, data) }
		work.Finish = func(r *learning.Result) error { return keepResult(dir, r) }
	}
	for {
		before, err := keptResult(dir)
		if err != nil {
			return nil, ComputeReport{}, err
		}
		result, report, err := m.learnOnce(ctx, name, dir, work, before != nil)
		restarted := (*RestartedError)(nil)
		switch {
		case err == nil && dir != "":
			err = eraseShares(dir)
		case errors.Is(err, errNobodyNeeds):
			return before, report, eraseShares(dir)
		case errors.As(err, &restarted) && ctx.Err() == nil:
			m.logger.Info("a hospital has started again: going on from the last checkpoint", "hospital", restarted.Hospital)
			continue
		}
		return result, report, err
	}
}

var errNobodyNeeds = errors.New("the others have ended")

// learnOnce is one computation. If this hospital has the result, it waits for the
// others only for a while.
func (m *Mesh) learnOnce(ctx context.Context, name, dir string, work learning.Study, has bool) (result *learning.Result, report ComputeReport, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if has {
		timer := time.AfterFunc(resultWait, func() { cancel(errNobodyNeeds) })
		defer timer.Stop()
		before := work.Before
		work.Before = func(at learning.Moment) error { // all are there
			timer.Stop()
			if before == nil {
				return nil
			}
			return before(at)
		}
	}
	report, err = m.Compute(ctx, name, func(c *interactive.Channel) (err error) {
		part := work
		if part.Kept, err = keptShares(dir); err != nil {
			return err
		}
		if part.DrawSeed == nil {
			if _, err = rand.Read(part.Seed[:]); err != nil {
				return err
			}
		}
		result, err = part.Run(c)
		return err
	})
	if err != nil && context.Cause(ctx) == errNobodyNeeds {
		err = errNobodyNeeds
	}
	return result, report, err
}

// resultFile stays, beside the folder of checkpoints.
func resultFile(dir string) string { return filepath.Join(filepath.Dir(dir), "result.json") }

func keepResult(dir string, r *learning.Result) error {
	data, err := r.Encode()
	if err != nil {
		return err
	}
	return durable.WriteFile(resultFile(dir), data, 0o600)
}

// keptResult is nil where there is none.
func keptResult(dir string) (*learning.Result, error) {
	if dir == "" {
		return nil, nil
	}
	data, err := os.ReadFile(resultFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := learning.DecodeResult(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", resultFile(dir), err)
	}
	return r, nil
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
		if err := durable.Erase(files[2]); err != nil {
			return fmt.Errorf("erase a checkpoint: %w", err)
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
		if err := durable.Erase(file); err != nil {
			return fmt.Errorf("erase a checkpoint: %w", err)
		}
	}
	return os.RemoveAll(dir)
}
