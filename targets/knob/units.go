package knob

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is how often something may happen, per second. Its text is a number per time,
// "100/s", "1.5k/s" or "300/1m"; 0 means none and has a unit too.
type Rate float64

// UnmarshalText reads "100/s" and its like.
func (r *Rate) UnmarshalText(text []byte) error {
	number, per, ok := strings.Cut(string(text), "/")
	if !ok {
		return fmt.Errorf("%q has no unit, like 100/s", text)
	}
	n, err := amount(number)
	if err != nil {
		return err
	}
	if per != "" && (per[0] < '0' || per[0] > '9') {
		per = "1" + per
	}
	span, err := time.ParseDuration(per)
	if err != nil || span <= 0 {
		return fmt.Errorf("%q is not a rate, like 100/s or 300/1m", text)
	}
	perSecond := n / span.Seconds()
	if math.IsInf(perSecond, 0) {
		return fmt.Errorf("%q is not a rate, like 100/s or 300/1m", text)
	}
	*r = Rate(perSecond)
	return nil
}

// MarshalText writes the rate per second.
func (r Rate) MarshalText() ([]byte, error) {
	return append(strconv.AppendFloat(nil, float64(r), 'g', -1, 64), "/s"...), nil
}

// amount reads a number that may end in k or M, for thousands and millions.
func amount(text string) (float64, error) {
	factor := 1.0
	switch {
	case strings.HasSuffix(text, "k"):
		factor = 1e3
	case strings.HasSuffix(text, "M"):
		factor = 1e6
	}
	if factor > 1 {
		text = text[:len(text)-1]
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n * factor, nil
}

// Bytes is a size. Its text has a binary or decimal unit: "64MiB", "10kB", "512B".
type Bytes int64

// byteUnits are the units of a size, the longer names before those they end in.
func byteUnits() []struct {
	name string
	size int64
} {
	return []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}
}

// UnmarshalText reads "64MiB" and its like.
func (b *Bytes) UnmarshalText(text []byte) error {
	for _, u := range byteUnits() {
		number, ok := strings.CutSuffix(string(text), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(n) || math.Abs(n) > math.MaxInt64/2/float64(u.size) {
			return fmt.Errorf("%q is not a size, like 64MiB", text)
		}
		*b = Bytes(n * float64(u.size))
		return nil
	}
	return fmt.Errorf("%q has no unit, like 64MiB or 10kB", text)
}

// MarshalText writes the size in the largest binary unit that it is a whole number of.
func (b Bytes) MarshalText() ([]byte, error) {
	for _, u := range byteUnits() {
		binary := u.size&(u.size-1) == 0
		if binary && int64(b)%u.size == 0 && (b != 0 || u.size == 1) {
			return append(strconv.AppendInt(nil, int64(b)/u.size, 10), u.name...), nil
		}
	}
	return append(strconv.AppendInt(nil, int64(b), 10), 'B'), nil
}
