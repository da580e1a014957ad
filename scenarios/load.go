package scenarios

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine/arrivals"
)

// loadSpec is one stream of traffic as the author wrote it.
type loadSpec struct {
	given       map[string]*yaml.Node // the keys that are there
	node        *yaml.Node
	name        string
	flows       []share
	arrivals    string // how work arrives; empty in a closed load
	stages      []stageSpec
	maxInFlight int // 0: the default
	iterations  int64
	pacing      time.Duration
	seed        uint64
	connections string
	shape       shape
}

// share is a flow of a load with its weight.
type share struct {
	node   *yaml.Node
	flow   string
	weight float64
}

// stageSpec is a span of a load; an open one has rates, a closed one has users.
type stageSpec struct {
	node               *yaml.Node
	name               string
	length             time.Duration
	fromRate, toRate   float64
	fromUsers, toUsers int
	hasRate, hasUsers  bool
}

// shape holds what only some kinds of arrivals need.
type shape struct {
	amplitude     float64 // sine: how far the rate swings from its mean, per second
	period, every time.Duration
	burst         int
	file          string // replay
	speed         float64
	recorded      arrivals.Schedule // replay; nil if the file was not looked at
}

func (l *loadSpec) open() bool { return l.arrivals != "" }

// length is how long the load lasts.
func (l *loadSpec) length() (sum time.Duration) {
	for _, s := range l.stages {
		sum += s.length
	}
	return sum
}

// mostUsers is the largest number of users at any time.
func (l *loadSpec) mostUsers() (most int) {
	for _, s := range l.stages {
		most = max(most, s.fromUsers, s.toUsers)
	}
	return most
}

// maxLength bounds a load, so that offsets never overflow.
const maxLength = 365 * 24 * time.Hour

// defaultLength bounds a load that ends after a number of iterations.
const defaultLength = 10 * time.Minute

func (d *decoder) loads(n *yaml.Node) (loads []*loadSpec) {
	d.items(n, func(item *yaml.Node) {
		loads = append(loads, d.load(item, len(loads)))
	})
	seen := map[string]bool{}
	for _, l := range loads {
		if seen[l.name] {
			d.problem(l.node, "give each load a name of its own", "two loads are named %s", quote(l.name))
		}
		seen[l.name] = true
	}
	return loads
}

func (d *decoder) load(n *yaml.Node, index int) *loadSpec {
	l := &loadSpec{node: n, name: "load" + strconv.Itoa(index+1), given: map[string]*yaml.Node{}}
	if index == 0 {
		l.name = "load"
	}
	l.shape.speed = 1
	single := stageSpec{node: n}
	known := fields{
		"name":          func(n *yaml.Node) { l.name = d.name(n, "the load's name") },
		"flow":          func(n *yaml.Node) { l.flows = d.shares(n) },
		"flows":         func(n *yaml.Node) { l.flows = d.shares(n) },
		"arrivals":      func(n *yaml.Node) { l.arrivals = d.oneOf(n, "arrivals", slices.Sorted(maps.Keys(arrivalKeys()))...) },
		"stages":        func(n *yaml.Node) { l.stages = d.stages(n) },
		"for":           func(n *yaml.Node) { single.length = d.length(n) },
		"rate":          func(n *yaml.Node) { d.rates(n, &single) },
		"users":         func(n *yaml.Node) { d.users(n, &single) },
		"max_in_flight": func(n *yaml.Node) { l.maxInFlight = int(d.integer(n, "max_in_flight", 1, maxUsers)) },
		"iterations":    func(n *yaml.Node) { l.iterations = d.integer(n, "iterations", 1, math.MaxInt64) },
		"pacing":        func(n *yaml.Node) { l.pacing = d.duration(n, "pacing") },
		"seed":          func(n *yaml.Node) { l.seed = uint64(d.integer(n, "seed", 0, math.MaxInt64)) },
		"connections":   func(n *yaml.Node) { l.connections = d.oneOf(n, "connections", "keep", "new") },
		"amplitude":     func(n *yaml.Node) { l.shape.amplitude = value(d, n, "amplitude", ParseRate) },
		"period":        func(n *yaml.Node) { l.shape.period = d.span(n, "period") },
		"burst":         func(n *yaml.Node) { l.shape.burst = int(d.integer(n, "burst", 1, maxUsers)) },
		"every":         func(n *yaml.Node) { l.shape.every = d.span(n, "every") },
		"file":          func(n *yaml.Node) { l.shape.file, _ = d.text(n, "file") },
		"speed":         func(n *yaml.Node) { l.shape.speed = d.positive(n, "speed") },
	}
	for key, decode := range known {
		known[key] = func(n *yaml.Node) {
			l.given[key] = n
			decode(n)
		}
	}
	if d.object(n, "load", known) {
		d.checkLoad(l, single)
	}
	return l
}

