package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
	"plimsoll/report/budget"
)

// calm returns a run of the shop in which all is well: 1,000 open and 1,000 closed passes
// of 20 ms each.
func calm() *engine.Snapshot {
	s := engine.NewSnapshot(shop())
	s.To = 10 * time.Second
	s.Health = engine.Health{CPU: 2 * time.Second, GC: 50 * time.Millisecond, Capacity: 20 * time.Second, OpenFiles: 80, FileLimit: 1024, InFlight: 8, Connections: 8}
	for range 1000 {
		m := sample(20*time.Millisecond, engine.OK)
		m.Start += 50 * time.Microsecond
		add(s, m)
		m = sample(20*time.Millisecond, engine.OK)
		m.Load = 1
		add(s, m)
	}
	return s
}

// late makes a share of the open load's requests begin late.
func late(s *engine.Snapshot, n int, lag, service time.Duration) {
	for range n {
		m := sample(lag+service, engine.OK)
		m.Start += lag
		add(s, m)
	}
}

// lateIn is late in another stage of the open load.
func lateIn(s *engine.Snapshot, stage, n int, lag time.Duration) {
	for range n {
		m := sample(lag+20*time.Millisecond, engine.OK)
		m.Stage = stage
		m.Start += lag
		add(s, m)
	}
}

// broken returns results of broken budgets about time.
func broken(exprs ...string) (results []budget.Result) {
	for _, x := range exprs {
		name := x[strings.LastIndexByte(strings.Fields(x)[0], '.')+1:]
		results = append(results, budget.Result{Expr: x, Metric: strings.Fields(name)[0], Unit: "ms", Result: budget.Broken, Level: budget.Fail})
	}
	return results
}

func failed(s *engine.Snapshot, kind string) {
	m := sample(time.Millisecond, engine.Error)
	m.ErrKind = kind
	add(s, m)
}

