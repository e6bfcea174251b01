package testnet

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
)

//go:embed timeline.html.tmpl
var timelineText string

var timelinePage = template.Must(template.New("timeline").Funcs(template.FuncMap{
	"px":      func(x float64) string { return fmt.Sprintf("%.1f", x) },
	"seconds": func(x float64) string { return fmt.Sprintf("%.3f", x) },
	"phases": func() []string {
		return []string{"describe", "commit", "deal", "attest", "agree", "open", "combine"}
	},
	"tenths":   func(x *float64) string { return fmt.Sprintf("%.1f", *x) },
	"sentence": sentence,
}).Parse(timelineText))

// TimelineHTML draws a report's timeline as one page that needs nothing else:
// no script, no font, no request.
func TimelineHTML(r *Report) ([]byte, error) {
	var page bytes.Buffer
	if err := timelinePage.Execute(&page, draw(r)); err != nil {
		return nil, fmt.Errorf("draw the timeline: %w", err)
	}
	return page.Bytes(), nil
}

// sentence says what happened.
func sentence(h Happening) string {
	switch h.What {
	case Up:
		return "is up at " + h.Detail
	case Strike:
		return fmt.Sprintf("%s, about to speak in phase %s", h.Detail, h.Phase)
	case Miss:
		return fmt.Sprintf("in phase %s, waits for %s, away", h.Phase, h.Detail)
	case Certify:
		return "is the first to know the certified set"
	case RoundDone:
		return "the first hospital holds the sum of " + h.Detail
	case Waiting:
		return fmt.Sprintf("a quorum is missing in phase %s: %s", h.Phase, h.Detail)
	case Back:
		return h.Detail + " is over"
	case Recover:
		return "is where the others are"
	case Complete:
		return "has finished the study"
	}
	return h.What
}
