package report

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

func TestCountsAddUp(t *testing.T) {
	for seed := range uint64(20) {
		_, total := randomRun(seed)
		total.Tallies[0][1].Planned += seed // that never fell due
		run := Summarize(meta(), total, nil, Stopped)
		for _, l := range run.Loads {
			figures := []Figures{l.Figures}
			var requests, ended uint64
			for _, g := range l.Stages {
				figures = append(figures, g.Figures)
			}
			for _, f := range figures {
				if f.Planned != f.Sent+f.Dropped+f.NotDue {
					t.Errorf("seed %d, %s: planned %d is not sent %d + dropped %d + not due %d", seed, l.Name, f.Planned, f.Sent, f.Dropped, f.NotDue)
				}
				if f.Sent != f.Completed+f.Failed+f.Unfinished {
					t.Errorf("seed %d, %s: sent %d is not completed %d + failed %d + unfinished %d", seed, l.Name, f.Sent, f.Completed, f.Failed, f.Unfinished)
				}
			}
			for _, r := range l.Requests {
				requests += r.Count
				if r.Count != r.OK+r.Failed+r.Unfinished {
					t.Errorf("seed %d, %s: count %d is not ok %d + failed %d + unfinished %d", seed, r.Name, r.Count, r.OK, r.Failed, r.Unfinished)
				}
			}
			for _, o := range l.Outcomes {
				ended += o.Count
			}
			if requests != ended || requests != l.Sent {
				t.Errorf("seed %d, %s: %d requests by name, %d by outcome, %d passes of one each", seed, l.Name, requests, ended, l.Sent)
			}
			stages := l.Stages[0].Counts
			for _, g := range l.Stages[1:] {
				stages = Counts{
					Planned: stages.Planned + g.Planned, Sent: stages.Sent + g.Sent, Completed: stages.Completed + g.Completed, Failed: stages.Failed + g.Failed,
					Dropped: stages.Dropped + g.Dropped, Unfinished: stages.Unfinished + g.Unfinished, NotDue: stages.NotDue + g.NotDue,
				}
			}
			if diff := cmp.Diff(l.Counts, stages); diff != "" {
				t.Errorf("seed %d: the stages of %s do not add up to it:\n%s", seed, l.Name, diff)
			}
		}
	}
}

// sample returns a sample of the shop's first load, first stage and first request.
func sample(latency time.Duration, o engine.Outcome) engine.Sample {
	return engine.Sample{Due: time.Second, Start: time.Second, End: time.Second + latency, Outcome: o}
}

func TestSummarizeKnownAnswers(t *testing.T) {
	total := engine.NewSnapshot(shop())
	total.To = 11 * time.Second
	for i := range 100 {
		add(total, sample(time.Duration(i+1)*time.Millisecond, engine.OK))
	}
	for range 20 {
		m := sample(500*time.Microsecond, engine.Failed)
		m.Status, m.ChecksFailed = 503, 0b10
		add(total, m)
	}
	for range 5 {
		m := sample(3*time.Second, engine.Error)
		m.ErrKind = engine.ErrTimeout
		add(total, m)
	}
	add(total, sample(9*time.Second, engine.Unfinished))
	total.Tallies[0][0].Dropped, total.Tallies[0][0].Planned = 14, 140
	total.Tallies[0][0].Busy = 20 * time.Second

	load := Summarize(meta(), total, nil, Complete).Loads[0]
	if diff := cmp.Diff(Counts{Planned: 140, Sent: 126, Completed: 100, Failed: 25, Dropped: 14, Unfinished: 1}, load.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Rates{SpanS: 10, Offered: 14, Achieved: 12.5, Goodput: 10, InFlight: 2}, load.Rates); diff != "" {
		t.Errorf("rates are per second of the load's own span (-want +got):\n%s", diff)
	}
	if load.Latency.Count != 121 || load.Latency.Max != 9000 {
		t.Errorf("latency rests on %d requests up to %v ms, want the 121 answered or unfinished up to 9000", load.Latency.Count, load.Latency.Max)
	}
	for name, want := range map[string]struct {
		count uint64
		p50   float64
	}{"ok": {100, 50}, "failed": {20, 0.5}, "error": {5, 3000}, "unfinished": {1, 9000}} {
		got := load.Outcomes[name]
		if got.Count != want.count || math.Abs(got.Latency.P50/want.p50-1) > 0.001 {
			t.Errorf("outcome %s: %d with p50 %v ms, want %d with %v", name, got.Count, got.Latency.P50, want.count, want.p50)
		}
	}
	request := load.Requests[0]
	if diff := cmp.Diff(map[string]uint64{"503": 20}, request.Codes); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]uint64{"timeout": 5}, request.Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]Check{"status == 200": {Passed: 120}, "json $.id == 3": {Passed: 100, Failed: 20}}, request.Checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

