package testnet

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"consilium/internal/golden"
)

// threeHospitals is a timeline in which everything can be seen: a hospital
// killed for a round, one paused for good and one cut off.
func threeHospitals() *Report {
	virtual := 3.1
	r := &Report{
		Name: "three <hospitals>", Mode: Virtual, VirtualSeconds: &virtual,
		Checks: []Check{{"one set in every round", true, "in 2 rounds"}, {"one model everywhere", false, "east ends with another model"}},
		DemoReport: DemoReport{
			Scheme: "shamir", Hospitals: []string{"north", "south", "east"}, Threshold: 2, Seconds: 0.5,
		},
	}
	add := func(seconds float64, hospital string, round uint64, phase, what, detail string) {
		r.Timeline = append(r.Timeline, Happening{Seconds: seconds, Hospital: hospital, Round: round, Phase: phase, What: what, Detail: detail})
	}
	add(0, "", 0, "", Start, "three hospitals")
	for _, name := range r.Hospitals {
		add(0.01, name, 0, "", Up, "/ip4/127.0.0.1/tcp/20001")
	}
	add(0.02, "", 0, "", Begin, "")
	for i, phase := range []string{"describe", "commit", "deal", "attest", "agree", "open", "combine", "done"} {
		for j, name := range r.Hospitals {
			add(0.02+0.03*float64(i)+0.002*float64(j), name, 0, phase, Enter, "")
		}
	}
	add(0.2, "south", 0, "open", Certify, "")
	add(0.25, "", 0, "", RoundDone, "north, south, east")
	r.Timeline[len(r.Timeline)-1].Step = "standardise"
	add(0.26, "", 1, "", Begin, "")
	add(0.27, "north", 1, "describe", Enter, "")
	add(0.27, "south", 1, "describe", Enter, "")
	add(0.3, "north", 1, "describe", Strike, "kill")
	add(0.31, "south", 1, "describe", Miss, "north")
	add(1.3, "south", 1, "commit", Enter, "")
	add(1.4, "south", 1, "commit", Strike, "disconnect")
	add(1.5, "east", 1, "describe", Strike, "pause")
	add(1.5, "", 1, "commit", Waiting, "north, east")
	add(2.0, "", 1, "", RoundDone, "south, east")
	add(2.1, "north", 2, "", Back, "kill")
	add(2.9, "north", 2, "", Recover, "")
	r.Recoveries = []Recovery{{"north", "kill:north@1:describe+1", 1, "describe", 0.8}}
	add(3.0, "", 2, "", Begin, "")
	add(3.1, "north", 2, "", Complete, "")
	return r
}

func TestTimelineHTML(t *testing.T) {
	page, err := TimelineHTML(threeHospitals())
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "timeline.html"), string(page))
	if asks := regexp.MustCompile(`(?i)https?:|<script|\bsrc=|\bhref=|@import|url\([^#]`).FindString(string(page)); asks != "" {
		t.Errorf("the page asks for something: %q", asks)
	}
	if strings.Contains(string(page), "<hospitals>") {
		t.Error("a name is markup")
	}
}

// A run that ended before anything began can be drawn too.
func TestTimelineOfNothing(t *testing.T) {
	r := threeHospitals()
	for _, length := range []int{0, 1, 3, 5} {
		r.Timeline = threeHospitals().Timeline[:length]
		if _, err := TimelineHTML(r); err != nil {
			t.Fatal(err)
		}
	}
}

// The timeline of a real run reads back as what it was, in order of time.
func TestTimelineJSON(t *testing.T) {
	r := threeHospitals()
	text, err := json.Marshal(r.Timeline)
	if err != nil {
		t.Fatal(err)
	}
	var back []Happening
	if err := json.Unmarshal(text, &back); err != nil || len(back) != len(r.Timeline) || back[7] != r.Timeline[7] {
		t.Fatalf("%v: %+v", err, back)
	}
}
