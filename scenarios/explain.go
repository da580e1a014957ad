package scenarios

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// Explain returns a preview of what the scenario will do, as plain text.
func (s *Scenario) Explain() string {
	var b strings.Builder
	fmt.Fprintln(&b, s.Name)
	for line := range strings.Lines(s.About) {
		writeWrapped(&b, strings.TrimRight(line, "\n"))
	}
	fmt.Fprintf(&b, "\ntarget  %s\n", s.Target)
	for _, l := range s.loads {
		l.explain(&b)
	}
	s.explainTotals(&b)
	s.explainRequests(&b)
	s.explainData(&b)
	if len(s.budgets) > 0 {
		fmt.Fprintln(&b, "\nbudgets")
		for _, budget := range s.budgets {
			fmt.Fprintf(&b, "  %s\n", budget)
		}
	}
	s.explainSLOs(&b)
	s.explainEvents(&b)
	s.explainExperiment(&b)
	return b.String()
}

// writeWrapped writes a line, indented by two, over as many lines of 80 columns as it takes.
func writeWrapped(b *strings.Builder, line string) {
	const width = 78
	row := ""
	for word := range strings.FieldsSeq(line) {
		if row != "" && utf8.RuneCountInString(row)+1+utf8.RuneCountInString(word) > width {
			fmt.Fprintf(b, "  %s\n", row)
			row = ""
		}
		row = strings.TrimSpace(row + " " + word)
	}
	fmt.Fprintf(b, "  %s\n", row)
}

// String returns the target as a reader would name it.
func (t Target) String() string {
	switch {
	case t.Reference != "":
		return "the reference target, preset " + t.Reference
	case t.URL == "":
		return "each request names its own"
	}
	return t.URL
}

// table writes aligned columns, indented by two.
func table(w io.Writer, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range rows {
		fmt.Fprintln(t, "  "+strings.Join(cells, "\t"))
	}
	t.Flush() //nolint:errcheck // w is memory
}

func (l *loadSpec) explain(b *strings.Builder) {
	kind := "closed"
	if l.open() {
		kind = "open, " + l.arrivals + " arrivals"
	}
	fmt.Fprintf(b, "\nload %s  (%s)\n", l.name, kind)
	fmt.Fprintf(b, "  flow %s%s\n", l.shares(), l.extras())
	rows := [][]string{{"stage", "from", "to", "users"}}
	if l.open() {
		rows = [][]string{{"stage", "from", "to", "rate", "arrivals"}}
	}
	for i, s := range l.legend().Stages {
		row := []string{s.Name, s.From.String(), s.To.String()}
		if stage := l.stages[i]; l.open() {
			row = append(row, l.rateText(stage), count(l.expected(stage)))
		} else {
			row = append(row, span(strconv.Itoa(stage.fromUsers), strconv.Itoa(stage.toUsers)))
		}
		rows = append(rows, row)
	}
	table(b, rows)
}

// shares are the load's flows, with their shares if there are several.
func (l *loadSpec) shares() string {
	if len(l.flows) == 1 {
		return l.flows[0].flow
	}
	sum := 0.0
	for _, w := range l.flows {
		sum += w.weight
	}
	var parts []string
	for _, w := range l.flows {
		parts = append(parts, fmt.Sprintf("%s %.3g%%", w.flow, 100*w.weight/sum))
	}
	return strings.Join(parts, ", ")
}

// extras are the load's further settings.
func (l *loadSpec) extras() (text string) {
	if l.maxInFlight > 0 {
		text += fmt.Sprintf(", at most %s in flight", count(float64(l.maxInFlight)))
	}
	if l.iterations > 0 {
		text += fmt.Sprintf(", %s passes in all, or until %s are over", count(float64(l.iterations)), l.length())
	}
	if l.pacing > 0 {
		text += fmt.Sprintf(", a pass every %s at most", l.pacing)
	}
	if l.connections == "new" {
		text += ", a connection per request"
	}
	return text
}

func (l *loadSpec) rateText(s stageSpec) string {
	switch l.arrivals {
	case "burst":
		return fmt.Sprintf("%d every %s", l.shape.burst, l.shape.every)
	case "replay":
		return "as recorded in " + l.shape.file
	case "sine":
		low, high := s.fromRate-l.shape.amplitude, s.fromRate+l.shape.amplitude
		return fmt.Sprintf("%s, a wave of %s", span(perSecond(low), perSecond(high)), l.shape.period)
	}
	return span(perSecond(s.fromRate), perSecond(s.toRate))
}

func span(from, to string) string {
	if from == to {
		return from
	}
	return from + ".." + to
}

func perSecond(rate float64) string { return strconv.FormatFloat(rate, 'g', 4, 64) + "/s" }

// count writes a number with a comma between thousands.
func count(n float64) string {
	text := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func (s *Scenario) explainTotals(b *strings.Builder) {
	var (
		total, peak   float64
		users, flight int
		unrated       bool
		length        time.Duration
	)
	for _, l := range s.loads {
		length = max(length, l.length())
		users += l.mostUsers()
		if !l.open() {
			continue
		}
		peak += l.peak()
		unrated = unrated || l.peak() == 0
		if l.maxInFlight == 0 {
			flight += defaultInFlight
		}
		flight += l.maxInFlight
		for _, stage := range l.stages {
			total += l.expected(stage)
		}
	}
	fmt.Fprintln(b, "\nin all")
	if total > 0 {
		fmt.Fprintf(b, "  %s arrivals", count(total))
		if peak > 0 {
			fmt.Fprintf(b, ", %s at the peak", perSecond(peak))
		}
		if unrated {
			fmt.Fprint(b, " beside bursts and recordings")
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintf(b, "  at most %s in flight", count(float64(flight+users)))
	if users > 0 {
		fmt.Fprintf(b, ", %s of them users", count(float64(users)))
	}
	fmt.Fprintf(b, "\n  %s, and up to %s of grace\n", length, s.run.grace)
}

func (s *Scenario) explainRequests(b *strings.Builder) {
	var rows [][]string
	seen := map[string]bool{}
	for _, f := range s.flows {
		for _, c := range f.calls() {
			if !seen[c.Name] {
				seen[c.Name] = true
				rows = append(rows, []string{c.Name, c.Method + " " + c.url, plural(len(c.Checks), "check")})
			}
		}
	}
	fmt.Fprintln(b, "\nrequests")
	table(b, rows)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func (s *Scenario) explainData(b *strings.Builder) {
	if len(s.data) == 0 {
		return
	}
	var rows [][]string
	for _, d := range s.data {
		rows = append(rows, []string{d.name, d.file.Value, d.pick.String(), strings.Join(d.columns, ", ")})
	}
	fmt.Fprintln(b, "\ndata")
	table(b, rows)
}
