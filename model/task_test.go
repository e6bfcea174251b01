package model

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// small is a task on which the tests of this file make one mistake at a time.
const small = `name = "small"
title = "A small task"
max_rows = 100

[table]
header = true
separator = ","
missing = ["?"]

[[feature]]
column = "age"
kind = "number"
min = 0
max = 120

[[feature]]
column = "pain"
kind = "category"
levels = ["1", "2", "3"]
missing = ["-9"]

[label]
rule = "ill > 0"

[model]
kind = "logistic"

[training]
trainer = "fedsgd"
rounds = 10
rate = 1.0
local_epochs = 1

[fixed_point]
fraction_bits = 24
range = 65536

[generator]
hospitals = 3
`

func parseSmall(t testing.TB) *Task {
	t.Helper()
	return must[*Task](t)(ParseTask("small.toml", []byte(small)))
}

func TestParseTask(t *testing.T) {
	task := parseSmall(t)
	if got, want := task.FeatureNames(), []string{"age", "pain=2", "pain=3"}; !slices.Equal(got, want) {
		t.Errorf("features %q, want %q: one-hot, the first level dropped", got, want)
	}
	if task.Training.Rounds != 10 || task.FixedPoint.Range != 65536 || task.DefaultHospitals() != 3 || !task.Label.Binary() {
		t.Errorf("parsed %+v", task)
	}
}

// "the hash of a task is SHA-256 over the file's bytes with CRLF normalised to
// LF, so that sha256sum shows the same".
func TestTaskHash(t *testing.T) {
	task := parseSmall(t)
	if want := sha256.Sum256([]byte(small)); task.Hash != want {
		t.Errorf("hash %x, sha256sum says %x", task.Hash, want)
	}
	windows := must[*Task](t)(ParseTask("small.toml", []byte(strings.ReplaceAll(small, "\n", "\r\n"))))
	if windows.Hash != task.Hash {
		t.Error("the same file with CRLF has another hash")
	}
	changed := must[*Task](t)(ParseTask("small.toml", []byte(small+"# changed\n")))
	if changed.Hash == task.Hash {
		t.Error("a changed file has the same hash")
	}
}

