package export

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"plimsoll/report"
)

// mostAnnotations is how many annotations of one kind GitHub shows of a step.
const mostAnnotations = 10

// Place is where in the repository a budget or claim is written; the zero value is unknown.
type Place struct {
	File string // with slashes, from the root of the repository
	Line int    // from 1 on; 0 is unknown
}

// GitHub writes a run as annotations of GitHub Actions, to be printed on standard output: an
// error for what is broken or inconclusive, a warning for what only warns and for what makes
// a measurement invalid in spite of which the run passes, and one notice if it passed. GitHub
// shows ten of each kind, so of more than ten the last says how many are left out. Where
// returns where something that a run was judged by is written.
func GitHub(w io.Writer, run *report.Run, where func(expr string) Place) error {
	errors, warnings := &annotations{kind: "error"}, &annotations{kind: "warning"}
	for _, j := range judgements(run) {
		title := titleOf(j)
		switch j.grade {
		case broken, open:
			errors.add(title, j, where)
		case warning:
			warnings.add(title, j, where)
		}
	}
	notices := &annotations{kind: "notice"}
	if run.Verdict == report.Pass {
		notices.add("plimsoll: pass", judgement{name: run.Scenario, say: sentence(run)}, where)
	}
	for _, a := range []*annotations{errors, warnings, notices} {
		if _, err := io.WriteString(w, a.text()); err != nil {
			return err
		}
	}
	return nil
}

func titleOf(j judgement) string {
	word := map[grade]string{broken: "broken", open: "inconclusive", warning: "warning"}[j.grade]
	if j.kind == "claim" && j.grade == broken {
		word = "refuted"
	}
	return "plimsoll: " + j.kind + " " + word
}

// annotations are those of one kind.
type annotations struct {
	kind  string
	lines []string
}

func (a *annotations) add(title string, j judgement, where func(string) Place) {
	var properties []string
	if p := where(j.name); p.File != "" {
		properties = append(properties, "file="+escapeProperty(p.File))
		if p.Line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", p.Line))
		}
	}
	properties = append(properties, "title="+escapeProperty(title))
	message := shorten(plain(j.name), mostName) + ": " + shorten(plain(j.say), mostMessage)
	a.lines = append(a.lines, fmt.Sprintf("::%s %s::%s\n", a.kind, strings.Join(properties, ","), escapeMessage(message)))
}

func (a *annotations) text() string {
	lines := a.lines
	if more := len(lines) - mostAnnotations + 1; more > 1 {
		rest := fmt.Sprintf("::%s title=plimsoll::and %d more, which are left out: plimsoll check shows them all\n", a.kind, more)
		lines = append(slices.Clone(lines[:mostAnnotations-1]), rest)
	}
	return strings.Join(lines, "")
}

// escapeMessage escapes the message of a workflow command.
func escapeMessage(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// escapeProperty escapes the value of a property of a workflow command.
func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
