package export

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// readCSV returns the rows by column.
func readCSV(t *testing.T, text []byte) []map[string]string {
	t.Helper()
	if n, crlf := bytes.Count(text, []byte("\n")), bytes.Count(text, []byte("\r\n")); n != crlf {
		t.Errorf("%d of %d lines do not end as RFC 4180 has it", n-crlf, n)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		fields := map[string]string{}
		for i, name := range rows[0] {
			fields[name] = row[i]
		}
		out = append(out, fields)
	}
	return out
}

func TestCSVCountsWhatTheRunCounts(t *testing.T) {
	saved := runs(t)["breach"]
	text, _ := write(t, "csv", saved)
	counts := map[string]int{}
	for _, row := range readCSV(t, text) {
		n, err := strconv.Atoi(row["count"])
		if err != nil {
			t.Fatal(err)
		}
		bad, _ := strconv.Atoi(row["errors"])
		counts[row["load"]+" "+row["outcome"]] += n
		counts["bad"] += bad
	}
	want := map[string]int{"shoppers ok": 24, "shoppers failed": 8, "shoppers error": 4, "shoppers dropped": 5, "office ok": 8, "office failed": 4, "bad": 21}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestNamesInCSVAreNoFormulasAndAreToldApart(t *testing.T) {
	saved := runs(t)["hostile"]
	text, _ := write(t, "csv", saved)
	names := map[string]bool{}
	for _, row := range readCSV(t, text) {
		for _, field := range row {
			if field != "" && strings.ContainsRune("=+-@\t\r", rune(field[0])) {
				t.Errorf("a spreadsheet computes %q", field)
			}
		}
		name := row["request"]
		if name != "" && name[0] == '\'' {
			name = name[1:]
		}
		names[name] = true
	}
	want := distinct(evil())
	for _, name := range want {
		if !names[name] {
			t.Errorf("%q is not there, or not as it was", name)
		}
	}
	if len(names) != len(want) {
		t.Errorf("%d names where there are %d", len(names), len(want))
	}
}

func TestATestSuiteIsRedExactlyIfTheVerdictIsNotPass(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	pick := func(n int) int { return rng.IntN(n) }
	total := engine.NewSnapshot(shop())
	seen := map[report.Verdict]int{}
	for range 3000 {
		run := report.Summarize(newMaker(shop()).meta("shop"), total, nil, report.Complete)
		run = randomJudged(run, pick)
		seen[run.Verdict]++
		var b bytes.Buffer
		if err := JUnit(&b, run); err != nil {
			t.Fatal(err)
		}
		var file junitFile
		if err := xml.Unmarshal(b.Bytes(), &file); err != nil {
			t.Fatal(err)
		}
		suite := file.Suites[0]
		if red := suite.Failures+suite.Errors > 0; red == (run.Verdict == report.Pass) {
			t.Fatalf("red is %v for %s:\n%s", red, run.Verdict, b.String())
		}
		n := map[string]int{}
		for _, c := range suite.Cases {
			n["tests"]++
			for kind, p := range map[string]*junitProblem{"failures": c.Failure, "errors": c.Error, "skipped": c.Skipped} {
				if p != nil {
					n[kind]++
				}
			}
		}
		if want := map[string]int{"tests": suite.Tests, "failures": suite.Failures, "errors": suite.Errors, "skipped": suite.Skipped}; !sameCounts(want, n) {
			t.Fatalf("the suite says %v, its cases are %v", want, n)
		}
		b.Reset()
		if err := GitHub(&b, run, func(string) Place { return Place{} }); err != nil {
			t.Fatal(err)
		}
		if red := strings.Contains(b.String(), "::error "); red == (run.Verdict == report.Pass) {
			t.Fatalf("an error is annotated: %v, for %s", red, run.Verdict)
		}
	}
	if len(seen) < 4 {
		t.Errorf("only these verdicts were tried: %v", seen)
	}
}

func sameCounts(want, got map[string]int) bool {
	for k, n := range want {
		if got[k] != n {
			return false
		}
	}
	return true
}

// randomJudged returns the run with made-up budgets, a made-up validity and the verdict that
// follows from them.
func randomJudged(run *report.Run, pick func(int) int) *report.Run {
	run.Budgets, run.Validity = nil, report.Validity{Valid: true}
	for range pick(4) {
		b := budget.Result{
			Expr: "p99 < 1s", Metric: []string{"p99", "errors"}[pick(2)], Unit: "ms", Level: []budget.Level{budget.Fail, budget.Warn}[pick(2)],
			Result: []budget.Verdict{budget.Kept, budget.Broken, budget.Inconclusive}[pick(3)],
		}
		run.Budgets = append(run.Budgets, b)
	}
	run.Ended = report.Complete
	run.Loads = []report.Load{{Figures: report.Figures{Outcomes: map[string]report.Outcome{"ok": {Count: 1}}}}}
	switch pick(6) {
	case 0:
		run.Ended = report.Stopped
	case 1:
		run.Loads[0].Outcomes = map[string]report.Outcome{"error": {Count: 1}}
	case 2:
		run.Validity.LimitedBy = []string{report.LimitLag}
		run.Spoil("the generator was late")
		return run
	case 3:
		run.Spoil("arrivals were dropped")
		return run
	}
	run.Spoil("to have the verdict worked out")
	if valid := run.Validity.Reasons; len(valid) == 1 {
		run.Validity = report.Validity{Valid: true}
		run.Verdict = verdictOf(run)
	}
	return run
}

// verdictOf is the rule of the verdict for a valid run.
func verdictOf(run *report.Run) report.Verdict {
	is := func(v budget.Verdict) bool {
		return slices.ContainsFunc(run.Budgets, func(b budget.Result) bool { return b.Level == budget.Fail && b.Result == v })
	}
	switch {
	case run.Ended == report.Stopped:
		return report.Interrupted
	case run.Unanswered():
		return report.Failed
	case is(budget.Broken):
		return report.Breach
	case is(budget.Inconclusive):
		return report.Inconclusive
	}
	return report.Pass
}

func TestTheLogHoldsWhatTheRunCounts(t *testing.T) {
	saved := runs(t)["breach"]
	text, _ := write(t, "hlog", saved)
	sums := map[string]*latency.Histogram{}
	for line, err := range latency.ReadLog(bytes.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		if sums[line.Tag] == nil {
			sums[line.Tag] = &latency.Histogram{}
		}
		sums[line.Tag].Merge(line.Histogram)
	}
	for _, l := range saved.Run.Loads {
		for _, r := range l.Requests {
			h := sums[r.Name]
			if h == nil || h.Count() != r.Latency.Count || milliseconds(h.Quantile(0.99)) != number(r.Latency.P99) {
				t.Errorf("%s is not as in the run", r.Name)
			}
		}
	}
	if got := sums[""].Count(); got != 44 {
		t.Errorf("%d without a tag, want 44", got)
	}
	if got := slices.Sorted(maps.Keys(sums)); len(got) != 6 {
		t.Errorf("the tags are %q", got)
	}
}

func TestOpenMetricsCountWhatTheRunCounts(t *testing.T) {
	for name, saved := range runs(t) {
		text, _ := write(t, "openmetrics", saved)
		if !bytes.HasSuffix(text, []byte("\n# EOF\n")) {
			t.Errorf("%s does not end as it has to", name)
		}
		series := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			if line[0] == '#' {
				continue
			}
			key := line[:strings.LastIndexByte(line, ' ')]
			if series[key] {
				t.Errorf("%s: twice %s", name, key)
			}
			series[key] = true
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		var want, got uint64
		for _, l := range saved.Run.Loads {
			for _, r := range l.Requests {
				want += r.Count
			}
		}
		for _, m := range families["plimsoll_request_duration_seconds"].GetMetric() {
			got += m.GetHistogram().GetSampleCount()
		}
		if got != want {
			t.Errorf("%s: %d requests, want %d", name, got, want)
		}
	}
}

func TestNoMoreAnnotationsThanGitHubShows(t *testing.T) {
	run := newMaker(shop()).save(t, "shop", report.Complete).Run
	run.Validity, run.Verdict = report.Validity{Valid: true}, report.Breach
	for i := range 25 {
		run.Budgets = append(run.Budgets, budget.Result{Expr: fmt.Sprintf("p99 < %dms", i+1), Level: budget.Fail, Result: budget.Broken})
		run.Budgets = append(run.Budgets, budget.Result{Expr: fmt.Sprintf("p98 < %dms", i+1), Level: budget.Warn, Result: budget.Broken})
	}
	var b bytes.Buffer
	if err := GitHub(&b, run, func(string) Place { return Place{} }); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"error", "warning"} {
		if n := strings.Count(b.String(), "::"+kind+" "); n != 10 {
			t.Errorf("%d annotations of kind %s", n, kind)
		}
		if !strings.Contains(b.String(), "::"+kind+" title=plimsoll::and 16 more, which are left out") {
			t.Errorf("nothing says how many of kind %s are left out:\n%s", kind, b.String())
		}
	}
}

