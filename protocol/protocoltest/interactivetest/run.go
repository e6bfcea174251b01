package interactivetest

import (
	"errors"
	"math/rand/v2"

	"consilium/protocol/interactive"
)

// ErrHung is the outcome of a party that still waits when no message is left.
var ErrHung = errors.New("waits for a message that never comes")

// Options say what happens on the way. The zero value delivers everything in
// an order drawn from seed 0.
type Options struct {
	Seed uint64
	// Tamper sees every message when it is delivered, with its number on that
	// link from 0, and returns what arrives; nil delivers it as it is.
	Tamper func(from, to, number int, body []byte) (arrives []byte, delivered bool)
	// Crash stops a party before it takes its message number Crash[party] (from 1).
	Crash map[int]int
}

// Report is what a run was like.
type Report struct {
	Errors   []error // by party, 0 unused; nil: the program ended well
	Sent     []int   // bytes by party
	Messages []int
	Rounds   int // the longest chain of messages
}

type link struct {
	from, to int
	queue    []interactive.Message
	number   int
}

// Run runs one program per party, programs[0] being party 1's, until nobody
// waits or nothing is left to deliver.
func Run(o Options, programs ...interactive.Program) Report {
	n := len(programs)
	r := Report{Errors: make([]error, n+1), Sent: make([]int, n+1), Messages: make([]int, n+1)}
	random := rand.New(rand.NewPCG(o.Seed, 0))
	machines := make([]*interactive.Machine, n+1)
	done := make([]bool, n+1)
	taken := make([]int, n+1)
	links := map[[2]int]*link{}
	var busy []*link // with something to deliver
	act := func(party int, e interactive.Effects) {
		for _, m := range e.Send {
			r.Sent[party] += len(m.Body)
			r.Messages[party]++
			key := [2]int{party, m.Party}
			l := links[key]
			if l == nil {
				l = &link{from: party, to: m.Party}
				links[key] = l
			}
			if len(l.queue) == 0 {
				busy = append(busy, l)
			}
			l.queue = append(l.queue, m)
		}
		if e.Done {
			done[party], r.Errors[party] = true, e.Err
		}
	}
	for party := 1; party <= n; party++ {
		m, err := interactive.New(party, n, programs[party-1])
		if err != nil {
			panic(err) // parties count from 1 here
		}
		machines[party] = m
		defer m.Stop()
	}
	for party := 1; party <= n; party++ {
		act(party, machines[party].Start())
	}
	for len(busy) > 0 {
		i := random.IntN(len(busy))
		l := busy[i]
		m := l.queue[0]
		l.queue = l.queue[1:]
		if len(l.queue) == 0 {
			busy[i] = busy[len(busy)-1]
			busy = busy[:len(busy)-1]
		}
		taken[l.to]++
		if at := o.Crash[l.to]; at > 0 && taken[l.to] >= at {
			continue
		}
		body, delivered := m.Body, true
		if o.Tamper != nil {
			body, delivered = o.Tamper(l.from, l.to, l.number, m.Body)
		}
		l.number++
		if !delivered {
			continue
		}
		e, err := machines[l.to].Receive(interactive.Message{Party: l.from, Depth: m.Depth, Body: body})
		if err != nil {
			panic(err) // from and to are parties
		}
		act(l.to, e)
	}
	for party := 1; party <= n; party++ {
		if !done[party] {
			r.Errors[party] = ErrHung
		}
		r.Rounds = max(r.Rounds, machines[party].Depth())
	}
	return r
}
