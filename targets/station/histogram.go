package station

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What the histograms tell apart: a microsecond to an hour, to three digits.
const (
	finest  = time.Microsecond
	longest = time.Hour
	digits  = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(finest), int64(longest), digits)
}

// tally collects times. The histogram is made when the first one comes.
type tally struct {
	hdr *hdrhistogram.Histogram
	sum time.Duration
}

func (t *tally) record(d time.Duration) {
	if t.hdr == nil {
		t.hdr = newHistogram()
	}
	t.sum += d
	t.hdr.RecordValue(int64(min(d, longest))) //nolint:errcheck // it is within the range
}

func (t *tally) reset() {
	t.sum = 0
	if t.hdr != nil {
		t.hdr.Reset()
	}
}

// copied returns a tally that does not change any more.
func (t *tally) copied() tally {
	if t.hdr == nil {
		return tally{}
	}
	return tally{hdr: t.hdr.Clone(), sum: t.sum}
}

// Distribution is how a time was distributed: figures to read, and the histogram they come
// from, which merges with others.
type Distribution struct {
	Count uint64  `json:"count"`
	Sum   float64 `json:"sum_s"`   // exact, in seconds
	Mean  float64 `json:"mean_ms"` // exact, in milliseconds
	P50   float64 `json:"p50_ms"`  // percentiles to three digits, in milliseconds
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
	HDR   string  `json:"hdr,omitempty"` // of nanoseconds: HdrHistogram V2, compressed, base64; "": nothing recorded
}

// distribution summarizes the tally.
func (t tally) distribution() (Distribution, error) {
	if t.hdr == nil || t.hdr.TotalCount() == 0 {
		return Distribution{}, nil
	}
	text, err := t.hdr.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return Distribution{}, fmt.Errorf("encode a histogram: %w", err)
	}
	quantile := func(percent float64) float64 { return float64(t.hdr.ValueAtPercentile(percent)) / 1e6 }
	count := t.hdr.TotalCount()
	return Distribution{
		Count: uint64(count), Sum: t.sum.Seconds(), Mean: t.sum.Seconds() * 1e3 / float64(count),
		P50: quantile(50), P90: quantile(90), P99: quantile(99), Max: float64(t.hdr.Max()) / 1e6, HDR: string(text),
	}, nil
}

// Quantile returns the time that the share of q, 0 … 1, does not exceed, to three digits;
// 0 of a distribution without times. The error is that of a histogram that is none.
func (d Distribution) Quantile(q float64) (time.Duration, error) {
	t, err := d.tally()
	if err != nil || t.hdr == nil {
		return 0, err
	}
	return time.Duration(t.hdr.ValueAtPercentile(100 * q)), nil
}

func (d Distribution) tally() (tally, error) {
	if d.HDR == "" {
		return tally{}, nil
	}
	h, err := hdrhistogram.Decode([]byte(d.HDR))
	if err != nil {
		return tally{}, fmt.Errorf("decode a histogram: %w", err)
	}
	return tally{hdr: h, sum: time.Duration(math.Round(d.Sum * 1e9))}, nil
}

// merge returns the distribution of the times of both.
func (d Distribution) merge(o Distribution) (Distribution, error) {
	all := tally{hdr: newHistogram()}
	for _, part := range []Distribution{d, o} {
		t, err := part.tally()
		if err != nil {
			return Distribution{}, err
		}
		if t.hdr == nil {
			continue
		}
		if lost := all.hdr.Merge(t.hdr); lost > 0 {
			return Distribution{}, fmt.Errorf("merge histograms: %d times lie past %v", lost, longest)
		}
		all.sum += t.sum
	}
	return all.distribution()
}

// Times collects times that belong to no job. The zero value is ready for use, by many
// goroutines.
type Times struct {
	mu    sync.Mutex
	tally tally
}

// Record adds a time. Those below zero count as zero.
func (t *Times) Record(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tally.record(max(0, d))
}

// Reset forgets all times.
func (t *Times) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tally.reset()
}

// Distribution returns how the times were distributed. The error is that of an encoder,
// and none that is known.
func (t *Times) Distribution() (Distribution, error) {
	t.mu.Lock()
	all := t.tally.copied()
	t.mu.Unlock()
	return all.distribution()
}
