package keygen

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"consilium/protocol/protocoltest/interactivetest"
)

func TestBig(t *testing.T) {
	bits, _ := strconv.Atoi(os.Getenv("BITS"))
	n, _ := strconv.Atoi(os.Getenv("N"))
	if bits == 0 {
		t.Skip()
	}
	begin := time.Now()
	p := newParties(n, n/2+1, bits, 1, func(party int, c *Config) {
		c.Candidates = 128
		if party == 1 {
			c.Report = func(p Progress) { fmt.Println(time.Since(begin), p) }
		}
	})
	report := interactivetest.Run(interactivetest.Options{Seed: 1}, p.programs...)
	fmt.Println(report.Errors, report.Rounds, report.Sent)
}
