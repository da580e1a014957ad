package cmd

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"plimsoll/engine"
	"plimsoll/report"
)

// repeatedruns BASE NEW N FACTOR [apart|invalid|rate] saves N runs in each of two
// directories, which took turns: an open load of ten seconds, 100 requests named home in each
// second, answered after 10 to 20 ms, a little more or less in each run, and in new times
// FACTOR. With apart, all of base ran first; with invalid, the last of new cannot be trusted;
// with rate, new was planned with another rate. With N = 1, BASE and NEW are the runs.
func repeatedRuns(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: repeatedruns BASE NEW N FACTOR [apart|invalid|rate]")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	factor, err := strconv.ParseFloat(args[3], 64)
	ts.Check(err)
	how := append(args, "")[4]
	for i := range 2 * n {
		side, run := i%2, i/2
		if how == "apart" {
			side, run = i/n, i%n
		}
		one := savedOne{started: time.Duration(i) * time.Minute, median: 1 + 0.003*float64((7*i)%5-2), rate: 100, valid: true, cuts: 2}
		dir := args[side]
		if n == 1 {
			one.cuts = 10
		} else {
			dir = filepath.Join(dir, "0"+strconv.Itoa(run))
		}
		if side == 1 {
			one.median *= factor
			one.valid = how != "invalid" || run < n-1
			if how == "rate" {
				one.rate = 120
			}
		}
		ts.Check(one.save(ts.MkAbs(dir)))
	}
}

// savedOne is a run to save.
type savedOne struct {
	started time.Duration
	median  float64 // times 15 ms
	rate    float64 // planned
	valid   bool
	cuts    int // intervals
}

func (o savedOne) save(dir string) error {
	legend := &engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "visitors", Model: "open", Stages: []engine.StageLegend{{Name: "calm", To: 10 * time.Second, Planned: o.rate}}}},
		Requests: []engine.RequestLegend{{Name: "home"}},
	}
	meta := report.Meta{Scenario: "shop", Source: report.Source{SHA256: "abc"}, Target: "http://127.0.0.1:1", Started: time.Unix(0, 0).UTC().Add(o.started), IntervalS: 10 / float64(o.cuts)}
	writer, err := report.Create(dir, meta, legend, nil)
	if err != nil {
		return err
	}
	total := engine.NewSnapshot(legend)
	for cut := range o.cuts {
		s := o.interval(legend, cut)
		if err := writer.Interval(s); err != nil {
			return err
		}
		total.Merge(s)
	}
	run := report.Summarize(meta, total, nil, report.Complete)
	if !o.valid {
		run.Validity = report.Validity{Reasons: []string{"visitors: the generator began late"}, Little: []report.Little{}}
	}
	return writer.Finish(run)
}

func (o savedOne) interval(legend *engine.Legend, cut int) *engine.Snapshot {
	s := engine.NewSnapshot(legend)
	length := 10 * time.Second / time.Duration(o.cuts)
	s.From, s.To = time.Duration(cut)*length, time.Duration(cut+1)*length
	cell, tally := s.Cell(engine.Key{}), &s.Tallies[0][0]
	for due := s.From; due < s.To; due += 10 * time.Millisecond {
		took := time.Duration(o.median * (10 + float64(tally.Sent%100)/10) * 1e6)
		cell.Add(&engine.Sample{Due: due, Start: due, End: due + took, Status: 200})
		tally.Planned, tally.Sent, tally.Completed, tally.Busy = tally.Planned+1, tally.Sent+1, tally.Completed+1, tally.Busy+took
	}
	s.Health = engine.Health{CPU: 50 * time.Millisecond, Capacity: 2 * length, InFlight: 2, Connections: 2}
	return s
}
