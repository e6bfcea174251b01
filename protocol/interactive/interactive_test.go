package interactive_test

import (
	"errors"
	"fmt"
	"testing"

	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
)

// sum adds one byte of every party, then twice more the result.
func sum(own byte, result *byte) interactive.Program {
	return func(c *interactive.Channel) error {
		value := own
		for range 3 {
			from, err := c.Broadcast([]byte{value})
			if err != nil {
				return err
			}
			value = 0
			for _, body := range from[1:] {
				value += body[0]
			}
		}
		*result = value
		return nil
	}
}

func TestEveryOrderGivesTheSame(t *testing.T) {
	for seed := range uint64(200) {
		results := make([]byte, 4)
		programs := make([]interactive.Program, 4)
		for i := range programs {
			programs[i] = sum(byte(i+1), &results[i])
		}
		report := interactivetest.Run(interactivetest.Options{Seed: seed}, programs...)
		for party := 1; party <= 4; party++ {
			if report.Errors[party] != nil || results[party-1] != 10*4*4 {
				t.Fatalf("seed %d, party %d: %d, %v", seed, party, results[party-1], report.Errors[party])
			}
		}
		if report.Rounds != 6 {
			t.Fatalf("seed %d: %d rounds, want 2 for each of 3 broadcasts", seed, report.Rounds)
		}
	}
}

// "When it returns without an error, every honest party whose call did so, too,
// holds the same messages."
func TestTellingTwoThingsIsNoticed(t *testing.T) {
	results := make([]byte, 3)
	programs := make([]interactive.Program, 3)
	for i := range programs {
		programs[i] = sum(byte(i+1), &results[i])
	}
	report := interactivetest.Run(interactivetest.Options{Tamper: func(from, to, number int, body []byte) ([]byte, bool) {
		if from == 1 && to == 3 && number == 0 {
			return []byte{99}, true
		}
		return body, true
	}}, programs...)
	for party := 2; party <= 3; party++ {
		var different *interactive.DifferentError
		if !errors.As(report.Errors[party], &different) {
			t.Errorf("party %d ended with %v", party, report.Errors[party])
		}
	}
}

func TestALostPartyIsAwaitedByNumber(t *testing.T) {
	m, err := interactive.New(1, 3, func(c *interactive.Channel) error {
		_, err := c.Tell([]byte("here"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	e := m.Start()
	if len(e.Send) != 2 || m.Awaits() != 2 {
		t.Fatalf("sent %d, awaits %d", len(e.Send), m.Awaits())
	}
	if e, err := m.Receive(interactive.Message{Party: 3, Depth: 1}); err != nil || e.Done || m.Awaits() != 2 {
		t.Fatalf("%+v %v, awaits %d", e, err, m.Awaits())
	}
	if _, err := m.Receive(interactive.Message{Party: 4}); err == nil {
		t.Error("a message of a party that does not exist was taken")
	}
	e, err = m.Receive(interactive.Message{Party: 2, Depth: 1})
	if err != nil || !e.Done || e.Err != nil || m.Depth() != 1 {
		t.Fatalf("%+v %v, depth %d", e, err, m.Depth())
	}
	m.Stop()
}

func TestAStoppedProgramEnds(t *testing.T) {
	var ended error
	m, err := interactive.New(2, 2, func(c *interactive.Channel) error {
		_, ended = c.Receive(1)
		_, again := c.Receive(1)
		return fmt.Errorf("%w, %w", ended, again)
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Start()
	m.Stop()
	if !errors.Is(ended, interactive.ErrStopped) {
		t.Errorf("the program got %v", ended)
	}
	if e, err := m.Receive(interactive.Message{Party: 1}); err != nil || e.Done {
		t.Errorf("after the stop: %+v %v", e, err)
	}
}

func TestALostMessageHangsAndIsSaid(t *testing.T) {
	results := make([]byte, 2)
	report := interactivetest.Run(interactivetest.Options{Crash: map[int]int{2: 2}}, sum(1, &results[0]), sum(2, &results[1]))
	if !errors.Is(report.Errors[1], interactivetest.ErrHung) || !errors.Is(report.Errors[2], interactivetest.ErrHung) {
		t.Errorf("%v", report.Errors)
	}
}
