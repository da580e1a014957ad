package html

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"plimsoll/engine/capacity"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// verdictLook is how a trial is drawn: every verdict has a colour and a shape of its own.
type verdictLook struct {
	verdict search.Verdict
	color   int
	marker  string
}

func verdictLooks() []verdictLook {
	return []verdictLook{
		{search.Pass, 2, "circle"}, {search.Fail, 3, "cross"}, {search.Undecided, 1, "triangle"}, {search.Invalid, 7, "diamond"},
	}
}

// trialSeries are the trials as points, a series for each verdict that occurred.
func trialSeries(trials []report.LineTrial, at func(report.LineTrial) (x, y float64)) (all []Series) {
	for _, look := range verdictLooks() {
		s := Series{Name: "trials: " + string(look.verdict), Color: look.color, Points: true, Marker: look.marker}
		for _, t := range trials {
			if t.Verdict != look.verdict {
				continue
			}
			if x, y := at(t); !math.IsNaN(y) {
				s.X, s.Y = append(s.X, x), append(s.Y, y)
			}
		}
		if len(s.X) > 0 {
			all = append(all, byX(s))
		}
	}
	return all
}

// byX puts the points of a series in the order of x, which a chart asks for.
func byX(s Series) Series {
	order := make([]int, len(s.X))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case s.X[a] < s.X[b]:
			return -1
		case s.X[a] > s.X[b]:
			return 1
		}
		return 0
	})
	x, y := make(Numbers, len(order)), make(Numbers, len(order))
	for i, k := range order {
		x[i], y[i] = s.X[k], s.Y[k]
	}
	s.X, s.Y = x, y
	return s
}

// latencyOverLoad draws the percentiles at each rate, the trials, the limits of the
// promises and the load line.
func latencyOverLoad(c *report.Capacity) *Chart {
	ch := &Chart{
		ID: "latency-load", Title: "Percentiles and trials at each rate", Height: 340,
		Summary: "The percentiles of all valid trials at each rate, and the p99 of each trial. The load line: " + lineBounds(&c.LoadLine) + ".",
		X:       Axis{Label: "arrivals per second", Unit: PerSecond, Min: new(0.0)},
		Y:       Axis{Label: "latency", Unit: Milliseconds, Log: true},
		Zones:   lineZones(&c.LoadLine), Marks: append(lineMarks(&c.LoadLine), limitMarks(c.LoadLine.Trials)...),
	}
	for i, p := range []struct {
		name string
		of   func(*report.Quantiles) float64
	}{
		{"p50", func(q *report.Quantiles) float64 { return q.P50 }},
		{"p95", func(q *report.Quantiles) float64 { return q.P95 }},
		{"p99", func(q *report.Quantiles) float64 { return q.P99 }},
	} {
		s := Series{Name: p.name, Color: []int{6, 4, 0}[i], Dash: dash(i)}
		for _, at := range c.Curve {
			if at.Latency != nil {
				s.X, s.Y = append(s.X, at.Rate), append(s.Y, positive(p.of(at.Latency)))
			}
		}
		ch.Series = append(ch.Series, s)
	}
	ch.Series = append(ch.Series, trialSeries(c.LoadLine.Trials, func(t report.LineTrial) (x, y float64) {
		if t.Latency == nil {
			return t.Rate, math.NaN()
		}
		return t.Rate, positive(t.Latency.P99)
	})...)
	ch.include(ch.Marks)
	return ch
}

// positive returns what a logarithmic axis can show.
func positive(x float64) float64 {
	if x <= 0 {
		return math.NaN()
	}
	return x
}

// include makes the y axis reach the levels that are marked, where the data does not.
func (c *Chart) include(marks []Mark) {
	low, high := math.Inf(1), 0.0
	for _, s := range c.Series {
		for _, y := range s.Y {
			if !math.IsNaN(y) {
				low, high = min(low, y), max(high, y)
			}
		}
	}
	for _, m := range marks {
		if m.OnY && m.At > 0 && m.At*1.2 > high && !math.IsInf(low, 1) {
			c.Y.Max, high = new(m.At*1.2), m.At*1.2
		}
		if m.OnY && m.At > 0 && c.Y.Log && m.At/1.2 < low {
			c.Y.Min, low = new(m.At/1.2), m.At/1.2
		}
	}
}

