package knob_test

import (
	"math"
	"testing"

	"plimsoll/targets/knob"
)

func TestARateIsPerSecond(t *testing.T) {
	for text, want := range map[string]float64{
		"100/s": 100, "1.5k/s": 1500, "2M/s": 2e6, "300/1m": 5, "300/m": 5, "10/100ms": 100, "0/s": 0, "1/h": 1. / 3600, "-1/s": -1,
		"100": math.NaN(), "/s": math.NaN(), "a/s": math.NaN(), "5/": math.NaN(), "5/0s": math.NaN(), "5/x": math.NaN(), "5/-1s": math.NaN(),
		"Inf/s": math.NaN(), "NaN/s": math.NaN(), "1e308k/s": math.NaN(), "1e308/1ns": math.NaN(), "": math.NaN(),
	} {
		r := knob.Rate(-7)
		err := r.UnmarshalText([]byte(text))
		if math.IsNaN(want) != (err != nil) || err == nil && float64(r) != want || err != nil && r != -7 {
			t.Errorf("%q is %v, %v; want %v", text, float64(r), err, want)
		}
	}
}

func TestASizeHasItsLargestUnit(t *testing.T) {
	for text, want := range map[string]struct {
		size int64
		text string
	}{
		"64MiB": {64 << 20, "64MiB"}, "10kB": {10000, "10000B"}, "512B": {512, "512B"}, "1024B": {1024, "1KiB"}, "1.5 KiB": {1536, "1536B"},
		"0B": {0, "0B"}, "1GB": {1e9, "1000000000B"}, "2MB": {2e6, "2000000B"}, "-1KiB": {-1024, "-1KiB"}, "3GiB": {3 << 30, "3GiB"},
		"64": {-7, ""}, "MiB": {-7, ""}, "NaNB": {-7, ""}, "9e18GiB": {-7, ""}, "-9e18GiB": {-7, ""}, "": {-7, ""}, "1mb": {-7, ""},
	} {
		b := knob.Bytes(-7)
		err := b.UnmarshalText([]byte(text))
		if (want.text == "") != (err != nil) || int64(b) != want.size {
			t.Errorf("%q is %d, %v; want %d", text, b, err, want.size)
			continue
		}
		if back, _ := b.MarshalText(); err == nil && string(back) != want.text {
			t.Errorf("%d is written %q, want %q", b, back, want.text)
		}
	}
}
