package model

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
)

// Limits of an encoded state.
const (
	stateHeader      = "consilium/state/1"
	maxStateFeatures = maxFeatures
	maxStateWeights  = 1 << 24
	maxStateRound    = maxRounds + 2 // standardise and evaluate besides training
	maxSlow          = 255
	maxUnopened      = 1 << 30
)

// What may follow behind the weights.
const (
	metricsFollow  = 1
	fitFollows     = 2
	unopenedFollow = 4
)

// MarshalBinary encodes the state canonically: equal states, bit for bit, have
// equal bytes. Integers are big-endian, floats their IEEE 754 bits. In order:
// the header; round (4 bytes); one byte that says whether a standardiser
// follows, then its rows (8), the number of features (4), means and standard
// deviations (8 each); the number of weights (4) and the weights (8 each);
// training rows (8); one byte in which 1 says that metrics follow, 2 that a fit
// does, and 4 that the numbers of rounds do that came to nothing (4 each). Metrics are rows (8), one byte with a bit for each value that is
// defined, and those values (8 each). A fit is outcome (1), rounds (4), loss and
// decrement (8 each), slow steps (1), and the numbers of weights in the point to
// go back to, of standard errors, and of columns (4 each), each followed by what
// it counts (8, 8 and 4 each). Numbers that are not finite are refused.
func (s State) MarshalBinary() ([]byte, error) {
	if s.Round < 0 || s.Round > maxStateRound {
		return nil, fmt.Errorf("encode state: round %d is not between 0 and %d", s.Round, maxStateRound)
	}
	if z := s.Standardiser; z != nil && len(z.Mean) != len(z.SD) {
		return nil, fmt.Errorf("encode state: %d means but %d standard deviations", len(z.Mean), len(z.SD))
	}
	if f := s.Fit; f != nil && (f.Slow < 0 || f.Slow > maxSlow) {
		return nil, fmt.Errorf("encode state: %d slow steps, the limit is %d", f.Slow, maxSlow)
	}
	if s.Unopened < 0 || s.Unopened > maxUnopened || s.Tries < 0 || s.Tries > s.Unopened {
		return nil, fmt.Errorf("encode state: %d rounds that came to nothing, %d of them of late; the limit is %d", s.Unopened, s.Tries, maxUnopened)
	}
	encoded := s.encode()
	if _, err := decodeState(encoded); err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	return encoded, nil
}

// Hash is SHA-256 over the encoding: what hospitals sign after a round.
func (s State) Hash() [sha256.Size]byte { return sha256.Sum256(s.encode()) }

func (s State) encode() []byte {
	b := []byte(stateHeader)
	b = binary.BigEndian.AppendUint32(b, uint32(s.Round))
	b = appendFlag(b, s.Standardiser != nil)
	if z := s.Standardiser; z != nil {
		b = binary.BigEndian.AppendUint64(b, uint64(z.Rows))
		b = binary.BigEndian.AppendUint32(b, uint32(len(z.Mean)))
		b = appendFloats(b, z.Mean)
		b = appendFloats(b, z.SD)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.Weights)))
	b = appendFloats(b, s.Weights)
	b = binary.BigEndian.AppendUint64(b, uint64(s.TrainRows))
	follows := len(b)
	b = append(b, 0)
	if s.Metrics != nil {
		b[follows] |= metricsFollow
		b = s.Metrics.append(b)
	}
	if s.Fit != nil {
		b[follows] |= fitFollows
		b = s.Fit.append(b)
	}
	if s.Unopened > 0 {
		b[follows] |= unopenedFollow
		b = binary.BigEndian.AppendUint32(b, uint32(s.Unopened))
		b = binary.BigEndian.AppendUint32(b, uint32(s.Tries))
	}
	return b
}

func (f *Fit) append(b []byte) []byte {
	b = append(b, byte(f.Outcome))
	b = binary.BigEndian.AppendUint32(b, uint32(f.Rounds))
	b = appendFloats(b, []float64{f.Loss, f.Decrement})
	b = append(b, byte(f.Slow))
	for _, values := range [][]float64{f.Point, f.StandardErrors} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
		b = appendFloats(b, values)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.Columns)))
	for _, column := range f.Columns {
		b = binary.BigEndian.AppendUint32(b, uint32(column))
	}
	return b
}

func (m *Metrics) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(m.Rows))
	defined := len(b)
	b = append(b, 0)
	for i, field := range m.fields() {
		if *field != nil {
			b[defined] |= 1 << i
			b = appendFloats(b, []float64{**field})
		}
	}
	return b
}

// fields lists the values that may be undefined, in their encoded order.
func (m *Metrics) fields() [8]**float64 {
	return [8]**float64{&m.Accuracy, &m.AUC, &m.LogLoss, &m.Brier, &m.AUCError, &m.MSE, &m.MAE, &m.R2}
}

