package scenarios

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// check finds the mistakes that show only when the parts are held against each other, and
// fills in what the author left out.
func (d *decoder) check(s *Scenario) {
	s.from.missing = d.missing
	if s.Name == "" && valueOf(d.root, "scenario") == nil {
		d.problem(d.root, "add  scenario: my-test  as the first line", "the scenario has no name")
	}
	if len(s.flows) == 0 {
		if n := valueOf(d.root, "flows"); n == nil || n.Kind == yaml.MappingNode {
			d.problem(cmp.Or(n, d.root), "add  flows: [{get: /}]", "the scenario has no flows")
		}
		return
	}
	if valueOf(d.root, "load") == nil {
		s.loads = []*loadSpec{defaultLoad(d.root, s.flows)}
	} else if len(s.loads) == 0 {
		d.problem(valueOf(d.root, "load"), "for instance  - {rate: 100/s, for: 10s}", "the list of loads is empty")
		return
	}
	d.checkFlows(s)
	d.checkNames(s)
	d.checkTargets(s)
	s.legend = d.requests(s)
	for _, l := range s.loads {
		s.legend.Loads = append(s.legend.Loads, l.legend())
	}
	if len(d.problems) == 0 {
		d.checkCalls(s)
	}
}

// checkCalls finds what is left: calls whose parts are right but that cannot be sent.
func (d *decoder) checkCalls(s *Scenario) {
	for _, f := range s.flows {
		for _, c := range f.calls() {
			_, err := c.compile("http://localhost", s.run.defaults)
			d.report(c.node, err)
		}
	}
}

// defaultLoad is what a scenario does that says only what to send: one user, for a look.
func defaultLoad(n *yaml.Node, flows []*flowSpec) *loadSpec {
	l := &loadSpec{node: n, name: "load"}
	l.stages = []stageSpec{{node: n, name: "main", length: defaultSpan, fromUsers: 1, toUsers: 1, hasUsers: true}}
	for _, f := range flows {
		l.flows = append(l.flows, share{f.node, f.name, 1})
	}
	return l
}

// checkFlows holds the flows against the loads that use them.
func (d *decoder) checkFlows(s *Scenario) {
	used := map[string]bool{}
	var names []string
	for _, f := range s.flows {
		names = append(names, f.name)
	}
	for _, l := range s.loads {
		switch {
		case len(l.flows) == 0 && len(s.flows) == 1:
			l.flows = []share{{l.node, names[0], 1}}
		case len(l.flows) == 0:
			d.problem(l.node, "add  flow: "+strings.Join(names, "  or  flow: "), "load %s says not which flow", quote(l.name))
		}
		for _, w := range l.flows {
			if !slices.Contains(names, w.flow) {
				d.problem(w.node, didYouMean(w.flow, names), "there is no flow %s", quote(w.flow))
			}
			used[w.flow] = true
		}
	}
	for _, f := range s.flows {
		if !used[f.name] {
			d.problem(f.node, "name it in a load, or take it out", "no load uses flow %s", quote(f.name))
		}
	}
}

// scope holds what templates can mention.
type scope struct {
	vars      map[string]bool
	columns   map[string][]string // of each data source; nil if its file was not looked at
	usedData  map[string]bool
	extracted map[string]string // name → the flow that extracts it
}

// checkNames sees that every variable has somebody who sets it before it is used, and
// that every data source is used.
func (d *decoder) checkNames(s *Scenario) {
	in := scope{vars: map[string]bool{}, columns: map[string][]string{}, usedData: map[string]bool{}, extracted: map[string]string{}}
	for _, v := range s.vars {
		in.vars[v.name] = true
	}
	for _, src := range s.data {
		if in.vars[src.name] {
			d.problem(src.node, "", "%s is the name of a variable and of a data source", quote(src.name))
		}
		in.columns[src.name] = src.columns
	}
	for _, f := range s.flows {
		for _, c := range f.calls() {
			for _, x := range c.Extracts {
				in.extracted[x.Name] = f.name
				if in.vars[x.Name] {
					d.problem(c.node, "give one of them another name", "%s is set under vars and extracted here", quote(x.Name))
				}
			}
		}
	}
	for _, f := range s.flows {
		d.checkUses(f, s.run.defaults.uses, in)
	}
	for _, src := range s.data {
		if !in.usedData[src.name] {
			d.problem(src.node, "use a column of it, such as {{ "+src.name+".id }}, or take it out", "nobody uses data source %s", quote(src.name))
		}
	}
}

