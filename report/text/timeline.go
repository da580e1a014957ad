package text

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/report"
)

// figures writes what the target said of itself in a run.
func figures(p *printer, run *report.Run) {
	if len(run.Figures) == 0 {
		return
	}
	p.section("Figures")
	for _, line := range wrapParts(figureParts(run.Figures), p.width-2) {
		p.line("  " + line)
	}
}

func figureParts(values map[string]float64) (parts []string) {
	for name, v := range values {
		parts = append(parts, clean(name)+" "+whole(v))
	}
	slices.Sort(parts)
	return parts
}

// events writes what happened while a run went on.
func events(p *printer, run *report.Run) { timeline(p, "Events", run.Events) }

// mostEntries bounds how many different things of a time line are shown.
const mostEntries = 12

// timeline writes what was done to the target in a run, and what the target said. What it
// said several times is one line.
func timeline(p *printer, title string, events []report.Happening) {
	if len(events) == 0 {
		return
	}
	p.section(title)
	shown := 0
	for i, e := range events {
		kind := happened(e)
		if e.By == "target" && slices.ContainsFunc(events[:i], func(o report.Happening) bool { return o.By == e.By && happened(o) == kind }) {
			continue
		}
		if shown++; shown > mostEntries {
			p.line("  …")
			return
		}
		text, s := kind, dim
		if e.By == "target" {
			text = "· " + kind
			if n := count(events, kind); n > 1 {
				text += fmt.Sprintf(" (%d times)", n)
			}
		}
		if e.Error != "" {
			text, s = text+": "+e.Error, yellow
		}
		p.wrapped(fmt.Sprintf("  %6.2fs  ", e.AtS), s, clean(text))
	}
}

// happened names an entry of the time line, without the details of what the target said.
func happened(e report.Happening) string {
	if e.By != "target" {
		return e.Text
	}
	kind, _, _ := strings.Cut(e.Text, " ")
	return kind
}

func count(events []report.Happening, kind string) (n int) {
	for _, e := range events {
		if e.By == "target" && happened(e) == kind {
			n++
		}
	}
	return n
}
