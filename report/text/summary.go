// Package text shows a run in a terminal or a log: the summary when it has ended, and the
// progress while it goes. It writes to where it is told to and knows no terminal: width
// and colour are the caller's to find out. It does not judge a run, it shows what package
// report made of it.
package text

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"plimsoll/report"
)

// Options say how a summary is written.
type Options struct {
	Color bool
	Width int      // columns; 0 is 80
	Dir   string   // where the run is saved; empty if it is not
	Files []string // what else was written
	Brief bool     // only how the run was judged
}

const (
	defaultWidth = 80
	leastWidth   = 40
)

// Summary writes the summary of a run: the verdict first, then what it rests on, from the
// general to the particular. A brief one ends after the budgets. The error is that of the
// writer.
func Summary(w io.Writer, run *report.Run, opt Options) error {
	p := newPrinter(w, opt)
	if run.Experiment != nil {
		verdict(p, run)
		experiment(p, run, opt.Brief)
		if !opt.Brief {
			files(p, run, opt)
		}
		return p.err
	}
	sections := []func(*printer, *report.Run){verdict, budgets, slos}
	if !opt.Brief {
		sections = append(sections, loads, times, requests, failures, phases, figures, events, traces, generator, notes)
	}
	for _, section := range sections {
		section(p, run)
	}
	if opt.Brief {
		next(p, "plimsoll report "+report.Quote(opt.Dir))
	} else {
		files(p, run, opt)
	}
	return p.err
}

func newPrinter(w io.Writer, opt Options) *printer {
	if opt.Width == 0 {
		opt.Width = defaultWidth
	}
	return &printer{w: w, width: max(opt.Width, leastWidth), color: opt.Color}
}

func verdict(p *printer, run *report.Run) {
	word, s := headline(run.Verdict)
	mark := word + "  "
	indent := columnsOf(mark)
	for i, line := range wrap(clean(run.Scenario)+": "+because(run), p.width-indent) {
		if i == 0 {
			p.line(p.paint(s, word) + "  " + p.paint(bold, line))
		} else {
			p.line(strings.Repeat(" ", indent) + p.paint(bold, line))
		}
	}
	about := report.FormatDuration(seconds(run.DurationS))
	if run.Target != "" {
		about += " against " + clean(run.Target)
	}
	p.wrapped(strings.Repeat(" ", indent), plain, about+", started "+run.Started.Format("2006-01-02 15:04:05 MST"))
	for _, reason := range run.Validity.Reasons {
		p.wrapped("  ! ", yellow, clean(reason))
	}
}

func headline(v report.Verdict) (string, style) {
	switch v {
	case report.Pass:
		return "PASS", green
	case report.Breach, report.Regression, report.Failed:
		return strings.ToUpper(string(v)), red
	}
	return strings.ToUpper(string(v)), yellow
}

// because says in one sentence what the verdict rests on.
func because(run *report.Run) string {
	if run.Experiment != nil {
		return claimed(run)
	}
	failing, broken, unsettled := run.Promises()
	switch run.Verdict {
	case report.Interrupted:
		return "this is what was measured until then"
	case report.Failed:
		return "the target never answered"
	case report.Breach:
		return fmt.Sprintf("%d of %s broken", broken, Plural(failing, "budget"))
	case report.Inconclusive:
		return inconclusive(run, broken, unsettled)
	}
	if failing == 0 {
		return "the measurement is valid; " + unjudged(run)
	}
	return Plural(failing, "budget") + " kept, and the measurement is valid"
}

// unjudged is what a run without a budget rests on. That requests failed breaks nothing
// that was promised, but nobody should have to look for it.
func unjudged(run *report.Run) string {
	var sent, failed uint64
	for _, l := range run.Loads {
		for _, r := range l.Requests {
			sent += r.Count
			failed += r.Failed
		}
	}
	if failed == 0 {
		return "no budget was set"
	}
	return fmt.Sprintf("no budget was set, and %s of %s requests failed", report.FormatCount(failed), report.FormatCount(sent))
}

func inconclusive(run *report.Run, broken, unsettled int) string {
	switch {
	case !run.Validity.Valid && broken > 0:
		return Plural(broken, "budget") + " broken, but the measurement is not valid"
	case !run.Validity.Valid:
		return "the measurement is not valid"
	}
	return Plural(unsettled, "budget") + " had too little data"
}

// Plural returns a number of things in words: 1 claim, 2 claims.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func notes(p *printer, run *report.Run) {
	all := append(append([]string{}, run.Remarks...), run.Notes...)
	if len(all) == 0 {
		return
	}
	p.section("Notes")
	for _, note := range all {
		p.wrapped("  · ", dim, clean(note))
	}
}

func files(p *printer, run *report.Run, opt Options) {
	if opt.Dir == "" && len(opt.Files) == 0 {
		return
	}
	p.section("Files")
	if opt.Dir != "" {
		dir := clean(filepath.Clean(opt.Dir)) + string(filepath.Separator)
		names := strings.Join(filesOf(run), "  ")
		if line := "  " + dir + "  " + names; columnsOf(line) <= p.width {
			p.line(line)
		} else {
			p.line("  " + dir)
			p.line("    " + names)
		}
	}
	for _, name := range opt.Files {
		p.line("  " + clean(name))
	}
	if command := nextCommand(run, opt.Dir); command != "" {
		next(p, command)
	}
	again(p, run)
}

// again writes the command that shows the same elsewhere, if it was not a pass: whoever reads
// the log of a build wants to see it at home.
func again(p *printer, run *report.Run) {
	if run.Verdict == report.Pass || run.Verdict == report.Interrupted {
		return
	}
	if _, command := report.Reproduce(run); command != "" {
		p.line(p.paint(bold, "Again") + " " + clean(command))
	}
}

// filesOf returns what is in the directory of a run; an experiment has a directory for
// each of its runs.
func filesOf(run *report.Run) []string {
	if run.Experiment == nil {
		names := []string{report.RunFile, report.HistogramFile, report.CounterFile}
		if run.Traces != nil {
			names = append(names, report.TraceFile)
		}
		return names
	}
	names := []string{report.RunFile}
	for _, v := range run.Variants {
		for _, r := range v.Runs {
			names = append(names, r.Dir+"/")
		}
	}
	return names
}

func next(p *printer, command string) {
	p.line("")
	p.line(p.paint(bold, "Next") + "  " + clean(command))
}

// nextCommand suggests what a user would most likely do now.
func nextCommand(run *report.Run, dir string) string {
	switch {
	case run.Verdict == report.Failed && run.Target != "":
		return "curl -v " + report.Quote(run.Target)
	case len(run.Validity.LimitedBy) > 0:
		return "plimsoll doctor"
	case dir == "" || run.Experiment != nil && len(run.Variants[0].Runs) == 0:
		return ""
	case run.Experiment != nil:
		return "plimsoll report " + report.Quote(filepath.Join(dir, run.Variants[0].Runs[0].Dir))
	case len(run.Budgets) == 0:
		return "plimsoll check " + report.Quote(dir) + " --budget 'p99 < 200ms'"
	}
	return "plimsoll report " + report.Quote(dir)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func milliseconds(ms float64) string {
	return report.FormatDuration(time.Duration(ms * float64(time.Millisecond)))
}
