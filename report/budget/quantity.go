package budget

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// longest bounds durations: the nanoseconds of 1,000 hours are exact in a float64.
const longest = 1000 * time.Hour

// limit reads the right side of a comparison.
func (p *parser) limit() (v limit, err error) {
	v.factor = 1
	p.space()
	start := p.pos
	if p.atNumber() {
		q, err := p.quantity()
		if err != nil {
			return v, err
		}
		if !p.take("*") {
			return limit{plus: q}, nil
		}
		if err := p.factor(&v, q, start); err != nil {
			return v, err
		}
		start = -1
	}
	if err := p.reference(&v); err != nil {
		return v, err
	}
	if p.take("*") {
		if start < 0 {
			return v, p.fail(p.pos-1, "", "only one factor")
		}
		p.space()
		at := p.pos
		q, err := p.quantity()
		if err != nil {
			return v, err
		}
		if err := p.factor(&v, q, at); err != nil {
			return v, err
		}
	}
	return v, p.addend(&v)
}

func (p *parser) factor(v *limit, q quantity, at int) error {
	if q.unit != "" || q.number <= 0 {
		return p.fail(at, "write 1.1 * p99(other) or baseline * 1.1", "a factor is a plain number above 0")
	}
	v.factor = q.number
	return nil
}

// reference reads the word baseline or a metric.
func (p *parser) reference(v *limit) error {
	start := p.pos
	if p.word() == "baseline" {
		v.baseline = true
		return nil
	}
	p.pos = start
	p.space()
	switch {
	case p.pos == len(p.src):
		return p.fail(p.pos, "write a number with its unit, a metric or baseline", "a limit is missing")
	case p.src[p.pos] == '-':
		return p.fail(p.pos, "", "a limit is not negative")
	}
	t, err := p.term()
	v.ref = &t
	return err
}

// addend reads + NUMBER or - NUMBER.
func (p *parser) addend(v *limit) (err error) {
	sign := 1.0
	switch {
	case p.take("+"):
	case p.take("-"):
		sign = -1
	default:
		return nil
	}
	if v.plus, err = p.quantity(); err != nil {
		return err
	}
	if v.plus.number == 0 {
		v.plus = quantity{}
		return nil
	}
	v.plus.number *= sign
	return nil
}

func (p *parser) atNumber() bool {
	p.space()
	if p.pos == len(p.src) {
		return false
	}
	c := p.src[p.pos]
	return '0' <= c && c <= '9' || c == '.'
}

// quantity reads a number with its unit, written without a space between them.
func (p *parser) quantity() (quantity, error) {
	p.space()
	start := p.pos
	n := strings.IndexAny(p.src[p.pos:], " \t\r\n*+-,()[]<>=")
	if n < 0 {
		n = len(p.src) - p.pos
	}
	text := p.src[start : start+n]
	if text == "" {
		return quantity{}, p.fail(start, "", "a number is missing")
	}
	p.pos += n
	q, ok := parseQuantity(text)
	switch {
	case !ok:
		return q, p.fail(start, "units are ns us ms s m h for durations, % for shares, /s for rates", "%q is not a number with a unit", text)
	case q.unit == "ns" && q.number > float64(longest):
		return q, p.fail(start, "", "%s is longer than 1000h", text)
	case q.unit == "":
		return q, p.noUnitAhead(text)
	}
	return q, nil
}

// noUnitAhead refuses a unit that stands apart from its number.
func (p *parser) noUnitAhead(number string) error {
	start := p.pos
	p.space()
	rest := p.src[p.pos:]
	if n := strings.IndexAny(rest, " \t\r\n*+-,()[]<>="); n >= 0 {
		rest = rest[:n]
	}
	if q, ok := parseQuantity(number + rest); ok && q.unit != "" && p.pos > start {
		return p.fail(start, "write "+number+rest, "a unit stands right after its number")
	}
	p.pos = start
	return nil
}

// parseQuantity understands 200ms, 0.1%, 500/s, 100/1m, 1.5k/s and plain numbers.
func parseQuantity(text string) (quantity, bool) {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		x, ok := parseNumber(number)
		return quantity{x, "%"}, ok
	}
	if number, per, ok := strings.Cut(text, "/"); ok {
		x, ok := parseNumber(number)
		if per != "" && (per[0] < '0' || per[0] > '9') {
			per = "1" + per
		}
		d, err := time.ParseDuration(per)
		x /= d.Seconds()
		return quantity{x, "/s"}, ok && err == nil && d > 0 && !math.IsInf(x, 0)
	}
	if x, ok := parseNumber(text); ok {
		return quantity{x, ""}, true
	}
	d, err := time.ParseDuration(text)
	return quantity{float64(d), "ns"}, err == nil && d >= 0
}

// parseNumber understands decimals, with k for thousands and M for millions.
func parseNumber(text string) (float64, bool) {
	exponent := ""
	if s, ok := strings.CutSuffix(text, "k"); ok {
		text, exponent = s, "e3"
	} else if s, ok := strings.CutSuffix(text, "M"); ok {
		text, exponent = s, "e6"
	}
	if strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(text+exponent, 64)
	return x, err == nil
}

// settle finds the measure of both sides and refuses sides that do not compare.
func (p *parser) settle(b *Budget, at int) error {
	b.measure = b.left.metric.measure()
	plus, ref := b.right.plus, b.right.ref
	if b.left.metric.name == "dropped" {
		switch {
		case ref != nil:
			b.measure = ref.metric.measure()
		case plus.unit == "%" || b.right.baseline && plus.unit == "" && plus.number == 0:
			b.measure = share
		}
	}
	if ref != nil && !ref.metric.canBe(b.measure) || !b.left.metric.canBe(b.measure) {
		return p.fail(at, "", "%s is %v and %s is %v", b.left.metric, b.left.metric.measure(), ref.metric, ref.metric.measure())
	}
	if !b.right.constant() && plus.number == 0 {
		return nil
	}
	return p.fit(b, plus, at)
}

func (m metric) canBe(x measure) bool {
	return m.measure() == x || m.name == "dropped" && x == share
}

// fit refuses a quantity that is not one of the budget's measure.
func (p *parser) fit(b *Budget, q quantity, at int) error {
	name, number := b.left.metric, decimal(math.Abs(q.number))
	switch b.measure {
	case duration:
		if q.unit == "" {
			return p.fail(at, "write "+number+"ms", "%s needs a unit", name)
		}
		if q.unit == "ns" {
			return nil
		}
	case share:
		if q.unit == "" && q.number >= 1 {
			return p.fail(at, "write "+number+"%", "%s is a share: 1 would be all of them", name)
		}
		if q.unit == "%" && q.number > 100 {
			return p.fail(at, "", "a share is never above 100%%")
		}
		if q.unit == "%" || q.unit == "" {
			return nil
		}
	case perSecond:
		if q.unit == "" {
			return p.fail(at, "write "+number+"/s", "%s needs a unit", name)
		}
		if q.unit == "/s" {
			return nil
		}
	case count:
		if q.unit == "" {
			return nil
		}
	}
	return p.fail(at, "", "%s is %v and does not compare with %v", name, b.measure, q)
}
