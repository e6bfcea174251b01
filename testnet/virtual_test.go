package testnet

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// Virtual time in a program that is no test: the clock jumps, errors come out,
// the context's end comes in, and a standstill is an error.
func TestVirtualTime(t *testing.T) {
	began, wrong := time.Now(), errors.New("wrong")
	err := virtually(t.Context(), func(ctx context.Context) error {
		start := time.Now()
		select {
		case <-time.After(time.Hour):
		case <-ctx.Done():
			return ctx.Err()
		}
		if time.Since(start) != time.Hour {
			t.Errorf("an hour lasted %v", time.Since(start))
		}
		return wrong
	})
	if !errors.Is(err, wrong) {
		t.Error(err)
	}
	if time.Since(began) > 10*time.Second {
		t.Error("the clock did not jump")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = virtually(ctx, func(inside context.Context) error {
		<-inside.Done()
		return inside.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the context: %v", err)
	}
	err = virtually(t.Context(), func(context.Context) error {
		go standStill()
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "standstill") {
		t.Errorf("a standstill: %v", err)
	}
}

// standStill waits for nothing; TestMain knows it.
func standStill() { <-make(chan struct{}) }

// Kinds of faults that nodes of a process of their own cannot have.
func TestVirtualFaults(t *testing.T) {
	manifest := `
hospitals = 5
faults = [
  "slow:north@1:commit+1", "lossy:south@1:commit+2", "corrupt:east@2:deal+1", "duplicate:west@2:describe+1",
  "disk-full:river@3:agree+1", "disconnect:north@4:attest+1", "pause:south@4:deal+1", "kill:east@5:combine+1", "kill:west@6:open",
]
[study]
task = "synthetic"
rounds = 6
[links]
latency = "30ms"
bandwidth = "20mbit"
loss = 0.01
`
	r, err := Run(t.Context(), write(t, manifest, nil), Virtual, silent())
	if err != nil {
		t.Fatal(err)
	}
	passed(t, r)
	if len(r.Recoveries) != 4 || r.VirtualSeconds == nil || *r.VirtualSeconds < 1 {
		t.Errorf("recoveries %+v in %v virtual seconds", r.Recoveries, r.VirtualSeconds)
	}
}

// The links are what the manifest says: four times the latency, or a narrow line, and
// a round takes longer.
func TestVirtualLinks(t *testing.T) {
	took := map[string]float64{}
	for _, links := range []string{"latency = \"50ms\"", "latency = \"200ms\"", "latency = \"50ms\"\nbandwidth = \"256kbit\""} {
		r, err := Run(t.Context(), write(t, study4+"[links]\n"+links+"\n", nil), Virtual, silent())
		if err != nil {
			t.Fatal(err)
		}
		took[links] = r.Rounds[1].Seconds
	}
	near, far, narrow := took["latency = \"50ms\""], took["latency = \"200ms\""], took["latency = \"50ms\"\nbandwidth = \"256kbit\""]
	if far < 2.5*near || narrow < 1.5*near {
		t.Errorf("a round took %.2f s near, %.2f s far, %.2f s over a narrow line", near, far, narrow)
	}
}