func TestAPageIsBoundedAndSaysWhatItLeavesOut(t *testing.T) {
	l := &engine.Legend{Loads: shop().Loads}
	for i := range 1000 {
		l.Requests = append(l.Requests, engine.RequestLegend{Name: fmt.Sprintf("%d %s", i, strings.Repeat("|", 10_000))})
	}
	run := newMaker(l).save(t, strings.Repeat("<", 10_000), report.Complete).Run
	for i := range 1000 {
		run.Loads[0].Requests = append(run.Loads[0].Requests, report.Request{Name: l.Requests[i].Name, Errors: map[string]uint64{strings.Repeat("|", 9000): 1}})
		run.Validity.Reasons = append(run.Validity.Reasons, strings.Repeat("@", 10_000))
		run.Budgets = append(run.Budgets, budget.Result{Expr: strings.Repeat("`", 10_000), Level: budget.Fail, Result: budget.Broken})
	}
	run.Command = []string{"plimsoll", "run", strings.Repeat("`", 3000)}
	var b bytes.Buffer
	if err := Markdown(&b, run); err != nil {
		t.Fatal(err)
	}
	if b.Len() > mostPage+10_000 {
		t.Errorf("the page has %d bytes", b.Len())
	}
	if n := strings.Count(b.String(), "left out"); n < 3 {
		t.Errorf("only %d times something is said to be left out", n)
	}
}

