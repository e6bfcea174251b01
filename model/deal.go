package model

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// DealTables deals the table of a single-file task out as text files, one for
// each hospital: [Task.ReadTable] of the i-th gives the rows of the i-th
// hospital of [Task.Load]. Rows with missing values are in none of them.
func (t *Task) DealTables(dir string, hospitals int, seed uint64) ([][]byte, error) {
	if t.SingleFile == nil {
		return nil, fmt.Errorf("deal task %s: it has no single file", t.Name)
	}
	if hospitals < 1 || hospitals > maxParties {
		return nil, fmt.Errorf("deal task %s: %d hospitals; it must be between 1 and %d", t.Name, hospitals, maxParties)
	}
	f, err := os.Open(filepath.Join(dir, t.SingleFile.File))
	if err != nil {
		return nil, fmt.Errorf("deal task %s: %w", t.Name, err)
	}
	defer f.Close()
	table, err := t.openTable(f)
	if err != nil {
		return nil, fmt.Errorf("deal task %s: %w", t.Name, err)
	}
	var records [][]string
	table.used = func(record []string) { records = append(records, slices.Clone(record)) }
	if _, _, err := table.read(t.SingleFile.File); err != nil {
		return nil, fmt.Errorf("deal task %s: %w", t.Name, err)
	}
	var tables [][]byte
	for _, rows := range dealRows(len(records), hospitals, seed) {
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.Comma = rune(t.Table.Separator[0])
		if t.Table.Header {
			_ = w.Write(table.columns) // into memory: Flush cannot fail either
		}
		for _, row := range rows {
			_ = w.Write(records[row])
		}
		w.Flush()
		tables = append(tables, text.Bytes())
	}
	return tables, nil
}
