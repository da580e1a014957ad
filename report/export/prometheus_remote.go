package export

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/snappy"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
)

// remoteHeaders are what the remote write specification 1.0 asks for.
func remoteHeaders() []Header {
	return []Header{
		{"Content-Type", "application/x-protobuf"},
		{"Content-Encoding", "snappy"},
		{"X-Prometheus-Remote-Write-Version", "0.1.0"},
		{"User-Agent", "plimsoll"},
	}
}

// writeRequest returns a WriteRequest of remote write 1.0 with one sample of every series,
// compressed. It is written by hand, since the library for it is Prometheus itself. The
// fields' numbers are those of prompb/remote.proto and prompb/types.proto.
func writeRequest(families []*dto.MetricFamily, at time.Time, native bool) []byte {
	w := &remoteWriter{ms: uint64(at.UnixMilli())}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch h := m.GetHistogram(); {
			case h == nil:
				w.sample(f.GetName(), m, m.GetCounter().GetValue()+m.GetGauge().GetValue())
			case native:
				w.series(f.GetName(), m.GetLabel(), 4, nativeHistogram(h, w.ms))
			default:
				w.classic(f.GetName(), m, h)
			}
		}
	}
	return snappy.Encode(nil, w.out)
}

// remoteWriter collects time series with one sample each.
type remoteWriter struct {
	ms  uint64
	out []byte
}

func (w *remoteWriter) sample(name string, m *dto.Metric, value float64, more ...*dto.LabelPair) {
	b := protowire.AppendTag(nil, 1, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(value))
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	b = protowire.AppendVarint(b, w.ms)
	w.series(name, append(slices.Clone(m.GetLabel()), more...), 2, b)
}

// classic writes a histogram as the series that stand for it.
func (w *remoteWriter) classic(name string, m *dto.Metric, h *dto.Histogram) {
	for _, b := range h.GetBucket() {
		w.sample(name+"_bucket", m, float64(b.GetCumulativeCount()), pairOf("le", strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)))
	}
	w.sample(name+"_bucket", m, float64(h.GetSampleCount()), pairOf("le", "+Inf"))
	w.sample(name+"_sum", m, h.GetSampleSum())
	w.sample(name+"_count", m, float64(h.GetSampleCount()))
}

// series appends a TimeSeries: labels sorted by name, and the sample in its field.
func (w *remoteWriter) series(name string, labels []*dto.LabelPair, field protowire.Number, sample []byte) {
	all := append([]*dto.LabelPair{pairOf("__name__", name), pairOf("job", "plimsoll")}, labels...)
	slices.SortFunc(all, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
	var series []byte
	for _, l := range all {
		series = appendMessage(series, 1, appendMessage(appendMessage(nil, 1, []byte(l.GetName())), 2, []byte(l.GetValue())))
	}
	w.out = appendMessage(w.out, 1, appendMessage(series, field, sample))
}

func appendMessage(to []byte, field protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, field, protowire.BytesType), message)
}

// nativeHistogram returns a Histogram of prompb.
func nativeHistogram(h *dto.Histogram, ms uint64) []byte {
	number := func(b []byte, field protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
	}
	double := func(b []byte, field protowire.Number, v float64) []byte {
		return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), math.Float64bits(v))
	}
	b := number(nil, 1, h.GetSampleCount())
	b = double(b, 3, h.GetSampleSum())
	b = number(b, 4, protowire.EncodeZigZag(int64(h.GetSchema())))
	b = double(b, 5, h.GetZeroThreshold())
	b = number(b, 6, h.GetZeroCount())
	for _, s := range h.GetPositiveSpan() {
		b = appendMessage(b, 11, number(number(nil, 1, protowire.EncodeZigZag(int64(s.GetOffset()))), 2, uint64(s.GetLength())))
	}
	var deltas []byte
	for _, d := range h.GetPositiveDelta() {
		deltas = protowire.AppendVarint(deltas, protowire.EncodeZigZag(d))
	}
	b = appendMessage(b, 12, deltas)
	return number(b, 15, ms)
}
