//go:build unix

package engine

import (
	"testing"
	"time"
)

func TestAnIntervalWithoutProcessorTimeToSpareIsKeptApart(t *testing.T) {
	var h healthMeter
	h.start()
	if got := h.read(time.Hour).Saturated; got != 0 {
		t.Errorf("%v of an idle hour were saturated", got)
	}
	h.cpu -= 1000 * time.Hour
	if got := h.read(time.Hour).Saturated; got != time.Hour {
		t.Errorf("%v of an hour were saturated, want all of it", got)
	}
}
