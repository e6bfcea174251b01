package protocol

import "testing"

func TestChooseScheme(t *testing.T) {
	for _, c := range []struct {
		n, f          int
		length, limit uint64
		scheme        string
	}{
		{4, 0, 20, 1 << 40, SchemeShamir}, {10, 0, 1000, 1 << 40, SchemeShamir},
		{10, 0, 1_000_000, 1 << 20, SchemeMasked},
		{10, 0, 10_000_000, 1 << 40, SchemeShamir}, // as many bytes, because of the seeds
		{100, 0, 1_000_000, 1 << 20, SchemeMasked},
		{4, 1, 20, 1 << 40, SchemeMasked},         // 4 hospitals do not correct a wrong opening
		{10, 0, 1_000_000, 1 << 58, SchemeShamir}, // the sum does not fit the ring
	} {
		choice, err := Choose(Thresholds{c.n, c.f, MostDropouts(c.n, c.f)}, c.length, c.limit, 0)
		if err != nil || choice.Scheme != c.scheme || choice.Packing != 1 || choice.Why == "" {
			t.Errorf("%+v: %+v, %v", c, choice, err)
		}
	}
}

// What auto reckons with lies within a quarter of what whole rounds took over a
// simulated network (docs/performance.md, "Over slow lines"), and so the cheaper
// scheme is the one that was measured to be, where they are not alike.
func TestEstimatesAreAsMeasured(t *testing.T) {
	for _, c := range measuredRounds {
		th := Thresholds{c.n, 0, MostDropouts(c.n, 0)}
		got := map[string]float64{}
		for name, m := range map[string]struct {
			choice Choice
			limit  uint64
			took   float64
		}{
			"masked": {Choice{Scheme: SchemeMasked}, 1 << 20, c.masked}, "masked64": {Choice{Scheme: SchemeMasked}, 1 << 40, c.masked64},
			"shamir": {Choice{Scheme: SchemeShamir, Packing: 1}, 1 << 40, c.shamir},
		} {
			if m.took == 0 {
				continue
			}
			got[name] = m.choice.estimate(th, c.length, m.limit) + common(c.n)
			if ratio := got[name] / m.took; ratio < 0.75 || ratio > 1.33 {
				t.Errorf("%d hospitals, %d values: %s is estimated at %.3f s and took %.3f", c.n, c.length, name, got[name], m.took)
			}
		}
		apart := c.shamir / c.masked
		if choice, err := Choose(th, c.length, 1<<20, 0); err != nil || (apart > 1.1 || apart < 0.9) && (choice.Scheme == SchemeMasked) != (apart > 1) {
			t.Errorf("%d hospitals, %d values: %s is chosen; shamir took %.3f s, masked %.3f", c.n, c.length, choice.Scheme, c.shamir, c.masked)
		}
	}
}

// Nobody's secrecy is given away for bytes: values are packed when it is said how
// many that compare notes must learn nothing, and no more than that allows.
func TestPackingFollowsFromColluders(t *testing.T) {
	for _, c := range []struct{ n, f, colluders, packing int }{
		{10, 0, 0, 1}, {10, 0, 5, 1}, {10, 0, 4, 2}, {10, 0, 2, 4}, {10, 0, 1, 4}, {7, 0, 2, 2}, {6, 0, 1, 1}, {11, 1, 2, 1}, {100, 0, 20, 31},
	} {
		th := Thresholds{c.n, c.f, MostDropouts(c.n, c.f)}
		packing, err := Packing(th, c.colluders)
		if err != nil || packing != c.packing || c.colluders > 0 && Colluders(th.Openings(), packing) < c.colluders {
			t.Errorf("%+v: %d, %v", c, packing, err)
		}
		if choice, err := Choose(th, 100_000, 1<<40, c.colluders); err != nil || choice.Scheme == SchemeShamir && choice.Packing != packing {
			t.Errorf("%+v: %+v, %v", c, choice, err)
		}
	}
	for _, colluders := range []int{-1, 6, 1000} {
		if _, err := Choose(Thresholds{10, 0, 4}, 10, 1, colluders); err == nil {
			t.Errorf("%d of 10 that compare notes learn nothing, of whom 6 open", colluders)
		}
	}
}
