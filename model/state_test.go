package model

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func drawState(t *rapid.T) State {
	finite := rapid.Float64().Filter(func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) })
	s := State{
		Round:     rapid.IntRange(0, maxStateRound).Draw(t, "round"),
		Weights:   rapid.SliceOfN(finite, 0, 20).Draw(t, "weights"),
		TrainRows: rapid.Int64Range(0, 1<<53).Draw(t, "rows"),
	}
	if rapid.Bool().Draw(t, "standardised") {
		d := rapid.IntRange(0, 10).Draw(t, "features")
		s.Standardiser = &Standardiser{
			Rows: rapid.Int64Range(0, 1<<53).Draw(t, "rows"),
			Mean: rapid.SliceOfN(finite, d, d).Draw(t, "mean"),
			SD:   rapid.SliceOfN(rapid.Float64Range(0, math.MaxFloat64), d, d).Draw(t, "sd"),
		}
	}
	if rapid.Bool().Draw(t, "evaluated") {
		s.Metrics = &Metrics{Rows: rapid.Int64Range(0, 1<<53).Draw(t, "rows")}
		for _, field := range s.Metrics.fields() {
			if rapid.Bool().Draw(t, "defined") {
				*field = pointer(finite.Draw(t, "value"))
			}
		}
	}
	if rapid.Bool().Draw(t, "fitted") {
		s.Fit = &Fit{
			Outcome: Outcome(rapid.IntRange(0, int(Unfinished)).Draw(t, "outcome")), Rounds: rapid.IntRange(0, maxRounds).Draw(t, "rounds"),
			Loss: finite.Draw(t, "loss"), Decrement: finite.Draw(t, "decrement"), Slow: rapid.IntRange(0, 255).Draw(t, "slow"),
			Point: drawSome(t, finite), StandardErrors: drawSome(t, finite), Columns: drawSome(t, rapid.IntRange(0, maxStateWeights)),
		}
	}
	return s
}

// drawSome draws a list, nil when it is empty.
func drawSome[T any](t *rapid.T, values *rapid.Generator[T]) []T {
	n := rapid.IntRange(0, 5).Draw(t, "length")
	if n == 0 {
		return nil
	}
	return rapid.SliceOfN(values, n, n).Draw(t, "values")
}

func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		encoded, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := UnmarshalState(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, s) {
			t.Fatalf("%+v came back as %+v", s, back)
		}
		if back.Hash() != s.Hash() {
			t.Fatal("equal states, two hashes")
		}
		// Anything shorter or longer is refused.
		cut := rapid.IntRange(0, len(encoded)-1).Draw(t, "cut")
		if _, err := UnmarshalState(encoded[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes are accepted", cut, len(encoded))
		}
		if _, err := UnmarshalState(append(bytes.Clone(encoded), 0)); err == nil {
			t.Fatal("a byte too many is accepted")
		}
	})
}

