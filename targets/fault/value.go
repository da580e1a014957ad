package fault

import (
	"math"
	"strconv"
	"strings"
	"time"

	"plimsoll/targets/knob"
)

// shape is what the value of a kind looks like.
type shape int

const (
	none shape = iota
	duration
	law
	status
	speed
	size
	cores
	rate
	count
)

// value is what a fault's value says.
type value struct {
	low, high time.Duration // equal: no spread
	mean      time.Duration // of an exponential law; 0: it is none
	number    float64       // a status, bytes, bytes per second, cores, times per second, connections
}

// maxWait bounds the durations in values; a fault ends sooner or later anyway.
const maxWait = time.Hour

func parse(s shape, text string) (v value, err error) {
	switch s {
	case none:
		return v, knob.Problem{Msg: "this kind has no value", Hint: "leave it out"}
	case duration:
		v.low, err = span(text)
		v.high = v.low
	case law:
		return parseLaw(text)
	case speed:
		bare, ok := strings.CutSuffix(text, "/s")
		if !ok {
			return v, knob.Problem{Msg: quoted(text) + " has no unit", Hint: "write it like 10kB/s"}
		}
		v.number, err = bytesOf(bare, 1)
	case size:
		v.number, err = bytesOf(text, 0)
	case rate:
		var r knob.Rate
		err = r.UnmarshalText([]byte(text))
		v.number = float64(r)
		if err == nil && (v.number <= 0 || v.number > 1000) {
			err = knob.Problem{Msg: quoted(text) + " is out of range", Hint: "more than 0, up to 1000/s"}
		}
	case cores:
		v.number, err = number(text, math.SmallestNonzeroFloat64, 1024, false)
	case status:
		v.number, err = number(text, 400, 599, true)
	case count:
		v.number, err = number(text, 0, 1e6, true)
	}
	return v, err
}

// parseLaw reads 500ms, 300ms..700ms and exp:500ms.
func parseLaw(text string) (v value, err error) {
	if mean, ok := strings.CutPrefix(text, "exp:"); ok {
		v.mean, err = span(mean)
		return v, err
	}
	from, to, spread := strings.Cut(text, "..")
	if v.low, err = span(from); err != nil {
		return v, err
	}
	if !spread {
		v.high = v.low
		return v, nil
	}
	if v.high, err = span(to); err == nil && v.high < v.low {
		err = knob.Problem{Msg: quoted(text) + " runs backwards", Hint: "the shorter time comes first"}
	}
	return v, err
}

func span(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return 0, knob.Problem{Msg: quoted(text) + " has no unit", Hint: "write " + clip(text) + "s or " + clip(text) + "ms"}
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, knob.Problem{Msg: quoted(text) + " is not a duration", Hint: "like 250ms, 5s or 1m30s"}
	case d < 0 || d > maxWait:
		return 0, knob.Problem{Msg: quoted(text) + " is out of range", Hint: "from 0s to " + maxWait.String()}
	}
	return d, nil
}

func bytesOf(text string, least float64) (float64, error) {
	var b knob.Bytes
	if err := b.UnmarshalText([]byte(text)); err != nil {
		return 0, err
	}
	if float64(b) < least {
		return 0, knob.Problem{Msg: quoted(text) + " is too little"}
	}
	return float64(b), nil
}

func number(text string, least, most float64, whole bool) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n < least || n > most || whole && n != math.Trunc(n) {
		p := knob.Problem{Msg: quoted(text) + " is out of range", Hint: "a whole number from " + plain(least) + " to " + plain(most)}
		if !whole {
			p.Hint = "more than 0, up to " + plain(most)
		}
		return 0, p
	}
	return n, nil
}

func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func quoted(text string) string { return strconv.Quote(clip(text)) }

// draw returns the n-th duration of the law.
func (v value) draw(seed, n uint64) time.Duration {
	switch {
	case v.mean > 0:
		return min(time.Duration(-math.Log(1-uniform(seed, n))*float64(v.mean)), maxWait)
	case v.high > v.low:
		return v.low + time.Duration(uniform(seed, n)*float64(v.high-v.low))
	}
	return v.low
}

// golden is 2^64 divided by the golden ratio.
const golden = 0x9e3779b97f4a7c15

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom
// number generators, 2014).
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// uniform returns the n-th number of a seed, in [0, 1).
func uniform(seed, n uint64) float64 { return float64(mix(mix(seed)+n*golden)>>11) / (1 << 53) }

// chosen tells whether a share of requests has the n-th among them. The multiples of the
// golden ratio spread more evenly than chance (Weyl's equidistribution): of any requests
// in a row the share is met, to within a few.
func chosen(share float64, seed, n uint64) bool {
	switch {
	case share >= 1:
		return true
	case share <= 0:
		return false
	}
	return mix(seed)+n*golden < uint64(share*(1<<64))
}
