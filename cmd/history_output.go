package cmd

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"plimsoll/report"
	"plimsoll/report/html"
	"plimsoll/report/text"
)

// saveHistory writes one -o of history.
func (w *world) saveHistory(h *report.History, o output) error {
	var b bytes.Buffer
	var err error
	switch o.kind {
	case "csv":
		err = historyCSV(&b, h)
	case "html":
		err = html.History(&b, h, func(dir string) string { return runLink(o.path, dir) })
	case "text":
		err = text.History(&b, h, text.Options{})
	default:
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(h)
	}
	if err == nil && o.path == "-" {
		_, err = w.stdout.Write(b.Bytes())
		return err
	}
	if err == nil {
		err = os.WriteFile(o.path, b.Bytes(), 0o644) //nolint:gosec // results are for everyone to read
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", o.path, reasonOf(err, o.path))
	}
	return nil
}

// runLink returns where a run is found from a page that lies at path: its own page if there is
// one, else its directory; "" if neither can be reached by a relative address.
func runLink(path, dir string) string {
	from, err1 := filepath.Abs(filepath.Dir(path))
	to, err2 := filepath.Abs(dir)
	if path == "-" || err1 != nil || err2 != nil || !isDir(to) {
		return ""
	}
	if pages, err := filepath.Glob(filepath.Join(globbed(to), "*.html")); err == nil && len(pages) > 0 {
		to = pages[0]
	}
	relative, err := filepath.Rel(from, to)
	if err != nil {
		return ""
	}
	return (&url.URL{Path: filepath.ToSlash(relative)}).String()
}

// globbed writes a path as the pattern that matches only it.
func globbed(path string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// historyCSV writes one line per run and figure. The level is the number of change points up
// to it, so that lines of a level belong together.
func historyCSV(out io.Writer, h *report.History) error {
	table := csv.NewWriter(out)
	lines := [][]string{{
		"scenario", "part", "quick", "version", "target", "machine", "started", "dir", "verdict", "plimsoll",
		"load", "request", "metric", "unit", "value", "level", "change",
	}}
	for _, s := range h.Series {
		for _, t := range s.Trends {
			for i, p := range t.Points {
				run := s.Runs[p.Run]
				level, change := levelOf(&t, i)
				lines = append(lines, []string{
					inert(s.Scenario), inert(s.Part), strconv.FormatBool(s.Quick), s.Version, inert(s.Target), inert(s.Machine),
					run.Started.Format(time.RFC3339Nano), inert(run.Dir), string(run.Verdict), inert(run.Plimsoll),
					inert(t.Load), inert(t.Request), t.Metric, t.Unit, strconv.FormatFloat(p.Value, 'g', -1, 64), strconv.Itoa(level), change,
				})
			}
		}
	}
	if err := table.WriteAll(lines); err != nil {
		return err
	}
	return table.Error()
}

// levelOf returns how many change points there are up to a point, and what happened at it.
func levelOf(t *report.Trend, point int) (level int, change string) {
	for _, c := range t.Changes {
		if c.At <= point {
			level++
		}
		if c.At == point {
			change = c.Effect
		}
	}
	return level, change
}

// inert keeps a spreadsheet from taking a name for a formula.
func inert(name string) string {
	if name != "" && strings.ContainsRune("=+-@\t\r", rune(name[0])) {
		return "'" + name
	}
	return name
}