// Every bit of the state reaches the hash, also the sign of zero.
func TestStateHashSeesEveryField(t *testing.T) {
	base := func() State {
		return State{
			Round: 3, Weights: []float64{0, 1}, TrainRows: 7,
			Standardiser: &Standardiser{Rows: 7, Mean: []float64{2}, SD: []float64{3}},
			Metrics:      &Metrics{Rows: 2, Accuracy: pointer(0.5)},
			Fit:          &Fit{Outcome: Searching, Rounds: 2, Point: []float64{1}},
		}
	}
	changes := map[string]func(*State){
		"round":        func(s *State) { s.Round++ },
		"weight":       func(s *State) { s.Weights[1] = math.Nextafter(1, 2) },
		"sign of zero": func(s *State) { s.Weights[0] = math.Copysign(0, -1) },
		"train rows":   func(s *State) { s.TrainRows++ },
		"joint rows":   func(s *State) { s.Standardiser.Rows++ },
		"mean":         func(s *State) { s.Standardiser.Mean[0]++ },
		"sd":           func(s *State) { s.Standardiser.SD[0]++ },
		"standardiser": func(s *State) { s.Standardiser = nil },
		"metrics":      func(s *State) { s.Metrics = nil },
		"test rows":    func(s *State) { s.Metrics.Rows++ },
		"accuracy":     func(s *State) { s.Metrics.Accuracy = nil },
		"fit":          func(s *State) { s.Fit = nil },
		"outcome":      func(s *State) { s.Fit.Outcome = Converged },
		"rounds":       func(s *State) { s.Fit.Rounds++ },
		"loss":         func(s *State) { s.Fit.Loss++ },
		"decrement":    func(s *State) { s.Fit.Decrement++ },
		"slow":         func(s *State) { s.Fit.Slow++ },
		"point":        func(s *State) { s.Fit.Point[0]++ },
		"errors":       func(s *State) { s.Fit.StandardErrors, s.Fit.Point = s.Fit.Point, nil },
		"columns":      func(s *State) { s.Fit.Columns = []int{0} },
		"which metric": func(s *State) { s.Metrics.AUC, s.Metrics.Accuracy = s.Metrics.Accuracy, nil },
	}
	for name, change := range changes {
		s := base()
		change(&s)
		if s.Hash() == base().Hash() {
			t.Errorf("%s: the hash does not change", name)
		}
	}
	if first, second := base(), base(); first.Hash() != second.Hash() {
		t.Error("equal states have two hashes")
	}
}

