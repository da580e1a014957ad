package live

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"plimsoll/report"
)

// span writes a duration, "–" for none.
func span(d time.Duration) string {
	if d <= 0 {
		return "–"
	}
	return report.FormatDuration(d)
}

// millis writes a number of milliseconds.
func millis(ms float64) string { return span(time.Duration(ms * float64(time.Millisecond))) }

func perSecond(x float64) string { return report.FormatNumber(x) + "/s" }

func percent(x float64) string { return report.FormatShare(x) }

func count(n uint64) string { return report.FormatCount(n) }

// plural writes a count of something.
func plural(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return count(n) + " " + what
}

// clock writes a time into the run, such as 8s, 1m30 or 2h05.
func clock(d time.Duration) string {
	d = max(d.Round(time.Second), 0)
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02d", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02d", int(d.Hours()), int(d.Minutes())%60)
}

// short writes a duration for an axis.
func short(d float64) string {
	if d <= 0 {
		return "0"
	}
	return trimmed(report.FormatDuration(time.Duration(math.Round(d))))
}

// shortRate writes a rate for an axis, whose labels have room for six columns.
func shortRate(x float64) string {
	unit := "/s"
	for _, bigger := range []string{"k/s", "M/s", "G/s"} {
		if x < 1000 {
			break
		}
		x, unit = x/1000, bigger
	}
	return trimmed(report.FormatNumber(x)) + unit
}

// trimmed takes zeros behind a decimal point away.
func trimmed(s string) string {
	digits := strings.TrimRight(s, "nµmsh")
	unit := s[len(digits):]
	if strings.Contains(digits, ".") {
		digits = strings.TrimRight(strings.TrimRight(digits, "0"), ".")
	}
	return digits + unit
}

// whole writes a share as a whole percentage.
func whole(x float64) string { return strconv.Itoa(int(math.Round(x*100))) + "%" }

// quantity writes a number of a budget or a claim in the unit it is given in.
func quantity(x *float64, unit string) string {
	if x == nil {
		return "–"
	}
	switch unit {
	case "ms":
		return millis(*x)
	case "share":
		return percent(*x)
	case "/s":
		return perSecond(*x)
	}
	return report.FormatNumber(*x)
}

// statusName says what a status is.
func statusName(status int) string {
	if text := http.StatusText(status); text != "" {
		return strconv.Itoa(status) + " " + text
	}
	return "status " + strconv.Itoa(status)
}
