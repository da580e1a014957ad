package export

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// families returns all metrics as Prometheus has them, with its names: dots become
// underscores, and the unit and what a counter is called stand at the end.
func (m *meter) families() []*dto.MetricFamily {
	info := &dto.MetricFamily{
		Name: new("plimsoll_run_info"), Help: new("The run that these metrics are of."), Type: dto.MetricType_GAUGE.Enum(),
		Metric: []*dto.Metric{{
			Label: append(m.common(), pairOf("version", label(m.id.Version))), Gauge: &dto.Gauge{Value: new(1.0)},
		}},
	}
	all := []*dto.MetricFamily{info}
	for _, f := range m.list {
		if len(f.points) == 0 {
			continue
		}
		all = append(all, m.family(f))
	}
	return all
}

// common are the labels that every series has.
func (m *meter) common() []*dto.LabelPair {
	return []*dto.LabelPair{pairOf("run", label(m.id.Run)), pairOf("scenario", label(m.id.Scenario))}
}

func pairOf(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

func (m *meter) family(f *family) *dto.MetricFamily {
	types := map[form]dto.MetricType{counter: dto.MetricType_COUNTER, gauge: dto.MetricType_GAUGE, histogram: dto.MetricType_HISTOGRAM}
	out := &dto.MetricFamily{Name: new(prometheusName(f)), Help: new(f.help), Type: types[f.form].Enum()}
	for _, p := range f.points {
		one := &dto.Metric{Label: m.common()}
		for i, key := range f.keys {
			if p.values[i] != "" {
				one.Label = append(one.Label, pairOf(key, p.values[i]))
			}
		}
		slices.SortFunc(one.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
		switch f.form {
		case counter:
			one.Counter = &dto.Counter{Value: new(p.value)}
		case gauge:
			one.Gauge = &dto.Gauge{Value: new(p.value)}
		case histogram:
			one.Histogram = prometheusHistogram(p.curve)
		}
		out.Metric = append(out.Metric, one)
	}
	return out
}

// prometheusName returns the name that a collector gives the metric, too, when it
// translates from OpenTelemetry.
func prometheusName(f *family) string {
	name := strings.ReplaceAll(f.name, ".", "_")
	switch f.unit {
	case "s":
		name += "_seconds"
	case "By":
		name += "_bytes"
	case "1":
		name += "_ratio"
	}
	if f.form == counter {
		name += "_total"
	}
	return name
}

// prometheusHistogram returns the curve with both kinds of buckets. Which of them
// Prometheus takes depends on how it asks.
func prometheusHistogram(c *curve) *dto.Histogram {
	h := &dto.Histogram{
		SampleCount: new(c.count), SampleSum: new(c.sum),
		Schema: new(int32(curveScale)), ZeroThreshold: new(zeroThreshold), ZeroCount: new(c.zero),
	}
	var below uint64
	for i, bound := range bounds() {
		below += c.classic[i]
		h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: new(bound), CumulativeCount: new(below)})
	}
	first, counts := c.span()
	var before int64
	for i := 0; i < len(counts); {
		if counts[i] == 0 {
			i++
			continue
		}
		start, length := i, 0
		for ; i < len(counts) && counts[i] > 0; i++ {
			h.PositiveDelta = append(h.PositiveDelta, int64(counts[i])-before)
			before = int64(counts[i])
			length++
		}
		h.PositiveSpan = append(h.PositiveSpan, &dto.BucketSpan{Offset: new(int32(start)), Length: new(uint32(length))})
	}
	// Prometheus numbers a bucket by its upper end, and a span from the end of the one before.
	next := int32(0)
	for i, s := range h.PositiveSpan {
		at := s.GetOffset() + int32(first) + 1
		h.PositiveSpan[i].Offset = new(at - next)
		next = at + int32(s.GetLength())
	}
	if len(h.PositiveSpan) == 0 { // or it would not be told apart from a classic one
		h.PositiveSpan = []*dto.BucketSpan{{Offset: new(int32(0)), Length: new(uint32(0))}}
	}
	return h
}
