package spdz

import (
	"fmt"
	"slices"
	"testing"

	"consilium/sharing/wide"
)

// Who knows the seeds computes the same weights in the clear, bit for bit: with
// hidden layers, comparisons, batches and halved rates, whoever is trusted.
func TestReplaysAreExact(t *testing.T) {
	const count = 40
	cases := trainings()
	wild := cases["logistic"]
	wild.Batch, wild.Rate, wild.Epochs, wild.Limit, wild.Guard = 0, 16, 4, 2, Halve
	cases["halved"] = wild
	for name, c := range cases {
		for _, size := range [][2]int{{3, 1}, {5, 2}} {
			for _, passive := range []bool{true, false} {
				if size[0] > 3 && (passive || name != "two layers" && name != "rectifier") {
					continue
				}
				t.Run(fmt.Sprintf("%s, %d parties, passive %v", name, size[0], passive), func(t *testing.T) {
					cfg := Config{Threshold: size[1], Passive: passive}
					seeds := make([][wide.SeedSize]byte, size[0]+1)
					for party := range seeds {
						seeds[party] = [wide.SeedSize]byte{9, 0, byte(party)} // as runWith has them
					}
					e, err := Replay(seeds, cfg)
					if err != nil {
						t.Fatal(err)
					}
					want, _ := trainWith(t, e, c, count)
					run(t, size[0], cfg, 9, func(e *Engine) error {
						got, err := trainShared(e, c, count)
						if err == nil && !slices.Equal(got, want) {
							err = fmt.Errorf("weights %v, replayed %v", got, want)
						}
						return err
					})
				})
			}
		}
	}
}
