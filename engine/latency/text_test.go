package latency_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"plimsoll/engine/latency"
)

func TestAHistogramComesBackFromItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h latency.Histogram
		for _, d := range rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 200).Draw(t, "durations") {
			h.Record(time.Duration(d))
		}
		text, err := h.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back latency.Histogram
		back.Record(time.Minute) // what was there is gone
		if err := back.UnmarshalText(text); err != nil {
			t.Fatal(err)
		}
		was, is := h.Quantile(.5), back.Quantile(.5)
		if back.Count() != h.Count() || is < was || is > was+was/1000 { // the end of its bucket
			t.Errorf("%d values with a median of %v became %d with %v", h.Count(), h.Quantile(.5), back.Count(), back.Quantile(.5))
		}
	})
}

func TestATextThatIsNoHistogramIsRefused(t *testing.T) {
	var h latency.Histogram
	for _, text := range []string{"", "HISTFAAAAA", "!", "AAAA"} {
		if h.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
