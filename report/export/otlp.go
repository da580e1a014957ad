package export

import (
	"fmt"
	"strconv"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// otlpHeaders are those of OTLP over HTTP with protobuf, and the user's.
func otlpHeaders(more []Header) []Header {
	return append([]Header{{"Content-Type", "application/x-protobuf"}, {"User-Agent", "plimsoll"}}, more...)
}

// resource is what all messages of a run say about where they come from. MetricsData and
// TracesData have the wire form of the requests that a collector takes, and their packages
// do without gRPC.
type resource struct {
	about *resourcepb.Resource
	scope *commonpb.InstrumentationScope
	begun uint64 // when the run started; set by Stream.Begin
}

func newResource(id Identity) *resource {
	return &resource{
		about: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			text("service.name", "plimsoll"),
			text("service.version", label(id.Version)),
			text("service.instance.id", label(id.Run)),
			text("plimsoll.run", label(id.Run)),
			text("plimsoll.scenario", label(id.Scenario)),
		}},
		scope: &commonpb.InstrumentationScope{Name: "plimsoll", Version: label(id.Version)},
	}
}

func nanos(t time.Time) uint64 { return uint64(t.UnixNano()) }

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func whole(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}

func float(key string, value float64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: value}}}
}

// metrics returns a message with all metrics as they stand, cumulative since the start.
func (r *resource) metrics(m *meter, now time.Time) []byte {
	scope := &metricspb.ScopeMetrics{Scope: r.scope}
	for _, f := range m.list {
		if len(f.points) > 0 {
			scope.Metrics = append(scope.Metrics, r.metric(f, nanos(now)))
		}
	}
	return message(&metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{
		Resource: r.about, ScopeMetrics: []*metricspb.ScopeMetrics{scope},
	}}})
}

// message returns the wire form. It cannot fail: all text in it is valid.
func message(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		return nil
	}
	return b
}

func (r *resource) metric(f *family, now uint64) *metricspb.Metric {
	out := &metricspb.Metric{Name: f.name, Unit: f.unit, Description: f.help}
	const cumulative = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
	if f.form == histogram {
		h := &metricspb.ExponentialHistogram{AggregationTemporality: cumulative}
		for _, p := range f.points {
			h.DataPoints = append(h.DataPoints, r.curve(p, attributes(f, p), now))
		}
		out.Data = &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: h}
		return out
	}
	var points []*metricspb.NumberDataPoint
	for _, p := range f.points {
		n := &metricspb.NumberDataPoint{Attributes: attributes(f, p), TimeUnixNano: now}
		if f.form == counter {
			n.StartTimeUnixNano = r.begun
			n.Value = &metricspb.NumberDataPoint_AsInt{AsInt: int64(p.value)}
		} else {
			n.Value = &metricspb.NumberDataPoint_AsDouble{AsDouble: p.value}
		}
		points = append(points, n)
	}
	if f.form == counter {
		out.Data = &metricspb.Metric_Sum{Sum: &metricspb.Sum{DataPoints: points, AggregationTemporality: cumulative, IsMonotonic: true}}
	} else {
		out.Data = &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: points}}
	}
	return out
}

func (r *resource) curve(p *point, attributes []*commonpb.KeyValue, now uint64) *metricspb.ExponentialHistogramDataPoint {
	first, counts := p.curve.span()
	out := &metricspb.ExponentialHistogramDataPoint{
		Attributes: attributes, StartTimeUnixNano: r.begun, TimeUnixNano: now,
		Count: p.curve.count, Sum: &p.curve.sum, Scale: curveScale, ZeroCount: p.curve.zero, ZeroThreshold: zeroThreshold,
	}
	if len(counts) > 0 {
		out.Positive = &metricspb.ExponentialHistogramDataPoint_Buckets{Offset: int32(first), BucketCounts: counts}
	}
	return out
}

// attributes returns a series' labels, under the names of the semantic conventions where
// they have one.
func attributes(f *family, p *point) (all []*commonpb.KeyValue) {
	for i, key := range f.keys {
		value := p.values[i]
		code, err := strconv.Atoi(value)
		switch {
		case value == "":
		case key == "code" && err == nil:
			all = append(all, whole("http.response.status_code", int64(code)))
		case key == "error":
			all = append(all, text("error.type", value))
		default:
			all = append(all, text("plimsoll."+key, value))
		}
	}
	return all
}

// partialSuccess reads the answer of an end that took a message, and returns an error if
// it left some of it out: field 1 is the partial success, in which field 1 is how many
// were rejected and field 2 says why.
func partialSuccess(answer []byte) error {
	part := field(answer, 1)
	if part == nil {
		return nil
	}
	rejected := uint64(0)
	if num, kind, n := protowire.ConsumeTag(part); n > 0 && num == 1 && kind == protowire.VarintType {
		rejected, _ = protowire.ConsumeVarint(part[n:])
	}
	if rejected == 0 {
		return nil
	}
	return fmt.Errorf("%d of a message were rejected: %s", rejected, shorten(plain(string(field(part, 2))), limitedName))
}

// field returns the bytes of a field of a message, nil if there is none.
func field(b []byte, want protowire.Number) []byte {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		if b = b[n:]; num == want && kind == protowire.BytesType {
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return nil
			}
			return v
		}
		if n = protowire.ConsumeFieldValue(num, kind, b); n < 0 {
			return nil
		}
		b = b[n:]
	}
	return nil
}