func appendFlag(b []byte, set bool) []byte {
	if set {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendFloats(b []byte, values []float64) []byte {
	for _, x := range values {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// UnmarshalState decodes what MarshalBinary wrote, and refuses everything
// else: other headers, lengths beyond the limits, numbers that are not finite,
// bytes left over. [Program.Next] and its companions check that the state fits
// the program.
func UnmarshalState(data []byte) (State, error) {
	s, err := decodeState(data)
	if err != nil {
		return State{}, fmt.Errorf("decode state: %w", err)
	}
	return s, nil
}

func decodeState(data []byte) (State, error) {
	d := stateDecoder{rest: data}
	s := d.state()
	if d.err == nil && len(d.rest) > 0 {
		d.fail("%d bytes left over", len(d.rest))
	}
	if d.err != nil {
		return State{}, d.err
	}
	return s, nil
}

// stateDecoder reads fields one after the other; after the first error it
// reads zeros.
type stateDecoder struct {
	rest []byte
	err  error
}

func (d *stateDecoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *stateDecoder) state() State {
	if header := d.bytes(len(stateHeader)); d.err == nil && string(header) != stateHeader {
		d.fail("it does not begin with %q", stateHeader)
	}
	s := State{Round: int(d.integer("round", 4, maxStateRound))}
	if d.flag("standardiser") {
		s.Standardiser = d.standardiser()
	}
	s.Weights = d.floats("weight", int(d.integer("number of weights", 4, maxStateWeights)))
	s.TrainRows = int64(d.integer("number of training rows", 8, 1<<53))
	follows := d.integer("set of what follows", 1, metricsFollow|fitFollows|unopenedFollow)
	if follows&metricsFollow != 0 {
		s.Metrics = d.metrics()
	}
	if follows&fitFollows != 0 {
		s.Fit = d.fit()
	}
	if follows&unopenedFollow != 0 {
		if s.Unopened = int(d.integer("number of rounds that came to nothing", 4, maxUnopened)); s.Unopened == 0 {
			d.fail("no rounds that came to nothing, and they are mentioned")
		}
		s.Tries = int(d.integer("number of tries", 4, uint64(s.Unopened)))
	}
	return s
}

func (d *stateDecoder) fit() *Fit {
	f := &Fit{
		Outcome: Outcome(d.integer("outcome", 1, uint64(Unfinished))),
		Rounds:  int(d.integer("number of rounds", 4, maxRounds)),
	}
	if values := d.floats("loss", 2); values != nil {
		f.Loss, f.Decrement = values[0], values[1]
	}
	f.Slow = int(d.integer("number of slow steps", 1, maxSlow))
	f.Point = d.counted("weight to go back to")
	f.StandardErrors = d.counted("standard error")
	columns := d.bytes(4 * int(d.integer("number of columns", 4, maxStateWeights)))
	for i := 0; i < len(columns); i += 4 {
		f.Columns = append(f.Columns, int(binary.BigEndian.Uint32(columns[i:])))
	}
	return f
}

// counted takes numbers behind their count; none are nil.
func (d *stateDecoder) counted(name string) []float64 {
	count := int(d.integer("number of "+name+"s", 4, maxStateWeights))
	if count == 0 {
		return nil
	}
	return d.floats(name, count)
}

func (d *stateDecoder) standardiser() *Standardiser {
	z := &Standardiser{Rows: int64(d.integer("number of standardised rows", 8, 1<<53))}
	features := int(d.integer("number of features", 4, maxStateFeatures))
	z.Mean, z.SD = d.floats("mean", features), d.floats("standard deviation", features)
	for j, sd := range z.SD {
		if math.Signbit(sd) {
			d.fail("standard deviation %d is negative", j)
		}
	}
	return z
}

func (d *stateDecoder) metrics() *Metrics {
	m := &Metrics{Rows: int64(d.integer("number of test rows", 8, 1<<53))}
	defined := d.integer("set of metrics", 1, 255)
	for i, field := range m.fields() {
		if defined&(1<<i) != 0 {
			if value := d.floats("metric", 1); value != nil {
				*field = &value[0]
			}
		}
	}
	return m
}

// bytes takes the next n bytes, or nil after an error.
func (d *stateDecoder) bytes(n int) []byte {
	if d.err == nil && len(d.rest) < n {
		d.fail("%d bytes are missing", n-len(d.rest))
	}
	if d.err != nil {
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

// integer takes a big-endian integer of so many bytes, or 0 after an error.
func (d *stateDecoder) integer(name string, bytes int, largest uint64) uint64 {
	var value uint64
	for _, b := range d.bytes(bytes) {
		value = value<<8 | uint64(b)
	}
	if value > largest {
		d.fail("%s is %d, the limit is %d", name, value, largest)
		return 0
	}
	return value
}

func (d *stateDecoder) flag(name string) bool { return d.integer(name+" flag", 1, 1) == 1 }

// floats takes n finite numbers, or nil after an error. It checks the length
// before it makes room.
func (d *stateDecoder) floats(name string, n int) []float64 {
	encoded := d.bytes(8 * n)
	if d.err != nil {
		return nil
	}
	values := make([]float64, n)
	for i := range values {
		values[i] = math.Float64frombits(binary.BigEndian.Uint64(encoded[8*i:]))
		if math.IsNaN(values[i]) || math.IsInf(values[i], 0) {
			d.fail("%s %d is %v; it must be finite", name, i, values[i])
			return nil
		}
	}
	return values
}