// checkUses goes through a flow the way a user does.
func (d *decoder) checkUses(f *flowSpec, defaults []use, in scope) {
	known := maps.Clone(in.vars)
	for _, c := range f.calls() {
		for _, u := range slices.Concat(c.uses, defaults) {
			if !known[u.name] {
				d.checkUse(u, f, known, in)
			}
		}
		for _, x := range c.Extracts {
			known[x.Name] = true
		}
	}
}

func (d *decoder) checkUse(u use, f *flowSpec, known map[string]bool, in scope) {
	at := max(strings.Index(u.node.Value, u.name), 0)
	name, column, dotted := strings.Cut(u.name, ".")
	columns, isData := in.columns[name]
	in.usedData[name] = true
	if dotted && isData {
		if columns != nil && !slices.Contains(columns, column) {
			d.problemAt(u.node, at, didYouMean(column, columns), "data source %s has no column %s", quote(name), quote(column))
		}
		return
	}
	hint := didYouMean(u.name, slices.Concat(slices.Collect(maps.Keys(known)), in.dotted()))
	switch by := in.extracted[u.name]; {
	case by == f.name:
		hint = "a later step of the flow extracts it"
	case by != "":
		hint = "flow " + by + " extracts it, but what is extracted holds for one pass of one flow"
	case dotted:
		hint = didYouMean(name, slices.Collect(maps.Keys(in.columns)))
	case isData:
		hint = "name a column of it, such as {{ " + name + ".id }}"
	}
	d.problemAt(u.node, at, hint, "nobody sets the variable %s", quote(u.name))
}

// dotted returns the columns as templates name them.
func (in scope) dotted() (names []string) {
	for source, columns := range in.columns {
		for _, c := range columns {
			names = append(names, source+"."+c)
		}
	}
	return names
}

// checkTargets sees that every request has a host to go to.
func (d *decoder) checkTargets(s *Scenario) {
	for _, f := range s.flows {
		for _, c := range f.calls() {
			if valueOf(d.root, "target") == nil && c.url != "" && !isAbsolute(c.url) {
				d.problem(c.node, "add  target: http://HOST:PORT  to the scenario, or run it with --target", "%s goes nowhere: the scenario has no target", quote(c.Name))
				return
			}
		}
	}
	vars := map[string]bool{}
	for _, v := range s.vars {
		vars[v.name] = true
	}
	for _, u := range s.Target.uses {
		if !vars[u.name] {
			d.problem(u.node, didYouMean(u.name, slices.Collect(maps.Keys(vars))), "the target mentions %s, which is not in vars", quote(u.name))
		}
	}
}

// requests numbers the named requests. One name in several places is one request in the
// report, so it has to be the same request.
func (d *decoder) requests(s *Scenario) *engine.Legend {
	legend := &engine.Legend{}
	first := map[string]*callSpec{}
	add := func(name string, checks []flow.Check, labels engine.Labels) int {
		r := engine.RequestLegend{Name: name, Labels: labels}
		for _, c := range checks {
			r.Checks = append(r.Checks, c.String())
		}
		legend.Requests = append(legend.Requests, r)
		return len(legend.Requests) - 1
	}
	for _, f := range s.flows {
		for _, c := range f.calls() {
			if c.Redirects < 0 {
				c.Redirects = s.run.defaults.redirects
			}
			if one := first[c.Name]; one != nil {
				c.Index, c.HopIndex = one.Index, one.HopIndex
				if !sameRequest(one, c) {
					d.problem(c.node, "give one of them a  name:  of its own", "two different requests are named %s", quote(c.Name))
				}
				continue
			}
			first[c.Name] = c
			c.Index = add(c.Name, c.Checks, c.labels)
			if c.Redirects > 0 {
				c.HopIndex = add(c.Name+" (redirected)", nil, c.labels)
			}
		}
	}
	return legend
}

func sameRequest(a, b *callSpec) bool {
	return a.Method == b.Method && a.url == b.url && a.labels == b.labels && (a.Redirects > 0) == (b.Redirects > 0) &&
		slices.EqualFunc(a.Checks, b.Checks, func(a, b flow.Check) bool { return a.String() == b.String() })
}
