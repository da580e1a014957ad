package compare

import (
	"math"
	"time"

	"plimsoll/engine/latency"
	"plimsoll/report"
)

// shiftAt are the quantiles at which distributions are held against each other: deciles,
// and the tail.
func shiftAt() []float64 {
	return []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99}
}

// draw adds what is shown as a picture: the shift function of each subject (Doksum 1974),
// and the curves of each load.
func (c *comparing) draw() {
	for _, s := range c.subjects() {
		if s.request == "" && c.alone(s.load) {
			continue
		}
		shift := report.Shift{Load: s.load, Request: s.request, Points: []report.ShiftPoint{}}
		for _, q := range shiftAt() {
			if p, ok := c.shiftPoint(s, metric{name: "quantile", quantile: q, unit: "ms", relative: true}); ok {
				shift.Points = append(shift.Points, p)
			}
		}
		if len(shift.Points) > 0 {
			c.out.Shifts = append(c.out.Shifts, shift)
		}
	}
	for _, l := range c.sets[0].Runs[0].Run.Legend.Loads {
		if curve, ok := c.curve(l.Name); ok {
			c.out.Curves = append(c.out.Curves, curve)
		}
	}
}

func (c *comparing) shiftPoint(s subject, m metric) (report.ShiftPoint, bool) {
	var values [2][]float64
	for side := range c.runs {
		for _, run := range c.runs[side] {
			f := run.figures[s]
			if f == nil || f.times.Count() < m.needs() {
				return report.ShiftPoint{}, false
			}
			values[side] = append(values[side], m.of(&f.times))
		}
	}
	q := c.question(s, m, values)
	e := q.Estimate(c.options.Confidence)
	p := report.ShiftPoint{Quantile: m.quantile, BaseMS: *middle(values[0]), NewMS: *middle(values[1]), Change: Ratio(e.Shift)}
	if c.within {
		p.Change = Ratio(m.scale(p.NewMS) - m.scale(p.BaseMS))
	}
	if math.IsNaN(p.Change) || math.IsInf(p.Change, 0) {
		return p, false
	}
	if e.Confidence >= c.options.Confidence-1e-9 {
		p.Low, p.High = new(min(Ratio(e.Low), p.Change)), new(max(Ratio(e.High), p.Change))
	}
	return p, true
}

// curveAt are the quantiles of a latency curve, closer together the further out: 0.1, 0.2 …
// 0.9, 0.91 … 0.99, 0.991 and so on.
func curveAt() []float64 {
	at := []float64{0.01, 0.05}
	for nines, below := 1.0, 0.0; nines > 1e-5; nines /= 10 {
		for step := range 9 {
			if q := below + nines*float64(step+1)/10; q > at[len(at)-1] {
				at = append(at, math.Round(q*1e6)/1e6)
			}
		}
		below = 1 - nines/10
	}
	return at
}

// curve merges all runs of each side.
func (c *comparing) curve(load string) (report.SidesCurve, bool) {
	out := report.SidesCurve{Load: load, Quantiles: curveAt()}
	var sums [2]latency.Histogram
	for side := range c.runs {
		for _, run := range c.runs[side] {
			if f := run.figures[subject{load: load}]; f != nil {
				sums[side].Merge(&f.times)
			}
		}
		if sums[side].Count() == 0 {
			return out, false
		}
	}
	for _, q := range out.Quantiles {
		out.BaseMS, out.NewMS = append(out.BaseMS, known(&sums[0], q)), append(out.NewMS, known(&sums[1], q))
	}
	for i := range c.cut.count {
		out.AtS = append(out.AtS, ((time.Duration(i) + 1) * c.cut.width).Seconds())
	}
	out.Base, out.New = c.series(0, load), c.series(1, load)
	return out, true
}

// known is a quantile that is more than the maximum of what was seen.
func known(h *latency.Histogram, q float64) float64 {
	m := metric{quantile: q}
	if h.Count() < m.needs() {
		return math.NaN()
	}
	return m.of(h)
}

// series merges the blocks of all runs of a side.
func (c *comparing) series(side int, load string) report.SideSeries {
	out := report.SideSeries{}
	for i := range c.cut.count {
		var h latency.Histogram
		var ended uint64
		var span time.Duration
		for _, r := range c.runs[side] {
			if f := r.figures[subject{load: load}]; f != nil && f.blocks != nil {
				h.Merge(&f.blocks[i])
				ended += f.ended[i]
				span += max(min(r.span-time.Duration(i)*c.cut.width, c.cut.width), 0)
			}
		}
		rate := math.NaN()
		if span > 0 {
			rate = float64(ended) / span.Seconds()
		}
		out.P50MS, out.P99MS = append(out.P50MS, known(&h, 0.5)), append(out.P99MS, known(&h, 0.99))
		out.Rate = append(out.Rate, rate)
	}
	return out
}
