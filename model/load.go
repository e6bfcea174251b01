package model

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
)

// Hospital is one hospital's data in a demonstration.
type Hospital struct {
	Name   string
	Data   *Dataset
	Report Report // of its table; of the whole table when a single file was dealt out
}

// Load reads the rows of a demonstration from the files in dir; a task with a
// generator needs no files. hospitals = 0 takes the task's default. A task
// with a file per hospital can take fewer, the first ones, but not more; one
// with a single file deals its rows out by seed into nearly equal parts.
func (t *Task) Load(dir string, hospitals int, seed uint64) ([]Hospital, error) {
	if hospitals == 0 {
		hospitals = t.DefaultHospitals()
	}
	if hospitals < 1 || hospitals > maxParties {
		return nil, fmt.Errorf("load task %s: %d hospitals; it must be between 1 and %d", t.Name, hospitals, maxParties)
	}
	var loaded []Hospital
	var err error
	switch {
	case t.Generator != nil:
		loaded, err = t.generate(seed, hospitals)
	case t.SingleFile != nil:
		loaded, err = t.loadSingleFile(dir, hospitals, seed)
	default:
		loaded, err = t.loadHospitalFiles(dir, hospitals)
	}
	if err != nil {
		return nil, fmt.Errorf("load task %s: %w", t.Name, err)
	}
	return loaded, nil
}

func (t *Task) loadHospitalFiles(dir string, hospitals int) ([]Hospital, error) {
	if hospitals > len(t.Hospitals) {
		return nil, fmt.Errorf("%d hospitals asked for, but the task has files of %d", hospitals, len(t.Hospitals))
	}
	loaded := make([]Hospital, hospitals)
	for i, file := range t.Hospitals[:hospitals] {
		data, report, err := t.readFrom(dir, file.File)
		if err != nil {
			return nil, err
		}
		loaded[i] = Hospital{Name: file.Name, Data: data, Report: report}
	}
	return loaded, nil
}

func (t *Task) loadSingleFile(dir string, hospitals int, seed uint64) ([]Hospital, error) {
	data, report, err := t.readFrom(dir, t.SingleFile.File)
	if err != nil {
		return nil, err
	}
	if hospitals > data.Rows() {
		return nil, fmt.Errorf("%d hospitals asked for, but %s has only %d complete rows", hospitals, t.SingleFile.File, data.Rows())
	}
	loaded := make([]Hospital, hospitals)
	for i, part := range data.deal(hospitals, seed) {
		loaded[i] = Hospital{Name: hospitalName(i), Data: part, Report: report}
	}
	return loaded, nil
}

func (t *Task) readFrom(dir, file string) (*Dataset, Report, error) {
	if dir == "" {
		return nil, Report{}, errors.New("name the folder that holds " + file)
	}
	return t.ReadTableFile(filepath.Join(dir, file))
}

// hospitalName names invented hospitals without suggesting a real one: north,
// south, …, and from the thirteenth on north-2, south-2, ….
func hospitalName(i int) string {
	names := [...]string{"north", "south", "east", "west", "river", "lake", "hill", "valley", "forest", "coast", "island", "meadow"}
	name := names[i%len(names)]
	if lap := i / len(names); lap > 0 {
		name += "-" + strconv.Itoa(lap+1)
	}
	return name
}
