package html

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report"
)

// hour is a run of an hour in intervals of the given length, and its timeline.
func hour(loads int, step time.Duration) (*report.Saved, *timeline) {
	l := shop(time.Hour)
	for len(l.Loads) < loads {
		l.Loads = append(l.Loads, l.Loads[0])
	}
	t := &timeline{width: 10 * time.Second}
	for range l.Loads {
		t.loads = append(t.loads, &loadSeries{errors: map[string][]uint64{}})
	}
	m := &merger{timeline: t, legend: l}
	total, rng := engine.NewSnapshot(l), rand.New(rand.NewPCG(3, 4))
	for at := time.Duration(0); at < time.Hour; at += step {
		s := interval(l, rng, at, step, 20)
		for k := 2; k < loads; k++ { // the other loads see something too
			m := engine.Sample{Load: k, Due: at, Start: at, End: at + time.Duration(1+rng.IntN(1e9))}
			s.Cell(engine.Key{Load: k}).Add(&m)
		}
		total.Merge(s)
		m.add(s)
	}
	m.finish()
	return &report.Saved{Run: report.Summarize(meta(), total, nil, report.Complete)}, t
}

func TestThePageOfManyLoadsIsSmall(t *testing.T) {
	saved, line := hour(12, 30*time.Second)
	text := written(t, saved, line, 1_000_000)
	if !strings.Contains(text, "charts are shown of the first 8") {
		t.Error("loads without charts are not mentioned")
	}
}

func written(t *testing.T, saved *report.Saved, line *timeline, most int) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, runPage(saved, line)); err != nil {
		t.Fatal(err)
	}
	if b.Len() > most {
		t.Errorf("the page has %d bytes, more than %d", b.Len(), most)
	}
	return b.String()
}

func TestAnHourIsSmallAndItsBucketsAddUp(t *testing.T) {
	saved, line := hour(2, 5*time.Second)
	written(t, saved, line, 500_000)
	if len(line.from) != 360 {
		t.Fatalf("%d buckets, not 360", len(line.from))
	}
	for i, l := range line.loads {
		load := saved.Run.Loads[i]
		var want uint64
		failures := map[string]uint64{}
		for _, r := range load.Requests {
			want += r.Count
			for kind, n := range r.Errors {
				failures[kind] += n
			}
			failures["status 503"] += r.Codes["503"]
		}
		if got := sum(l.requests); got != want {
			t.Errorf("load %d: %d requests in buckets, %d in the run", i, got, want)
		}
		for kind, n := range failures {
			if got := sum(l.errors[kind]); got != n {
				t.Errorf("load %d: %d × %s in buckets, %d in the run", i, got, kind, n)
			}
		}
		var heat uint64
		for _, rows := range l.heat {
			for _, n := range rows {
				heat += n
			}
		}
		if heat != load.Latency.Count {
			t.Errorf("load %d: %d requests in the heat map, %d in the run", i, heat, load.Latency.Count)
		}
		if got, want := quantile(&l.allLatency, 0.99), load.Latency.P99; got != want {
			t.Errorf("load %d: p99 of the curve is %v, of the run %v", i, got, want)
		}
		sent := 0.0
		for k, x := range l.offered {
			sent += x * (line.to[k] - line.from[k])
		}
		if math.Abs(sent-float64(load.Sent+load.Dropped)) > 0.01 {
			t.Errorf("load %d: rates add up to %v, the run has %d", i, sent, load.Sent+load.Dropped)
		}
	}
}

func TestPercentilesOfABucketAreThoseOfItsMergedHistograms(t *testing.T) {
	l := shop(4 * time.Second)
	line := &timeline{width: 4 * time.Second, loads: []*loadSeries{{errors: map[string][]uint64{}}, {errors: map[string][]uint64{}}}}
	m := &merger{timeline: line, legend: l}
	var all latency.Histogram
	for i := range 4 {
		s := engine.NewSnapshot(l)
		s.From, s.To = time.Duration(i)*time.Second, time.Duration(i+1)*time.Second
		for k := range 10 * (i + 1) {
			d := time.Duration(i*i*100+k) * time.Millisecond
			s.Cell(engine.Key{}).Latency.Record(d)
			all.Record(d)
		}
		m.add(s)
	}
	m.finish()
	for k, q := range shares() {
		if got, want := line.loads[0].latency[k][0], milliseconds(all.Quantile(q)); got != want {
			t.Errorf("share %v: %v, want %v", q, got, want)
		}
	}
}

