package export

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report"
)

// dropped is in the column outcome for arrivals that were never sent: max_in_flight was
// reached. They belong to a load and a stage, and to no request.
const dropped = "dropped"

// shares are the quantiles that a row has of each clock.
func shares() []float64 { return []float64{0.5, 0.9, 0.95, 0.99, 0.999} }

// columns of the CSV of a run. Others may be added behind them; none is renamed.
func columns() []string {
	all := []string{
		"variant", "run", "time", "from_s", "to_s", "load", "stage", "request", "outcome",
		"count", "errors", "bytes_in", "bytes_out", "new_connections",
	}
	for _, clock := range []string{"latency", "service", "lag"} {
		for _, q := range []string{"mean", "p50", "p90", "p95", "p99", "p99_9", "max"} {
			all = append(all, clock+"_"+q+"_ms")
		}
	}
	return all
}

// CSV writes the intervals of a run, or of all runs of an experiment: RFC 4180, one row per
// interval, load, stage, request and outcome that occurred, as it reads them, so a long run
// takes no more memory than a short one. Times are in milliseconds and seconds; errors is
// count where the outcome is no good answer, else 0. Times of different rows cannot be
// averaged to a percentile: the log of package latency merges. A name that a spreadsheet
// would take for a formula stands behind an apostrophe, and one that begins with an
// apostrophe as well. The notes say what is missing.
func CSV(w io.Writer, saved *report.Saved) (notes []string, err error) {
	parts, notes := partsOf(saved)
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns()); err != nil {
		return notes, err
	}
	for _, p := range parts {
		t := &csvTable{out: out, part: p, names: namesOf(p.saved.Run.Legend.Engine())}
		note, err := each(p.saved, t.interval)
		if err != nil {
			out.Flush() // what was read is worth something
			return notes, err
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	out.Flush()
	return notes, out.Error()
}

// csvTable writes the rows of one run.
type csvTable struct {
	out *csv.Writer
	part
	names names
}

func (t *csvTable) interval(s *engine.Snapshot) error {
	for _, c := range s.Cells {
		if err := t.out.Write(t.cell(s, c)); err != nil {
			return err
		}
	}
	for l := range s.Tallies {
		for g, tally := range s.Tallies[l] {
			if tally.Dropped == 0 {
				continue
			}
			row := append(t.key(s, l, g, "", dropped), count(tally.Dropped), count(tally.Dropped))
			row = append(row, make([]string, len(columns())-len(row))...)
			if err := t.out.Write(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// key is the part of a row that says what it is about.
func (t *csvTable) key(s *engine.Snapshot, load, stage int, request, outcome string) []string {
	run := ""
	if t.number > 0 {
		run = strconv.Itoa(t.number)
	}
	at := t.saved.Run.Started.Add(s.From).UTC().Format("2006-01-02T15:04:05.000Z")
	return []string{
		cell(tame(t.variant)), run, at, seconds(s.From), seconds(s.To),
		cell(t.names.loads[load]), cell(t.names.stages[load][stage]), cell(request), outcome,
	}
}

func (t *csvTable) cell(s *engine.Snapshot, c *engine.Cell) []string {
	bad := c.Count()
	if c.Outcome == engine.OK {
		bad = 0
	}
	row := append(t.key(s, c.Load, c.Stage, t.names.requests[c.Request], c.Outcome.String()),
		count(c.Count()), count(bad), strconv.FormatInt(c.BytesIn, 10), strconv.FormatInt(c.BytesOut, 10), count(c.NewConnections))
	for _, h := range []*latency.Histogram{&c.Latency, &c.Service, &c.Lag} {
		row = append(row, times(h)...)
	}
	return row
}

// times are mean, quantiles and maximum of a histogram, empty without values: no data is
// not zero.
func times(h *latency.Histogram) []string {
	if h.Count() == 0 {
		return make([]string, len(shares())+2)
	}
	at := make([]time.Duration, len(shares()))
	h.Quantiles(at, shares()...)
	row := []string{milliseconds(min(h.Mean(), h.Max()))} // a saved mean is that of its buckets
	for _, d := range at {
		row = append(row, milliseconds(d))
	}
	return append(row, milliseconds(h.Max()))
}

// cell makes a name one that a spreadsheet shows and does not compute.
func cell(name string) string {
	if name != "" && strings.ContainsRune("=+-@'\t\r", rune(name[0])) {
		return "'" + name
	}
	return name
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

func seconds(d time.Duration) string { return number(d.Seconds()) }

func milliseconds(d time.Duration) string { return number(float64(d) / float64(time.Millisecond)) }

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// CapacityCSV writes the curve of a search: latency against load, one row per rate, rising.
// Rates are per second, times in milliseconds, errors a share of 0 to 1.
func CapacityCSV(w io.Writer, c *report.Capacity) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	header := []string{"rate_per_s", "achieved_per_s", "verdict", "trials", "errors"}
	for _, clock := range []string{"latency", "service"} {
		for _, q := range []string{"mean", "p50", "p90", "p95", "p99", "p99_9", "max"} {
			header = append(header, fmt.Sprintf("%s_%s_ms", clock, q))
		}
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for _, p := range c.Curve {
		row := []string{number(p.Rate), number(p.Achieved), p.Verdict, strconv.Itoa(p.Trials), number(p.Errors)}
		for _, q := range []*report.Quantiles{p.Latency, p.Service} {
			if q == nil {
				row = append(row, make([]string, len(shares())+2)...)
				continue
			}
			for _, ms := range []float64{q.Mean, q.P50, q.P90, q.P95, q.P99, q.P999, q.Max} {
				row = append(row, number(ms))
			}
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
