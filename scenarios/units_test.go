package scenarios_test

import (
	"errors"
	"testing"
	"time"

	"plimsoll/scenarios"
)

func TestRatesAreReadPerSecond(t *testing.T) {
	for text, want := range map[string]float64{
		"500/s": 500, "1.5k/s": 1500, "2M/s": 2e6, "120/1m": 2, "120/m": 2, "10/ms": 10_000, "3600/h": 1,
		"0/s": 0, " 5 / s ": 5, "0.5/s": 0.5, "30/10s": 3, "5/100ms": 50,
	} {
		if got, err := scenarios.ParseRate(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestValuesThatMeanNothingComeWithAHint(t *testing.T) {
	rate := func(s string) error { _, err := scenarios.ParseRate(s); return err }
	duration := func(s string) error { _, err := scenarios.ParseDuration(s); return err }
	think := func(s string) error { _, _, err := scenarios.ParseDurationRange(s); return err }
	users := func(s string) error { _, _, err := scenarios.ParseUsers(s); return err }
	size := func(s string) error { _, err := scenarios.ParseSize(s); return err }
	tests := []struct {
		name  string
		parse func(string) error
		text  string
		msg   string
		hint  string
	}{
		{"a rate without a unit", rate, "500", `rate "500" has no unit`, "write 500/s"},
		{"a rate of an unknown unit", rate, "5/day", `"5/day" is not a rate`, "rates look like 500/s, 1.5k/s, 100/1m"},
		{"a rate of two scales", rate, "5kM/s", `"5kM/s" is not a rate`, "rates look like 500/s, 1.5k/s, 100/1m"},
		{"a rate per nothing", rate, "5/0s", `"5/0s" is not a rate`, "rates look like 500/s, 1.5k/s, 100/1m"},
		{"a negative rate", rate, "-5/s", `"-5/s" is not a rate`, "rates look like 500/s, 1.5k/s, 100/1m"},
		{"an infinite rate", rate, "inf/s", `"inf/s" is not a rate`, "rates look like 500/s, 1.5k/s, 100/1m"},
		{"a duration without a unit", duration, "10", `duration "10" has no unit`, "write 10s or 10ms"},
		{"a zero without a unit", duration, "0", `duration "0" has no unit`, "write 0s or 0ms"},
		{"a duration in words", duration, "ten", `"ten" is not a duration`, "durations look like 500ms, 10s, 1m30s"},
		{"a negative duration", duration, "-5s", "duration -5s is negative", ""},
		{"a range that runs backwards", think, "2s..1s", `range "2s..1s" runs backwards`, "write 1s..2s"},
		{"half a user", users, "0.5", `"0.5" is not a number of users`, "write a number such as 50, or a range such as 10..50"},
		{"a size without a unit", size, "10", `size "10" has no unit`, "write 10B or 10kB"},
		{"a size in bits", size, "10kb", `"10kb" is not a size`, "sizes look like 512B, 64kB, 10MB, 1MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad, ok := errors.AsType[*scenarios.ValueError](tt.parse(tt.text))
			if !ok || bad.Msg != tt.msg || bad.Hint != tt.hint {
				t.Errorf("got %+v", bad)
			}
		})
	}
}

func TestRangesHaveTwoEnds(t *testing.T) {
	if from, to, err := scenarios.ParseRateRange("100/s..6k/m"); err != nil || from != 100 || to != 100 {
		t.Errorf("rates %v, %v, %v", from, to, err)
	}
	if from, to, err := scenarios.ParseDurationRange("500ms..2s"); err != nil || from != time.Second/2 || to != 2*time.Second {
		t.Errorf("durations %v, %v, %v", from, to, err)
	}
	if from, to, err := scenarios.ParseUsers("50"); err != nil || from != 50 || to != 50 {
		t.Errorf("users %v, %v, %v", from, to, err)
	}
	if n, err := scenarios.ParseSize("1.5KiB"); err != nil || n != 1536 {
		t.Errorf("size %v, %v", n, err)
	}
}
