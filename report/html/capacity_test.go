package html

import (
	"strings"
	"testing"

	"plimsoll/engine/search"
	"plimsoll/report"
)

func found(t *testing.T) *report.Capacity {
	t.Helper()
	c, err := report.OpenCapacity("testdata/capacity.json")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheHeadlineOfACapacitySearch(t *testing.T) {
	for _, c := range []struct {
		name         string
		lower, upper float64 // 0: none
		limit        search.Limit
		word, text   string
		tone         Tone
	}{
		{"a line between two bounds", 508, 640, search.TargetLimited, "LOAD LINE", "between 508/s and 640/s", Good},
		{"a target that never keeps its promises", 0, 10, search.TargetLimited, "LOAD LINE", "below 10.0/s", Bad},
		{"a generator that reached its end", 9000, 9500, search.GeneratorLimited, "GENERATOR-LIMITED", "at least 9,000/s", Warn},
		{"a search without an upper bound", 100, 0, search.Inconclusive, "INCONCLUSIVE", "at least 100/s", Warn},
		{"a search without a trial", 0, 0, search.Inconclusive, "INCONCLUSIVE", "not found", Warn},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := &report.Capacity{SLO: "p99 < 40ms", LoadLine: report.LoadLine{Limit: c.limit}}
			if c.lower > 0 {
				in.LoadLine.Lower = &c.lower
			}
			if c.upper > 0 {
				in.LoadLine.Upper = &c.upper
			}
			b := lineBanner(in)
			if b.Word != c.word || b.Tone != c.tone || b.Text != c.text+", for p99 < 40ms" {
				t.Errorf("got %s (%s): %s", b.Word, b.Tone, b.Text)
			}
		})
	}
}

func TestTheCurveShowsTheLineAndTheLimit(t *testing.T) {
	c := latencyOverLoad(found(t))
	var labels []string
	for _, m := range c.Marks {
		labels = append(labels, m.Label)
	}
	if got := strings.Join(labels, "; "); got != "load line 508/s; 640/s; p99 < 40ms" {
		t.Errorf("marks are %s", got)
	}
	if limit := c.Marks[2]; !limit.OnY || limit.At != 40 {
		t.Errorf("the limit is marked at %v", limit)
	}
	if len(c.Zones) != 1 || c.Zones[0].From != 507.968 || c.Zones[0].To != 640 {
		t.Errorf("the zone between the bounds is %v", c.Zones)
	}
}

func TestAModelWithoutAPeakHasNoneMarked(t *testing.T) {
	m := found(t).Model
	if c := scalability(m); len(c.Marks) != 1 || len(c.Zones) != 2 || !c.Zones[0].Hatched {
		t.Errorf("a peak is marked by %v and %v", c.Marks, c.Zones)
	}
	m.NStar, m.XStar, m.NStarCI = nil, nil, [2]*float64{}
	c := scalability(m)
	if len(c.Marks) != 0 || len(c.Zones) != 1 {
		t.Errorf("without a peak there are %v and %v", c.Marks, c.Zones)
	}
	if !strings.Contains(c.Summary, "no peak was seen") {
		t.Errorf("the summary is %s", c.Summary)
	}
	for i := range m.Curve {
		m.Curve[i].High = nil
	}
	if c := scalability(m); len(c.Series[0].Y) != len(m.Curve) {
		t.Error("a band without a bound has lost its points")
	}
}

func TestScaleIsDrawnOnlyAgainstNumbers(t *testing.T) {
	points := []report.ScalePoint{{Setting: "kind", Value: "sqlite"}, {Setting: "kind", Value: "postgres"}}
	if scaling(points) != nil {
		t.Error("words have no place on an axis")
	}
	if blocks := scaleBlocks(points); len(blocks) != 1 || blocks[0].Table == nil {
		t.Errorf("words have no table: %v", blocks)
	}
}
