package keygen

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
)

// fault is what goes wrong in a ceremony.
type fault struct {
	kind   string // "none", "lie to one", "lie to all", "lose", "crash"
	party  int
	to     int
	number int // of the message on its link
	place  float64
	step   string // where it lied to all, afterwards
}

func (f fault) String() string {
	return fmt.Sprintf("%s: party %d, message %d", f.kind, f.party, f.number)
}

func randomFault(r *rand.Rand, n, messages int) fault {
	f := fault{kind: []string{"none", "lie to one", "lie to all", "lie to all", "lose", "crash"}[r.IntN(6)],
		party: 1 + r.IntN(n), number: r.IntN(messages), place: r.Float64()}
	f.to = 1 + (f.party-1+1+r.IntN(n-1))%n
	return f
}

func (f *fault) options(seed uint64, p *parties) interactivetest.Options {
	o := interactivetest.Options{Seed: seed}
	distort := func(body []byte, from int) []byte {
		at := len(body) - 1 - int(f.place*float64(min(len(body)-from, 5000)))
		changed := append([]byte(nil), body...)
		if at >= from {
			changed[at] ^= 4
		}
		return changed
	}
	switch f.kind {
	case "crash":
		o.Crash = map[int]int{f.party: f.number + 1}
	case "lie to all":
		said := 0
		p.lies[f.party] = func(step string, body []byte) []byte {
			// Exchanges are counted as n bodies.
			if said++; said != f.number {
				return body
			}
			f.step = step
			return distort(body, 0)
		}
	case "lose", "lie to one":
		o.Tamper = func(from, to, number int, body []byte) ([]byte, bool) {
			switch {
			case from != f.party || to != f.to || number < f.number:
			case f.kind == "lose": // and all that follow
				return nil, false
			case number == f.number:
				return distort(body, 33), true // behind the frame
			}
			return body, true
		}
	}
	return o
}

// checkOutcome refuses what must not happen: a wrong key, an honest party accused,
// an end that names nobody.
func checkOutcome(p *parties, report interactivetest.Report, f fault) error {
	named := false
	for _, err := range report.Errors {
		named = named || err != nil && !errors.Is(err, interactivetest.ErrHung)
	}
	for party := 1; party < len(report.Errors); party++ {
		var cheat *CheatError
		var dispute *DisputeError
		var mismatch *MismatchError
		var different *interactive.DifferentError
		err := report.Errors[party]
		switch {
		case party == f.party && f.kind != "none", err == nil:
		case f.kind == "none":
			return fmt.Errorf("party %d without a fault: %w", party, err)
		case errors.As(err, &cheat):
			if cheat.Party != f.party {
				return fmt.Errorf("party %d accuses party %d: %w", party, cheat.Party, err)
			}
		case errors.As(err, &dispute):
			if dispute.By != f.party && dispute.Accused != f.party {
				return fmt.Errorf("party %d hears of a dispute of others: %w", party, err)
			}
		case errors.As(err, &mismatch):
			if !slices.Equal(mismatch.Parties, []int{f.party}) {
				return fmt.Errorf("party %d refuses parties %v: %w", party, mismatch.Parties, err)
			}
		case errors.As(err, &different) && f.kind == "lie to one":
		case errors.Is(err, interactivetest.ErrHung) && (named || f.kind == "crash" || f.kind == "lose"):
		default:
			return fmt.Errorf("party %d: %w", party, err)
		}
	}
	return nil
}

