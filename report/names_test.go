package report

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

// TestEveryCellHasATagOfItsOwn tries names that are easily taken for each other.
func TestEveryCellHasATagOfItsOwn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	names := []string{"", "a", "a;b", "b", `a\;b`, `\`, ";", "a#2", "ok", "a;"}
	pick := func() string { return names[rng.IntN(len(names))] }
	for range 200 {
		l := &engine.Legend{}
		for range 3 {
			load := engine.LoadLegend{Name: pick()}
			for range rng.IntN(4) {
				load.Stages = append(load.Stages, engine.StageLegend{Name: pick()})
			}
			l.Loads = append(l.Loads, load)
			l.Requests = append(l.Requests, engine.RequestLegend{Name: pick()})
		}
		tags := newTags(l)
		keys := tags.keys()
		for i := range engine.NewSnapshot(l).Tallies {
			for g := range engine.NewSnapshot(l).Tallies[i] {
				for r := range l.Requests {
					k := engine.Key{Load: i, Stage: g, Request: r, Outcome: engine.Failed}
					if keys[tags.cell(k)] != k {
						t.Fatalf("tag %q of %+v in %+v is that of %+v", tags.cell(k), k, l, keys[tags.cell(k)])
					}
				}
			}
		}
	}
}

func TestTagsReadAsDocumented(t *testing.T) {
	names := newTags(shop())
	for want, k := range map[string]engine.Key{
		`shoppers;peak\;\\ 50%, really;order;ok`: {Stage: 1, Request: 1},
		"back office;;order#2;unfinished":        {Load: 1, Request: 2, Outcome: engine.Unfinished},
	} {
		if got := names.cell(k); got != want {
			t.Errorf("tag is %q, want %q", got, want)
		}
	}
	var clocks []string
	for c := range numClocks {
		clocks = append(clocks, c.String())
	}
	if diff := cmp.Diff([]string{"latency", "service", "lag", "dns", "connect", "tls", "first_byte", "body"}, clocks); diff != "" {
		t.Errorf("clocks (-want +got):\n%s", diff)
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ns", 999: "999ns", 1000: "1.00µs", 12_345: "12.3µs", 999_499: "999µs", 999_500: "1.00ms",
		84_250_000: "84.2ms", 999_499_999: "999ms", 999_500_000: "1.00s", 12_345_000_000: "12.3s", 99_940 * time.Millisecond: "99.9s",
		99_960 * time.Millisecond: "1m40s", 61 * time.Minute: "1h01m", -5 * time.Millisecond: "-5.00ms",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%d ns is written %q, want %q", int64(d), got, want)
		}
	}
}

func TestFormatNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 1: "1.00", 9.994: "9.99", 9.996: "10.0", 99.94: "99.9", 99.96: "100", 999.4: "999", 999.6: "1,000", 12345.6: "12,346",
		1234567: "1,234,567", 0.5: "0.500", 0.04321: "0.0432", 0.00012345: "0.000123", 0.9999: "1.00", -2.5: "-2.50",
	} {
		if got := FormatNumber(x); got != want {
			t.Errorf("%v is written %q, want %q", x, got, want)
		}
	}
	for x, want := range map[float64]string{0: "0%", 1: "100%", 0.00043: "0.0430%", 0.992: "99.2%", 12.1: "1,210%"} {
		if got := FormatShare(x); got != want {
			t.Errorf("%v is written %q, want %q", x, got, want)
		}
	}
}