func TestARunThatWasCutShortHasASmallerSpan(t *testing.T) {
	total := engine.NewSnapshot(shop())
	total.To = 3 * time.Second
	for range 300 {
		add(total, sample(time.Millisecond, engine.OK))
	}
	load := Summarize(meta(), total, nil, Stopped).Loads[0]
	if load.Achieved != 100 {
		t.Errorf("achieved %v/s, want 300 requests in 3 s", load.Achieved)
	}
	if later := load.Stages[1]; later.SpanS != 0 || later.Offered != 0 {
		t.Errorf("a stage that never began has span %v and rate %v", later.SpanS, later.Offered)
	}
}

func TestNoDataIsNull(t *testing.T) {
	text, err := json.Marshal(Summarize(meta(), engine.NewSnapshot(shop()), nil, Complete))
	if err != nil {
		t.Fatal(err)
	}
	var run struct {
		Schema, Verdict string
		Budgets         []any
		Loads           []map[string]any
		Validity        map[string]any
	}
	if err := json.Unmarshal(text, &run); err != nil {
		t.Fatal(err)
	}
	if run.Schema != "plimsoll.run/1" || run.Verdict != "inconclusive" || run.Budgets == nil || run.Validity["valid"] != false {
		t.Errorf("an empty run is %s", text)
	}
	for _, key := range []string{"latency_ms", "service_ms", "lag_ms"} {
		if got, there := run.Loads[0][key]; !there || got != nil {
			t.Errorf("%s of no requests is %v, want null", key, got)
		}
	}
}

// TestKeysThatToolsDependOn holds run.json to its published keys.
func TestKeysThatToolsDependOn(t *testing.T) {
	_, total := randomRun(3)
	text, err := json.Marshal(Summarize(meta(), total, nil, Complete))
	if err != nil {
		t.Fatal(err)
	}
	var run map[string]any
	if err := json.Unmarshal(text, &run); err != nil {
		t.Fatal(err)
	}
	quantileKeys := []string{"mean", "p50", "p90", "p95", "p99", "p99_9", "max"}
	figures := []string{
		"planned", "sent", "completed", "failed", "dropped", "unfinished", "offered_per_s", "achieved_per_s", "goodput_per_s",
		"latency_ms", "service_ms", "lag_ms",
	}
	load := run["loads"].([]any)[0].(map[string]any)
	for name, c := range map[string]struct {
		in   any
		keys []string
	}{
		"run":      {run, []string{"schema", "plimsoll", "scenario", "started", "duration_s", "verdict", "validity", "loads", "budgets"}},
		"plimsoll": {run["plimsoll"], []string{"version", "go", "os", "cpus"}},
		"validity": {run["validity"], []string{"valid", "reasons", "cpu_share", "gc_share", "lag_us"}},
		"lag":      {run["validity"].(map[string]any)["lag_us"], []string{"p50", "p99", "max"}},
		"load":     {load, append(figures, "name", "model", "requests", "stages")},
		"stage":    {load["stages"].([]any)[0], append(figures, "name", "from_s", "to_s")},
		"latency":  {load["latency_ms"], quantileKeys},
		"request":  {load["requests"].([]any)[0], []string{"name", "count", "failed", "codes", "errors", "checks", "latency_ms", "service_ms", "phases_ms"}},
	} {
		for _, key := range c.keys {
			if _, there := c.in.(map[string]any)[key]; !there {
				t.Errorf("%s has no key %q", name, key)
			}
		}
	}
	if run["started"] != "2026-11-23T04:40:04Z" {
		t.Errorf("started is %v, want RFC 3339", run["started"])
	}
}

func TestWhatWasUnderWayWhenARunWasCutOffIsUnfinished(t *testing.T) {
	got := countsOf(engine.Tally{Planned: 3, Sent: 10, Completed: 4, Failed: 1, Unfinished: 2, Dropped: 1})
	if got.Unfinished != 5 || got.Planned != 11 || got.NotDue != 0 {
		t.Errorf("%+v, want 5 unfinished of 11 planned", got)
	}
}
