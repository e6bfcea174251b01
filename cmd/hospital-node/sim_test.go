package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"consilium/node/roster"
	"consilium/paillier/testkey"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
)

// With more hospitals than a key has holders it is the key that says how many
// open a sum, 9 of 18 and not a quorum of 10.
func TestThresholdOfKey(t *testing.T) {
	const n = 18
	f := &simFlags{hospitals: n, scheme: protocol.SchemePaillier, crypto: "fast", values: 1}
	opt := protocoltest.Options{Thresholds: protocol.Thresholds{Parties: n, Dropouts: 7}, Scheme: f.scheme}
	if err := f.testKeys(&opt); err != nil {
		t.Fatal(err)
	}
	if k := f.report(opt, protocoltest.Summary{}, 0).Threshold; k != 9 {
		t.Errorf("sim reports %d", k)
	}
	key, _, err := testkey.Deal(2048, 16, 9)
	if err != nil {
		t.Fatal(err)
	}
	r := &roster.Roster{Dropouts: 7, Members: make([]roster.Member, n), Paillier: base64.StdEncoding.EncodeToString(key.Encode())}
	var out bytes.Buffer
	stands(&app{stdout: &out}, r)
	if text := out.String(); !strings.Contains(text, "opened by 9 hospitals") || !strings.Contains(text, "9 could open any update") {
		t.Error(text)
	}
}

// Ctrl-C ends a simulation of any length.
func TestInterruptEndsSim(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	err := runSim(ctx, &app{stdout: &out, stderr: &out, quiet: true}, &simFlags{
		hospitals: 4, dropouts: 1, values: 1, runs: 1000, modulus: 64, scheme: protocol.SchemeShamir, crypto: "fast",
	})
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Fatal(err)
	}
}

// Rounds are sliced when the flag says so, or where it is cheaper.
func TestSimSlices(t *testing.T) {
	for _, c := range []struct {
		scheme, sliced string
		values         int
		want, fails    bool
	}{
		{"masked", "true", 8, true, false}, {"masked", "false", 1_000_000, false, false}, {"masked", "auto", 8, false, false},
		{"masked", "auto", 1_000_000, true, false}, {"shamir", "auto", 8, false, false}, {"shamir", "false", 8, false, false},
		{"shamir", "true", 8, false, true}, {"masked", "perhaps", 8, false, true},
	} {
		f := &simFlags{hospitals: 20, liars: 1, dropouts: 2, values: c.values, modulus: 32, runs: 1, scheme: c.scheme, sliced: c.sliced, crypto: "fast"}
		opt, err := f.options()
		if (err != nil) != c.fails || (opt.Sliced != nil) != c.want || c.want && !opt.Sliced(c.values, 1) {
			t.Errorf("%+v: sliced %v, %v", c, opt.Sliced != nil, err)
		}
	}
}
