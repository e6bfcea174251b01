package protocoltest

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"consilium/protocol"
)

func TestDebug(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	if err != nil {
		t.Skip()
	}
	n, _ := strconv.Atoi(os.Getenv("N"))
	opt := options(n, 0, protocol.MostDropouts(n, 0), seed)
	opt.Rounds = 2
	opt.RandomFaults = 0.3
	opt.Log = func(at int64, h protocol.Party, what string) { fmt.Printf("%6d  %d  %s\n", at, h, what) }
	res := mustRun(t, opt)
	fmt.Printf("%+v\n", res)
}
