package scenarios

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ValueError is a value that cannot be understood, with a hint where one helps.
type ValueError struct{ Msg, Hint string }

func (e *ValueError) Error() string { return e.Msg }

func valueError(hint, format string, args ...any) error {
	return &ValueError{Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// ParseDuration reads a duration in Go syntax, such as 500ms or 1m30s. A bare number and
// a negative duration are errors; the error is a *ValueError.
func ParseDuration(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return 0, valueError(fmt.Sprintf("write %ss or %sms", s, s), "duration %q has no unit", s)
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, valueError("durations look like 500ms, 10s, 1m30s", "%q is not a duration", s)
	}
	if d < 0 {
		return 0, valueError("", "duration %s is negative", s)
	}
	return d, nil
}

// maxRate bounds rates, in arrivals per second; past it due times would coincide.
const maxRate = 1e9

// ParseRate reads a rate and returns it per second: 500/s, 1.5k/s, 100/1m, 10/ms. The
// error is a *ValueError.
func ParseRate(s string) (float64, error) {
	s = strings.TrimSpace(s)
	count, per, found := strings.Cut(s, "/")
	if !found {
		if _, err := parseCount(s); err == nil {
			return 0, valueError(fmt.Sprintf("write %s/s", s), "rate %q has no unit", s)
		}
		return 0, badRate(s)
	}
	n, err := parseCount(strings.TrimSpace(count))
	if err != nil {
		return 0, badRate(s)
	}
	d, err := parsePer(strings.TrimSpace(per))
	if err != nil {
		return 0, badRate(s)
	}
	rate := n / d.Seconds()
	if rate > maxRate {
		return 0, valueError("", "rate %s is more than %.0e/s", s, maxRate)
	}
	return rate, nil
}

func badRate(s string) error {
	return valueError("rates look like 500/s, 1.5k/s, 100/1m", "%q is not a rate", s)
}

// parseCount reads a number that may end in k or M.
func parseCount(s string) (float64, error) {
	factor := 1.0
	if digits, ok := strings.CutSuffix(s, "k"); ok {
		s, factor = digits, 1e3
	} else if digits, ok := strings.CutSuffix(s, "M"); ok {
		s, factor = digits, 1e6
	}
	n, err := strconv.ParseFloat(s, 64)
	if err == nil && (n < 0 || math.IsNaN(n) || math.IsInf(n, 0)) {
		err = strconv.ErrRange
	}
	return n * factor, err
}

// parsePer reads what a rate counts by: a unit (s, ms, m, h) or a duration.
func parsePer(s string) (time.Duration, error) {
	if s != "" && (s[0] < '0' || s[0] > '9') {
		s = "1" + s
	}
	d, err := time.ParseDuration(s)
	if err == nil && d <= 0 {
		err = strconv.ErrRange
	}
	return d, err
}

// ParseRateRange reads a rate, or two of them as 100/s..300/s.
func ParseRateRange(s string) (from, to float64, err error) { return parseRange(s, ParseRate) }

// ParseDurationRange reads a duration, or two of them as 500ms..2s.
func ParseDurationRange(s string) (from, to time.Duration, err error) {
	from, to, err = parseRange(s, ParseDuration)
	if err == nil && to < from {
		err = valueError(fmt.Sprintf("write %s..%s", to, from), "range %q runs backwards", s)
	}
	return from, to, err
}

// ParseUsers reads a number of users, or two of them as 10..50.
func ParseUsers(s string) (from, to int, err error) {
	return parseRange(s, func(s string) (int, error) {
		n, err := parseCount(strings.TrimSpace(s))
		if err != nil || n != math.Trunc(n) {
			return 0, valueError("write a number such as 50, or a range such as 10..50", "%q is not a number of users", s)
		}
		if n > maxUsers {
			return 0, valueError("", "%s users are more than %d", s, maxUsers)
		}
		return int(n), nil
	})
}

// maxUsers bounds the users, and what may be in flight, of one load on one machine.
const maxUsers = 1_000_000

func parseRange[T any](s string, parse func(string) (T, error)) (from, to T, err error) {
	first, second, isRange := strings.Cut(s, "..")
	if from, err = parse(first); err != nil || !isRange {
		return from, from, err
	}
	to, err = parse(second)
	return from, to, err
}

// ParseSize reads a number of bytes: 512B, 64kB, 10MB, 1MiB. The error is a *ValueError.
func ParseSize(s string) (int64, error) {
	s = strings.TrimSpace(s)
	digits := strings.TrimRight(s, "kKMGiBb")
	unit := s[len(digits):]
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	factor, known := map[string]float64{
		"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
	}[unit]
	switch {
	case err == nil && unit == "":
		return 0, valueError(fmt.Sprintf("write %sB or %skB", s, s), "size %q has no unit", s)
	case err != nil || !known || n < 0 || !(n*factor <= 1<<40):
		return 0, valueError("sizes look like 512B, 64kB, 10MB, 1MiB", "%q is not a size", s)
	}
	return int64(n * factor), nil
}