// length decodes how long a load or stage lasts.
func (d *decoder) length(n *yaml.Node) time.Duration {
	v := d.span(n, "for")
	if v > maxLength {
		d.problem(n, "", "a load lasts a year at most")
	}
	return min(v, maxLength)
}

func (d *decoder) rates(n *yaml.Node, s *stageSpec) {
	s.hasRate = true
	if text, ok := d.text(n, "rate"); ok {
		var err error
		if s.fromRate, s.toRate, err = ParseRateRange(text); err != nil {
			s.fromRate, s.toRate = 1, 1 // one mistake is said once
			d.report(n, err)
		}
	}
}

func (d *decoder) users(n *yaml.Node, s *stageSpec) {
	s.hasUsers = true
	if text, ok := d.text(n, "users"); ok {
		var err error
		if s.fromUsers, s.toUsers, err = ParseUsers(text); err != nil {
			s.fromUsers, s.toUsers = 1, 1
			d.report(n, err)
		}
	}
}

func (d *decoder) positive(n *yaml.Node, what string) float64 {
	return value(d, n, what, func(s string) (float64, error) {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v > 0) || math.IsInf(v, 0) {
			return 1, valueError("", "%s must be a number above zero", what)
		}
		return v, nil
	})
}

// shares decodes one flow's name, a list of names, or names with weights.
func (d *decoder) shares(n *yaml.Node) (shares []share) {
	if n.Kind == yaml.MappingNode {
		d.pairs(n, "flows", func(key, value *yaml.Node) {
			shares = append(shares, share{key, key.Value, d.positive(value, "a flow's weight")})
		})
		return shares
	}
	d.items(n, func(item *yaml.Node) {
		if name, ok := d.text(item, "flow"); ok {
			shares = append(shares, share{item, name, 1})
		}
	})
	return shares
}

func (d *decoder) stages(n *yaml.Node) (stages []stageSpec) {
	seen := map[string]bool{}
	d.items(n, func(item *yaml.Node) {
		s := stageSpec{node: item, name: strconv.Itoa(len(stages) + 1)}
		var timed bool
		ok := d.object(item, "stage", fields{
			"name":  func(n *yaml.Node) { s.name = d.name(n, "the stage's name") },
			"for":   func(n *yaml.Node) { timed, s.length = true, d.length(n) },
			"rate":  func(n *yaml.Node) { d.rates(n, &s) },
			"users": func(n *yaml.Node) { d.users(n, &s) },
		})
		if ok && !timed {
			d.problem(item, "add  for: 10s", "stage %s does not say how long it lasts", quote(s.name))
		}
		if seen[s.name] {
			d.problem(item, "give each stage a name of its own", "two stages are named %s", quote(s.name))
		}
		seen[s.name] = true
		stages = append(stages, s)
	})
	return stages
}

// arrivalKeys are the kinds of arrivals with the keys that go with them.
func arrivalKeys() map[string][]string {
	return map[string][]string{
		"constant": {"rate", "for", "stages"},
		"poisson":  {"rate", "for", "stages"},
		"sine":     {"rate", "amplitude", "period", "for"},
		"burst":    {"burst", "every", "for"},
		"replay":   {"file", "speed", "for"},
	}
}

// openKeys make a load open.
func openKeys() []string {
	return []string{"arrivals", "rate", "max_in_flight", "amplitude", "period", "burst", "every", "file", "speed"}
}

// closedKeys make a load closed.
func closedKeys() []string { return []string{"users", "iterations", "pacing"} }