func TestStatesThatAreRefused(t *testing.T) {
	encode := func(s State, change func(b []byte)) []byte {
		b := s.encode()
		change(b)
		return b
	}
	small := State{Weights: []float64{1}}
	at := len(stateHeader) + 4 // the flag of the standardiser
	cases := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "decode state: 17 bytes are missing"},
		{"header", encode(small, func(b []byte) { b[0] = 'C' }), `decode state: it does not begin with "consilium/state/1"`},
		{"round", encode(small, func(b []byte) { b[at-4] = 1 }), "decode state: round is 16777216, the limit is 1000002"},
		{"flag", encode(small, func(b []byte) { b[at] = 2 }), "decode state: standardiser flag is 2, the limit is 1"},
		{"weights", encode(small, func(b []byte) { binary.BigEndian.PutUint32(b[at+1:], 2) }), "decode state: 7 bytes are missing"},
		{"many weights", encode(small, func(b []byte) { binary.BigEndian.PutUint32(b[at+1:], 1<<24) }), "decode state: 134217711 bytes are missing"},
		{"too many weights", encode(small, func(b []byte) { binary.BigEndian.PutUint32(b[at+1:], 1<<24+1) }), "decode state: number of weights is 16777217, the limit is 16777216"},
		{"NaN", encode(State{Weights: []float64{math.NaN()}}, func([]byte) {}), "decode state: weight 0 is NaN; it must be finite"},
		{"infinity", encode(State{Weights: []float64{math.Inf(-1)}}, func([]byte) {}), "decode state: weight 0 is -Inf; it must be finite"},
		{"negative spread", encode(State{Standardiser: &Standardiser{Mean: []float64{0}, SD: []float64{-1}}}, func([]byte) {}), "decode state: standard deviation 0 is negative"},
		{"negative zero spread", encode(State{Standardiser: &Standardiser{Mean: []float64{0}, SD: []float64{math.Copysign(0, -1)}}}, func([]byte) {}), "decode state: standard deviation 0 is negative"},
		{"what follows", encode(small, func(b []byte) { b[len(b)-1] = 8 }), "decode state: set of what follows is 8, the limit is 7"},
		{"no tries", encode(State{Unopened: 2, Tries: 1}, func(b []byte) { b[len(b)-5] = 0 }), "decode state: no rounds that came to nothing, and they are mentioned"},
		{"more tries than rounds", encode(State{Unopened: 2, Tries: 1}, func(b []byte) { b[len(b)-1] = 3 }), "decode state: number of tries is 3, the limit is 2"},
		{"outcome", State{Fit: &Fit{Outcome: 9}}.encode(), "decode state: outcome is 9, the limit is 6"},
		{"columns", append(State{Fit: &Fit{Outcome: Singular, Columns: []int{1}}}.encode(), 1), "decode state: 1 bytes left over"},
		{"missing columns", encode(State{Fit: &Fit{Outcome: Singular, Columns: []int{1}}}, func(b []byte) { b[len(b)-5] = 2 }), "decode state: 4 bytes are missing"},
		{"left over", append(small.encode(), 0, 0), "decode state: 2 bytes left over"},
	}
	for _, c := range cases {
		_, err := UnmarshalState(c.data)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestMarshalRefusesStatesThatCannotBe(t *testing.T) {
	_, err := State{Round: -1}.MarshalBinary()
	checkError(t, err, "encode state: round -1 is not between 0 and 1000002")
	_, err = State{Standardiser: &Standardiser{Mean: []float64{1}}}.MarshalBinary()
	checkError(t, err, "encode state: 1 means but 0 standard deviations")
	_, err = State{TrainRows: -1}.MarshalBinary()
	checkError(t, err, "encode state: number of training rows is 18446744073709551615, the limit is 9007199254740992")
	_, err = State{Unopened: 1, Tries: 2}.MarshalBinary()
	checkError(t, err, "encode state: 1 rounds that came to nothing, 2 of them of late; the limit is 1073741824")
	_, err = State{Fit: &Fit{Outcome: Searching, Slow: 256}}.MarshalBinary()
	checkError(t, err, "encode state: 256 slow steps, the limit is 255")
	_, err = State{Weights: []float64{math.NaN()}}.MarshalBinary()
	checkError(t, err, "encode state: weight 0 is NaN; it must be finite")
}

// The documented layout, byte by byte.
func TestStateLayout(t *testing.T) {
	s := State{
		Round: 2, Weights: []float64{1}, TrainRows: 5,
		Standardiser: &Standardiser{Rows: 9, Mean: []float64{-2}, SD: []float64{0.5}},
		Metrics:      &Metrics{Rows: 3, AUC: pointer(0.75)},
	}
	want := hex.EncodeToString([]byte("consilium/state/1")) + "00000002" +
		"01" + "0000000000000009" + "00000001" + "c000000000000000" + "3fe0000000000000" +
		"00000001" + "3ff0000000000000" + "0000000000000005" +
		"03" + "0000000000000003" + "02" + "3fe8000000000000"
	s.Fit = &Fit{Outcome: Separated, Rounds: 4, Loss: 1, Decrement: 2, Slow: 3, Columns: []int{2}}
	want += "04" + "00000004" + "3ff0000000000000" + "4000000000000000" + "03" + "00000000" + "00000000" + "00000001" + "00000002"
	encoded, err := s.MarshalBinary()
	if got := hex.EncodeToString(encoded); err != nil || got != want {
		t.Errorf("encoded as\n%s, want\n%s, %v", got, want, err)
	}
}

func FuzzUnmarshalState(f *testing.F) {
	f.Add(State{}.encode())
	f.Add(State{
		Round: 2, Weights: []float64{1, -1}, TrainRows: 5,
		Standardiser: &Standardiser{Rows: 9, Mean: []float64{-2}, SD: []float64{0.5}},
		Metrics:      &Metrics{Rows: 3, AUC: pointer(0.75)},
	}.encode())
	f.Add(State{Round: 3, Weights: []float64{1}, Fit: &Fit{Outcome: Searching, Point: []float64{2}}}.encode())
	f.Add(State{Round: 3, Weights: []float64{1}, Fit: &Fit{Outcome: Separated, Columns: []int{0}}}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := UnmarshalState(data)
		if err != nil {
			return
		}
		encoded, err := s.MarshalBinary()
		if err != nil || !bytes.Equal(encoded, data) {
			t.Errorf("%x was accepted and encodes as %x, %v", data, encoded, err)
		}
	})
}