func TestTasksThatAreRefused(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"syntax", `header = true`, `header = `, `line 6 (last key "table.header"): expected value but found '\n' instead`},
		{"repeated key", "rounds = 10", "rounds = 10\nrounds = 20", `line 31 (last key "training.rounds"): Key 'training.rounds' has already been defined.`},
		{"unknown key", "min = 0\n", "minn = 0\n", `line 13: unknown key "feature.minn"; did you mean "feature.min"?`},
		{"unknown key at the top", `title =`, `titel =`, `line 2: unknown key "titel"; did you mean "title"?`},
		{"unknown table", "[fixed_point]", "[fixedpoint]", `line 34: unknown key "fixedpoint"; did you mean "fixed_point"?`},
		{"unknown key like no other", "rounds = 10", "rounds = 10\nxyzzy-plugh-abracadabra = 1", `line 31: unknown key "training.xyzzy-plugh-abracadabra"`},
		{"key in capitals", "rate = 1.0", "Rate = 1.0", `line 31: unknown key "training.Rate"; did you mean "training.rate"?`},
		{"type", "rounds = 10", `rounds = "ten"`, `line 30 (last key "training.rounds"): incompatible types: TOML value has type string; destination has type integer`},
		{"levels as numbers", `levels = ["1", "2", "3"]`, "levels = [1, 2, 3]", `line 19 (last key "feature.levels"): incompatible types: TOML value has type int64; destination has type string`},

		{"name", `"small"`, `"Small one"`, `task name: "Small one" contains 'S'; use lower-case letters, digits and '-'`},
		{"name like a flag", `"small"`, `"-small"`, `task name: "-small" begins with '-', which a command line takes for a flag`},
		{"empty name", `"small"`, `""`, `task name: "" has 0 characters; use 1 to 64`},
		{"rows", "max_rows = 100", "max_rows = 0", "max_rows is 0; it must be between 1 and 10000000"},
		{"separator", `","`, `", "`, `table.separator is ", "; use ",", ";", "|" or a tab`},
		{"header and columns", "header = true", `header = true` + "\n" + `columns = ["age"]`, "table.columns and table.header = true contradict each other: the header line names the columns"},
		{"neither", "header = true", "header = false", "table.columns is missing: without a header line the task must name all columns in order"},
		{"column twice", "header = true", `columns = ["age", "pain", "age"]`, `table.columns names "age" twice`},
		{"empty column", "header = true", `columns = ["age", " "]`, `table.columns: name 2 is empty`},
		{"column not there", "header = true", `columns = ["age", "pain"]`, `column "ill" is used but not among table.columns (age, pain)`},
		{"feature twice", `column = "pain"`, `column = "age"`, `feature "age" is declared twice`},
		{"feature without column", `column = "pain"`, ``, `feature 2 has no column`},
		{"many levels", `["1", "2", "3"]`, `["` + strings.Repeat(`x", "`, 1000) + `y"]`, `feature "pain": 1001 levels and 1 missing markers; the limits are 1000 and 100`},
		{"many missing markers", `["?"]`, `["` + strings.Repeat(`x", "`, 100) + `y"]`, `table has 0 columns and 101 missing markers; the limits are 10000 and 100`},
		{"many features", "[label]", strings.Repeat("[[feature]]\n", 10_000) + "[label]", `the task has 10002 features, the limit is 10000`},
		{"kind", `kind = "number"`, `kind = "real"`, `feature "age": kind is "real"; write "number" or "category"`},
		{"range", "max = 120", "max = 0", `feature "age": min = 0 and max = 0; both must be given, finite, and min below max`},
		{"infinite range", "max = 120", "max = inf", `feature "age": min = 0 and max = +Inf; both must be given, finite, and min below max`},
		{"range without number", "min = 0", "min = nan", `feature "age": min = NaN and max = 120; both must be given, finite, and min below max`},
		{"number with levels", "max = 120", "max = 120\nlevels = [\"1\"]", `feature "age": a number has no levels; write kind = "category" or remove them`},
		{"category with range", `missing = ["-9"]`, `max = 3`, `feature "pain": a category has no min and max; write kind = "number" or remove them`},
		{"one level", `["1", "2", "3"]`, `["1"]`, `feature "pain": a category needs at least two levels, this one has 1`},
		{"level twice", `["1", "2", "3"]`, `["1", "2", "1.0"]`, `feature "pain": levels "1" and "1.0" are the same`},
		{"level with space", `["1", "2", "3"]`, `["1", "2 "]`, `feature "pain": level "2 " has spaces around it, which a table's fields never have`},
		{"level is missing", `["1", "2", "3"]`, `["1", "2", "-9.0"]`, `feature "pain": level "-9.0" is also declared to mean a missing value`},
		{"level is missing everywhere", `["1", "2", "3"]`, `["1", "?"]`, `feature "pain": level "?" is also declared to mean a missing value`},
		{"no label", `rule = "ill > 0"`, ``, `label: give either rule (such as "num > 0") for a yes or no, or column with min and max for a number`},
		{"two labels", `rule = "ill > 0"`, `rule = "ill > 0"` + "\n" + `column = "ill"`, `label: give either rule (such as "num > 0") or column with min and max, not both`},
		{"rule", `rule = "ill > 0"`, `rule = "ill"`, `label rule "ill" has no operator; write it as "column > number" with one of >, >=, <, <=, ==, !=`},
		{"label range", `rule = "ill > 0"`, `column = "ill"`, `label "ill": min = 0 and max = 0; both must be given, finite, and min below max`},
		{"label is a feature", `rule = "ill > 0"`, `rule = "age > 0"`, `column "age" is both a feature and the label`},
		{"model", `"logistic"`, `"forest"`, `model.kind is "forest"; write "logistic", "linear" or "mlp"`},
		{"linear with rule", `"logistic"`, `"linear"`, `model.kind = "linear" needs a label that is a number (column, min, max), not a rule`},
		{"logistic with number", `rule = "ill > 0"`, "column = \"ill\"\nmax = 1", `model.kind = "logistic" needs a label with a rule such as "num > 0"`},
		{"trainer", `"fedsgd"`, `"sgd"`, `training.trainer is "sgd"; use one of fedavg, fedsgd, newton`},
		{"rounds", "rounds = 10", "rounds = -1", "training.rounds is -1; it must be between 1 and 1000000"},
		{"rate", "rate = 1.0", "rate = 0.0", "training.rate is 0; it must be a positive number"},
		{"rate without end", "rate = 1.0", "rate = inf", "training.rate is +Inf; it must be a positive number"},
		{"local epochs", "local_epochs = 1", "local_epochs = 0", "training.local_epochs is 0; it must be between 1 and 10000"},
		{"l2", "local_epochs = 1", "local_epochs = 1\nl2 = -0.1", "training.l2 is -0.1; it must be at least 0 and at most 1/rate, or the penalty alone would overshoot"},
		{"l2 too large", "local_epochs = 1", "local_epochs = 1\nl2 = 1.5", "training.l2 is 1.5; it must be at least 0 and at most 1/rate, or the penalty alone would overshoot"},
		{"no source", "[generator]\nhospitals = 3\n", "", "give exactly one of [[hospital]], [single_file] and [generator]; the task has 0 of them"},
		{"two sources", "[generator]", "[single_file]\nfile = \"a.csv\"\nhospitals = 2\n[generator]", "give exactly one of [[hospital]], [single_file] and [generator]; the task has 2 of them"},
		{"no hospitals", "hospitals = 3", "hospitals = 0", "the task has 0 hospitals; it must be between 1 and 1000"},
		{"file elsewhere", "[generator]", "[single_file]\nfile = \"../a.csv\"", `file is "../a.csv"; write a file name without folders, the folder is chosen when the program starts`},
		{"hospital name", "[generator]\nhospitals = 3\n", "[[hospital]]\nname = \"a@b\"\nfile = \"a.csv\"", `hospital 1: name: "a@b" contains '@'; use lower-case letters, digits and '-'`},
		{"hospital file", "[generator]\nhospitals = 3\n", "[[hospital]]\nname = \"a\"\nfile = \"..\"", `hospital "a": file is ".."; write a file name without folders, the folder is chosen when the program starts`},
		{"hospital twice", "[generator]\nhospitals = 3\n", "[[hospital]]\nname = \"a\"\nfile = \"a.csv\"\n[[hospital]]\nname = \"a\"\nfile = \"b.csv\"", `hospitals "a" (a.csv) and "a" (b.csv) must differ in name and file`},
		{"fixed point", "fraction_bits = 24", "fraction_bits = 44", "fixed_point: sums need 63 bits, only 60 fit: 44 fraction + 16 for the range 65536 + 2 for 3 hospitals + 1 sign; use at most 41 fraction bits or a smaller range"},
		{"rows beyond the range", "range = 65536", "range = 64", "max_rows is 100 but fixed_point.range only 64: a hospital could not even count its rows"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(small, c.old) {
				t.Fatalf("the task does not contain %q", c.old)
			}
			_, err := ParseTask("small.toml", []byte(strings.Replace(small, c.old, c.new, 1)))
			checkError(t, err, "parse task small.toml: "+c.want)
		})
	}
}

