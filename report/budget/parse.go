package budget

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine"
)

// SyntaxError is a mistake in the text of a budget or a claim.
type SyntaxError struct {
	Offset int    // byte offset in the text
	Msg    string // what is wrong
	Hint   string // what to write instead; may be empty
	kind   string // "budget" or "claim"
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s, at byte %d: %s", e.kind, e.Offset, e.Msg)
}

// parser reads a budget from left to right.
type parser struct {
	src    string
	pos    int
	claims *Names // what a claim may name; nil: this is a budget
}

// Parse understands one budget:
//
//	METRIC[(SELECTOR, …)][[STAGE]] OP LIMIT [over WINDOW] [after GRACE] [warn|abort]
//
// METRIC is a percentile p50 … p99.99, mean or max of the latency, or of another clock
// (service.p99; also lag, dns, connect, tls, ttfb, body), or errors, rate, goodput,
// dropped, count. SELECTOR is the name of a request (in double quotes if it holds a comma
// or a parenthesis), load:NAME or outcome:ok, failed, error, unfinished. STAGE may have a
// variant before it: [on/peak]. OP is < <= > >= or ==. LIMIT is a number with its unit,
// or another metric or the word baseline with a factor and a number to add. The error is
// a *SyntaxError.
//
// Latency figures are about answered requests and, at their age so far, unfinished ones.
// errors is the share of requests that failed, got no answer or were unfinished; rate
// counts answers, and goodput those that were ok, per second of the time in which the
// selected stages ran; dropped is a number of arrivals, or with a % a share of those due.
func Parse(src string) (*Budget, error) {
	p := &parser{src: src}
	b, err := p.budget()
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (p *parser) budget() (b *Budget, err error) {
	b = &Budget{}
	if b.left, err = p.term(); err != nil {
		return nil, err
	}
	if b.op, err = p.operator(); err != nil {
		return nil, err
	}
	p.space()
	right := p.pos
	if b.right, err = p.limit(); err != nil {
		return nil, err
	}
	if err := p.settle(b, right); err != nil {
		return nil, err
	}
	return b, p.clauses(b)
}

func (p *parser) fail(at int, hint, format string, args ...any) error {
	return &SyntaxError{Offset: at, Msg: fmt.Sprintf(format, args...), Hint: hint, kind: p.kind()}
}

func (p *parser) kind() string {
	if p.claims != nil {
		return "claim"
	}
	return "budget"
}

// example is how what is parsed may look.
func (p *parser) example() string {
	if p.claims != nil {
		return "p99[on] < 0.5 * p99[off]"
	}
	return "p99 < 200ms"
}

func (p *parser) space() {
	p.pos = len(p.src) - len(strings.TrimLeft(p.src[p.pos:], " \t\r\n"))
}

// take skips white space and then prefix, if it comes next.
func (p *parser) take(prefix string) bool {
	p.space()
	if !strings.HasPrefix(p.src[p.pos:], prefix) {
		return false
	}
	p.pos += len(prefix)
	return true
}

// word skips white space and returns the letters, digits and dots that come next.
func (p *parser) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.src) && isWord(p.src[p.pos]) {
		p.pos++
	}
	return p.src[start:p.pos]
}