func TestAStatusThatWasAskedForIsNoFailure(t *testing.T) {
	asked := report.Request{Name: "missing", Count: 40, OK: 40, Codes: map[string]uint64{"404": 40}}
	if got := failuresOf(&asked); len(got) > 0 {
		t.Errorf("%v went wrong with it", got)
	}
	failed := report.Request{Name: "order", Count: 40, OK: 30, Failed: 10, Codes: map[string]uint64{"200": 30, "503": 10}}
	if got := failuresOf(&failed); len(got) != 1 || got[0].n != 10 {
		t.Errorf("%v went wrong, want a status of ten requests", got)
	}
}

func FuzzEscapers(f *testing.F) {
	for _, name := range evil() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := tame(s)
		if !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Fatalf("%q is not tame", shown)
		}
		if utf8.RuneCountInString(shown) > mostName {
			t.Fatalf("%d characters", utf8.RuneCountInString(shown))
		}
		if got := unescape(escapeProperty(s)); got != s {
			t.Errorf("a property reads back as %q", got)
		}
		if got := unescape(escapeMessage(s)); got != s {
			t.Errorf("a message reads back as %q", got)
		}
		if strings.ContainsAny(escapeMessage(s), "\r\n") || strings.ContainsAny(escapeProperty(s), "\r\n:,") {
			t.Errorf("%q ends an annotation, or a property of it", s)
		}
		for _, text := range []string{name(s), prose(s)} {
			inner := strings.TrimSuffix(strings.TrimPrefix(text, "<code>"), "</code>")
			inner = strings.ReplaceAll(inner, "<!-- -->", "")
			if strings.ContainsAny(inner, "<>|`*[]\r\n@") && inner != "_(no name)_" {
				t.Errorf("%q means something in Markdown", text)
			}
		}
		fuzzFiles(t, s, shown)
	})
}

// fuzzFiles writes the name into whole files and reads it back.
func fuzzFiles(t *testing.T, s, shown string) {
	t.Helper()
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	if err := out.Write([]string{cell(shown), "1"}); err != nil {
		t.Fatal(err)
	}
	out.Flush()
	row, err := csv.NewReader(&b).Read()
	if err != nil || strings.TrimPrefix(row[0], "'") != shown {
		t.Errorf("CSV reads back as %q, %v", row, err)
	}
	b.Reset()
	run := &report.Run{Meta: report.Meta{Scenario: s, Target: s, Command: []string{"plimsoll", s}, Started: time.Unix(0, 0)}, Budgets: []budget.Result{{Expr: s, Reason: s}}, Notes: []string{s}}
	if err := JUnit(&b, run); err != nil {
		t.Fatal(err)
	}
	var file junitFile
	if err := xml.Unmarshal(b.Bytes(), &file); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if got := file.Suites[0].Name; got != shown {
		t.Errorf("the suite reads back as %q, want %q", got, shown)
	}
}

// unescape reads the value of a workflow command as the runner does.
func unescape(s string) string {
	return strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace(s)
}

func TestAWordForAShellReadsBack(t *testing.T) {
	for want, word := range map[string]string{
		"a": "a", "''": "", `'a b'`: "a b", `'it'\''s'`: "it's", `$'a\x0ab'`: "a\nb", `$'\xe2\x80\xaex\'\\'`: "\u202ex'\\", "'$(x)'": "$(x)",
	} {
		if got := report.Quote(word); got != want {
			t.Errorf("quote(%q) is %s, want %s", word, got, want)
		}
	}
}

func TestTheCommandRunsElsewhere(t *testing.T) {
	for want, command := range map[string][]string{
		"":                                     nil,
		"plimsoll run shop.yaml --seed 7":      {"plimsoll", "run", "shop.yaml", "--out", "x", "-o", "junit=a", "--output=csv=b", "-ojson=c"},
		"plimsoll run a.yaml --seed 3":         {"plimsoll", "run", "a.yaml", "--seed", "3"},
		"plimsoll check x --budget 'p99 < 1s'": {"plimsoll", "check", "x", "--budget", "p99 < 1s"},
	} {
		if got := report.Again(command, 7); got != want {
			t.Errorf("%q became %q, want %q", command, got, want)
		}
	}
}

func TestLinesOfBudgets(t *testing.T) {
	got := Lines("scenario: x\nbudgets:\n  - p99 < 1000ms  # slow\n  - \"errors  <  1%\"\nclaims:\n- p99[on]  < 0.5 * p99[off]\n  - p99 < 1s\n")
	if diff := cmp.Diff(map[string]int{"p99 < 1s": 3, "errors < 1%": 4, "p99[on] < 0.5 * p99[off]": 6}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
