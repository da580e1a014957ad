package scenarios

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"plimsoll/report/budget"
)

// Experiment is what a scenario with variants has besides: the same load under other
// settings, in turn, and claims about the difference.
type Experiment struct {
	Variants []Variant
	Order    []string // the names of variants in the order in which one round runs them
	Fresh    bool     // a new target for every run; otherwise one for all, whose knobs change
	Rounds   int      // at most so many, until every claim is decided
	Claims   []*budget.Claim
}

// Variant is the scenario under other settings.
type Variant struct {
	Name     string
	Scenario *Scenario
	Do       []Action          // before its load starts
	Vars     []string          // names of the variables that it sets
	Values   map[string]string // what it sets besides knobs, by path: vars.tier, load[0].rate
}

// Article says which sentence of the source article an experiment puts to the test.
type Article struct {
	Section      string   // such as 5.2
	Says         string   // the sentence
	Requirements []string // rows of the target's specification that the experiment shows
	Theory       string   // what theory or simulation predicts
}

// Figure is a number that is taken from the target, or from another address, around a run.
type Figure struct {
	Name string
	Get  string // as the URL of an Action
	JSON string // path of the values in the answer: $.a.b[0], where * is every key or item
	Fold string // how several values become one: sum, max, min, mean, jain or count
	Take string // last: as it stands after the run; change: since before it

	Header []Header
}

const (
	defaultRounds = 3
	mostRounds    = 100
)

// Variant returns the variant of that name, nil if there is none.
func (e *Experiment) Variant(name string) *Variant {
	for i := range e.Variants {
		if e.Variants[i].Name == name {
			return &e.Variants[i]
		}
	}
	return nil
}

// experiment decodes what makes the scenario an experiment; its variants come later.
func (d *decoder) experiment(s *Scenario) {
	n := valueOf(d.root, "variants")
	if n == nil {
		for _, key := range []string{"claims", "order", "fresh", "repeat"} {
			if n := valueOf(d.root, key); n != nil {
				d.problem(n, "add  variants: {off: {…}, on: {…}}", "%s is for experiments, and the scenario has no variants", key)
			}
		}
		return
	}
	e := &Experiment{Fresh: true, Rounds: defaultRounds}
	d.pairs(n, "variants", func(key, value *yaml.Node) {
		v := Variant{Name: d.name(key, "the variant's name")}
		v.Values = map[string]string{}
		if vars := valueOf(value, "vars"); vars != nil {
			d.pairs(vars, "vars", func(name, value *yaml.Node) {
				v.Vars = append(v.Vars, name.Value)
				v.Values["vars."+name.Value] = d.written(value)
			})
		}
		if set := valueOf(value, "scenario"); set != nil {
			d.pairs(set, "scenario", func(path, value *yaml.Node) { v.Values[path.Value] = d.written(value) })
		}
		e.Variants = append(e.Variants, v)
	})
	if len(e.Variants) < 2 {
		d.problem(n, "for instance  variants: {off: {…}, on: {…}}", "an experiment needs at least two variants")
		return
	}
	if n := valueOf(d.root, "claims"); n == nil || n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		d.problem(cmp.Or(n, d.root), "for instance  claims: [p99[on] < 0.5 * p99[off]]", "the scenario has variants, and no claims about them")
	}
	if n := valueOf(d.root, "fresh"); n != nil {
		e.Fresh = d.boolean(n, "fresh")
	}
	if n := valueOf(d.root, "repeat"); n != nil {
		e.Rounds = int(d.integer(n, "repeat", 1, mostRounds))
	}
	e.Order = d.order(valueOf(d.root, "order"), e.names())
	s.claimNodes = map[string]*yaml.Node{}
	e.Claims = d.claims(valueOf(d.root, "claims"), budget.Names{Variants: e.names(), Figures: s.figureNames()}, s.claimNodes)
	s.Experiment = e
}

// written returns a value on one line: text as it is, what has parts as JSON.
func (d *decoder) written(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return string(d.jsonOf(n))
}

func (e *Experiment) names() (names []string) {
	for _, v := range e.Variants {
		names = append(names, v.Name)
	}
	return names
}

// order decodes in which order the variants run. Without one, each takes its turn and the
// first comes again at the end, so that drift shows.
func (d *decoder) order(n *yaml.Node, names []string) (order []string) {
	if n == nil {
		return append(slices.Clone(names), names[0])
	}
	d.items(n, func(item *yaml.Node) { order = append(order, d.oneOf(item, "variant", names...)) })
	for _, name := range names {
		if !slices.Contains(order, name) {
			d.problem(n, "name every variant at least once", "variant %s never runs", quote(name))
		}
	}
	return order
}

func (d *decoder) claims(n *yaml.Node, names budget.Names, nodes map[string]*yaml.Node) (claims []*budget.Claim) {
	if n == nil {
		return nil
	}
	d.items(n, func(item *yaml.Node) {
		text, ok := d.text(item, "a claim")
		if !ok {
			return
		}
		c, err := budget.ParseClaim(text, names)
		d.report(item, err)
		if err == nil {
			claims = append(claims, c)
			nodes[c.String()] = item
		}
	})
	return claims
}

func (d *decoder) article(n *yaml.Node) *Article {
	a := &Article{}
	d.object(n, "article", fields{
		"section": func(n *yaml.Node) { a.Section, _ = d.text(n, "the section") },
		"says":    func(n *yaml.Node) { a.Says, _ = d.text(n, "what the article says") },
		"requirements": func(n *yaml.Node) {
			d.items(n, func(n *yaml.Node) { a.Requirements = append(a.Requirements, d.name(n, "a requirement")) })
		},
		"theory": func(n *yaml.Node) { a.Theory, _ = d.text(n, "the theory") },
	})
	return a
}

func (s *Scenario) figureNames() (names []string) {
	for _, f := range s.Figures {
		if !budget.IsMetric(f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

func (d *decoder) figures(n *yaml.Node) (figures []Figure) {
	d.pairs(n, "figures", func(key, value *yaml.Node) {
		f := Figure{Name: key.Value, Fold: "sum", Take: "last"}
		d.identifier(key, "the name of a figure")
		if budget.IsMetric(f.Name) {
			d.problem(key, "give it another name", "%s is a metric of requests", quote(f.Name))
		}
		d.object(value, "figure", fields{
			"get":     func(n *yaml.Node) { f.Get = d.call(n, "get") },
			"json":    func(n *yaml.Node) { f.JSON, _ = d.text(n, "json") },
			"headers": func(n *yaml.Node) { f.Header = d.headersOutside(n) },
			"fold":    func(n *yaml.Node) { f.Fold = d.oneOf(n, "fold", "sum", "max", "min", "mean", "jain", "count") },
			"take":    func(n *yaml.Node) { f.Take = d.oneOf(n, "take", "last", "change") },
		})
		if f.Get == "" {
			d.problem(value, "for instance  get: /stats", "figure %s says not where it comes from", quote(f.Name))
		}
		if !strings.HasPrefix(f.JSON, "$") {
			d.problem(value, "for instance  json: $.layers.cache.hits_total", "figure %s has no path into the answer", quote(f.Name))
		}
		figures = append(figures, f)
	})
	return figures
}

// LoadTime returns for how many seconds one round of the experiment makes load, without
// grace and without the start of targets.
func (s *Scenario) LoadTime() (seconds float64) {
	for _, name := range s.Experiment.Order {
		longest := 0.0
		for _, l := range s.Experiment.Variant(name).Scenario.loads {
			longest = max(longest, l.length().Seconds())
		}
		seconds += longest
	}
	return seconds
}
