package budget

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// sloError is a mistake in a value of an SLO.
func sloError(at int, hint, format string, args ...any) error {
	return &SyntaxError{Offset: at, Msg: fmt.Sprintf(format, args...), Hint: hint, kind: "slo"}
}

// ParseGate reads a gate: 14.4/1h+5m, 6/6h+30m abort, 1/run. The first number is the burn,
// then come the long and the short window; without a short one it is a twelfth of the long
// one. The error is a *SyntaxError.
func ParseGate(src string) (g Gate, err error) {
	const example = "gates look like 14.4/1h+5m, 6/6h+30m abort or 1/run"
	words := strings.Fields(src)
	if len(words) == 0 {
		return g, sloError(0, example, "the gate is empty")
	}
	if len(words) > 2 {
		return g, sloError(strings.Index(src, words[2]), example, "%q is one word too many", words[2])
	}
	burn, over, found := strings.Cut(words[0], "/")
	if !found {
		return g, sloError(0, example, "gate %q has no window", words[0])
	}
	if g.Burn, err = strconv.ParseFloat(strings.TrimSuffix(burn, "x"), 64); err != nil || !(g.Burn > 0 && g.Burn <= 1e6) {
		return g, sloError(0, example, "%q is not a burn", burn)
	}
	if err := g.windows(over, strings.Index(src, "/")+1); err != nil {
		return g, err
	}
	if len(words) == 1 {
		return g, nil
	}
	at := strings.LastIndex(src, words[1])
	switch g.Action = words[1]; {
	case g.Action != "warn" && g.Action != "abort":
		hint := "write warn or abort, or nothing"
		if near := nearest(g.Action, []string{"warn", "abort"}); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		return g, sloError(at, hint, "unknown word %q", g.Action)
	case g.Action == "abort" && g.Long == 0:
		return g, sloError(at, "a gate with windows can stop it:  14.4/1h+5m abort", "a whole run is judged at its end, and cannot be stopped then")
	}
	return g, nil
}

// windows reads the windows of a gate, which begin at the given offset.
func (g *Gate) windows(over string, at int) (err error) {
	if over == "run" {
		return nil
	}
	long, brief, both := strings.Cut(over, "+")
	if g.Long, err = ParsePeriod(long); err != nil {
		return moved(err, at)
	}
	g.Short = g.Long / 12
	if both {
		if g.Short, err = ParsePeriod(brief); err != nil {
			return moved(err, at+len(long)+1)
		}
	}
	if g.Short > g.Long {
		return sloError(at, fmt.Sprintf("write %s+%s", brief, long), "the first window is the long one")
	}
	return nil
}

// moved puts a mistake at another place.
func moved(err error, by int) error {
	if bad, ok := err.(*SyntaxError); ok { //nolint:errorlint // it is one of ours
		bad.Offset += by
	}
	return err
}

// longestPeriod bounds the windows of an SLO.
const longestPeriod = 366 * 24 * time.Hour

// ParsePeriod reads a length of time above zero in Go syntax in which d and w stand for
// days and weeks, too: 30d, 4w, 1d12h, 5m. The error is a *SyntaxError.
func ParsePeriod(src string) (time.Duration, error) {
	var sum float64
	rest := strings.TrimSpace(src)
	bad := func(format string, args ...any) (time.Duration, error) {
		return 0, sloError(0, "windows look like 30d, 6h or 5m", format, args...)
	}
	if rest == "" {
		return bad("a window is missing")
	}
	if _, err := strconv.ParseFloat(rest, 64); err == nil {
		return bad("window %q has no unit", src)
	}
	for rest != "" {
		n := strings.IndexFunc(rest, unicode.IsLetter)
		if n <= 0 {
			return bad("%q is not a length of time", src)
		}
		unit := rest[n:]
		if end := strings.IndexFunc(unit, func(r rune) bool { return !unicode.IsLetter(r) }); end >= 0 {
			unit = unit[:end]
		}
		x, err := strconv.ParseFloat(rest[:n], 64)
		one := unitOf(unit)
		if err != nil || one == 0 || x < 0 {
			return bad("%q is not a length of time", src)
		}
		sum += x * float64(one)
		rest = rest[n+len(unit):]
	}
	if !(sum >= float64(time.Millisecond) && sum <= float64(longestPeriod)) {
		return bad("%s is not from 1ms to a year long", src)
	}
	return time.Duration(math.Round(sum)), nil
}

