package protocoltest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"consilium/internal/golden"
	"consilium/protocol"
)

// Each dropout story is a script with golden output in
// protocol/testdata/rounds. A script says who is there and what befalls them;
// below the line stands what everybody then did, in virtual milliseconds.
//
//	hospitals N            dropouts C            rounds N            seed S
//	fault KIND:NAME@ROUND:PHASE[+N]
//	crash HOSPITAL RECORD DELAY   after it saved so many records, for so many ms
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../testdata/rounds/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, _, _ := strings.Cut(string(data), "----\n")
			golden.Compare(t, file, script+"----\n"+play(t, script))
		})
	}
}

func play(t *testing.T, script string) string {
	t.Helper()
	opt, err := parseScript(script)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	opt.Log = func(at int64, p protocol.Party, what string) {
		fmt.Fprintf(&out, "%7d  hospital %d  %s\n", at, p, what)
	}
	res := mustRun(t, opt)
	switch {
	case res.Wrong || res.Split || res.Hung || len(res.Named) > 0:
		t.Errorf("broken: %+v", res)
	case res.Completed:
		fmt.Fprintln(&out, "completed")
	default:
		fmt.Fprintln(&out, res.Aborted)
	}
	return out.String()
}

func parseScript(script string) (Options, error) {
	numbers := map[string]int{"hospitals": 4, "dropouts": -1, "rounds": 1, "seed": 1}
	var faults []string
	crash, delay := map[protocol.Party]int{}, 0
	for i, line := range strings.Split(script, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		var err error
		switch _, known := numbers[fields[0]]; {
		case known && len(fields) == 2:
			numbers[fields[0]], err = strconv.Atoi(fields[1])
		case fields[0] == "fault" && len(fields) == 2:
			faults = append(faults, fields[1])
		case fields[0] == "crash" && len(fields) == 4:
			var p, at int
			if _, err = fmt.Sscan(strings.Join(fields[1:], " "), &p, &at, &delay); err == nil {
				crash[protocol.Party(p)] = at
			}
		default:
			err = fmt.Errorf("unknown directive")
		}
		if err != nil {
			return Options{}, fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
	}
	n, c := numbers["hospitals"], numbers["dropouts"]
	if c < 0 {
		c = protocol.MostDropouts(n, 0)
	}
	opt := options(n, 0, c, uint64(numbers["seed"]))
	opt.Rounds, opt.CrashAt, opt.RestartAfter = numbers["rounds"], crash, int64(delay)
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i + 1)
	}
	for _, text := range faults {
		f, err := ParseFault(text, names)
		if err != nil {
			return Options{}, err
		}
		opt.Faults = append(opt.Faults, f)
	}
	return opt, nil
}
