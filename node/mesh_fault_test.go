package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"consilium/node/frame"
	"consilium/node/identity"
	"consilium/node/study"
	"consilium/protocol"
	"consilium/protocol/interactive"
)

// cutStreams breaks the streams on which a mesh sends.
func (m *Mesh) cutStreams() {
	for _, l := range m.links {
		if l == nil {
			continue
		}
		l.mu.Lock()
		s := l.stream
		l.mu.Unlock()
		if s != nil {
			_ = s.Reset()
		}
	}
}

func TestCutsLoseAndRepeatNothing(t *testing.T) {
	for _, size := range []int{4, 100 << 10} {
		p := all(t, 3)
		cuts := 0
		reports, errs := p.run("count", func(party int) interactive.Program {
			return counting(200, size, func(round int) {
				if round%10 != 5 || party != round/10%3+1 {
					return
				}
				m := p.meshes[party]
				if cuts++; round%20 == 5 {
					m.cutStreams()
					return
				}
				for _, c := range m.host.Network().Conns() {
					_ = c.Close()
				}
			})
		})
		for party := 1; party <= 3; party++ {
			if errs[party] != nil || reports[party].Rounds != 200 {
				t.Errorf("%d bytes, party %d: %+v, %v", size, party, reports[party], errs[party])
			}
		}
		if cuts != 20 {
			t.Errorf("%d cuts", cuts)
		}
	}
}

// again computes until no restart comes between.
func again(ctx context.Context, m *Mesh, name string, program interactive.Program) (restarts int, err error) {
	for {
		_, err := m.Compute(ctx, name, program)
		restarted := (*RestartedError)(nil)
		if !errors.As(err, &restarted) {
			return restarts, err
		}
		if restarted.Party != 3 {
			return restarts, fmt.Errorf("wrong party: %w", err)
		}
		restarts++
	}
}

// A hospital's process dies in the middle and comes back. The others notice,
// all begin the same computation again, and nothing of the first run gets into
// the second.
func TestRestartIsNoticed(t *testing.T) {
	for range 3 {
		p := all(t, 3)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var all sync.WaitGroup
		for party := 1; party <= 2; party++ {
			all.Go(func() {
				restarts, err := again(ctx, p.meshes[party], "count", counting(100, 4, nil))
				if err != nil || restarts == 0 {
					t.Errorf("party %d: %d restarts, %v", party, restarts, err)
				}
			})
		}
		died := errors.New("died")
		dying := p.meshes[3]
		_, err := dying.Compute(ctx, "count", func(c *interactive.Channel) error {
			if err := counting(30, 4, nil)(c); err != nil {
				return err
			}
			dying.stop()
			for _, conn := range dying.host.Network().Conns() {
				_ = conn.Close()
			}
			return died
		})
		if !errors.Is(err, died) {
			t.Fatal(err)
		}
		p.kill(3)
		if _, err := again(ctx, p.begin(3), "count", counting(100, 4, nil)); err != nil {
			t.Error(err)
		}
		all.Wait()
	}
}

func nothing(*interactive.Channel) error { return nil }

// What comes before a computation begins here is held, up to a limit: the
// other then waits.
func TestMessagesAreHeldUntilItBegins(t *testing.T) {
	p := all(t, 3)
	const messages, size = 100, 1 << 20
	sent := make(chan error, 1)
	go func() {
		_, err := p.meshes[1].Compute(t.Context(), "flood", func(c *interactive.Channel) error {
			for range messages {
				c.Send(2, make([]byte, size))
			}
			return nil
		})
		sent <- err
	}()
	go p.meshes[3].Compute(t.Context(), "other", nothing)
	if _, err := p.meshes[2].Compute(t.Context(), "other", nothing); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	in := p.meshes[2].links[1].in
	in.mu.Lock()
	for in.held < maxHeld {
		in.mu.Unlock()
		time.Sleep(time.Millisecond)
		in.mu.Lock()
	}
	if in.held > maxHeld+size+heldItem {
		t.Errorf("%d bytes are held", in.held)
	}
	in.mu.Unlock()
	report, err := p.meshes[2].Compute(t.Context(), "flood", func(c *interactive.Channel) error {
		for range messages {
			if body, err := c.Receive(1); err != nil || len(body) != size {
				return fmt.Errorf("%d bytes, %w", len(body), err)
			}
		}
		return nil
	})
	if err != nil || report.BytesReceived != messages*size {
		t.Errorf("%+v, %v", report, err)
	}
	if in.held != 0 {
		t.Errorf("%d bytes are held in the end", in.held)
	}
}

