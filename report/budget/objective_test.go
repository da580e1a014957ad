package budget_test

import (
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/report/budget"
)

func objective(t *testing.T, text string) *budget.Objective {
	t.Helper()
	b, err := budget.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	o, err := b.Objective()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestWhatIsNoObjectiveIsSaid(t *testing.T) {
	for text, want := range map[string]string{
		"p50 < 0ms":                "no request is that fast",
		"mean < 10ms":              "says nothing about single requests",
		"goodput > 10/s":           "says nothing about single requests",
		"lag.p99 < 1ms":            "lag is the generator's",
		"p99 > 10ms":               "upper limit",
		"p99(a) < 2 * p99(b)":      "a limit of its own",
		"p99 < baseline * 1.1":     "a limit of its own",
		"p99[peak] < 10ms":         "no stages",
		"p99(load:shop) < 10ms":    "one load only",
		"p99 < 10ms over 10s":      "whole trial",
		"p99 < 10ms warn":          "whole trial",
		"errors < 0%":              "no number of requests could show",
		"errors <= 100%":           "no number of requests could show",
		"p99(outcome:ok) < 2 * p5": "a limit of its own",
	} {
		b, err := budget.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if _, err := b.Objective(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestAnObjectiveKnowsItsShareAndItsLimit(t *testing.T) {
	for text, want := range map[string]struct {
		allowed float64
		limit   time.Duration
	}{
		"p99 < 200ms":       {.01, 200 * time.Millisecond},
		"p99.9(buy) <= 1s":  {.001, time.Second},
		"errors < 0.1%":     {.001, 0},
		"service.p50 < 1ms": {.5, time.Millisecond},
	} {
		if o := objective(t, text); o.Allowed() != want.allowed || o.Limit() != want.limit {
			t.Errorf("%s: allows %g, limit %v", text, o.Allowed(), o.Limit())
		}
	}
}

func TestARequestThatBreaksAnObjectiveIsCounted(t *testing.T) {
	legend := &engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "load", Model: "open", Stages: []engine.StageLegend{{Name: "main", To: time.Second}}}},
		Requests: []engine.RequestLegend{{Name: "a"}, {Name: "b"}},
	}
	s := engine.NewSnapshot(legend)
	add := func(request int, outcome engine.Outcome, latency, lag time.Duration) {
		x := engine.Sample{Request: request, Outcome: outcome, Start: lag, End: latency}
		s.Cell(engine.Key{Request: request, Outcome: outcome}).Add(&x)
	}
	add(0, engine.OK, 5*time.Millisecond, 0)
	add(0, engine.OK, 50*time.Millisecond, 45*time.Millisecond) // by the generator's lag
	add(0, engine.Failed, 5*time.Millisecond, 0)
	add(0, engine.Error, 5*time.Millisecond, 0)
	add(1, engine.OK, 50*time.Millisecond, 0)
	add(1, engine.Unfinished, 60*time.Millisecond, 0)
	s.Tallies[0][0].Dropped = 3
	for text, want := range map[string][2]uint64{
		"p90 < 20ms":             {9, 3 + 1 + 3},
		"p90(a) < 20ms":          {7, 1 + 1 + 3},
		"p90 <= 55ms":            {9, 1 + 1 + 3},
		"p90(outcome:ok) < 20ms": {6, 2 + 3},
		"errors < 10%":           {9, 3 + 3},
		"errors(b) < 10%":        {5, 1 + 3},
	} {
		n, broken := objective(t, text).Count(s)
		if n != want[0] || broken != want[1] {
			t.Errorf("%s: %d of %d, want %d of %d", text, broken, n, want[1], want[0])
		}
	}
	if n, broken := objective(t, "p90 < 20ms").OnService().Count(s); n != 9 || broken != 2+1+3 {
		t.Errorf("on the service clock: %d of %d", broken, n)
	}
}