func isWord(c byte) bool {
	return c == '.' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func (p *parser) term() (t term, err error) {
	word := p.word()
	start := p.pos - len(word)
	if word == "" {
		return t, p.fail(start, "a "+p.kind()+" reads like "+p.example(), "a metric is missing")
	}
	if p.isFigure(word) {
		t.metric = metric{name: word, figure: true}
		return t, p.stage(&t)
	}
	m, msg, hint := parseMetric(word)
	if msg != "" {
		return t, p.fail(start, p.figureHint(word, hint), "%s", msg)
	}
	t.metric = m
	if err := p.selectors(&t); err != nil {
		return t, err
	}
	if err := p.stage(&t); err != nil {
		return t, err
	}
	return t, p.checkTerm(&t, start)
}

// selectors reads what stands in parentheses after a metric.
func (p *parser) selectors(t *term) error {
	if !p.take("(") {
		return nil
	}
	for {
		if err := p.selector(t); err != nil {
			return err
		}
		switch {
		case p.take(","):
		case p.take(")"):
			return nil
		default:
			return p.fail(p.pos, "put a name with parentheses or commas in double quotes", "expected , or ) after a selector")
		}
	}
}

func (p *parser) selector(t *term) error {
	p.space()
	start := p.pos
	kind, rest, _ := cutPrefix(p.src[p.pos:])
	p.pos = len(p.src) - len(rest)
	name, err := p.name(",()")
	if err != nil {
		return err
	}
	switch kind {
	case "load":
		t.loads = include(t.loads, name)
	case "tier", "dependency", "owner":
		t.labels = include(t.labels, label{kind, name})
	case "outcome":
		for o := range engine.NumOutcomes {
			if o.String() == name {
				t.outcomes = include(t.outcomes, o)
				return nil
			}
		}
		return p.fail(start, "outcomes are ok, failed, error and unfinished", "unknown outcome %q", name)
	default:
		t.requests = include(t.requests, name)
	}
	return nil
}

// cutPrefix splits load:NAME, outcome:NAME and labels like tier:NAME; anything else is a name.
func cutPrefix(s string) (kind, rest string, found bool) {
	for _, kind := range append(labelKinds(), "load", "outcome") {
		if rest, ok := strings.CutPrefix(s, kind+":"); ok {
			return kind, rest, true
		}
	}
	return "", s, false
}

func include[T comparable](list []T, x T) []T {
	if slices.Contains(list, x) {
		return list
	}
	return append(list, x)
}

func (p *parser) stage(t *term) (err error) {
	if !p.take("[") {
		return nil
	}
	at := p.pos
	if t.stage, err = p.name("/[]"); err != nil {
		return err
	}
	if p.take("/") {
		t.variant = t.stage
		if t.stage, err = p.name("/[]"); err != nil {
			return err
		}
	}
	if !p.take("]") {
		return p.fail(p.pos, "put a name with brackets or slashes in double quotes", "expected ] after a stage")
	}
	return p.settleVariant(t, at)
}

// name reads a name in double quotes, or one that ends before any of the bytes in end.
func (p *parser) name(end string) (string, error) {
	p.space()
	start := p.pos
	if strings.HasPrefix(p.src[p.pos:], `"`) {
		text, err := strconv.QuotedPrefix(p.src[p.pos:])
		if err != nil {
			return "", p.fail(start, "", "a quoted name does not end, or has a bad escape")
		}
		p.pos += len(text)
		name, err := strconv.Unquote(text)
		if err != nil || name == "" {
			return "", p.fail(start, "", "a name is empty")
		}
		return name, nil
	}
	n := strings.IndexAny(p.src[p.pos:], end)
	if n < 0 {
		n = len(p.src) - p.pos
	}
	p.pos += n
	name := strings.TrimSpace(p.src[start:p.pos])
	if name == "" {
		return "", p.fail(start, "", "a name is missing")
	}
	return name, nil
}

// checkTerm refuses selectors that mean nothing for the metric.
func (p *parser) checkTerm(t *term, at int) error {
	switch t.metric.name {
	case "dropped":
		if len(t.requests)+len(t.outcomes) > 0 {
			return p.fail(at, "select by load:NAME or [stage]", "dropped counts arrivals, which have no request name and no outcome")
		}
	case "goodput":
		if len(t.outcomes) > 0 {
			return p.fail(at, "rate(outcome:…) takes other outcomes", "goodput counts the outcome ok alone")
		}
	case "errors":
		if slices.Contains(t.outcomes, engine.OK) {
			return p.fail(at, "", "ok is not an error")
		}
	}
	return nil
}

func (p *parser) operator() (string, error) {
	for _, op := range []string{"<=", ">=", "==", "<", ">"} {
		if p.take(op) {
			return op, nil
		}
	}
	hint := "operators are < <= > >= and =="
	if p.take("=") {
		p.pos--
		hint = "write =="
	}
	return "", p.fail(p.pos, hint, "expected a comparison")
}

// clauses reads what may follow the limit, in any order, each once.
func (p *parser) clauses(b *Budget) error {
	seen := map[string]bool{}
	for {
		word := p.word()
		start := p.pos - len(word)
		kind := word
		if word == "abort" {
			kind = "warn"
		}
		if word != "" && seen[kind] {
			return p.fail(start, "", "%s after another %s", word, strings.Replace(kind, "warn", "warn or abort", 1))
		}
		seen[kind] = true
		var err error
		switch word {
		case "over":
			b.over, err = p.span(word)
		case "after":
			b.after, err = p.span(word)
		case "warn", "abort":
			b.action = word
		case "":
			if p.pos < len(p.src) {
				return p.fail(p.pos, "", "unexpected %q", p.src[p.pos:])
			}
			return p.checkClauses(b)
		default:
			return p.fail(start, p.clauseHint(word), "unexpected %q", word)
		}
		if err != nil {
			return err
		}
	}
}

func (p *parser) clauseHint(word string) string {
	if p.claims != nil {
		return "nothing follows the limit of a claim"
	}
	if near := nearest(word, []string{"over", "after", "warn", "abort"}); near != "" {
		return "did you mean " + near + "?"
	}
	return "after the limit may stand: over WINDOW, after GRACE, warn or abort"
}

// span reads the length after over or after.
func (p *parser) span(word string) (time.Duration, error) {
	p.space()
	start := p.pos
	q, err := p.quantity()
	if err != nil {
		return 0, err
	}
	if q.unit != "ns" {
		return 0, p.fail(start, "write "+word+" "+decimal(q.number)+"s", "%s needs a duration", word)
	}
	if q.number == 0 && word == "over" {
		return 0, p.fail(start, "leave it out to judge the whole run", "a window has no length")
	}
	return time.Duration(q.number), nil
}

// checkClauses refuses budgets that could not be judged as they ask.
func (p *parser) checkClauses(b *Budget) error {
	if b.action == "abort" && b.grows() {
		return p.fail(0, "leave out abort, or judge windows with over",
			"%s only grows: until the end of the run this would look broken", b.Metric())
	}
	if ref := b.right.ref; b.over > 0 && ref != nil && (ref.stage != b.left.stage || ref.variant != b.left.variant) {
		return p.fail(0, "leave out over", "a window cannot lie in two stages at once")
	}
	if !b.right.baseline {
		return nil
	}
	name := b.left.metric.name
	switch {
	case b.after > 0:
		return p.fail(0, "name a stage that begins later, like "+name+"[peak]", "a baseline knows its stages, but not what came after %s of them", short(b.after))
	case b.over > 0 && (name == "count" || name == "dropped"):
		return p.fail(0, "leave out over, or take rate", "%s in a window is not to be held against that of a whole run", name)
	}
	return nil
}
