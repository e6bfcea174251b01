package model

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"consilium/internal/strict"
)

// maxTaskBytes bounds a task file, which may come from another hospital.
const maxTaskBytes = 1 << 20

// Task says what a study computes and on which tables. It is read from a TOML
// file (see the folder tasks for four of them) by [ParseTask].
type Task struct {
	Name   string `toml:"name"`   // lower-case letters, digits and '-'
	Title  string `toml:"title"`  // one line for people
	Source string `toml:"source"` // where the data come from, and under which licence

	// MaxRows is the largest number of rows that one hospital may bring, after
	// rows with missing values were dropped.
	MaxRows int `toml:"max_rows"`

	Table      TableFormat   `toml:"table"`
	Features   []Feature     `toml:"feature"`
	Label      Label         `toml:"label"`
	Model      ModelSettings `toml:"model"`
	Training   Training      `toml:"training"`
	FixedPoint FixedPoint    `toml:"fixed_point"`

	// Exactly one of these three says where the rows of a demonstration are.
	Hospitals  []HospitalFile `toml:"hospital"`
	SingleFile *SingleFile    `toml:"single_file"`
	Generator  *Generator     `toml:"generator"`

	// Hash is SHA-256 over the bytes of the file, each CRLF replaced by LF, so
	// that an editor on Windows changes nothing and `sha256sum` prints the same
	// for a file with LF. It is zero in a task that was not parsed.
	Hash [sha256.Size]byte `toml:"-"`
}

// TableFormat describes a hospital's text file.
type TableFormat struct {
	// Header says that the first line names the columns, in any order; columns
	// that the task does not use are ignored.
	Header bool `toml:"header"`

	// Separator is one character: "," ";" "|" or a tab.
	Separator string `toml:"separator"`

	// Columns names all columns in order. It is given exactly when there is no
	// header line.
	Columns []string `toml:"columns"`

	// Missing lists the texts that stand for "no value" in every column, for
	// example "?" and "". Spaces around a field do not count.
	Missing []string `toml:"missing"`
}

// Kinds of a [Feature].
const (
	Number   = "number"   // used as it is: one feature
	Category = "category" // one-hot with the first level dropped: levels−1 features
)

// Feature is a column that the model sees.
type Feature struct {
	Column string `toml:"column"`
	Kind   string `toml:"kind"` // Number or Category

	// Min and Max bound a number, in the column's own unit, both included. A
	// value outside is an error, never clipped: the joint sums are scaled by
	// these bounds, and their headroom relies on them. They are public, so take
	// them from medicine, not from the data.
	Min float64 `toml:"min"`
	Max float64 `toml:"max"`

	// Levels lists what a category may be. Level "1" also stands for "1.0" and
	// " 1": two numbers are compared as numbers.
	Levels []string `toml:"levels"`

	// Missing lists further texts or numbers that mean "not measured" here.
	Missing []string `toml:"missing"`
}

// Label is what the model predicts: either Rule is set (binary) or Column with
// Min and Max (a number, used in its own unit).
type Label struct {
	// Rule such as "num > 0" names a column of numbers and says when a row is
	// positive. Operators: >, >=, <, <=, ==, !=.
	Rule string `toml:"rule"`

	Column string  `toml:"column"`
	Min    float64 `toml:"min"`
	Max    float64 `toml:"max"`
}

// Binary says whether the label is a yes or no.
func (l Label) Binary() bool { return l.Rule != "" }

// ModelSettings chooses the model.
type ModelSettings struct {
	Kind string `toml:"kind"` // "logistic" for a binary label, "linear" for a number, "mlp" for either

	// These are those of an [MLP]. A polynomial without coefficients is
	// [SigmoidPolynomial]; Interval is given exactly when they are.
	Hidden       []int     `toml:"hidden"`       // units of each hidden layer, one to three of them
	Activation   string    `toml:"activation"`   // "sigmoid", "tanh", "relu" or "polynomial"
	Coefficients []float64 `toml:"coefficients"` // of the polynomial in x/interval, from the constant up
	Interval     float64   `toml:"interval"`     // > 0
	Seed         uint64    `toml:"seed"`         // of the weights before training
}

// Training holds the defaults of a [Plan].
type Training struct {
	Trainer     string  `toml:"trainer"`      // "fedsgd", "fedavg" or "newton"
	Rounds      int     `toml:"rounds"`       // training rounds, at least 1
	Rate        float64 `toml:"rate"`         // step length on standardised features, > 0
	LocalEpochs int     `toml:"local_epochs"` // steps of a hospital within one round of fedavg, at least 1
	L2          float64 `toml:"l2"`           // penalty l2/2·Σw² on the mean loss, intercept excepted, at least 0
}

// FixedPoint says how numbers become integers; see [Codec].
type FixedPoint struct {
	FractionBits int     `toml:"fraction_bits"`
	Range        float64 `toml:"range"`
}

// HospitalFile is one hospital of a task that has a file for each.
type HospitalFile struct {
	Name string `toml:"name"` // lower-case letters, digits and '-'
	File string `toml:"file"` // a file name without folders
}

// SingleFile is a table that [Task.Load] deals out to several hospitals.
type SingleFile struct {
	File      string `toml:"file"`      // a file name without folders
	Hospitals int    `toml:"hospitals"` // how many, unless the caller says otherwise
}

// Generator asks for the rows of [Generate].
type Generator struct {
	Hospitals int `toml:"hospitals"` // how many, unless the caller says otherwise
}

// ParseTask reads a task file; name (usually the file's name) appears in
// errors. Keys that are not known are errors, and so is every contradiction
// that [Task.Validate] finds.
func ParseTask(name string, data []byte) (*Task, error) {
	if len(data) > maxTaskBytes {
		return nil, fmt.Errorf("parse task %s: the file has %d bytes, the limit is %d", name, len(data), maxTaskBytes)
	}
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	var t Task
	if err := strict.TOML(data, &t); err != nil {
		return nil, fmt.Errorf("parse task %s: %w", name, err)
	}
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("parse task %s: %w", name, err)
	}
	t.Hash = sha256.Sum256(data)
	return &t, nil
}

// DefaultHospitals is the number of hospitals that take part when a caller
// names none.
func (t *Task) DefaultHospitals() int {
	switch {
	case t.SingleFile != nil:
		return t.SingleFile.Hospitals
	case t.Generator != nil:
		return t.Generator.Hospitals
	default:
		return len(t.Hospitals)
	}
}

// FeatureNames are the d columns of a [Dataset] in order: a number keeps its
// column's name, a category has one name per level but the first, such as
// "cp=2".
func (t *Task) FeatureNames() []string {
	var names []string
	for _, f := range t.Features {
		names = append(names, f.names()...)
	}
	return names
}

func (f Feature) names() []string {
	if f.Kind == Number {
		return []string{f.Column}
	}
	var names []string
	for i, level := range f.Levels {
		if i > 0 {
			names = append(names, f.Column+"="+level)
		}
	}
	return names
}
