package history

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"plimsoll/report"
)

// Scenarios returns the names of all scenarios in the store.
func (s *Store) Scenarios(ctx context.Context) ([]string, error) {
	return s.strings(ctx, "SELECT DISTINCT scenario FROM runs ORDER BY scenario")
}

// Requests returns the names of all requests in the store.
func (s *Store) Requests(ctx context.Context) ([]string, error) {
	return s.strings(ctx, "SELECT DISTINCT request FROM figures WHERE request <> '' ORDER BY request")
}

func (s *Store) strings(ctx context.Context, query string) (all []string, err error) {
	err = s.read(ctx, query, nil, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		all = append(all, text)
		return err
	})
	return all, err
}

// read calls each for every row of the answer.
func (s *Store) read(ctx context.Context, query string, args []any, each func(*sql.Rows) error) error {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read store %s: %w", s.path, err)
	}
	defer rows.Close() //nolint:errcheck // it was only read
	for rows.Next() {
		if err := each(rows); err != nil {
			return fmt.Errorf("read store %s: %w", s.path, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read store %s: %w", s.path, err)
	}
	return nil
}

// History returns the trends of what the query asks for.
func (s *Store) History(ctx context.Context, q Query) (*report.History, error) {
	h := &report.History{
		Schema: report.HistorySchema, Store: s.path, Series: []report.HistorySeries{}, LeftOut: []report.LeftOut{}, Notes: []string{},
		Rules: report.HistoryRules{Alpha: alpha, LeastEffect: leastEffect, Window: window, Fewest: Fewest},
	}
	if !q.Since.IsZero() {
		h.Since = &q.Since
	}
	rows, err := s.runs(ctx, &q)
	if err != nil {
		return nil, err
	}
	lines := gather(rows, h)
	trends, err := s.trends(ctx, &q)
	if err != nil {
		return nil, err
	}
	for _, line := range newestFirst(lines, q.All) {
		series := line.show(trends, q.metrics())
		for _, t := range series.Trends {
			if t.Needs == 0 {
				h.Tested++
				h.ByChance += min(byChance*float64(len(t.Points)), 1)
			}
		}
		h.Series = append(h.Series, series)
	}
	h.Notes = append(h.Notes, notes(h)...)
	return h, nil
}

// row is a run in the store.
type row struct {
	id     int64
	series series
	run    report.HistoryRun
	reason string
}

func (s *Store) runs(ctx context.Context, q *Query) (all []row, err error) {
	query := "SELECT id, scenario, part, quick, target, machine, version, dir, started, verdict, program, reason FROM runs WHERE started >= ? ORDER BY started, key"
	err = s.read(ctx, query, []any{nanoseconds(q.Since)}, func(rows *sql.Rows) error {
		var r row
		var started int64
		err := rows.Scan(&r.id, &r.series.scenario, &r.series.part, &r.series.quick, &r.series.target, &r.series.machine, &r.series.version,
			&r.run.Dir, &started, &r.run.Verdict, &r.run.Plimsoll, &r.reason)
		r.run.Dir, r.run.Started = s.outside(r.run.Dir), time.Unix(0, started).UTC()
		if matches(q.Scenarios, r.series.scenario) {
			all = append(all, r)
		}
		return err
	})
	return all, err
}

// line is the runs of a series, the oldest first.
type line struct {
	series
	rows                 []row
	versions, otherwhere int // older versions that are not shown, and their runs
}

func (l *line) last() time.Time { return l.rows[len(l.rows)-1].run.Started }

// gather puts runs into series, and those that count in none where they are listed.
func gather(rows []row, h *report.History) []*line {
	lines := map[series]*line{}
	for _, r := range rows {
		if r.reason != "" {
			h.LeftOut = append(h.LeftOut, report.LeftOut{Dir: r.run.Dir, Scenario: r.series.scenario, Reason: r.reason})
			continue
		}
		l := lines[r.series]
		if l == nil {
			l = &line{series: r.series}
			lines[r.series] = l
		}
		l.rows = append(l.rows, r)
	}
	return slices.SortedFunc(maps.Values(lines), func(a, b *line) int {
		return cmp.Or(cmp.Compare(a.scenario, b.scenario), compareBool(a.quick, b.quick), cmp.Compare(a.part, b.part),
			cmp.Compare(a.target, b.target), cmp.Compare(a.machine, b.machine), b.last().Compare(a.last()), cmp.Compare(a.version, b.version))
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// newestFirst leaves, of series that only differ in the version, the one that ran last, unless
// all are wanted.
func newestFirst(lines []*line, all bool) []*line {
	if all {
		return lines
	}
	var kept []*line
	for _, l := range lines {
		same := l.series
		if len(kept) > 0 {
			same.version = kept[len(kept)-1].version
		}
		if len(kept) > 0 && same == kept[len(kept)-1].series {
			kept[len(kept)-1].versions++
			kept[len(kept)-1].otherwhere += len(l.rows)
			continue
		}
		kept = append(kept, l)
	}
	return kept
}

// trends returns the figures that the query asks for, by run.
func (s *Store) trends(ctx context.Context, q *Query) (map[int64][]figure, error) {
	wanted := q.metrics()
	args := []any{nanoseconds(q.Since)}
	for _, m := range wanted {
		args = append(args, m)
	}
	query := `SELECT run, load, request, metric, value FROM figures JOIN runs ON runs.id = run
		WHERE started >= ? AND metric IN (?` + strings.Repeat(", ?", len(wanted)-1) + `) ORDER BY run, load, request`
	all := map[int64][]figure{}
	err := s.read(ctx, query, args, func(rows *sql.Rows) error {
		var run int64
		var f figure
		err := rows.Scan(&run, &f.load, &f.request, &f.metric, &f.value)
		if matches(q.Requests, f.request) {
			all[run] = append(all[run], f)
		}
		return err
	})
	return all, err
}

// show looks for change points in every figure of the series.
func (l *line) show(figures map[int64][]figure, wanted []string) report.HistorySeries {
	out := report.HistorySeries{
		Scenario: l.scenario, Part: l.part, Quick: l.quick, Target: l.target, Machine: l.machine, Version: l.version,
		OtherVersions: l.versions, OtherRuns: l.otherwhere, Trends: []report.Trend{},
	}
	type name struct{ load, request, metric string }
	points := map[name][]report.TrendPoint{}
	for i, r := range l.rows {
		out.Runs = append(out.Runs, r.run)
		for _, f := range figures[r.id] {
			n := name{f.load, f.request, f.metric}
			points[n] = append(points[n], report.TrendPoint{Run: i, Value: f.value})
		}
	}
	order := slices.SortedFunc(maps.Keys(points), func(a, b name) int {
		return cmp.Or(cmp.Compare(a.load, b.load), cmp.Compare(a.request, b.request),
			cmp.Compare(slices.Index(wanted, a.metric), slices.Index(wanted, b.metric)))
	})
	for _, n := range order {
		if m, ok := metricOf(n.metric); ok {
			t := report.Trend{Load: n.load, Request: n.request, Metric: n.metric, Points: points[n]}
			if t = trendOf(m, t, out.Runs); len(t.Points) > 0 { // a rate that is always 0 has no ratio to anything
				out.Trends = append(out.Trends, t)
			}
		}
	}
	return out
}

// notes says what a reader should know.
func notes(h *report.History) []string {
	var all []string
	if h.Tested > 0 {
		all = append(all, fmt.Sprintf("%s tested: if nothing ever changed, up to %s of them would show a change point by chance, and more where the machine drifts slowly; look into them, and let plimsoll compare gate the build",
			plural(h.Tested, "trend"), report.FormatNumber(h.ByChance)))
	}
	drifting := 0
	for _, s := range h.Series {
		for _, t := range s.Trends {
			if t.Drifts {
				drifting++
			}
		}
	}
	if drifting > 0 {
		all = append(all, fmt.Sprintf("%s where neighbouring runs resemble each other (~): slow drift looks like change points there",
			plural(drifting, "trend")))
	}
	return all
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
