package model

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of a task that keep sizes and sums within what the rest of the
// program is built for, and the checks of a hostile file quick.
const (
	maxRowsLimit   = 10_000_000
	maxColumns     = 10_000
	maxLevels      = 1_000
	maxMissing     = 100
	maxFeatures    = 100_000 // after encoding
	maxRounds      = 1_000_000
	maxLocalEpochs = 10_000
	maxParties     = 1_000
	maxHidden      = 3    // layers
	maxUnits       = 1000 // of a layer
	maxDegree      = 31   // of a polynomial
	maxWeights     = 1_000_000
)

// Validate reports the first contradiction in the task, naming the key and
// what to write instead.
func (t *Task) Validate() error {
	if err := checkName(t.Name); err != nil {
		return fmt.Errorf("task name: %w", err)
	}
	if t.MaxRows < 1 || t.MaxRows > maxRowsLimit {
		return fmt.Errorf("max_rows is %d; it must be between 1 and %d", t.MaxRows, maxRowsLimit)
	}
	return firstError(
		t.Table.validate,
		t.validateFeatures,
		t.validateLabel,
		t.validateColumns,
		t.validateModel,
		t.Training.validate,
		t.validateSource,
		t.validateFixedPoint,
	)
}

// firstError runs checks in order until one objects.
func firstError(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (f TableFormat) validate() error {
	if !slices.Contains([]string{",", ";", "|", "\t"}, f.Separator) {
		return fmt.Errorf(`table.separator is %q; use ",", ";", "|" or a tab`, f.Separator)
	}
	if f.Header && len(f.Columns) > 0 {
		return errors.New("table.columns and table.header = true contradict each other: the header line names the columns")
	}
	if !f.Header && len(f.Columns) == 0 {
		return errors.New("table.columns is missing: without a header line the task must name all columns in order")
	}
	if len(f.Columns) > maxColumns || len(f.Missing) > maxMissing {
		return fmt.Errorf("table has %d columns and %d missing markers; the limits are %d and %d", len(f.Columns), len(f.Missing), maxColumns, maxMissing)
	}
	for i, column := range f.Columns {
		if strings.TrimSpace(column) == "" {
			return fmt.Errorf("table.columns: name %d is empty", i+1)
		}
		if slices.Contains(f.Columns[:i], column) {
			return fmt.Errorf("table.columns names %q twice", column)
		}
	}
	return nil
}

func (t *Task) validateFeatures() error {
	if len(t.Features) == 0 {
		return errors.New("the task has no [[feature]]")
	}
	if len(t.Features) > maxColumns {
		return fmt.Errorf("the task has %d features, the limit is %d", len(t.Features), maxColumns)
	}
	count := 0
	for i, f := range t.Features {
		if f.Column == "" {
			return fmt.Errorf("feature %d has no column", i+1)
		}
		if slices.ContainsFunc(t.Features[:i], func(other Feature) bool { return other.Column == f.Column }) {
			return fmt.Errorf("feature %q is declared twice", f.Column)
		}
		if err := f.validate(t.Table.Missing); err != nil {
			return fmt.Errorf("feature %q: %w", f.Column, err)
		}
		count += len(f.names())
	}
	if count > maxFeatures {
		return fmt.Errorf("the task has %d features after encoding, the limit is %d", count, maxFeatures)
	}
	return nil
}

func (f Feature) validate(missing []string) error {
	if len(f.Levels) > maxLevels || len(f.Missing) > maxMissing {
		return fmt.Errorf("%d levels and %d missing markers; the limits are %d and %d", len(f.Levels), len(f.Missing), maxLevels, maxMissing)
	}
	switch f.Kind {
	case Number:
		if len(f.Levels) > 0 {
			return errors.New(`a number has no levels; write kind = "category" or remove them`)
		}
		return checkRange(f.Min, f.Max)
	case Category:
		if f.Min != 0 || f.Max != 0 {
			return errors.New(`a category has no min and max; write kind = "number" or remove them`)
		}
		return f.validateLevels(missing)
	default:
		return fmt.Errorf(`kind is %q; write "number" or "category"`, f.Kind)
	}
}

func (f Feature) validateLevels(missing []string) error {
	if len(f.Levels) < 2 {
		return fmt.Errorf("a category needs at least two levels, this one has %d", len(f.Levels))
	}
	for i, level := range f.Levels {
		if level != strings.TrimSpace(level) {
			return fmt.Errorf("level %q has spaces around it, which a table's fields never have", level)
		}
		for _, other := range f.Levels[:i] {
			if sameValue(level, other) {
				return fmt.Errorf("levels %q and %q are the same", other, level)
			}
		}
		if slices.Contains(missing, level) || matchesAny(level, f.Missing) {
			return fmt.Errorf("level %q is also declared to mean a missing value", level)
		}
	}
	return nil
}

func checkRange(low, high float64) error {
	finite := !math.IsInf(low, 0) && !math.IsInf(high, 0) && !math.IsInf(high-low, 0)
	if !finite || !(low < high) {
		return fmt.Errorf("min = %v and max = %v; both must be given, finite, and min below max", low, high)
	}
	return nil
}

func (t *Task) validateLabel() error {
	l := t.Label
	switch {
	case l.Rule != "" && (l.Column != "" || l.Min != 0 || l.Max != 0):
		return errors.New(`label: give either rule (such as "num > 0") or column with min and max, not both`)
	case l.Rule != "":
		_, err := parseRule(l.Rule)
		return err
	case l.Column == "":
		return errors.New(`label: give either rule (such as "num > 0") for a yes or no, or column with min and max for a number`)
	}
	if err := checkRange(l.Min, l.Max); err != nil {
		return fmt.Errorf("label %q: %w", l.Column, err)
	}
	return nil
}

// labelColumn names the label's column in a task that is valid so far.
func (t *Task) labelColumn() string {
	if !t.Label.Binary() {
		return t.Label.Column
	}
	r, err := parseRule(t.Label.Rule)
	if err != nil {
		panic("model: label rule used before it was validated: " + err.Error())
	}
	return r.column
}

// validateColumns checks that features and label are different columns that
// exist, as far as the task itself can tell.
func (t *Task) validateColumns() error {
	label := t.labelColumn()
	for _, f := range t.Features {
		if f.Column == label {
			return fmt.Errorf("column %q is both a feature and the label", label)
		}
	}
	if t.Table.Header {
		return nil
	}
	for _, column := range append(t.featureColumns(), label) {
		if !slices.Contains(t.Table.Columns, column) {
			return fmt.Errorf("column %q is used but not among table.columns (%s)", column, strings.Join(t.Table.Columns, ", "))
		}
	}
	return nil
}

func (t *Task) featureColumns() []string {
	columns := make([]string, len(t.Features))
	for i, f := range t.Features {
		columns[i] = f.Column
	}
	return columns
}

func (t *Task) validateModel() error {
	switch t.Model.Kind {
	case "logistic":
		if !t.Label.Binary() {
			return errors.New(`model.kind = "logistic" needs a label with a rule such as "num > 0"`)
		}
	case "linear":
		if t.Label.Binary() {
			return errors.New(`model.kind = "linear" needs a label that is a number (column, min, max), not a rule`)
		}
	case "mlp":
		return t.validateNetwork()
	default:
		return fmt.Errorf(`model.kind is %q; write "logistic", "linear" or "mlp"`, t.Model.Kind)
	}
	if m := t.Model; len(m.Hidden) > 0 || m.Activation != "" || len(m.Coefficients) > 0 || m.Interval != 0 || m.Seed != 0 {
		return fmt.Errorf(`model: hidden, activation, coefficients, interval and seed are settings of kind = "mlp", not %q`, m.Kind)
	}
	return nil
}

func (t *Task) validateNetwork() error {
	m := t.Model
	if len(m.Hidden) < 1 || len(m.Hidden) > maxHidden {
		return fmt.Errorf("model.hidden has %d layers; give the units of one to %d, such as [8, 4]", len(m.Hidden), maxHidden)
	}
	for _, units := range m.Hidden {
		if units < 1 || units > maxUnits {
			return fmt.Errorf("model.hidden has a layer of %d units; it must be between 1 and %d", units, maxUnits)
		}
	}
	if !slices.Contains(ActivationNames(), m.Activation) {
		return fmt.Errorf("model.activation is %q; use one of %s", m.Activation, strings.Join(ActivationNames(), ", "))
	}
	if m.Activation != "polynomial" && (len(m.Coefficients) > 0 || m.Interval != 0) {
		return fmt.Errorf(`model.coefficients and model.interval are settings of activation = "polynomial", not %q`, m.Activation)
	}
	if (len(m.Coefficients) > 0) != (m.Interval != 0) {
		return errors.New("model.coefficients and model.interval go together: the polynomial is in x/interval")
	}
	if len(m.Coefficients) > maxDegree+1 {
		return fmt.Errorf("model.coefficients are of degree %d, the limit is %d", len(m.Coefficients)-1, maxDegree)
	}
	for _, x := range append([]float64{m.Interval}, m.Coefficients...) {
		if math.IsNaN(x) || math.IsInf(x, 0) || m.Interval < 0 {
			return fmt.Errorf("model.coefficients %v and model.interval %v: they must be finite, the interval positive", m.Coefficients, m.Interval)
		}
	}
	if size := newModel(t).Size(); size > maxWeights {
		return fmt.Errorf("model.hidden makes %d weights, the limit is %d", size, maxWeights)
	}
	return nil
}

func (s Training) validate() error {
	if !slices.Contains(TrainerNames(), s.Trainer) {
		return fmt.Errorf("training.trainer is %q; use one of %s", s.Trainer, strings.Join(TrainerNames(), ", "))
	}
	if s.Rounds < 1 || s.Rounds > maxRounds {
		return fmt.Errorf("training.rounds is %d; it must be between 1 and %d", s.Rounds, maxRounds)
	}
	if !(s.Rate > 0) || math.IsInf(s.Rate, 0) {
		return fmt.Errorf("training.rate is %v; it must be a positive number", s.Rate)
	}
	if s.LocalEpochs < 1 || s.LocalEpochs > maxLocalEpochs {
		return fmt.Errorf("training.local_epochs is %d; it must be between 1 and %d", s.LocalEpochs, maxLocalEpochs)
	}
	if !(s.L2 >= 0) || s.Rate*s.L2 > 1 {
		return fmt.Errorf("training.l2 is %v; it must be at least 0 and at most 1/rate, or the penalty alone would overshoot", s.L2)
	}
	return nil
}

func (t *Task) validateSource() error {
	kinds := 0
	for _, given := range []bool{len(t.Hospitals) > 0, t.SingleFile != nil, t.Generator != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("give exactly one of [[hospital]], [single_file] and [generator]; the task has %d of them", kinds)
	}
	if n := t.DefaultHospitals(); n < 1 || n > maxParties {
		return fmt.Errorf("the task has %d hospitals; it must be between 1 and %d", n, maxParties)
	}
	if t.SingleFile != nil {
		return checkFileName(t.SingleFile.File)
	}
	for i, h := range t.Hospitals {
		if err := checkName(h.Name); err != nil {
			return fmt.Errorf("hospital %d: name: %w", i+1, err)
		}
		if err := checkFileName(h.File); err != nil {
			return fmt.Errorf("hospital %q: %w", h.Name, err)
		}
		for _, other := range t.Hospitals[:i] {
			if other.Name == h.Name || other.File == h.File {
				return fmt.Errorf("hospitals %q (%s) and %q (%s) must differ in name and file", other.Name, other.File, h.Name, h.File)
			}
		}
	}
	return nil
}

// validateFixedPoint checks the codec for the default number of hospitals;
// [NewProgram] checks it for the study's.
func (t *Task) validateFixedPoint() error {
	codec := Codec{FractionBits: t.FixedPoint.FractionBits, Range: t.FixedPoint.Range, Parties: t.DefaultHospitals()}
	if err := codec.Validate(); err != nil {
		return fmt.Errorf("fixed_point: %w", err)
	}
	if float64(t.MaxRows) > t.FixedPoint.Range {
		return fmt.Errorf("max_rows is %d but fixed_point.range only %.12g: a hospital could not even count its rows", t.MaxRows, t.FixedPoint.Range)
	}
	return nil
}

// checkName keeps names usable in files, on the command line and in faults
// such as kill:NAME@2:open.
func checkName(name string) error {
	if name == "" || len(name) > 64 {
		return fmt.Errorf("%q has %d characters; use 1 to 64", name, len(name))
	}
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') {
			return fmt.Errorf("%q contains %q; use lower-case letters, digits and '-'", name, r)
		}
	}
	if name[0] == '-' {
		return fmt.Errorf("%q begins with '-', which a command line takes for a flag", name)
	}
	return nil
}

// checkFileName refuses folders: a task file may come from another hospital
// and must not point outside the data folder.
func checkFileName(name string) error {
	if name == "" || name == "." || strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name) {
		return fmt.Errorf("file is %q; write a file name without folders, the folder is chosen when the program starts", name)
	}
	return nil
}
