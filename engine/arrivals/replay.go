package arrivals

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// Replay reads recorded arrivals, one a line, and returns them speed times as fast. A
// line is a Go duration (1m2.5s), which is an offset from the start, or a point in time:
// seconds (1700000000.25) or RFC 3339. Points in time count from the earliest of them. A
// file is of one kind. Empty lines and lines that begin with # are skipped, and the order
// of lines does not matter, for logs are written when work ends. The arrivals are held in
// memory, 8 bytes each. An error names the line.
func Replay(r io.Reader, speed float64) (Schedule, error) {
	if !(speed > 0) || math.IsInf(speed, 1) {
		return nil, fmt.Errorf("replay at %v times the speed: want a number above 0", speed)
	}
	offsets, err := readOffsets(r)
	if err != nil {
		return nil, err
	}
	if speed == 1 {
		return slices.Values(offsets), nil
	}
	if float64(offsets[len(offsets)-1])/speed > math.MaxInt64/2 {
		return nil, fmt.Errorf("replay at %v times the speed takes centuries", speed)
	}
	for i, t := range offsets {
		offsets[i] = time.Duration(math.Round(float64(t) / speed))
	}
	return slices.Values(offsets), nil
}

// stamp is how a line tells the time.
type stamp string

const (
	offset  stamp = "a duration"
	seconds stamp = "seconds"
	instant stamp = "a date"
)

// readOffsets returns the times of all lines as sorted offsets.
func readOffsets(r io.Reader) ([]time.Duration, error) {
	var (
		offsets []time.Duration
		first   stamp
		line    int
	)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line++
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		t, kind, err := parseStamp(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if first == "" {
			first = kind
		}
		if kind != first {
			return nil, fmt.Errorf("line %d: %q is %s, but the file began with %s", line, text, kind, first)
		}
		offsets = append(offsets, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", line+1, err)
	}
	if len(offsets) == 0 {
		return nil, errors.New("no arrivals in it")
	}
	slices.Sort(offsets)
	if first != offset {
		return fromEarliest(offsets)
	}
	return offsets, nil
}

// parseStamp reads one time. Seconds and dates are returned as they are, not as offsets.
func parseStamp(text string) (time.Duration, stamp, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		if y := t.Year(); y < 1700 || y > 2200 { // what fits into nanoseconds since 1970
			return 0, "", fmt.Errorf("%q is out of range", text)
		}
		return time.Duration(t.UnixNano()), instant, nil
	}
	kind, unit := offset, ""
	if strings.Trim(text, "+-.0123456789") == "" {
		kind, unit = seconds, "s"
	}
	// As a duration seconds are read exactly; a float64 since 1970 holds no nanoseconds.
	t, err := time.ParseDuration(text + unit)
	if err != nil {
		return 0, "", fmt.Errorf("%q is not a time: want seconds, a duration like 1m2.5s or an RFC 3339 date", text)
	}
	if kind == offset && t < 0 {
		return 0, "", fmt.Errorf("%q is before the start", text)
	}
	return t, kind, nil
}

// fromEarliest turns sorted points in time into offsets from the first.
func fromEarliest(times []time.Duration) ([]time.Duration, error) {
	start := times[0]
	if start < 0 && times[len(times)-1] > math.MaxInt64+start {
		return nil, errors.New("the first and the last arrival are centuries apart")
	}
	for i := range times {
		times[i] -= start
	}
	return times, nil
}
