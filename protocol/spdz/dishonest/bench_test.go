package dishonest

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
)

// BenchmarkOffline makes what products and truncations take, for all parties in one
// process: time is that of all of them together, on as many processors as there
// are. CONSILIUM_BITS sets the length of the moduli.
func BenchmarkOffline(b *testing.B) {
	keyBits := DefaultBits
	if text := os.Getenv("CONSILIUM_BITS"); text != "" {
		keyBits, _ = strconv.Atoi(text)
	}
	for _, n := range []int{2, 3} {
		for name, work := range map[string]func(p *party, count int) error{
			"set-up":                func(*party, int) error { return nil },
			"element triples":       func(p *party, count int) error { return p.moreTriples(map[shape]int{{1, 1, 1}: 500 * count}) },
			"32×9·9×1 triples":      func(p *party, count int) error { return p.moreTriples(map[shape]int{{32, 9, 1}: 10 * count}) },
			"masks, 100 bits by 16": func(p *party, count int) error { return p.moreMasks(200*count, maskKind{100, 16}) },
		} {
			b.Run(fmt.Sprintf("%d parties/%s", n, name), func(b *testing.B) {
				programs := make([]interactive.Program, n)
				for i := range programs {
					programs[i] = func(c *interactive.Channel) error {
						cfg := Config{Bits: keyBits, LeastBits: paillier.InsecureTestBits, Random: seeded("bench", uint64(i))}
						p, err := newParty(c, cfg)
						if err != nil {
							return err
						}
						if err := p.setUp(); err != nil {
							return err
						}
						if i == 0 && name != "set-up" {
							b.ResetTimer()
						}
						before := p.bytes
						if err := work(p, b.N); err != nil {
							return err
						}
						if i == 0 {
							b.ReportMetric(float64(p.bytes-before)/float64(b.N)/1e6, "MB/op")
						}
						return nil
					}
				}
				for _, err := range interactivetest.Run(interactivetest.Options{}, programs...).Errors {
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
