package testnet

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Steps so long that no hospital has an update end the run: the nodes would
// wait for one another for ever.
func TestTablesThatDiverge(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := Tables(ctx, TablesOptions{
		Data: realData(t), Bits: 512, Settings: []Setting{{Eta: 0.1, Iterations: 5}},
		Logger: slog.New(slog.DiscardHandler), Tell: func(Setting, int, time.Duration) {},
	})
	if err == nil || !strings.Contains(err.Error(), "smaller step length") {
		t.Fatal(err)
	}
}
