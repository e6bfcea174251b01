package testnet

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Links are the connections between any two hospitals, alike in both
// directions. The modes that run on this machine's own network cannot change
// them.
type Links struct {
	Latency   string  `toml:"latency"`   // of a packet, such as "20ms"
	Bandwidth string  `toml:"bandwidth"` // of one hospital, in and out: "100mbit", "1gbit", "512kbit" a second
	Loss      float64 `toml:"loss"`      // share of packets that are lost, in [0, 0.5]

	latency time.Duration
	bits    int64 // a second
}

// What links are in virtual time unless a manifest says so: a good line between
// two towns.
var defaultLinks = Links{latency: 20 * time.Millisecond, bits: 100_000_000}

const (
	maxLatency = 10 * time.Second
	maxLoss    = 0.5
)

var bandwidthForm = regexp.MustCompile(`^([0-9]{1,6})(k|m|g)bit$`)

// parse reads the texts; what is left out is the default.
func (l Links) parse() (Links, error) {
	fallback := defaultLinks
	l.latency, l.bits = fallback.latency, fallback.bits
	if l.Latency != "" {
		var err error
		if l.latency, err = time.ParseDuration(l.Latency); err != nil || l.latency < 0 || l.latency > maxLatency {
			return l, fmt.Errorf("latency %q: a duration from 0s to %v, such as \"20ms\"", l.Latency, maxLatency)
		}
	}
	if l.Bandwidth != "" {
		form := bandwidthForm.FindStringSubmatch(l.Bandwidth)
		if form == nil {
			return l, fmt.Errorf("bandwidth %q: a form is \"100mbit\"; kbit, mbit and gbit are known", l.Bandwidth)
		}
		number, _ := strconv.ParseInt(form[1], 10, 64) // six digits
		l.bits = number * map[string]int64{"k": 1e3, "m": 1e6, "g": 1e9}[form[2]]
		if l.bits < minBits {
			return l, fmt.Errorf("bandwidth %q: at least %dkbit", l.Bandwidth, minBits/1000)
		}
	}
	if !(l.Loss >= 0 && l.Loss <= maxLoss) {
		return l, fmt.Errorf("loss %v: a share from 0 to %v", l.Loss, maxLoss)
	}
	return l, nil
}

const minBits = 64_000

// set tells whether a manifest says anything about links.
func (l Links) set() bool { return l.Latency != "" || l.Bandwidth != "" || l.Loss != 0 }

var errNoLinks = errors.New("this machine's own network is used as it is; modes " + Virtual + " and " + Sim + " can do latency, bandwidth and loss")