func TestUnknownKeyInAnInlineTable(t *testing.T) {
	text := strings.Replace(small, "[generator]\nhospitals = 3", "[[hospital]]\nname = \"a\"\nfile = \"a.csv\"", 1)
	text = strings.Replace(text, "[model]\nkind = \"logistic\"\n", "", 1)
	text = "model = { kind = \"logistic\", layers = 3 }\n" + text
	_, err := ParseTask("small.toml", []byte(text))
	checkError(t, err, `parse task small.toml: line 1: unknown key "model.layers"; did you mean "model.seed"?`)
}

func TestTaskFileThatIsTooLong(t *testing.T) {
	_, err := ParseTask("big.toml", make([]byte, maxTaskBytes+1))
	checkError(t, err, "parse task big.toml: the file has 1048577 bytes, the limit is 1048576")
}

func TestEmbeddedTasks(t *testing.T) {
	for _, name := range EmbeddedNames() {
		task := embedded(t, name)
		if task.Name != name || task.Title == "" || task.Source == "" {
			t.Errorf("task %s: name %q, title %q, source %q", name, task.Name, task.Title, task.Source)
		}
		if _, err := NewProgram(Plan{Task: task, Evaluate: true}); err != nil {
			t.Errorf("task %s with its own defaults: %v", name, err)
		}
		file, _ := EmbeddedFile(name)
		if bytes.Contains(file, []byte("\r")) {
			t.Errorf("task %s has CRLF", name)
		}
		if task.Hash != sha256.Sum256(file) {
			t.Errorf("task %s: the hash is not that of its file", name)
		}
	}
	entries, err := embeddedTasks.ReadDir("tasks")
	if err != nil || len(entries) != len(EmbeddedNames()) {
		t.Errorf("%d task files, %d names", len(entries), len(EmbeddedNames()))
	}
	if _, ok := Embedded("nosuch"); ok {
		t.Error(`a task "nosuch" is embedded`)
	}
	if _, ok := Embedded("../task"); ok {
		t.Error("a path leads out of the tasks")
	}
}

// "same 13 features after encoding by the same feature declarations as heart".
func TestSyntheticDeclaresTheFeaturesOfHeart(t *testing.T) {
	heart, synthetic := embedded(t, "heart"), embedded(t, "synthetic")
	if !reflect.DeepEqual(heart.Features, synthetic.Features) {
		t.Errorf("heart\n%+v\nsynthetic\n%+v", heart.Features, synthetic.Features)
	}
	want := []string{"age", "sex=1", "cp=2", "cp=3", "cp=4", "trestbps", "chol", "fbs=1", "restecg=1", "restecg=2", "thalach", "exang=1", "oldpeak"}
	if got := heart.FeatureNames(); !slices.Equal(got, want) {
		t.Errorf("features %q, want %q", got, want)
	}
}

func FuzzParseTask(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("a.b.c = 1"))
	f.Add([]byte("[[feature]]\ncolumn = 'x'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		task, err := ParseTask("fuzz", data)
		if err != nil {
			if task != nil {
				t.Error("a task beside an error")
			}
			return
		}
		// What was accepted must be usable without a panic.
		if err := task.Validate(); err != nil {
			t.Errorf("accepted, then refused: %v", err)
		}
		if _, err := NewProgram(Plan{Task: task}); err != nil {
			return
		}
		_, _, _ = task.ReadTable(strings.NewReader("1,2,3\n4,5,6\n"), "fuzz")
	})
}