func TestValidity(t *testing.T) {
	onDropped := []budget.Result{{Expr: "dropped < 5%", Metric: "dropped", Result: budget.Kept, Level: budget.Fail}}
	for name, c := range map[string]struct {
		change  func(*engine.Snapshot)
		results []budget.Result
		ended   Ending
		reason  string // a part of the reason; empty: valid
		limit   string
	}{
		"a calm run is valid": {},
		"lag in a hundredth of the requests makes it invalid": {
			change: func(s *engine.Snapshot) { late(s, 30, 15*time.Millisecond, 20*time.Millisecond) },
			reason: "shoppers: requests began late, p99 of the lag is 15.0ms in a latency of 35.0ms; use", limit: LimitLag,
		},
		"lag below ten milliseconds does not": {
			change: func(s *engine.Snapshot) { late(s, 30, 9*time.Millisecond, time.Millisecond) },
		},
		"lag below a tenth of the latency does not": {
			change: func(s *engine.Snapshot) { late(s, 30, 15*time.Millisecond, 300*time.Millisecond) },
		},
		"a closed load on a busy processor is limited by it": {
			change: func(s *engine.Snapshot) { s.Health.CPU = 97 * s.Health.Capacity / 100 },
			reason: "back office: the generator used 97.0% of its processor time, so rate and latency are its own", limit: LimitCPU,
		},
		"an open load on a busy processor is not, as long as it is in time": {
			change: func(s *engine.Snapshot) { onlyOpen(s); s.Health.CPU = 97 * s.Health.Capacity / 100 },
		},
		"an open load on a busy processor that is late is": {
			change: func(s *engine.Snapshot) {
				onlyOpen(s)
				late(s, 30, 2*time.Millisecond, 20*time.Millisecond)
				s.Health.CPU = 97 * s.Health.Capacity / 100
			},
			reason: "and began late (p99 2.00ms)", limit: LimitCPU,
		},
		"a closed load on a processor that was busy for a part of the run is limited by it": {
			change: func(s *engine.Snapshot) { s.Health.Saturated = 3 * time.Second },
			reason: "back office: the generator had no processor time to spare for 30.0% of the run", limit: LimitCPU,
		},
		"a processor that is busy while connections are opened limits nothing": {
			change: func(s *engine.Snapshot) { s.Health.Saturated = time.Second },
		},
		"lag in a short stage makes it invalid": {
			change: func(s *engine.Snapshot) {
				for range 9 {
					late(s, 1000, 0, 20*time.Millisecond)
				}
				lateIn(s, 1, 100, 50*time.Millisecond)
			},
			reason: `shoppers, stage peak;\ 50%, really: requests began late, p99 of the lag is 50`, limit: LimitLag,
		},
		"a few late requests in a stage of few do not": {
			change: func(s *engine.Snapshot) {
				late(s, 1000, 0, 20*time.Millisecond)
				lateIn(s, 1, 10, 50*time.Millisecond)
			},
		},
		"lag of less than ten milliseconds that breaks a promise makes it invalid": {
			change:  func(s *engine.Snapshot) { noOpen(s); late(s, 1000, 9*time.Millisecond, time.Millisecond) },
			results: broken("p99 < 5ms", "p50 < 1ms"),
			reason:  "shoppers: a promise about latency is broken, but most of that latency is lag (p99 9.0", limit: LimitLag,
		},
		"lag does not break a promise about service": {
			change:  func(s *engine.Snapshot) { late(s, 2000, 9*time.Millisecond, time.Millisecond) },
			results: broken("service.p50 < 1ms"),
		},
		"lag in the tail does not break a promise about the median": {
			change:  func(s *engine.Snapshot) { late(s, 100, 9*time.Millisecond, time.Millisecond) },
			results: broken("p50 < 1ms"),
		},
		"requests that succeed in passes that all fail make it invalid": {
			change: func(s *engine.Snapshot) {
				y := &s.Tallies[0][0]
				y.Failed, y.Completed = y.Failed+y.Completed, 0
				for i := range s.Tallies[0][1:] {
					y := &s.Tallies[0][1+i]
					y.Failed, y.Completed = y.Failed+y.Completed, 0
				}
			},
			reason: "passes through its flow succeeded",
		},
		"a load in which nothing succeeded makes it invalid": {
			change: func(s *engine.Snapshot) {
				for range 3 {
					m := sample(time.Millisecond, engine.Error)
					m.Load, m.ErrKind = 1, engine.ErrRefused
					add(s, m)
				}
				s.Cells = slices.DeleteFunc(s.Cells, func(c *engine.Cell) bool { return c.Load == 1 && c.Outcome == engine.OK })
				s.Tallies[1][0] = engine.Tally{Planned: 3, Sent: 3, Failed: 3}
			},
			reason: "back office: nothing succeeded in 3 requests",
		},
		"dropped arrivals are not in order where a budget bounds them elsewhere": {
			change:  func(s *engine.Snapshot) { drop(s, 20) },
			results: []budget.Result{{Expr: `dropped["peak;\\ 50%, really"] < 5%`, Metric: "dropped", Result: budget.Kept, Level: budget.Fail}},
			reason:  "shoppers: 20 of 1,020 arrivals (1.96%) were dropped",
		},
		"garbage collection that takes a large part of a busy processor limits": {
			change: func(s *engine.Snapshot) { s.Health.CPU, s.Health.GC = 8*time.Second, 5*time.Second },
			reason: "collecting garbage took 25.0% of the processor time there was", limit: LimitGC,
		},
		"garbage collection in an idle generator does not": {
			change: func(s *engine.Snapshot) { s.Health.CPU, s.Health.GC = time.Second, 500*time.Millisecond },
		},
		"no more open files is the generator's own trouble": {
			change: func(s *engine.Snapshot) { failed(s, engine.ErrFiles) },
			reason: "1 requests failed because this machine allows no more open files (limit 1,024)", limit: LimitFiles,
		},
		"no free port is the generator's own trouble": {
			change: func(s *engine.Snapshot) { failed(s, engine.ErrPorts) },
			reason: "no free port", limit: LimitPorts,
		},
		"an error of the target is not": {
			change: func(s *engine.Snapshot) { failed(s, engine.ErrTimeout) },
		},
		"dropped arrivals make the load smaller than planned": {
			change: func(s *engine.Snapshot) { drop(s, 20) },
			reason: "shoppers: 20 of 1,020 arrivals (1.96%) were dropped",
		},
		"a hundredth of dropped arrivals is borne": {
			change: func(s *engine.Snapshot) { drop(s, 10) },
		},
		"dropped arrivals are in order where a budget bounds them": {
			change: func(s *engine.Snapshot) { drop(s, 20) }, results: onDropped,
		},
		"arrivals that were never offered make it invalid": {
			change: func(s *engine.Snapshot) { s.Tallies[0][1].Planned += 100 },
			reason: "shoppers: only 1,000 of 1,100 planned arrivals were offered; the generator",
		},
		"arrivals that were never offered because the data ran out say so": {
			change: func(s *engine.Snapshot) { s.Tallies[0][1].Planned += 100; s.Tallies[0][1].Exhausted = 1 },
			reason: "then a data source had no more rows",
		},
		"arrivals that were never offered in an interrupted run are in order": {
			change: func(s *engine.Snapshot) { s.Tallies[0][1].Planned += 100 }, ended: Stopped,
		},
		"more in flight than rate and latency explain is suspect": {
			change: func(s *engine.Snapshot) { s.Tallies[0][0].Busy += 5 * time.Second },
			reason: "shoppers: 2.5 passes were in flight on average, but rate and latency make 2 (Little's law)", limit: LimitLittle,
		},
		"fewer in flight than rate and latency explain are suspect": {
			change: func(s *engine.Snapshot) { s.Tallies[1][0].Busy -= 5 * time.Second },
			reason: "back office: 1.5 passes were in flight", limit: LimitLittle,
		},
		"think time is no latency": {
			change: func(s *engine.Snapshot) { s.Tallies[1][0].Busy += time.Hour; s.Tallies[1][0].Think += time.Hour },
		},
		"a millisecond of work per pass is no latency": {
			change: func(s *engine.Snapshot) { s.Tallies[1][0].Busy += 1000 * time.Millisecond },
		},
		"a run without a request is not valid": {
			change: func(s *engine.Snapshot) { *s = *engine.NewSnapshot(s.Legend) },
			reason: "no request was sent",
		},
		"a run in which nothing succeeded is not valid": {
			change: func(s *engine.Snapshot) {
				*s = *engine.NewSnapshot(s.Legend)
				for range 1500 {
					add(s, sample(time.Millisecond, engine.Failed))
				}
			},
			reason: "nothing succeeded: 1,500 answers, all of them bad",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := calm()
			if c.change != nil {
				c.change(s)
			}
			if c.ended == "" {
				c.ended = Complete
			}
			got, _ := validate(s, c.results, c.ended)
			if (c.reason == "") != got.Valid || got.Valid != (len(got.Reasons) == 0) {
				t.Fatalf("valid is %v for %q", got.Valid, got.Reasons)
			}
			if !got.Valid && (len(got.Reasons) != 1 || !strings.Contains(got.Reasons[0], c.reason)) {
				t.Errorf("got %q, want a reason with %q", got.Reasons, c.reason)
			}
			var limits []string
			if c.limit != "" {
				limits = []string{c.limit}
			}
			if diff := cmp.Diff(limits, got.LimitedBy); diff != "" {
				t.Errorf("limited by (-want +got):\n%s", diff)
			}
		})
	}
}