// lineZones shade what lies between the bounds.
func lineZones(l *report.LoadLine) []Zone {
	if l.Lower == nil || l.Upper == nil {
		return nil
	}
	return []Zone{{From: *l.Lower, To: *l.Upper, Shaded: true, Tone: Warn}}
}

// lineMarks draw the bounds, the lower one as the load line.
func lineMarks(l *report.LoadLine) (marks []Mark) {
	if l.Lower != nil {
		marks = append(marks, Mark{At: *l.Lower, Label: "load line " + rateText(*l.Lower), Tone: Good, Bold: true})
	}
	if l.Upper != nil {
		marks = append(marks, Mark{At: *l.Upper, Label: rateText(*l.Upper), Tone: Bad})
	}
	return marks
}

// limitMarks draw the times that the promises allow, as they stand with the trials.
func limitMarks(trials []report.LineTrial) (marks []Mark) {
	var seen []string
	for _, t := range trials {
		for _, e := range t.Evidence {
			if slices.Contains(seen, e.Promise) {
				continue
			}
			seen = append(seen, e.Promise)
			if limit := limitOf(e.Promise); limit > 0 {
				marks = append(marks, Mark{At: float64(limit) / float64(time.Millisecond), Label: e.Promise, OnY: true, Tone: Bad})
			}
		}
	}
	return marks
}

// limitOf returns how long a request may take by a promise, 0 if it is not about time.
func limitOf(promise string) time.Duration {
	b, err := budget.Parse(promise)
	if err != nil {
		return 0
	}
	o, err := b.Objective()
	if err != nil {
		return 0
	}
	return o.Limit()
}

// searchOverTime draws the rate of each trial, and the bounds as they closed in.
func searchOverTime(l *report.LoadLine) *Chart {
	ch := &Chart{
		ID: "search-time", Title: "Rates that were tried", Height: 300,
		Summary: fmt.Sprintf("%d trials: %s. The bounds close in on the load line.", len(l.Trials), verdictCounts(l.Trials)),
		X:       Axis{Label: "since the start", Unit: Seconds}, Y: Axis{Label: "arrivals per second", Unit: PerSecond, Log: true},
	}
	lower, upper := Series{Name: "lower bound", Color: 2, Step: true}, Series{Name: "upper bound", Color: 3, Step: true, Dash: []int{6, 3}}
	for _, t := range l.Trials {
		if t.After == nil {
			continue
		}
		at := t.AtS + t.WarmupS + t.Seconds
		for s, bound := range map[*Series]*float64{&lower: t.After.Lower, &upper: t.After.Upper} {
			y := math.NaN()
			if bound != nil {
				y = *bound
			}
			s.X, s.Y = append(s.X, at), append(s.Y, y)
		}
	}
	if len(lower.X) > 0 {
		ch.Series = append(ch.Series, upper, lower)
		ch.Bands = []Band{{Upper: 0, Lower: 1, Color: 1}}
	}
	ch.Series = append(ch.Series, trialSeries(l.Trials, func(t report.LineTrial) (x, y float64) { return t.AtS, positive(t.Rate) })...)
	return ch
}

