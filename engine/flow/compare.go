package flow

import (
	"bytes"
	"cmp"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operand is the right side of a check, filled in and understood.
type operand struct {
	text   string
	list   []string // of in, but for a status
	spans  []span   // of a status
	number int64    // bytes, or nanoseconds
	re     *regexp.Regexp
}

// span is a range of status codes.
type span struct{ from, to int }

// bind works out what the text on the right side means. An error is a *SyntaxError.
func (c *Check) bind(text string) (*operand, error) {
	o := &operand{text: text}
	var err error
	switch {
	case c.subject == status:
		o.spans, err = parseStatuses(c.op, text)
	case c.subject == bodySize:
		o.number, err = parseSize(text)
	case c.subject == latency:
		o.number, err = parseLatency(text)
	case c.op == in:
		for item := range strings.SplitSeq(text, ",") {
			o.list = append(o.list, strings.TrimSpace(item))
		}
	case c.op == matches:
		o.re, err = compileRegexp(text)
	}
	return o, err
}

func compileRegexp(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, &SyntaxError{0, strings.TrimPrefix(err.Error(), "error parsing regexp: "), ""}
	}
	return re, nil
}

func parseStatuses(op operator, text string) ([]span, error) {
	if op == in {
		var spans []span
		for item := range strings.SplitSeq(text, ",") {
			s, err := parseStatus(strings.TrimSpace(item))
			if err != nil {
				return nil, err
			}
			spans = append(spans, s)
		}
		return spans, nil
	}
	s, err := parseStatus(text)
	if err != nil {
		return nil, err
	}
	if op != equal && s.from != s.to {
		return nil, &SyntaxError{0, "a class of statuses is not one number", "for example status < 400"}
	}
	switch op {
	case less:
		s = span{0, s.from - 1}
	case atMost:
		s = span{0, s.from}
	case greater:
		s = span{s.from + 1, 999}
	case atLeast:
		s = span{s.from, 999}
	}
	return []span{s}, nil
}

// parseStatus reads a code such as 404 or a class such as 4xx.
func parseStatus(s string) (span, error) {
	digits, class := strings.CutSuffix(strings.ToLower(s), "xx")
	n, err := strconv.ParseUint(digits, 10, 16)
	if class {
		n *= 100
	}
	if err != nil || n < 100 || n > 999 || class && len(digits) != 1 {
		return span{}, &SyntaxError{
			0, "bad status " + strconv.Quote(abbreviate(s)),
			"a status is 100 to 999 or a class such as 2xx; several: status in 200,201,3xx",
		}
	}
	if class {
		return span{int(n), int(n) + 99}, nil
	}
	return span{int(n), int(n)}, nil
}

func parseLatency(s string) (int64, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, &SyntaxError{0, "bad duration " + strconv.Quote(abbreviate(s)), "for example 200ms or 1.5s"}
	}
	return int64(d), nil
}

// parseSize reads a number of bytes.
func parseSize(s string) (int64, error) {
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		i = len(s)
	}
	unit, known := sizeUnit(strings.TrimSpace(s[i:]))
	n, err := strconv.ParseFloat(s[:i], 64)
	if err != nil || !known || n*unit > 1<<62 {
		return 0, &SyntaxError{0, "bad size " + strconv.Quote(abbreviate(s)), "for example 512B, 10kB, 1.5MB or 4KiB"}
	}
	return int64(n * unit), nil
}

func sizeUnit(s string) (bytes float64, known bool) {
	switch s {
	case "", "B":
		return 1, true
	case "kB", "KB":
		return 1e3, true
	case "MB":
		return 1e6, true
	case "GB":
		return 1e9, true
	case "KiB":
		return 1 << 10, true
	case "MiB":
		return 1 << 20, true
	case "GiB":
		return 1 << 30, true
	}
	return 0, false
}

// holds reports whether the answer fulfils the check. It does not if the right side cannot
// be filled in.
func (c *Check) holds(u *User, a *answer) bool {
	o := c.bound
	if o == nil && c.op != exists {
		text, err := c.want.text(u)
		if err != nil {
			return false
		}
		if o, err = c.bind(text); err != nil {
			return false
		}
	}
	switch c.subject {
	case status:
		in := slices.ContainsFunc(o.spans, func(s span) bool { return a.resp.Status >= s.from && a.resp.Status <= s.to })
		return in != c.not
	case latency:
		return c.op.fits(cmp.Compare(int64(a.latency), o.number))
	case bodySize:
		return c.op.fits(cmp.Compare(int64(len(a.resp.Body)), o.number)) != c.not
	case body:
		return o.test(c.op, a.resp.Body) != c.not
	}
	found, fits := c.search(o, a)
	if c.op == exists {
		return found != c.not
	}
	return found && fits != c.not
}

// search looks for a value that fits among those of a header or a path.
func (c *Check) search(o *operand, a *answer) (found, fits bool) {
	if c.subject == header {
		for v := range a.resp.values(c.arg) {
			found = true
			fits = fits || c.op != exists && o.test(c.op, v)
		}
		return found, fits
	}
	for _, v := range a.find(c.path) {
		found = true
		fits = fits || c.op != exists && o.test(c.op, valueText(v))
	}
	return found, fits
}

// fits reports whether an order (negative: the left side is less) is what op asks for.
func (op operator) fits(order int) bool {
	switch op {
	case equal:
		return order == 0
	case less:
		return order < 0
	case atMost:
		return order <= 0
	case greater:
		return order > 0
	}
	return order >= 0
}

// test compares a value with the operand.
func (o *operand) test(op operator, value []byte) bool {
	switch op {
	case contains:
		return bytes.Contains(value, []byte(o.text))
	case matches:
		return o.re.Match(value)
	case in:
		return slices.ContainsFunc(o.list, func(s string) bool { return same(string(value), s) })
	case equal:
		return string(value) == o.text || same(string(value), o.text)
	}
	s := string(value)
	order, numbers := compareNumbers(s, o.text)
	if !numbers {
		order = strings.Compare(s, o.text)
	}
	return op.fits(order) && isNumber(s) == isNumber(o.text)
}

func same(a, b string) bool {
	if a == b {
		return true
	}
	order, numbers := compareNumbers(a, b)
	return numbers && order == 0
}

// maxExact is how long an integer may be to be compared digit by digit.
const maxExact = 100

// compareNumbers compares two JSON numbers, integers exactly.
func compareNumbers(a, b string) (order int, ok bool) {
	if !isNumber(a) || !isNumber(b) {
		return 0, false
	}
	if len(a) <= maxExact && len(b) <= maxExact && !strings.ContainsAny(a+b, ".eE") {
		x, _ := new(big.Int).SetString(a, 10)
		y, _ := new(big.Int).SetString(b, 10)
		return x.Cmp(y), true
	}
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return cmp.Compare(x, y), err1 == nil && err2 == nil
}