// checkKey opens everything: N is the product of two primes, the shares are of a
// polynomial whose value at 0 is a multiple of φ(N), and it decrypts.
func checkKey(t testing.TB, p *parties, k, bits int) error {
	t.Helper()
	n := len(p.programs)
	a, b := p.factors(t, k, bits)
	key := p.results[1].Key
	if new(big.Int).Mul(a, b).Cmp(key.N()) != 0 || !a.ProbablyPrime(20) || !b.ProbablyPrime(20) {
		return errors.New("N is not the product of the parties' p and q, two primes")
	}
	phi := new(big.Int).Mul(new(big.Int).Sub(a, one), new(big.Int).Sub(b, one))
	secret := new(big.Int) // n!·f(0)
	for i := 1; i <= k; i++ {
		share := p.results[i].Share.Encode()[33:]
		factor := new(big.Int).MulRange(1, int64(n))
		for j := 1; j <= k; j++ {
			if j != i {
				factor.Mul(factor, big.NewInt(int64(j)))
			}
		}
		for j := 1; j <= k; j++ {
			if j != i {
				factor.Quo(factor, big.NewInt(int64(j-i)))
			}
		}
		secret.Add(secret, factor.Mul(factor, new(big.Int).SetBytes(share)))
	}
	if secret.Sign() == 0 || secret.Mod(secret, phi).Sign() != 0 {
		return errors.New("the shares do not give a multiple of φ(N)")
	}
	c, err := key.Encrypt(seeded("message"), []*big.Int{big.NewInt(42)})
	if err != nil {
		return err
	}
	var partials []*paillier.Partials
	for i := n; i > n-k; i-- {
		partial, proof, err := key.PartialDecrypt(seeded("proof"), p.results[i].Share, c, nil, nil)
		if err != nil {
			return err
		}
		if err := key.VerifyPartials(c, partial, proof, nil, nil); err != nil {
			return err
		}
		partials = append(partials, partial)
	}
	if m, err := key.Combine(partials); err != nil || m[0].Int64() != 42 {
		return fmt.Errorf("42 decrypts to %v, %w", m, err)
	}
	return nil
}

// Whatever happens on the way, there is a right key, of whose factors t' views hold
// nothing, or an end with a name; and then, when all begin again with what they had
// written down and nothing goes wrong any more, there is such a key.
// CONSILIUM_CEREMONIES says how many ceremonies; they take about 0.2 s each.
func TestSeededCeremonies(t *testing.T) {
	count := uint64(30)
	if s := os.Getenv("CONSILIUM_CEREMONIES"); s != "" {
		parsed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		count = parsed
	}
	ends := map[string]int{}
	for seed := range count {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 3 + r.IntN(3)
		k := n/2 + 1
		p := newParties(n, k, 256, seed, nil)
		f := randomFault(r, n, 60)
		report, err := ceremonyOf(t, p, k, f.options(seed, p))
		if err := errors.Join(checkOutcome(p, report, f), err); err != nil {
			t.Errorf("seed %d, %v: %v", seed, f, err)
		}
		honest := 1 + f.party%n
		ends[fmt.Sprintf("%s: %T", f.kind, report.Errors[honest])]++
		if f.step != "" {
			ends["lied to all: "+f.step]++
		}
		if errors.Join(report.Errors...) == nil {
			continue
		}
		again := newParties(n, k, 256, count+seed, func(party int, c *Config) { c.Resume = p.checkpoints[party] })
		copy(again.history, p.history) // where the candidate of a key that was made already is
		report, err = ceremonyOf(t, again, k, interactivetest.Options{Seed: seed})
		if err := errors.Join(append(report.Errors, err)...); err != nil {
			t.Errorf("seed %d, %v, begun again: %v", seed, f, err)
		}
		ends[fmt.Sprintf("begun again, %s", resumed(p))]++
	}
	t.Log(ends)
}

// ceremonyOf runs a ceremony, and checks its key and its views if there is one.
func ceremonyOf(t *testing.T, p *parties, k int, o interactivetest.Options) (interactivetest.Report, error) {
	views := recorded(len(p.programs), &o)
	report := interactivetest.Run(o, p.programs...)
	if errors.Join(report.Errors...) != nil {
		return report, nil
	}
	return report, errors.Join(checkKey(t, p, k, 256), checkViews(t, p, views, k, 256))
}

// resumed says from where all go on.
func resumed(p *parties) string {
	made, found := true, true
	for _, c := range p.checkpoints[1:] {
		made, found = made && c.Made != nil, found && c.Found != nil
	}
	switch {
	case made:
		return "made"
	case found:
		return "found"
	}
	return "searching"
}