// scalability draws the fitted law with its band, the measured points, the peak with its
// interval, and hatches where the law is only extrapolated.
func scalability(m *capacity.Model) *Chart {
	curve := Series{Name: lawName(m.Kind), Color: 0}
	low, high := Series{Name: "95 % from", Color: 0, Quiet: true}, Series{Name: "95 % to", Color: 0, Quiet: true}
	for _, p := range m.Curve {
		curve.X, curve.Y = append(curve.X, p.Concurrency), append(curve.Y, p.Throughput)
		low.Y, high.Y = append(low.Y, orNaN(p.Low)), append(high.Y, orNaN(p.High))
	}
	low.X, high.X = curve.X, curve.X
	measured := Series{Name: "measured", Color: 3, Points: true, Marker: "circle"}
	var most float64
	for _, p := range m.Points {
		measured.X, measured.Y = append(measured.X, p.Concurrency), append(measured.Y, p.Throughput)
		most = max(most, p.Concurrency)
	}
	ch := &Chart{
		ID: "scalability", Title: "Throughput against users", Height: 320, Summary: modelSummary(m),
		X: Axis{Label: "passes in the target at a time", Log: true}, Y: Axis{Label: "passes per second", Unit: PerSecond},
		Series: []Series{high, low, curve, byX(measured)}, Bands: []Band{{Upper: 0, Lower: 1, Color: 0}},
	}
	if n := len(m.Curve); n > 0 && m.Curve[n-1].Concurrency > most {
		ch.Zones = append(ch.Zones, Zone{From: most, To: m.Curve[n-1].Concurrency, Label: "extrapolated", Hatched: true})
	}
	if m.NStar != nil {
		ch.Marks = append(ch.Marks, Mark{At: *m.NStar, Label: "peak at " + report.FormatNumber(*m.NStar), Tone: Good, Bold: true})
		if m.NStarCI[0] != nil && m.NStarCI[1] != nil {
			ch.Zones = append(ch.Zones, Zone{From: *m.NStarCI[0], To: *m.NStarCI[1], Label: "95 %", Shaded: true, Tone: Good})
		}
	}
	return ch
}

func orNaN(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// expectation draws the mean latency to expect beside the one that was measured.
func expectation(o *report.Outlook) *Chart {
	expected := Series{Name: "expected", Color: 0}
	measured := Series{Name: "measured", Color: 3, Points: true, Marker: "circle"}
	var most float64
	for _, p := range o.Points {
		expected.X, expected.Y = append(expected.X, p.Rate), append(expected.Y, positive(p.MeanMS))
		if p.MeasuredMS != nil {
			measured.X, measured.Y = append(measured.X, p.Rate), append(measured.Y, positive(*p.MeasuredMS))
			most = max(most, p.Rate)
		}
	}
	ch := &Chart{
		ID: "expected", Title: "Mean latency, expected and measured", Summary: outlookSummary(o),
		X: Axis{Label: "arrivals per second", Unit: PerSecond, Min: new(0.0)}, Y: Axis{Label: "mean latency", Unit: Milliseconds, Log: true},
		Series: []Series{expected, measured},
	}
	if o.Saturates > most {
		ch.X.Max = new(o.Saturates)
		ch.Zones = append(ch.Zones, Zone{From: most, To: o.Saturates, Label: "not measured", Hatched: true})
	}
	return ch
}

// scaling draws the bounds of the line against a setting, if its values are numbers, and
// what perfect scaling from the first would be.
func scaling(points []report.ScalePoint) *Chart {
	lower, upper := Series{Name: "lower bound", Color: 2}, Series{Name: "upper bound", Color: 3, Dash: []int{6, 3}}
	ideal := Series{Name: "each like the first", Color: 7, Dash: []int{2, 3}}
	var each float64
	for _, p := range points {
		x, err := strconv.ParseFloat(p.Value, 64)
		if err != nil || x <= 0 {
			return nil
		}
		if each == 0 && p.Lower != nil {
			each = *p.Lower / x
		}
		for s, y := range map[*Series]float64{&lower: orNaN(p.Lower), &upper: orNaN(p.Upper), &ideal: each * x} {
			s.X, s.Y = append(s.X, x), append(s.Y, y)
		}
	}
	ch := &Chart{
		ID: "scaling", Title: "Load line against " + points[0].Setting, Summary: "The bounds for each value, beside what they would be if each unit carried as much as the first.",
		X: Axis{Label: points[0].Setting}, Y: Axis{Label: "arrivals per second", Unit: PerSecond},
		Series: []Series{byX(upper), byX(lower), byX(ideal)}, Bands: []Band{{Upper: 0, Lower: 1, Color: 2}},
	}
	return ch
}