// unitOf returns a unit of time, 0 if it is none.
func unitOf(name string) time.Duration {
	switch name {
	case "w":
		return 7 * 24 * time.Hour
	case "d":
		return 24 * time.Hour
	}
	d, err := time.ParseDuration("1" + name)
	if err != nil {
		return 0
	}
	return d
}

// Period writes a length of time as ParsePeriod reads it: 30d, 1d12h, 5m.
func Period(d time.Duration) string {
	const day = 24 * time.Hour
	if d < day {
		return short(d)
	}
	text := strconv.FormatInt(int64(d/day), 10) + "d"
	if rest := d % day; rest > 0 {
		text += short(rest)
	}
	return text
}

// ParseShare reads an objective: 99.9%. The error is a *SyntaxError.
func ParseShare(src string) (float64, error) {
	digits, found := strings.CutSuffix(strings.TrimSpace(src), "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	switch {
	case err != nil:
		return 0, sloError(0, "write 99.9%", "%q is not a share of requests", src)
	case !found:
		return 0, sloError(0, fmt.Sprintf("write %s%%", decimal(x)), "objective %q has no unit", src)
	case !(x > 0 && x <= 99.9999999):
		return 0, sloError(0, "write 99.9%: an objective allows a few that are not good, and asks for some that are", "objective %q is not between 0%% and 99.9999999%%", src)
	}
	return round(x / 100), nil
}

// round takes off what binary fractions add: 99.9/100 is 0.999.
func round(x float64) float64 { return math.Round(x*1e12) / 1e12 }

// ParseScale reads what a time of the run stands for, 1s = 5m, and returns how many
// seconds a second is. The error is a *SyntaxError.
func ParseScale(src string) (float64, error) {
	run, production, found := strings.Cut(src, "=")
	if !found {
		return 0, sloError(0, "write 1s = 5m: a second of the run stands for five minutes", "%q is not a scale", src)
	}
	from, err := ParsePeriod(run)
	if err != nil {
		return 0, err
	}
	to, err := ParsePeriod(production)
	if err != nil {
		return 0, moved(err, len(run)+1)
	}
	if to < from {
		return 0, sloError(0, fmt.Sprintf("write %s = %s", strings.TrimSpace(production), strings.TrimSpace(run)), "the run would be slower than production")
	}
	return float64(to) / float64(from), nil
}

// Price is what a time of downtime costs.
type Price struct {
	PerMinute float64
	Currency  string // as the author wrote it: $, EUR
	text      string
}

// ParsePrice reads a price of downtime: $500/min, 30k EUR/h. The error is a *SyntaxError.
func ParsePrice(src string) (*Price, error) {
	const example = "prices look like $500/min or 30k EUR/h"
	money, per, found := strings.Cut(strings.TrimSpace(src), "/")
	unit := map[string]time.Duration{"s": time.Second, "min": time.Minute, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[strings.TrimSpace(per)]
	if !found || unit == 0 {
		return nil, sloError(0, example, "%q is not a price per minute", src)
	}
	isDigit := func(r rune) bool { return '0' <= r && r <= '9' || r == '.' }
	first, last := strings.IndexFunc(money, isDigit), strings.LastIndexFunc(money, isDigit)
	if first < 0 {
		return nil, sloError(0, example, "%q has no number", src)
	}
	before, amount, after := strings.TrimSpace(money[:first]), money[first:last+1], money[last+1:]
	factor := 1.0
	for suffix, f := range map[string]float64{"k": 1e3, "M": 1e6} {
		if rest, ok := strings.CutPrefix(after, suffix); ok && (rest == "" || rest[0] == ' ') {
			after, factor = rest, f
		}
	}
	currency := strings.TrimSpace(before + after)
	x, err := strconv.ParseFloat(amount, 64)
	switch {
	case err != nil || x <= 0 || x*factor > 1e12:
		return nil, sloError(0, example, "%q is not a price", money)
	case currency == "":
		return nil, sloError(0, example, "price %q has no currency", src)
	case before != "" && strings.TrimSpace(after) != "", utf8.RuneCountInString(currency) > 8, !printable(currency):
		return nil, sloError(0, example, "%q is not a currency", currency)
	}
	return &Price{x * factor * float64(time.Minute) / float64(unit), currency, strings.TrimSpace(src)}, nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// String returns the price as the author wrote it.
func (p Price) String() string { return p.text }

// Money writes an amount of which the digits are given in the currency of the price.
func (p Price) Money(digits string) string {
	if r, _ := utf8.DecodeRuneInString(p.Currency); unicode.IsLetter(r) {
		return digits + " " + p.Currency
	}
	return p.Currency + digits
}
