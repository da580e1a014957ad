package cmd

import (
	"strings"
	"testing"
	"time"

	"plimsoll/engine/search"
	"plimsoll/report"
)

func TestWhySaysWhatEndedTheSearch(t *testing.T) {
	at := func(rate float64, requests uint64) []report.LineTrial {
		e := search.Evidence{Promise: "p99 < 40ms", Allowed: .01, Batches: []search.Batch{{N: requests}}}
		return []report.LineTrial{{Trial: search.Trial{Kind: search.Probe, Rate: rate, Evidence: []search.Evidence{e}}}}
	}
	for want, c := range map[string]struct {
		trials []report.LineTrial
		most   float64
		line   search.Line
	}{
		"as far as --most let":                {at(200, 400), 200, search.Line{Lower: 200, Limit: search.GeneratorLimited}},
		"as far as the generator went":        {at(9000, 400), 9000, search.Line{Lower: 9000, Limit: search.GeneratorLimited}},
		"no request that p99 < 40ms is about": {at(200, 0), 9000, search.Line{Lower: 200, Limit: search.Inconclusive}},
		"needs 368 requests in a trial":       {at(.5, 4), 9000, search.Line{Lower: .5, Limit: search.Inconclusive}},
		"the time was up":                     {at(160, 300), 9000, search.Line{Lower: 160, Limit: search.Inconclusive}},
	} {
		s := &survey{
			within: 40 * time.Second, goal: search.Goal{Most: c.most, Samples: 368, Trials: 3, Trial: 2 * time.Second},
			out: &report.Capacity{SLO: "p99 < 40ms", LoadLine: report.LoadLine{Reach: 9000, Trials: c.trials}},
		}
		if got := s.why(c.line); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
