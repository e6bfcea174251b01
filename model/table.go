package model

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Limits of a table file, far above any clinical table and far below what
// would exhaust a machine.
const (
	maxTableBytes  = 4 << 30
	maxRecordBytes = 1 << 20
)

// Report says what became of a table's rows.
type Report struct {
	Rows    int // rows in the table
	Dropped int // rows left out because a feature has no value
}

// ReadTableFile is [Task.ReadTable] for a file; errors name it without its
// folder.
func (t *Task) ReadTableFile(path string) (*Dataset, Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Report{}, fmt.Errorf("read table: %w", err)
	}
	defer f.Close()
	return t.ReadTable(f, filepath.Base(path))
}

// ReadTable reads a text table in the task's format (RFC 4180 with the task's
// separator; a byte order mark is skipped). Rows in which a feature has no
// value are dropped and counted. Everything else that is not as the task
// declares is an error naming the table, the line from 1, the column and what
// was expected. A table without usable rows, or with one class, is no error.
func (t *Task) ReadTable(r io.Reader, name string) (*Dataset, Report, error) {
	if err := t.Validate(); err != nil {
		return nil, Report{}, fmt.Errorf("read table %s: task: %w", name, err)
	}
	table, err := t.openTable(r)
	if err != nil {
		return nil, Report{}, fmt.Errorf("read table %s: %w", name, err)
	}
	return table.read(name)
}

// read reads all rows.
func (t *tableReader) read(name string) (*Dataset, Report, error) {
	for {
		err := t.readRow()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, Report{}, fmt.Errorf("read table %s: %w", name, err)
		}
	}
	if t.report.Rows == 0 && !t.task.Table.Header {
		return nil, Report{}, fmt.Errorf("read table %s: the file is empty; expected lines of %d columns (%s)",
			name, len(t.columns), strings.Join(t.columns, ", "))
	}
	return t.data, t.report, nil
}

// tableReader is a table being read.
type tableReader struct {
	task    *Task
	csv     *csv.Reader
	limit   *recordLimiter
	rule    rule
	columns []string // names of all columns of the file
	feature []int    // where each of the task's features stands in a record
	label   int      // where the label stands
	line    int      // where the record read last begins, from 1
	data    *Dataset
	report  Report
	used    func(record []string) // told of every row that was not dropped, unless nil
}

func (t *Task) openTable(r io.Reader) (*tableReader, error) {
	limit := &recordLimiter{reader: skipByteOrderMark(r), total: maxTableBytes}
	reader := &tableReader{
		task: t, limit: limit, csv: csv.NewReader(limit), columns: t.Table.Columns,
		data: &Dataset{Features: t.FeatureNames(), Binary: t.Label.Binary()},
	}
	reader.csv.Comma = rune(t.Table.Separator[0])
	reader.csv.FieldsPerRecord = -1 // readRow checks, with a better message
	reader.csv.ReuseRecord = true
	if t.Label.Binary() {
		var err error
		if reader.rule, err = parseRule(t.Label.Rule); err != nil {
			return nil, err
		}
	}
	if t.Table.Header {
		if err := reader.readHeader(); err != nil {
			return nil, err
		}
	}
	return reader, reader.findColumns()
}

// skipByteOrderMark drops the three bytes with which spreadsheet programs mark
// a file as UTF-8; they would become part of the first column's name.
func skipByteOrderMark(r io.Reader) io.Reader {
	buffered := bufio.NewReader(r)
	mark := []byte("\ufeff")
	if start, err := buffered.Peek(len(mark)); err == nil && bytes.Equal(start, mark) {
		buffered.Discard(len(mark)) // cannot fail: these bytes were just peeked
	}
	return buffered
}

// readHeader takes the column names from the first line.
func (t *tableReader) readHeader() error {
	record, err := t.readRecord()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file is empty; expected a header line with the columns %s", strings.Join(t.task.usedColumns(), ", "))
	}
	if err != nil {
		return err
	}
	if len(record) > maxColumns {
		return fmt.Errorf("line %d: the header has %d columns, the limit is %d", t.line, len(record), maxColumns)
	}
	for _, field := range record {
		column := strings.TrimSpace(field)
		if column != "" && slices.Contains(t.columns, column) {
			return fmt.Errorf("line %d: the header names column %s twice", t.line, quoteField(column))
		}
		t.columns = append(t.columns, column)
	}
	return nil
}

