package testnet

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The drawing of a timeline, in pixels: a lane for each hospital, a column for
// each round. Time runs to the right and is not to scale: a gap between two
// happenings is as wide as the square root of its length, so that phases of
// milliseconds and waits of seconds can both be seen.
const (
	wideColumn   = 320 // of a round in which something befell somebody
	narrowColumn = 104
	columnGap    = 10
	headHeight   = 58
	laneHeight   = 44
	barHeight    = 20
	footHeight   = 10
	wordWidth    = 6 // of a letter, about
	nameWidth    = 8
)

// drawing is all that the page shows.
type drawing struct {
	Report      *Report
	Width       int
	Height      int
	Columns     []column
	Lanes       []lane
	Rows        []Happening // of the table: without phases
	LongestBack float64     // seconds
	NameWidth   int
	Legend      []legendEntry
}

// legendEntry explains a mark.
type legendEntry struct {
	Text string
	Mark mark
}

// column is a round.
type column struct {
	Title, Step, Length string
	X, Width            float64
	Certified           float64 // where the set was first known; 0 when it was not
	Tip                 string

	begin, end float64   // seconds
	times      []float64 // of its happenings, ascending
	offsets    []float64 // of each, in pixels from X
	included   []string
	done       bool
}

// lane is a hospital.
type lane struct {
	Name  string
	Y     float64
	Bars  []bar
	Marks []mark // above the bars
}

// bar is something that lasts.
type bar struct {
	Class, Word, Tip string
	X, Y, Width      float64
	Height           float64
}

// mark is something that happens at once.
type mark struct {
	Class, Tip string
	X, Y       float64
}

func draw(r *Report) *drawing {
	d := &drawing{Report: r, Height: headHeight + laneHeight*len(r.Hospitals) + footHeight}
	d.NameWidth = 60
	for _, name := range r.Hospitals {
		d.NameWidth = max(d.NameWidth, 24+nameWidth*len(name))
	}
	d.Legend = []legendEntry{
		{"killed", mark{Class: "fault kill"}}, {"paused", mark{Class: "fault pause"}}, {"cut off", mark{Class: "fault disconnect"}},
		{"the fault is over", mark{Class: "back"}}, {"where the others are", mark{Class: "recovered"}},
		{"in the sum", mark{Class: "in"}}, {"not in it", mark{Class: "out"}},
	}
	d.addColumns()
	for i, name := range r.Hospitals {
		l := lane{Name: name, Y: float64(headHeight + laneHeight*i)}
		d.fill(&l)
		d.Lanes = append(d.Lanes, l)
	}
	for _, h := range r.Timeline {
		if h.What != Enter && h.What != Finish && h.What != Start && h.What != Begin {
			d.Rows = append(d.Rows, h)
		}
	}
	for _, back := range r.Recoveries {
		d.LongestBack = max(d.LongestBack, back.Seconds)
	}
	return d
}

// addColumns parts the time into rounds: one lasts until the next begins.
func (d *drawing) addColumns() {
	all := d.Report.Timeline
	for _, h := range all {
		if h.What != Begin {
			continue
		}
		if len(d.Columns) > 0 {
			d.Columns[len(d.Columns)-1].end = h.Seconds
		}
		d.Columns = append(d.Columns, column{Title: fmt.Sprintf("Round %d", h.Round), begin: h.Seconds, end: math.Inf(1)})
	}
	if len(d.Columns) == 0 {
		d.Columns = []column{{Title: "Before round 0", end: math.Inf(1)}}
	}
	d.Columns[0].begin = 0
	x := 0.0
	for i := range d.Columns {
		c := &d.Columns[i]
		c.X = x
		c.measure(all)
		x += c.Width + columnGap
	}
	d.Width = int(math.Ceil(x))
}

// measure finds what happened in a round, and how wide it is.
func (c *column) measure(all []Happening) {
	c.Width = narrowColumn
	for _, h := range all {
		if h.Seconds < c.begin || h.Seconds >= c.end {
			continue
		}
		c.times = append(c.times, h.Seconds)
		switch h.What {
		case Strike, Back, Waiting:
			c.Width = wideColumn
		case RoundDone:
			c.Step, c.done, c.included = h.Step, true, strings.Split(h.Detail, ", ")
			c.Tip = "The sum of " + h.Detail
		}
	}
	if last := len(c.times) - 1; math.IsInf(c.end, 1) && last >= 0 {
		c.end = c.times[last]
	}
	c.times = append(c.times, c.begin, c.end)
	slices.Sort(c.times)
	c.times = slices.Compact(c.times)
	total := 0.0
	for i := range c.times {
		if i > 0 {
			total += math.Sqrt(c.times[i] - c.times[i-1])
		}
		c.offsets = append(c.offsets, total)
	}
	for i := range c.offsets {
		c.offsets[i] *= c.Width / math.Max(total, 1e-9)
	}
	c.Length = duration(c.end - c.begin)
	for _, h := range all {
		if h.What == Certify && h.Seconds >= c.begin && h.Seconds <= c.end {
			c.Certified = c.X + c.at(h.Seconds)
		}
	}
}

