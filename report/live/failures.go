package live

import (
	"cmp"
	"fmt"
	"slices"

	"plimsoll/engine"
)

// failure is how often requests ended in one way that is not good.
type failure struct {
	request, what string
	check         bool // a check that answers failed, and they are counted under their status as well
	n             uint64
}

// failures returns what went wrong so far, the most frequent first: errors by their kind,
// and bad answers by their status, or by the check that they failed.
func (r *runState) failures() []failure {
	if r.total == nil {
		return nil
	}
	counts, refused := map[failure]uint64{}, r.refused()
	for _, c := range r.total.Cells {
		name := r.Legend.Requests[c.Request].Name
		switch c.Outcome {
		case engine.Error:
			for _, e := range c.Errors {
				counts[failure{request: name, what: e.Kind}] += e.N
			}
		case engine.Failed:
			r.badAnswers(c, name, refused[c.Request], counts)
		}
	}
	all := make([]failure, 0, len(counts))
	for k, n := range counts {
		all = append(all, failure{clean(k.request), clean(k.what), k.check, n})
	}
	slices.SortFunc(all, func(a, b failure) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.what, b.what), cmp.Compare(a.request, b.request))
	})
	return all
}

// refused returns the requests that were answered with a status that is an error by itself.
func (r *runState) refused() map[int]bool {
	found := map[int]bool{}
	for _, c := range r.total.Cells {
		if c.Outcome == engine.Failed && slices.ContainsFunc(c.Codes, func(s engine.CodeCount) bool { return s.Status >= 400 }) {
			found[c.Request] = true
		}
	}
	return found
}

// badAnswers counts statuses that are errors by themselves, or that no check explains, and
// the checks.
func (r *runState) badAnswers(c *engine.Cell, name string, refused bool, counts map[failure]uint64) {
	explained := slices.ContainsFunc(c.ChecksFailed, func(n uint64) bool { return n > 0 })
	for _, s := range c.Codes {
		if s.Status >= 400 || !explained {
			counts[failure{request: name, what: statusName(s.Status)}] += s.N
		}
	}
	for i, n := range c.ChecksFailed {
		checks := r.Legend.Requests[c.Request].Checks
		if n > 0 && i < len(checks) {
			counts[failure{request: name, what: "check " + checks[i], check: refused}] += n
		}
	}
}

func (m *model) errorsPane(whole bool) pane {
	t, all := &m.theme, m.run.failed
	n, bad := m.run.counts[0], m.run.counts[1]
	extra := t.dim.paint("none in " + plural(n, "request"))
	if bad > 0 {
		extra = t.bad.paint(fmt.Sprintf("%s of %s, %s", count(bad), count(n), percent(float64(bad)/float64(n))))
	}
	p := pane{title: "errors", extra: one(extra), least: min(len(all), 1), want: min(len(all), 6), rank: 1}
	if whole {
		p.least, p.want, p.grow = 3, len(all), 3
	}
	p.draw = func(width, height int) []string {
		if whole && len(all) == 0 {
			return []string{t.dim.paint("nothing went wrong so far")}
		}
		return m.errorLines(all, width, height)
	}
	return p
}

// errorLines writes a line for each kind of error, as many as there is room for.
func (m *model) errorLines(all []failure, width, height int) (lines []string) {
	t := &m.theme
	for i, f := range all {
		if i == height-1 && i > 0 && len(all) > height {
			return append(lines, t.dim.paint(fmt.Sprintf("  and %d more kinds", len(all)-i)))
		}
		mark := t.bad.paint("✗")
		if f.check {
			mark = t.near.paint("·") // counted under its status, too
		}
		end := count(f.n)
		if more := len(all) - 1; height == 1 && more > 0 {
			end += t.dim.paint(fmt.Sprintf("  and %d more", more))
		}
		lines = append(lines, apart(mark+" "+f.what+t.dim.paint("  "+f.request), end, width))
		if height == 1 {
			break
		}
	}
	return lines
}