// usedColumns are the features' columns and the label's.
func (t *Task) usedColumns() []string {
	return append(t.featureColumns(), t.labelColumn())
}

func (t *tableReader) findColumns() error {
	for _, column := range t.task.usedColumns() {
		at := slices.Index(t.columns, column)
		if at < 0 {
			return fmt.Errorf("line %d: the header has no column %q; expected the columns %s in any order", t.line, column, strings.Join(t.task.usedColumns(), ", "))
		}
		t.feature = append(t.feature, at)
	}
	last := len(t.feature) - 1
	t.feature, t.label = t.feature[:last], t.feature[last]
	return nil
}

// readRow reads one row into the data set, or counts it as dropped. It returns
// io.EOF at the end of the table.
func (t *tableReader) readRow() error {
	record, err := t.readRecord()
	if err != nil {
		return err
	}
	if len(record) != len(t.columns) {
		return fmt.Errorf("line %d: the row has %d fields, expected %d (%s)", t.line, len(record), len(t.columns), strings.Join(t.columns, ", "))
	}
	t.report.Rows++
	start := len(t.data.X)
	complete, err := t.addFeatures(record)
	if err != nil {
		return fmt.Errorf("line %d, %w", t.line, err)
	}
	label, err := t.readLabel(record[t.label])
	if err != nil {
		return fmt.Errorf("line %d, %w", t.line, err)
	}
	if !complete {
		t.data.X = t.data.X[:start]
		t.report.Dropped++
		return nil
	}
	t.data.Y = append(t.data.Y, label)
	if len(t.data.Y) > t.task.MaxRows {
		return fmt.Errorf("line %d: more than %d complete rows, the max_rows of the task", t.line, t.task.MaxRows)
	}
	if t.used != nil {
		t.used(record)
	}
	return nil
}

// addFeatures encodes a row's features, and says whether none was missing. The
// fields of a row that will be dropped are checked too: a typing error is an
// error wherever it is.
func (t *tableReader) addFeatures(record []string) (complete bool, err error) {
	complete = true
	for i, f := range t.task.Features {
		field := strings.TrimSpace(record[t.feature[i]])
		if f.missing(field, t.task.Table.Missing) {
			complete = false
			continue
		}
		if t.data.X, err = f.encode(t.data.X, field); err != nil {
			return false, fmt.Errorf("column %q: %w", f.Column, err)
		}
	}
	return complete, nil
}

func (t *tableReader) readLabel(field string) (float64, error) {
	field = strings.TrimSpace(field)
	column := t.columns[t.label]
	if field == "" || slices.Contains(t.task.Table.Missing, field) {
		return 0, fmt.Errorf("column %q: the label is missing; remove the row or enter its outcome", column)
	}
	y, err := t.task.Label.encode(t.rule, field)
	if err != nil {
		return 0, fmt.Errorf("column %q: %w", column, err)
	}
	return y, nil
}

// readRecord reads the next line with content. The record is valid until the
// next call.
func (t *tableReader) readRecord() ([]string, error) {
	t.limit.record = maxRecordBytes
	record, err := t.csv.Read()
	var syntax *csv.ParseError
	switch {
	case err == nil:
		t.line, _ = t.csv.FieldPos(0)
		return record, nil
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("line %d: %w (write a quote inside a field twice)", syntax.Line, syntax.Err)
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	default:
		return nil, fmt.Errorf("after line %d: %w", t.line, err)
	}
}

var (
	errRecordTooLong = fmt.Errorf("a line has more than %d bytes (is a quote not closed?)", maxRecordBytes)
	errTableTooLong  = fmt.Errorf("the file has more than %d bytes", int64(maxTableBytes))
)

// recordLimiter stops a reader when one record, or the file, grows beyond its
// limit; encoding/csv itself would read an unclosed quote to the end of the
// file into memory. Each record may use what the previous one left in the
// reader's buffer, so that the limit is exact to within that buffer.
type recordLimiter struct {
	reader io.Reader
	record int   // bytes left for the current record
	total  int64 // bytes left for the file
}

func (l *recordLimiter) Read(p []byte) (int, error) {
	if l.record <= 0 {
		return 0, errRecordTooLong
	}
	if l.total <= 0 {
		return 0, errTableTooLong
	}
	n, err := l.reader.Read(p[:min(len(p), l.record)])
	l.record -= n
	l.total -= int64(n)
	return n, err
}