// checkLoad finds out whether the load is open or closed and whether its keys go together.
func (d *decoder) checkLoad(l *loadSpec, single stageSpec) {
	openKey, closedKey := l.first(openKeys()), l.first(closedKeys())
	for i := range l.stages {
		if l.stages[i].hasRate && openKey == "" {
			openKey = "rate"
		}
		if l.stages[i].hasUsers && closedKey == "" {
			closedKey = "users"
		}
	}
	switch {
	case openKey != "" && closedKey != "":
		d.problem(l.node, "an open load has a rate, a closed one has users; write two loads to have both",
			"load %s mixes open (%s) and closed (%s)", quote(l.name), openKey, closedKey)
		return
	case openKey == "" && closedKey == "":
		d.problem(l.node, "add  rate: 100/s  (open) or  users: 10  (closed)", "load %s says not how much", quote(l.name))
		return
	case l.given["flow"] != nil && l.given["flows"] != nil:
		d.problem(l.given["flow"], "flows: takes several", "load %s has both flow and flows", quote(l.name))
	}
	if openKey != "" && l.given["arrivals"] == nil {
		l.arrivals = "constant"
	}
	if len(l.stages) == 0 && l.given["stages"] != nil {
		d.problem(l.given["stages"], "for instance  - {for: 10s, rate: 100/s}", "load %s has no stages", quote(l.name))
		l.arrivals = ""
		return
	}
	if l.given["stages"] == nil {
		single.name = "main"
		l.stages = []stageSpec{single}
	} else if key := l.first([]string{"for", "rate", "users"}); key != "" {
		d.problem(l.given[key], "move it into the stages", "load %s has stages, and %s beside them", quote(l.name), key)
	}
	if closedKey != "" {
		d.checkClosed(l)
	} else if l.arrivals != "" {
		d.checkOpen(l)
	}
}

func (l *loadSpec) first(keys []string) string {
	for _, k := range keys {
		if l.given[k] != nil {
			return k
		}
	}
	return ""
}

func (d *decoder) checkClosed(l *loadSpec) {
	if l.iterations > 0 && l.given["for"] == nil && l.given["stages"] == nil {
		l.stages[0].length = defaultLength
	}
	for _, s := range l.stages {
		switch {
		case !s.hasUsers:
			d.problem(s.node, "add  users: 10", "%s has no users", stageName(l, s))
		case s.length == 0 && l.given["for"] == nil && l.given["stages"] == nil:
			d.problem(s.node, "add  for: 30s  or  iterations: 100", "load %s never ends", quote(l.name))
		}
	}
	if l.mostUsers() == 0 && len(l.stages) > 0 && l.stages[0].hasUsers {
		d.problem(l.node, "", "load %s never has a user", quote(l.name))
	}
}

// stageName names a stage in a message.
func stageName(l *loadSpec, s stageSpec) string {
	if s.node == l.node {
		return "load " + quote(l.name)
	}
	return "stage " + quote(s.name)
}

func (d *decoder) checkOpen(l *loadSpec) {
	allowed := arrivalKeys()[l.arrivals]
	for _, key := range slices.Sorted(maps.Keys(l.given)) {
		_, about := shapeKeys()[key]
		if about && !slices.Contains(allowed, key) {
			d.problem(l.given[key], l.arrivals+" arrivals take "+strings.Join(allowed, ", "),
				"%s has no meaning with %s arrivals", key, l.arrivals)
		}
	}
	for _, key := range allowed {
		optional := key == "speed" || key == "stages" || l.arrivals == "replay" && key == "for" || l.given["stages"] != nil
		if l.given[key] == nil && !optional {
			d.problem(l.node, "add  "+key+": "+shapeKeys()[key], "load %s with %s arrivals needs %s", quote(l.name), l.arrivals, key)
		}
	}
	for _, s := range l.stages {
		if l.given["stages"] != nil && !s.hasRate {
			d.problem(s.node, "add  rate: 100/s", "stage %s has no rate", quote(s.name))
		}
	}
	switch s := l.stages[0]; {
	case l.arrivals == "sine" && (s.fromRate != s.toRate || s.fromRate == 0 || l.shape.amplitude > s.fromRate):
		d.problem(l.node, "rate is the middle, above zero and not less than the amplitude", "the rate of load %s does not swing", quote(l.name))
	case l.arrivals == "replay" && l.given["file"] != nil:
		d.record(l, l.given["file"])
	case l.arrivals != "burst" && l.peak() == 0 && l.first([]string{"rate", "stages"}) != "":
		d.problem(l.node, "", "load %s never sends anything", quote(l.name))
	}
}

// peak is the highest rate of an open load, per second. Bursts and replays have none.
func (l *loadSpec) peak() (most float64) {
	for _, s := range l.stages {
		most = max(most, s.fromRate, s.toRate)
	}
	return most + l.shape.amplitude
}

// shapeKeys are the keys that only some kinds of arrivals have, with an example.
func shapeKeys() map[string]string {
	return map[string]string{
		"rate": "100/s", "for": "30s", "stages": "", "amplitude": "50/s", "period": "10s",
		"burst": "100", "every": "5s", "file": "times.txt", "speed": "1",
	}
}
