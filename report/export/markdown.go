package export

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"plimsoll/report"
)

// mostRows is how many rows of a table are shown.
const mostRows = 200

// Markdown writes a run, or an experiment, as a page for the job summary of a build server:
// the verdict, what it was judged by with what is broken first, what spoils the measurement,
// the loads, every request, what failed, and the command that makes the run again. The page
// is of 256 KiB at the most; what is left out is counted.
func Markdown(w io.Writer, run *report.Run) error {
	p := &page{}
	p.add(fmt.Sprintf("## %s %s: %s\n\n", mark(run.Verdict), strings.ToUpper(string(run.Verdict)), name(run.Scenario)))
	p.add(prose(sentence(run)) + ".\n\n")
	about := duration(run.DurationS*1e3) + ", started " + run.Started.UTC().Format("2006-01-02 15:04:05 UTC")
	if run.Target != "" {
		about += ", against " + name(run.Target)
	}
	p.add(about + "\n\n")
	p.list("⚠️ ", run.Validity.Reasons)
	p.judged(run)
	if say, command := report.Reproduce(run); command != "" {
		p.add(say + "\n\n" + block("sh", command))
	}
	if run.Experiment != nil {
		p.variants(run.Experiment)
	} else {
		p.loads(run.Loads)
		p.requests(run.Loads)
		p.failures(run.Loads)
	}
	if notes := slices.Concat(run.Remarks, run.Notes); len(notes) > 0 {
		p.add("### Notes\n\n")
		p.list("", notes)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func mark(v report.Verdict) string {
	switch v {
	case report.Pass:
		return "✅"
	case report.Breach, report.Regression, report.Failed:
		return "❌"
	}
	return "⚠️"
}

// judged shows budgets or claims, the worst first.
func (p *page) judged(run *report.Run) {
	all := slices.DeleteFunc(judgements(run), func(j judgement) bool { return j.kind == "measurement" })
	if len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(a, b judgement) int { return cmp.Compare(b.grade, a.grade) })
	word := map[grade]string{good: "✅ kept", warning: "⚠️ warning", open: "⚠️ inconclusive", broken: "❌ broken"}
	title := "Budget"
	if run.Experiment != nil {
		word[good], word[broken], title = "✅ confirmed", "❌ refuted", "Claim"
	}
	rows := [][]string{{title, "Result", "Numbers"}}
	for _, j := range all {
		result := word[j.grade]
		if j.kind == "run" {
			result = map[grade]string{good: "✅", open: "⚠️", broken: "❌"}[j.grade]
		}
		rows = append(rows, []string{name(j.name), result, prose(j.say)})
	}
	p.add("### " + title + "s\n\n")
	p.table(rows, mostRows, false)
}

func (p *page) loads(loads []report.Load) {
	rows := [][]string{{"Load", "Planned", "Sent", "Failed", "Dropped", "Unfinished", "Offered", "Achieved", "p50", "p99", "Max"}}
	for _, l := range loads {
		rows = append(rows, append([]string{
			name(l.Name), report.FormatCount(l.Planned), report.FormatCount(l.Sent), report.FormatCount(l.Failed), report.FormatCount(l.Dropped),
			report.FormatCount(l.Unfinished), report.FormatNumber(l.Offered) + "/s", report.FormatNumber(l.Achieved) + "/s",
		}, quantiles(l.Latency, false)...))
	}
	if len(loads) > 0 {
		p.add("### Loads\n\n")
		p.table(rows, mostRows, true)
	}
}

func (p *page) requests(loads []report.Load) {
	rows := [][]string{{"Request", "Load", "Count", "Failed", "Unfinished", "p50", "p95", "p99", "Max", "Service p99"}}
	for _, l := range loads {
		for _, r := range l.Requests {
			service := "–"
			if r.Service != nil {
				service = duration(r.Service.P99)
			}
			row := []string{name(r.Name), name(l.Name), report.FormatCount(r.Count), report.FormatCount(r.Failed), report.FormatCount(r.Unfinished)}
			rows = append(rows, append(append(row, quantiles(r.Latency, true)...), service))
		}
	}
	if len(rows) > 1 {
		p.add("### Requests\n\nLatency counts from when a request was due.\n\n")
		p.table(rows, mostRows, true)
	}
}

// quantiles are the cells of a table for times.
func quantiles(q *report.Quantiles, p95 bool) []string {
	cells := []string{"–", "–", "–"}
	if q != nil {
		cells = []string{duration(q.P50), duration(q.P99), duration(q.Max)}
	}
	switch {
	case p95 && q != nil:
		return slices.Insert(cells, 1, duration(q.P95))
	case p95:
		return append(cells, "–")
	}
	return cells
}

// failure is something that went wrong with a request.
type failure struct {
	request, what string
	n             uint64
}

// failuresOf returns what went wrong with a request. Statuses count where the request failed
// at least once: a 404 that a check asks for is none.
func failuresOf(r *report.Request) (all []failure) {
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		all = append(all, failure{r.Name, name(kind), r.Errors[kind]})
	}
	for _, code := range slices.Sorted(maps.Keys(r.Codes)) {
		if r.Failed > 0 && code >= "400" {
			all = append(all, failure{r.Name, "status " + name(code), r.Codes[code]})
		}
	}
	for _, check := range slices.Sorted(maps.Keys(r.Checks)) {
		if n := r.Checks[check].Failed; n > 0 {
			all = append(all, failure{r.Name, "check " + name(check), n})
		}
	}
	return all
}

// failures shows what went wrong, the most frequent first.
func (p *page) failures(loads []report.Load) {
	var all []failure
	for _, l := range loads {
		for i := range l.Requests {
			all = append(all, failuresOf(&l.Requests[i])...)
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(a, b failure) int { return cmp.Compare(b.n, a.n) })
	rows := [][]string{{"What", "Request", "Count"}}
	for _, f := range all {
		rows = append(rows, []string{f.what, name(f.request), report.FormatCount(f.n)})
	}
	p.add("### What failed\n\n")
	p.table(rows, mostRows/2, false)
}

// variants shows the runs of an experiment.
func (p *page) variants(e *report.Experiment) {
	rows := [][]string{{"Run", "Variant", "Settings", "Verdict", "Load", "Achieved", "Failed", "p50", "p99", "Max"}}
	for _, v := range e.Variants {
		var settings []string
		for _, key := range slices.Sorted(maps.Keys(v.Settings)) {
			settings = append(settings, name(key+"="+v.Settings[key]))
		}
		for _, r := range v.Runs {
			for _, l := range r.Loads {
				rows = append(rows, append([]string{
					fmt.Sprint(r.Number), name(v.Name), strings.Join(settings[:min(len(settings), mostPoints)], " "), name(string(r.Verdict)), name(l.Name),
					report.FormatNumber(l.Achieved) + "/s", report.FormatCount(l.Failed),
				}, quantiles(l.Latency, false)...))
			}
		}
	}
	if len(rows) > 1 {
		p.add("### Runs\n\n")
		p.table(rows, mostRows, false)
	}
}