func TestALastMomentBelongsToTheBucketBefore(t *testing.T) {
	for name, c := range map[string]struct {
		last time.Duration
		want []float64 // ends of the buckets
	}{
		"a tenth of a bucket":    {100 * time.Millisecond, []float64{1, 2.1}},
		"six tenths of a bucket": {600 * time.Millisecond, []float64{1, 2, 2.6}},
		"no time after the last": {0, []float64{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			l := shop(2 * time.Second)
			line := &timeline{width: time.Second, loads: []*loadSeries{{errors: map[string][]uint64{}}, {errors: map[string][]uint64{}}}}
			m := &merger{timeline: line, legend: l}
			rng := rand.New(rand.NewPCG(5, 6))
			for i := range 2 {
				m.add(interval(l, rng, time.Duration(i)*time.Second, time.Second, 8))
			}
			if c.last > 0 {
				m.add(interval(l, rng, 2*time.Second, c.last, 8))
			}
			m.finish()
			if len(line.to) != len(c.want) {
				t.Fatalf("buckets end at %v, want %v", line.to, c.want)
			}
			for i := range c.want {
				if line.to[i] != c.want[i] {
					t.Errorf("buckets end at %v, want %v", line.to, c.want)
				}
			}
		})
	}
}

func TestBucketsAreAsWideAsTheRunIsLong(t *testing.T) {
	for _, c := range []struct {
		lines, loads int
		want         time.Duration
	}{
		{0, 1, time.Second}, {30, 1, time.Second}, {360, 1, time.Second}, {361, 1, 2 * time.Second}, {3600, 1, 10 * time.Second}, {3600, 6, 20 * time.Second},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, report.CounterFile), bytes.Repeat([]byte("{}\n"), c.lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := bucketWidth(&report.Saved{Run: &report.Run{Meta: meta()}, Dir: dir}, c.loads); got != c.want {
			t.Errorf("%d intervals of %d loads: %v, want %v", c.lines, c.loads, got, c.want)
		}
	}
}

func TestNumbersAreShortAndKnowNothing(t *testing.T) {
	got, err := json.Marshal(Numbers{0, 1.23456789, -0.000123456, 1234567.89, 99999.4, math.NaN(), math.Inf(1)})
	if want := `[0,1.2346,-0.00012346,1234568,99999,null,null]`; err != nil || string(got) != want {
		t.Errorf("got %s %v, want %s", got, err, want)
	}
}

func TestCleanTextIsVisibleAndBounded(t *testing.T) {
	for name, c := range map[string][2]string{
		"plain text stays":            {"Grüße, 世界 👩‍🚀", "Grüße, 世界 👩‍🚀"},
		"direction marks show":        {"a\u202eb\u2066c", "a\ufffdb\ufffdc"},
		"control characters show":     {"a\x00b\x1b[2Jc", "a\ufffdb\ufffd[2Jc"},
		"lines become spaces":         {"a\nb\tc", "a b c"},
		"invalid bytes show":          {"a\xffb", "a\ufffdb"},
		"what is cut is said":         {strings.Repeat("é", 300), strings.Repeat("é", 200) + "… (cut, 300 characters)"},
		"as long as allowed is whole": {strings.Repeat("é", 200), strings.Repeat("é", 200)},
	} {
		if got := clean(c[0]); got != c[1] {
			t.Errorf("%s: %q became %q, not %q", name, c[0], got, c[1])
		}
	}
}

func TestThePlanStepsWhereStagesBegin(t *testing.T) {
	l := shop(9 * time.Second)
	l.Loads[0].Stages = []engine.StageLegend{{Name: "calm", To: 4500 * time.Millisecond, Planned: 20}, {Name: "pause", From: 4500 * time.Millisecond, To: 6 * time.Second}, {Name: "rush", From: 6 * time.Second, To: 20 * time.Second, Planned: 40}}
	saved, err := report.Open(save(t, l, 9, 40, nil))
	if err != nil {
		t.Fatal(err)
	}
	p := &plotter{run: saved.Run, time: readTimeline(saved)}
	at, rate := p.plan()
	want := map[float64]float64{0: 20, 0.5: 20, 3.5: 20, 4.5: 20, 6: 40, 8.5: 40}
	for i, x := range at {
		if y, ok := want[x]; ok && y != rate[i] {
			t.Errorf("at %vs the plan is %v, want %v", x, rate[i], y)
		}
		if x == 5.5 && !math.IsNaN(rate[i]) {
			t.Errorf("in a pause the plan is %v", rate[i])
		}
		delete(want, x)
	}
	if len(want) > 0 || at[len(at)-1] > 9 {
		t.Errorf("the plan lacks %v, or goes on after the run: %v", want, at)
	}
	p.load = 1 // users, of whom no rate is planned
	if at, _ := p.plan(); at != nil {
		t.Errorf("users have a plan at %v", at)
	}
}
