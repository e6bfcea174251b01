package dishonest

import (
	"crypto/sha256"
	"fmt"
	"io"

	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// DefaultBits is the length of the Paillier moduli.
const DefaultBits = paillier.MinBits

// LeastTestBits is the shortest modulus that has a lane. It protects nothing.
const LeastTestBits = 768

// DefaultHiding is κ: an opened masked number is within 2^(1−κ) of random.
const DefaultHiding = spdz.DefaultHiding

// Config is agreed by all parties, but for Random and Key.
type Config struct {
	spdz.Config                      // Dishonest, Threshold and Seed are set here
	Bits        int                  // of every party's modulus, a multiple of 128: DefaultBits unless said, paillier.DefaultBits for 128-bit security
	LeastBits   int                  // paillier.MinBits unless said; tests and demonstrations take paillier.InsecureTestBits
	Random      io.Reader            // cryptographic
	Key         *paillier.PrivateKey // of this party alone; nil makes one
}

// party is one party's end.
type party struct {
	Config
	channel  *interactive.Channel
	self, n  int
	lanes    paillier.Lanes
	private  *paillier.PrivateKey
	keys     []*paillier.PublicKey // by party
	pairs    []*paillier.Pedersen  // by party: what it verifies factors with
	expander *wide.Expander

	delta  wide.Element // this party's part of Δ
	deltas *dealt       // all parts, each under its owner's key

	digest   digest // of all that was broadcast
	pairwise pairwise
	pending  pending
	stock    stock
	bytes    int64
	messages int64

	// In tests: how many challenges and keys there are, 0 for the whole field.
	challenges uint64
}

type digest [sha256.Size]byte

// New sets up a computation among all parties of the channel: keys with proofs,
// and the MAC key. It takes some seconds.
func New(c *interactive.Channel, cfg Config) (*spdz.Engine, error) {
	p, err := newParty(c, cfg)
	if err != nil {
		return nil, err
	}
	if err := p.setUp(); err != nil {
		return nil, fmt.Errorf("set up: %w", err)
	}
	return spdz.NewOn(c, p.Config.Config, p)
}

func newParty(c *interactive.Channel, cfg Config) (*party, error) {
	cfg.Dishonest = true
	if cfg.Hiding == 0 {
		cfg.Hiding = DefaultHiding
	}
	if cfg.Bits == 0 {
		cfg.Bits = DefaultBits
	}
	if cfg.LeastBits == 0 {
		cfg.LeastBits = paillier.MinBits
	}
	if cfg.Random == nil {
		return nil, fmt.Errorf("begin computing: no source of randomness")
	}
	if _, err := spdz.Clear(c.Parties(), cfg.Config); err != nil {
		return nil, err // before keys are made
	}
	lanes, err := paillier.NewLanes(cfg.Bits, wide.Bits)
	if err != nil {
		return nil, fmt.Errorf("begin computing: %w", err)
	}
	if _, err := io.ReadFull(cfg.Random, cfg.Seed[:]); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	p := &party{Config: cfg, channel: c, self: c.Self(), n: c.Parties(), lanes: lanes, pairwise: byPaillier{}, expander: wide.NewExpander(cfg.Seed, 0), stock: newStock()}
	p.pending.opened = sha256.New()
	return p, nil
}

// Run names the computation.
func (p *party) Run() [32]byte { return p.digest }

// Sent is what this party has sent.
func (p *party) Sent() (bytes, messages int64) { return p.bytes, p.messages }

// One is what this party holds of the number one.
func (p *party) One() spdz.Shares {
	one := p.shares(1)
	if p.self == 1 {
		one.Value[0] = wide.FromInt(1)
	}
	one.MAC[0] = p.delta
	return one
}

func (p *party) shares(count int) spdz.Shares {
	return spdz.Shares{Value: make([]wide.Element, count), MAC: make([]wide.Element, count)}
}

// send hands body to a party and counts it.
func (p *party) send(to int, body []byte) {
	p.bytes += int64(len(body))
	p.messages++
	p.channel.Send(to, body)
}

// exchange sends to[j] to each other party j, and returns what came, by party.
func (p *party) exchange(to [][]byte) ([][]byte, error) {
	for j := 1; j <= p.n; j++ {
		if j != p.self {
			p.send(j, to[j])
		}
	}
	from := make([][]byte, p.n+1)
	for j := 1; j <= p.n; j++ {
		if j == p.self {
			continue
		}
		var err error
		if from[j], err = p.channel.Receive(j); err != nil {
			return nil, err
		}
	}
	return from, nil
}

// tellAll sends body to all others, and returns what came of each.
func (p *party) tellAll(body []byte) ([][]byte, error) {
	to := make([][]byte, p.n+1)
	for j := range to {
		to[j] = body
	}
	from, err := p.exchange(to)
	if err == nil {
		from[p.self] = body
	}
	return from, err
}

// broadcast tells all others, makes sure that all heard the same, and adds it to
// the digest, from which challenges and the contexts of proofs come: a proof is
// worth nothing in another session, at another step, or of another sender.
func (p *party) broadcast(step string, body []byte) ([][]byte, error) {
	heard, err := p.channel.Broadcast(body)
	if err != nil {
		return nil, err
	}
	p.bytes += int64((p.n - 1) * (len(body) + sha256.Size))
	p.messages += int64(2 * (p.n - 1))
	p.digest = hashOf("broadcast "+step, append([][]byte{p.digest[:]}, heard[1:]...)...)
	return heard, nil
}

// hashOf hashes fields, each behind its length.
func hashOf(purpose string, fields ...[]byte) (sum digest) {
	h := sha256.New()
	write := func(b []byte) {
		length := len(b)
		h.Write([]byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)})
		h.Write(b)
	}
	write([]byte("consilium/spdz/dishonest/1 " + purpose))
	for _, f := range fields {
		write(f)
	}
	h.Sum(sum[:0])
	return sum
}

// context is what a proof of one party to another (0: to all) is bound to: all
// that was broadcast up to it.
func (d digest) context(purpose string, from, to int) []byte {
	sum := hashOf(purpose, d[:], []byte{byte(from), byte(to)})
	return sum[:]
}

// coins are challenges that nobody knows before the digest is what it is.
func (p *party) coins(purpose string, fields ...[]byte) *wide.Expander {
	return wide.NewExpander(hashOf(purpose, append([][]byte{p.digest[:]}, fields...)...), 0)
}

// coefficient draws a challenge.
func (p *party) coefficient(x *wide.Expander) wide.Element {
	if p.challenges > 0 {
		return wide.Element{Lo: x.Below(40).Lo % p.challenges}
	}
	return x.Element()
}

func cheat(party int, what string, why error) error {
	if why != nil {
		what += " (" + why.Error() + ")"
	}
	return &spdz.CheatError{Party: party, What: what}
}