func TestEndsAreTold(t *testing.T) {
	p := all(t, 3)
	gaveUp := errors.New("gave up")
	_, errs := p.run("one gives up", func(party int) interactive.Program {
		return func(c *interactive.Channel) error {
			if _, err := c.Tell([]byte("round 1")); err != nil || party == 2 {
				return errors.Join(err, gaveUp)
			}
			_, err := c.Tell([]byte("round 2"))
			return err
		}
	})
	for _, party := range []int{1, 3} {
		ended := (*EndedError)(nil)
		if !errors.As(errs[party], &ended) || ended.Party != 2 || ended.Finished || ended.Hospital != "h2" {
			t.Errorf("party %d: %v", party, errs[party])
		}
	}
	if !errors.Is(errs[2], gaveUp) {
		t.Error(errs[2])
	}
	if _, errs := p.run("one gives up", func(int) interactive.Program { return counting(3, 4, nil) }); errors.Join(errs...) != nil {
		t.Errorf("the name cannot be used again: %v", errs)
	}
}

// Whom it waits for is said by name, before and after the first message.
func TestWaitingIsSaidByName(t *testing.T) {
	p := newParties(t, 3)
	m := p.begin(1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := m.Compute(ctx, "sum", counting(1, 4, nil))
		ended <- err
	}()
	awaits := func(parties ...protocol.Party) {
		t.Helper()
		for {
			var got []protocol.Party
			for _, w := range m.Waiting() {
				if w.Computation != "sum" || w.Hospital != fmt.Sprintf("h%d", w.Party) || w.Since.IsZero() {
					t.Fatalf("%+v", w)
				}
				got = append(got, w.Party)
			}
			if fmt.Sprint(got) == fmt.Sprint(parties) {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	awaits(2, 3)
	other := p.begin(2)
	p.begin(3)
	go other.Compute(ctx, "sum", counting(1, 4, nil))
	go p.meshes[3].Compute(ctx, "another", counting(1, 4, nil))
	awaits(3)
	if _, err := m.Compute(ctx, "sum", counting(1, 4, nil)); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("begun twice: %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestStrangersGetNoLink(t *testing.T) {
	p := all(t, 3)
	stranger, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	m := p.meshes[1]
	_ = stranger.Connect(ctx, peer.AddrInfo{ID: m.host.ID(), Addrs: []multiaddr.Multiaddr{multiaddr.StringCast(m.Addresses()[0])}})
	s, err := stranger.NewStream(ctx, m.host.ID(), computeProtocol)
	if err == nil {
		if err = frame.Write(s, frame.Hello{Roster: p.roster.Hash(), Incarnation: 1}.Encode()); err == nil {
			_, err = s.Read(make([]byte, 1))
		}
		s.Close()
	}
	if err == nil {
		t.Error("a stranger was welcomed")
	}
	if _, err := OpenMesh(MeshConfig{Identity: newParties(t, 3).ids[0], Roster: p.roster}); err == nil {
		t.Error("a stranger opened a mesh")
	}
}

// Garbage is refused, its sender is named, and what runs with it ends: it would
// wait for ever.
func TestGarbageIsAttributed(t *testing.T) {
	message := frame.Item{Kind: frame.Message, ID: 1, Body: []byte("body")}
	begin := frame.Item{Kind: frame.Begin, ID: 1, Run: 1, Name: "other"}.AppendHead(nil)
	hello := func(p *parties) []byte { return frame.Hello{Roster: p.roster.Hash(), Incarnation: 7}.Encode() }
	for name, bad := range map[string]struct {
		hello func(p *parties) []byte
		items []byte
		why   string
	}{
		"an unknown kind":    {hello, []byte{1<<2 | 3}, "kind 3"},
		"nothing began":      {hello, append(message.AppendHead(nil), "body"...), "which has not begun"},
		"a number left out":  {hello, frame.Item{Kind: frame.Begin, ID: 2, Run: 1, Name: "x"}.AppendHead(nil), "begins after 0"},
		"begun twice":        {hello, append(begin, begin...), "begins after 1"},
		"too long":           {hello, append(append([]byte{}, begin...), 1<<2|1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f), "at most"},
		"another roster":     {func(*parties) []byte { return frame.Hello{Incarnation: 7}.Encode() }, nil, "roster is another"},
		"a hello of 2 bytes": {func(*parties) []byte { return []byte{1, 2} }, nil, "decode hello"},
		"many begun nowhere": {hello, manyBegin(maxUnbegun+1, "x%d"), "not begun here"},
		"one begun for ever": {hello, manyBegin(maxRuns+1, "the same"), "has not ended"},
		"after it has ended": {hello, append(append(begin, frame.Item{Kind: frame.End, ID: 1}.AppendHead(nil)...), frame.Item{Kind: frame.End, ID: 1}.AppendHead(nil)...), "has ended"},
	} {
		t.Run(name, func(t *testing.T) {
			p := all(t, 3)
			m, liar := p.meshes[1], p.meshes[2]
			var log lockedBuffer
			why := make(chan string, 100)
			m.complain = func(party protocol.Party, text string) { why <- fmt.Sprintf("%d: %s", party, text) }
			m.logger = slog.New(slog.NewTextHandler(&log, nil))
			if err := liar.host.Connect(t.Context(), peer.AddrInfo{ID: m.host.ID(), Addrs: m.host.Addrs()}); err != nil {
				t.Fatal(err)
			}
			s, err := liar.host.NewStream(t.Context(), m.host.ID(), computeProtocol)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Reset()
			if err := frame.Write(s, bad.hello(p)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(bad.items); err != nil {
				t.Fatal(err)
			}
			if text := <-why; !strings.HasPrefix(text, "2: ") || !strings.Contains(text, bad.why) {
				t.Errorf("complained %q", text)
			}
		})
	}
}

func manyBegin(count int, name string) (b []byte) {
	for i := range uint64(count) {
		b = frame.Item{Kind: frame.Begin, ID: i + 1, Run: 1, Name: strings.ReplaceAll(name, "%d", fmt.Sprint(i))}.AppendHead(b)
	}
	return b
}

func TestGarbageEndsWhatRuns(t *testing.T) {
	p := all(t, 3)
	_, errs := p.run("sum", func(party int) interactive.Program {
		return func(c *interactive.Channel) error {
			for range 2 { // what comes in the second answers the first: every stream is open
				if _, err := c.Tell([]byte("here")); err != nil {
					return err
				}
			}
			other := 3
			if party == 3 {
				other = 1
				l := p.meshes[3].links[1]
				l.mu.Lock()
				stream := l.stream
				l.mu.Unlock()
				if _, err := stream.Write(bytes.Repeat([]byte{0xff}, 100)); err != nil {
					return err
				}
			}
			_, err := c.Receive(other)
			return err
		}
	})
	garbled := (*GarbledError)(nil)
	if !errors.As(errs[1], &garbled) || garbled.Party != 3 {
		t.Errorf("party 1: %v", errs[1])
	}
}

// lockedBuffer is written by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// A node that takes part in a study carries computations beside it.
func TestNodesComputeBesideTheirRounds(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 2})
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg, started := f.config(i), make(chan *Node, 1)
		cfg.Hooks.BeforeRound = func(ctx context.Context, round uint64) error {
			if round != 1 {
				return nil
			}
			n := <-started
			started <- n
			report, err := n.Mesh().Compute(ctx, "count", counting(20, 1000, nil))
			if err == nil && report.Rounds != 20 {
				err = fmt.Errorf("%+v", report)
			}
			return err
		}
		n, err := New(cfg)
		if err != nil {
			return nil, err
		}
		f.mu.Lock()
		f.nodes[i] = n
		f.mu.Unlock()
		started <- n
		return n.Run(ctx)
	})
}

// A round costs the way and nothing else: no timer stands between a message and
// the next. The network is simulated: 20 ms from each to each.
func TestRoundsWaitForTheWayOnly(t *testing.T) {
	virtually(t, 3, study.Study{Rounds: 1}, func(t *testing.T, f *federation) {
		meshes := make([]*Mesh, 3)
		for i := range meshes {
			id, err := identity.Load(f.homes[i])
			if err != nil {
				t.Fatal(err)
			}
			if meshes[i], err = OpenMesh(MeshConfig{
				Identity: id, Roster: f.roster, Listen: []string{virtualAddress(i)}, NewHost: f.host(i),
				Dial: func(p protocol.Party) []string { return []string{virtualAddress(int(p) - 1)} },
			}); err != nil {
				t.Fatal(err)
			}
			defer meshes[i].Close()
		}
		var all sync.WaitGroup
		for _, m := range meshes {
			all.Go(func() {
				var began time.Time
				_, err := m.Compute(t.Context(), "count", func(c *interactive.Channel) error {
					if err := counting(5, 100, nil)(c); err != nil { // streams are open then
						return err
					}
					began = time.Now()
					return counting(50, 100, nil)(c)
				})
				if way := 50 * 20 * time.Millisecond; err != nil || time.Since(began) > way+way/20 {
					t.Errorf("50 rounds took %v, %v", time.Since(began), err)
				}
			})
		}
		all.Wait()
	})
}
