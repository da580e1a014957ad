package export

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"plimsoll/report"
)

// The elements of JUnit's XML that build servers agree upon. Attributes that only one of
// the schemas knows are left out, and those are there that one of them demands.
type (
	junitFile struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Package    string      `xml:"package,attr"`
		ID         int         `xml:"id,attr"`
		Name       string      `xml:"name,attr"`
		Timestamp  string      `xml:"timestamp,attr"` // UTC; the schema has no room for a zone
		Hostname   string      `xml:"hostname,attr"`
		Tests      int         `xml:"tests,attr"`
		Failures   int         `xml:"failures,attr"`
		Errors     int         `xml:"errors,attr"`
		Skipped    int         `xml:"skipped,attr"`
		Time       string      `xml:"time,attr"` // seconds
		Properties []property  `xml:"properties>property"`
		Cases      []junitCase `xml:"testcase"`
		Out        junitText   `xml:"system-out"`
		Err        string      `xml:"system-err"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
	property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Skipped *junitProblem `xml:"skipped,omitempty"`
		Error   *junitProblem `xml:"error,omitempty"`
		Failure *junitProblem `xml:"failure,omitempty"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes a run, or an experiment, as a test suite for build servers: a test case for
// the measurement itself and one for each budget or claim. Broken is a failure; what is
// inconclusive, or rests on a measurement that is not valid, is an error, never green; a
// broken budget that only warns, and a budget kept in a run that is not valid, are skipped,
// with the reason. So the suite is red exactly if the verdict is not pass.
func JUnit(w io.Writer, run *report.Run) error {
	suite := junitSuite{
		Package: "plimsoll", Name: tame(run.Scenario), Timestamp: run.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: "localhost",
		Time: fmt.Sprintf("%.3f", run.DurationS), Properties: properties(run), Out: junitText{story(run)},
	}
	for i, j := range judgements(run) {
		c := junitCase{Name: tame(j.name), Class: "plimsoll." + tame(run.Scenario), Time: "0"}
		if i == 0 {
			c.Time = suite.Time
		}
		problem := &junitProblem{Message: shorten(plain(j.say), mostMessage), Text: shorten(plain(j.name+": "+j.say), mostMessage)}
		suite.Tests++
		switch j.grade {
		case broken:
			problem.Type = j.kind
			c.Failure, suite.Failures = problem, suite.Failures+1
		case open:
			problem.Type = "inconclusive"
			c.Error, suite.Errors = problem, suite.Errors+1
		case warning:
			problem.Text = ""
			c.Skipped, suite.Skipped = problem, suite.Skipped+1
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitFile{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// mostMessage is how many characters a message has at the most.
const mostMessage = 2000

func properties(run *report.Run) []property {
	all := []property{{"verdict", string(run.Verdict)}, {"ended", string(run.Ended)}, {"valid", fmt.Sprint(run.Validity.Valid)}}
	for _, p := range []property{
		{"target", run.Target},
		{"plimsoll.version", run.Plimsoll.Version},
		{"plimsoll.os", run.Plimsoll.OS},
		{"plimsoll.command", report.Again(run.Command, run.Seed)},
		{"scenario.sha256", run.Source.SHA256},
	} {
		if p.Value != "" {
			all = append(all, property{p.Name, shorten(plain(p.Value), mostMessage)})
		}
	}
	return append(all, property{"started", run.Started.UTC().Format(time.RFC3339)})
}

// story is what stands beside the test cases: the verdict, what spoils it, and a line per
// request.
func story(run *report.Run) string {
	lines := []string{strings.ToUpper(string(run.Verdict)) + "  " + sentence(run)}
	for _, r := range run.Validity.Reasons {
		lines = append(lines, "! "+r)
	}
	for _, l := range run.Loads {
		for _, r := range l.Requests {
			line := fmt.Sprintf("%s / %s: %s requests, %s failed", tame(l.Name), tame(r.Name), report.FormatCount(r.Count), report.FormatCount(r.Failed))
			if q := r.Latency; q != nil {
				line += fmt.Sprintf(", p50 %s, p99 %s, max %s", duration(q.P50), duration(q.P99), duration(q.Max))
			}
			lines = append(lines, line)
		}
	}
	for _, n := range run.Notes {
		lines = append(lines, "· "+n)
	}
	const most = 200
	if more := len(lines) - most; more > 0 {
		lines = append(lines[:most], fmt.Sprintf("and %d more lines, which are left out", more))
	}
	for i := range lines {
		lines[i] = shorten(plain(lines[i]), mostMessage)
	}
	return strings.Join(lines, "\n")
}

func duration(ms float64) string {
	return report.FormatDuration(time.Duration(ms * float64(time.Millisecond)))
}