func onlyOpen(s *engine.Snapshot) {
	s.Cells = slices.DeleteFunc(s.Cells, func(c *engine.Cell) bool { return c.Load == 1 })
	s.Tallies[1][0] = engine.Tally{}
}

func noOpen(s *engine.Snapshot) {
	s.Cells = slices.DeleteFunc(s.Cells, func(c *engine.Cell) bool { return c.Load == 0 })
	s.Tallies[0][0] = engine.Tally{}
}

func drop(s *engine.Snapshot, n uint64) {
	s.Tallies[0][0].Dropped += n
	s.Tallies[0][0].Planned += n
}

func TestValidityFigures(t *testing.T) {
	got, _ := validate(calm(), nil, Complete)
	if got.CPUShare != 0.1 || got.GCShare != 0.0025 {
		t.Errorf("cpu share %v and gc share %v, want 0.1 and 0.0025", got.CPUShare, got.GCShare)
	}
	if diff := cmp.Diff(Lag{P50: 50, P99: 50, Max: 50}, got.Lag, cmp.Comparer(about)); diff != "" {
		t.Errorf("lag is of open loads alone (-want +got):\n%s", diff)
	}
	want := []Little{{"shoppers", 2, 2}, {"back office", 2, 2}}
	if diff := cmp.Diff(want, got.Little, cmp.Comparer(about)); diff != "" {
		t.Errorf("Little's law (-want +got):\n%s", diff)
	}
}

func about(a, b float64) bool { return a == b || max(a, b) <= 1.002*min(a, b) }

func TestNotesSpoilNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*engine.Snapshot)
		note   string
	}{
		"few samples beyond p99.9": {func(*engine.Snapshot) {}, "p99.9 rests on fewer than 10 slow requests in shoppers (1,000 requests), back office (1,000 requests)"},
		"unfinished requests":      {func(s *engine.Snapshot) { add(s, sample(time.Second, engine.Unfinished)) }, "shoppers: 1 of 1,001 (0.0999%) were unfinished"},
		"requests without an answer": {func(s *engine.Snapshot) {
			for range 50 {
				failed(s, engine.ErrTimeout)
			}
		}, "shoppers: 50 of 1,050 requests (4.76%) got no answer and are not in the percentiles"},
		"data that ran out":     {func(s *engine.Snapshot) { s.Tallies[1][0].Exhausted = 2 }, "back office: a data source had no more rows after 1,000 passes"},
		"nearly all files open": {func(s *engine.Snapshot) { s.Health.OpenFiles = 1000 }, "1,000 of 1,024 allowed files were open"},
	} {
		t.Run(name, func(t *testing.T) {
			s := calm()
			c.change(s)
			got, notes := validate(s, nil, Complete)
			if !got.Valid {
				t.Errorf("not valid: %q", got.Reasons)
			}
			if !strings.Contains(strings.Join(notes, "\n"), c.note) {
				t.Errorf("notes are %q, want one with %q", notes, c.note)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	result := func(metric string, r budget.Verdict, l budget.Level) budget.Result {
		return budget.Result{Metric: metric, Result: r, Level: l}
	}
	busy := func(s *engine.Snapshot) { s.Health.CPU = s.Health.Capacity }
	for name, c := range map[string]struct {
		change  func(*engine.Snapshot)
		ended   Ending
		results []budget.Result
		want    Verdict
	}{
		"kept budgets on a valid run pass":                {results: []budget.Result{result("p99", budget.Kept, budget.Fail)}, want: Pass},
		"a valid run without budgets passes":              {want: Pass},
		"a broken budget is a breach":                     {results: []budget.Result{result("p99", budget.Broken, budget.Fail)}, want: Breach},
		"a broken budget that aborted is a breach":        {ended: Aborted, results: []budget.Result{result("p99", budget.Broken, budget.Fail)}, want: Breach},
		"a broken warning passes":                         {results: []budget.Result{result("p99", budget.Broken, budget.Warn)}, want: Pass},
		"too little data is inconclusive":                 {results: []budget.Result{result("p99", budget.Inconclusive, budget.Fail)}, want: Inconclusive},
		"too little data for a warning passes":            {results: []budget.Result{result("p99", budget.Inconclusive, budget.Warn)}, want: Pass},
		"a breach goes before too little data":            {results: []budget.Result{result("p50", budget.Inconclusive, budget.Fail), result("p99", budget.Broken, budget.Fail)}, want: Breach},
		"an invalid run is never green":                   {change: busy, results: []budget.Result{result("p99", budget.Kept, budget.Fail)}, want: Inconclusive},
		"a slow answer on a busy generator proves little": {change: busy, results: []budget.Result{result("p99", budget.Broken, budget.Fail)}, want: Inconclusive},
		"a wrong answer on a busy generator is wrong":     {change: busy, results: []budget.Result{result("errors", budget.Broken, budget.Fail)}, want: Breach},
		"errors of a generator without files prove little": {
			change: func(s *engine.Snapshot) { failed(s, engine.ErrFiles) }, results: []budget.Result{result("errors", budget.Broken, budget.Fail)}, want: Inconclusive,
		},
		"a breach under a load smaller than planned stands": {
			change: func(s *engine.Snapshot) { drop(s, 500) }, results: []budget.Result{result("p99", budget.Broken, budget.Fail)}, want: Breach,
		},
		"an interrupted run is interrupted, whatever it showed": {ended: Stopped, results: []budget.Result{result("p99", budget.Broken, budget.Fail)}, want: Interrupted},
		"a target that never answered failed": {
			change:  func(s *engine.Snapshot) { *s = *engine.NewSnapshot(s.Legend); failed(s, engine.ErrRefused) },
			results: []budget.Result{result("errors", budget.Broken, budget.Fail)}, want: Failed,
		},
		"a target that answers badly did not fail to answer": {
			change: func(s *engine.Snapshot) {
				*s = *engine.NewSnapshot(s.Legend)
				add(s, sample(time.Millisecond, engine.Failed))
			}, want: Inconclusive,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := calm()
			if c.change != nil {
				c.change(s)
			}
			if c.ended == "" {
				c.ended = Complete
			}
			if got := Summarize(meta(), s, c.results, c.ended).Verdict; got != c.want {
				t.Errorf("verdict is %s, want %s", got, c.want)
			}
		})
	}
}
