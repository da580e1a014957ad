package budget

import (
	"slices"

	"plimsoll/engine"
)

// Claim is a promise across the variants of an experiment, such as
//
//	p99(order)[on/peak] < 0.2 * p99(order)[off/peak]
//
// It is a budget without clauses of which every metric names its variant: [on], or
// [on/peak] for a stage of it. A metric may also be a figure that the target gave. Trials
// collect what the runs of the variants show, and Judge decides. It is never changed after
// ParseClaim made it.
type Claim struct{ budget *Budget }

// Names are what a claim can speak of besides the metrics of requests.
type Names struct {
	Variants []string
	Figures  []string // numbers taken from the target
}

// ParseClaim understands a claim. The error is a *SyntaxError.
func ParseClaim(src string, names Names) (*Claim, error) {
	p := &parser{src: src, claims: &names}
	b, err := p.budget()
	if err != nil {
		return nil, err
	}
	c := &Claim{b}
	return c, p.checkClaim(c)
}

// String returns the claim in canonical form; ParseClaim understands it as the same claim.
func (c *Claim) String() string { return c.budget.String() }

// terms returns the metrics of the claim, that of the left side first.
func (c *Claim) terms() []*term {
	terms := []*term{&c.budget.left}
	if ref := c.budget.right.ref; ref != nil {
		terms = append(terms, ref)
	}
	return terms
}

// Bind checks that what the claim says of one variant are names of that variant's run.
// The error is a *BindError.
func (c *Claim) Bind(variant string, l *engine.Legend) error {
	for _, t := range c.terms() {
		if t.variant != variant || t.metric.figure {
			continue
		}
		if _, err := t.within(l); err != nil {
			return err
		}
	}
	return nil
}

// within resolves the term in a run of its variant.
func (t *term) within(l *engine.Legend) (*selection, error) {
	here := *t
	here.variant = ""
	return here.resolve(l)
}

func (p *parser) isFigure(word string) bool {
	return p.claims != nil && slices.Contains(p.claims.Figures, word)
}

// figureHint is the hint about an unknown metric, which may be meant as a figure.
func (p *parser) figureHint(word, hint string) string {
	if p.claims == nil || len(p.claims.Figures) == 0 {
		return hint
	}
	if near := nearest(word, p.claims.Figures); near != "" {
		return "did you mean the figure " + near + "?"
	}
	return hint
}

// settleVariant reads a lone name in brackets as a variant: in a claim every metric has one.
func (p *parser) settleVariant(t *term, at int) error {
	if p.claims == nil {
		return nil
	}
	if t.variant == "" {
		t.variant, t.stage = t.stage, ""
	}
	if !slices.Contains(p.claims.Variants, t.variant) {
		e := unknownName("variant", t.variant, p.claims.Variants).(*BindError) //nolint:errorlint,forcetypeassert // it returns no other
		return p.fail(at, e.Hint, "%s", e.Msg)
	}
	if t.metric.figure && t.stage != "" {
		return p.fail(at, "write ["+t.variant+"]", "a figure is about the whole run, not about a stage")
	}
	return nil
}

// checkClaim refuses what only a budget may have.
func (p *parser) checkClaim(c *Claim) error {
	b := c.budget
	for _, t := range c.terms() {
		if t.variant == "" {
			return p.fail(0, "write "+t.metric.String()+"["+p.claims.Variants[0]+"], or ["+p.claims.Variants[0]+"/STAGE]", "a claim says which variant %s is about", t.metric)
		}
	}
	switch {
	case b.over > 0 || b.after > 0 || b.action != "":
		return p.fail(0, "leave it out, or make it a budget", "a claim is about whole stages: over, after, warn and abort are for budgets")
	case b.right.baseline:
		return p.fail(0, "name a metric of another variant", "a claim has no baseline")
	}
	if instead := b.counted(); instead != "" {
		return p.fail(0, "write "+instead, "a share of a sample is never known to be none or all, so %s would stay open", c)
	}
	return nil
}

// counted returns how a promise that a share is none or all reads as one about numbers, which
// a run can show; empty for every other promise. However many requests there were, chance
// leaves some share open.
func (b *Budget) counted() string {
	if b.measure != share || !b.right.constant() {
		return ""
	}
	number, total := b.left, b.left
	number.metric, total.metric = metric{name: "count"}, metric{name: "count"}
	number.outcomes, total.outcomes = nil, nil
	for o, wanted := range b.left.population() {
		if wanted {
			number.outcomes = append(number.outcomes, engine.Outcome(o))
		}
	}
	if b.left.metric.name == "dropped" {
		number = b.left
	}
	switch limit := b.right.plus.amount(); {
	case limit == 0 && b.op[0] != '>':
		return number.String() + " " + b.op + " 0"
	case limit == 1 && b.op[0] != '<' && b.left.metric.name == "errors":
		return number.String() + " " + b.op + " " + total.String()
	}
	return ""
}
