package html_test

import (
	"io"
	"math"
	"testing"

	"plimsoll/report"
	"plimsoll/report/html"
)

// comparison is what a comparison of ten pairs of runs of the shop might come to.
func comparison(load, request string) *report.Comparison {
	started := shop().meta.Started
	row := func(metric string, base, now, change, low, high float64, v report.Finding) report.ComparisonRow {
		return report.ComparisonRow{
			Load: load, Request: request, Metric: metric, Unit: "ms", Judged: true, Base: &base, New: &now, Change: &change, Low: &low, High: &high,
			Confidence: 0.95, P: &[]float64{0.002}[0], PHolm: &[]float64{0.004}[0], MinEffect: 0.03, Runs: 10, Requests: 4000, Verdict: v, Reason: "10 pairs",
		}
	}
	c := &report.Comparison{
		Schema: report.ComparisonSchema, Verdict: report.Worse, Why: "p50 is 10 % longer", Scenario: "shop", Method: report.ByPairs, Pairs: 10,
		Confidence: 0.95, Alpha: 0.01, Looks: 1, Family: 2, Warnings: []string{"the machine was busy"}, Notes: []string{"pairs took turns"},
		Base: report.Side{Path: "base", Runs: []report.SideRun{{Dir: "base/01", Started: started}}},
		New:  report.Side{Path: "new", Runs: []report.SideRun{{Dir: "new/01", Started: started}}},
		Rows: []report.ComparisonRow{
			row("p50", 10, 11, 0.1, 0.07, 0.13, report.Worse), row("p95", 20, 20.1, 0.005, -0.01, 0.02, report.Same),
			row("p99", 50, 52, 0.04, -0.06, 0.15, report.Unsure),
		},
	}
	s := report.Shift{Load: load, Request: request}
	k := report.SidesCurve{Load: load}
	for i := range 19 {
		q := 0.05 * float64(i+1)
		low, high := 0.1-0.05*q, 0.1+0.2*q*q
		s.Points = append(s.Points, report.ShiftPoint{Quantile: q, BaseMS: 10 + 10*q, NewMS: 11 + 10*q, Change: 0.1, Low: &low, High: &high})
		k.Quantiles = append(k.Quantiles, q)
		k.BaseMS, k.NewMS = append(k.BaseMS, 10-10*math.Log(1-q)), append(k.NewMS, 11-11*math.Log(1-q))
		k.AtS = append(k.AtS, float64(i))
		for _, side := range []*report.SideSeries{&k.Base, &k.New} {
			side.P50MS, side.P99MS, side.Rate = append(side.P50MS, 10+q), append(side.P99MS, 50+q), append(side.Rate, 40)
		}
	}
	c.Shifts, c.Curves = []report.Shift{s}, []report.SidesCurve{k}
	return c
}

func ofComparison(*testing.T) (func(io.Writer) error, points) {
	c := comparison("shoppers", "product")
	return func(w io.Writer) error { return html.Compare(w, c) }, points{
		"forest":              {"regression": 1, "same": 1, "inconclusive": 1},
		"shift-0":             {"change": 19},
		"sides-rate-0":        {"base": 19, "new": 19},
		"sides-percentiles-0": {"base": 19, "new": 19},
	}
}

func ofHostileComparison(*testing.T) (func(io.Writer) error, points) {
	names := hostileNames()
	c := comparison(names[0], names[1])
	c.Scenario, c.Why, c.Decide, c.Warnings, c.Notes, c.Base.Path = names[2], names[3], names[4], names, names, names[5]
	c.Rows[0].Reason = names[0]
	return func(w io.Writer) error { return html.Compare(w, c) }, nil
}
