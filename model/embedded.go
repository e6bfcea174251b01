package model

import (
	"embed"
	"fmt"
)

//go:embed tasks/*.toml
var embeddedTasks embed.FS

// EmbeddedNames lists the tasks that come with the program.
func EmbeddedNames() []string { return []string{"heart", "pima", "diabetes442", "synthetic"} }

// Embedded returns a fresh copy of a task that comes with the program, or
// false when there is none of that name.
func Embedded(name string) (*Task, bool) {
	data, ok := EmbeddedFile(name)
	if !ok {
		return nil, false
	}
	t, err := ParseTask(name+".toml", data)
	if err != nil {
		panic(fmt.Sprintf("model: embedded task: %v", err))
	}
	return t, true
}

// EmbeddedFile returns the file of such a task, to print or to change.
func EmbeddedFile(name string) ([]byte, bool) {
	data, err := embeddedTasks.ReadFile("tasks/" + name + ".toml")
	return data, err == nil
}