// at is where a time of this round is, in pixels from X.
func (c *column) at(seconds float64) float64 {
	i, found := slices.BinarySearch(c.times, seconds)
	switch {
	case found:
		return c.offsets[i]
	case i == 0:
		return 0
	case i == len(c.times):
		return c.Width
	}
	share := (seconds - c.times[i-1]) / (c.times[i] - c.times[i-1])
	return c.offsets[i-1] + share*(c.offsets[i]-c.offsets[i-1])
}

// x is where a time is. Where a round ends and the next begins, a recovery
// belongs to the end and everything else to the beginning.
func (d *drawing) x(h *Happening) float64 {
	i := slices.IndexFunc(d.Columns, func(c column) bool {
		return h.Seconds < c.end || h.Seconds == c.end && h.What == Recover
	})
	if i < 0 {
		i = len(d.Columns) - 1
	}
	return d.Columns[i].X + d.Columns[i].at(h.Seconds)
}

// fill draws what a hospital did and what befell it.
func (d *drawing) fill(l *lane) {
	var phase, away, waits, back *Happening
	endPhase := func(at float64) {
		if phase != nil && phase.Phase != "done" {
			d.span(l, "p-"+phase.Phase, phase.Phase, fmt.Sprintf("%s, round %d: %s for %s", l.Name, phase.Round, phase.Phase, duration(at-phase.Seconds)), phase.Seconds, at, 8, barHeight)
		}
		if waits != nil {
			d.span(l, "waits", "", fmt.Sprintf("%s waits for %s", l.Name, waits.Detail), waits.Seconds, at, 10+barHeight, 4)
		}
		phase, waits = nil, nil
	}
	endAway := func(at float64) {
		if away != nil {
			d.span(l, "away", "", fmt.Sprintf("%s is away (%s) for %s", l.Name, away.Detail, duration(at-away.Seconds)), away.Seconds, at, 4, barHeight+8)
		}
		away = nil
	}
	for i := range d.Report.Timeline {
		h := &d.Report.Timeline[i]
		if h.Hospital != l.Name {
			continue
		}
		switch h.What {
		case Enter:
			endPhase(h.Seconds)
			phase = h
		case Finish:
			endPhase(h.Seconds)
		case Miss:
			waits = h
		case Strike:
			if h.Detail == "kill" || h.Detail == "pause" || h.Detail == "disk-full" {
				endPhase(h.Seconds)
			}
			if h.Detail == "disconnect" || phase == nil {
				away = h
			}
			l.mark(d, "fault "+h.Detail, h, fmt.Sprintf("%s: %s in phase %s of round %d", l.Name, h.Detail, h.Phase, h.Round))
		case Back:
			endAway(h.Seconds)
			back = h
			l.mark(d, "back", h, fmt.Sprintf("%s: %s is over", l.Name, h.Detail))
		case Recover:
			if back != nil {
				d.span(l, "catching-up", "", fmt.Sprintf("%s catches up for %s", l.Name, duration(h.Seconds-back.Seconds)), back.Seconds, h.Seconds, 4, barHeight+8)
			}
			l.mark(d, "recovered", h, l.Name+" is where the others are")
		}
	}
	if all := d.Report.Timeline; len(all) > 0 {
		endPhase(all[len(all)-1].Seconds)
		endAway(all[len(all)-1].Seconds)
	}
	d.sums(l)
}

// sums marks in which sums a hospital's update is.
func (d *drawing) sums(l *lane) {
	for _, c := range d.Columns {
		if !c.done {
			continue
		}
		m := mark{Class: "in", Tip: fmt.Sprintf("%s is in the sum of %s", l.Name, strings.ToLower(c.Title)), X: c.X + c.Width - 5, Y: 38}
		if !slices.Contains(c.included, l.Name) {
			m.Class, m.Tip = "out", fmt.Sprintf("%s is not in the sum of %s", l.Name, strings.ToLower(c.Title))
		}
		l.Marks = append(l.Marks, m)
	}
}

func (l *lane) mark(d *drawing, class string, h *Happening, tip string) {
	l.Marks = append(l.Marks, mark{class, fmt.Sprintf("%s (at %.3f s)", tip, h.Seconds), d.x(h), 8 + barHeight/2})
}

// span draws a bar, one piece for each round that it reaches into.
func (d *drawing) span(l *lane, class, word, tip string, from, to, y, height float64) {
	for i := range d.Columns {
		c := &d.Columns[i]
		first, last := math.Max(from, c.begin), math.Min(to, c.end)
		if first > last || first == last && from != to {
			continue
		}
		b := bar{Class: class, Tip: tip, X: c.X + c.at(first), Y: y, Height: height}
		b.Width = math.Max(c.X+c.at(last)-b.X, 1)
		if float64(wordWidth*len(word)+6) <= b.Width {
			b.Word = word
		}
		l.Bars = append(l.Bars, b)
	}
}

// duration in the unit that suits it.
func duration(seconds float64) string {
	switch {
	case seconds < 0.01:
		return fmt.Sprintf("%.1f ms", 1000*seconds)
	case seconds < 1:
		return fmt.Sprintf("%.0f ms", 1000*seconds)
	}
	return fmt.Sprintf("%.1f s", seconds)
}
