package report

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// FormatDuration writes a duration with three significant digits in the unit that suits
// it, such as 84.2µs, 1.23ms or 12.3s; from 100 seconds on as 2m05s or 1h02m.
func FormatDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + FormatDuration(-d)
	case d < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + "ns"
	case d < 999500*time.Nanosecond:
		return FormatNumber(float64(d)/1e3) + "µs"
	case d < 999500*time.Microsecond:
		return FormatNumber(float64(d)/1e6) + "ms"
	case d < 99950*time.Millisecond:
		return FormatNumber(d.Seconds()) + "s"
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// FormatNumber writes a number with three significant digits; whole digits are never
// rounded away, and thousands are set apart.
func FormatNumber(x float64) string {
	if x < 0 {
		return "-" + FormatNumber(-x)
	}
	if x >= 999.5 {
		return FormatCount(uint64(math.Round(x)))
	}
	decimals := 2
	switch {
	case x == 0:
		return "0"
	case x >= 99.95:
		decimals = 0
	case x >= 9.995:
		decimals = 1
	case x < 0.09995:
		decimals = min(2-int(math.Floor(math.Log10(x))), 9)
	case x < 0.9995:
		decimals = 3
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}

// FormatCount writes a count with its thousands set apart, such as 12,345.
func FormatCount(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// FormatShare writes a share of 0 to 1 as a percentage, such as 99.2% or 0.043%.
func FormatShare(x float64) string {
	if x == 0 || x == 1 {
		return strconv.Itoa(int(x)*100) + "%"
	}
	return FormatNumber(x*100) + "%"
}

// FormatLong writes a length of time in seconds in the two units that suit it, up to days.
func FormatLong(s float64) string {
	const day = 24 * 3600
	if s < 2*day {
		return FormatDuration(time.Duration(s * float64(time.Second)))
	}
	if s > 200*365*day {
		return "more than 200 years"
	}
	d := time.Duration(s) * time.Second
	text := FormatCount(uint64(d/(day*time.Second))) + "d"
	if hours := d % (day * time.Second) / time.Hour; hours > 0 && s < 10*day {
		text += strconv.Itoa(int(hours)) + "h"
	}
	return text
}
