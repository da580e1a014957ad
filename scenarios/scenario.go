// Package scenarios reads the scenario file: what the author wants to happen, written down
// in YAML. Parse understands one and finds every mistake in it, with line, column and a
// hint; Plan turns it into what the engine runs, Explain into a preview in plain text, and
// the library holds scenarios that come with the program. A scenario is data: there is no
// scripting, and nothing here opens a connection, reads the environment or starts a load.
package scenarios

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine"
	"plimsoll/report/budget"
)

// Scenario is a scenario that was understood and holds no mistake that can be seen without
// running it.
type Scenario struct {
	Name   string
	About  string
	Target Target

	from    place
	vars    []variable
	data    []*source
	flows   []*flowSpec
	loads   []*loadSpec
	run     runSpec
	legend  *engine.Legend
	budgets []*budget.Budget
}

// place is where a scenario was found.
type place struct {
	file    string
	files   fs.FS    // nil: what the scenario refers to was not looked at
	missing []string // what was not looked at
}

// Target says where the requests go that do not name a host of their own.
type Target struct {
	URL       string            // scheme, host and perhaps a path; empty if Reference is set or every request names its host
	Reference string            // preset of the bundled target that is to be started
	Set       map[string]string // its knobs
	uses      []use             // variables in URL
}

// variable is one entry of vars. One without a value has to be given from outside.
type variable struct {
	node     *yaml.Node
	name     string
	value    string
	required bool
}

// runSpec holds what concerns the run as a whole.
type runSpec struct {
	grace    time.Duration
	seed     uint64
	http     httpSpec
	defaults defaults
}

// Parse understands a scenario. File is its name in messages. Each setting, "path=value",
// replaces one value before anything is checked: load[0].rate=200/s. Parse opens no file:
// the data and bodies that the scenario names are not looked at, and Plan refuses a
// scenario that needs some. The error is Problems, all of them at once.
func Parse(file string, text []byte, settings ...string) (*Scenario, error) {
	return parse(file, text, nil, settings)
}

// Open reads the scenario in a file, or the bundled one of that name if there is no such
// file, and also checks the files that it names. Their paths are relative to the
// scenario's folder; they may be absolute and may lead out of it by "..", since a scenario
// acts for its author like a Makefile.
func Open(path string, settings ...string) (*Scenario, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return parse(path, text, folder(filepath.Dir(path)), settings)
	}
	if bundled, open := Bundled(path); open == nil {
		return parse(path, bundled, bundledFiles(), settings)
	}
	if info, stat := os.Stat(path); stat == nil && info.IsDir() {
		return nil, &ValueError{Msg: fmt.Sprintf("%s is a directory, not a scenario", quote(path)), Hint: "name the files in it"}
	}
	if os.IsNotExist(err) {
		return nil, &ValueError{
			Msg:  fmt.Sprintf("no scenario %s: neither a file nor a bundled one", quote(path)),
			Hint: didYouMean(path, List()),
		}
	}
	return nil, fmt.Errorf("read scenario: %w", err)
}

// folder is a directory whose files may be named by any path, also by one that leads out.
type folder string

// Open opens a file below the folder, or elsewhere if name is absolute.
func (f folder) Open(name string) (fs.File, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(string(f), name)
	}
	return os.Open(name)
}

func parse(file string, text []byte, files fs.FS, settings []string) (*Scenario, error) {
	t, err := parseTree(file, text)
	if err != nil {
		return nil, err
	}
	for _, setting := range settings {
		if p := t.set(setting); p != nil {
			t.problems = append(t.problems, *p)
		}
	}
	return (&decoder{tree: t, files: files}).understand()
}

// understand decodes the tree; without mistakes it returns the scenario.
func (d *decoder) understand() (*Scenario, error) {
	s := d.scenario()
	if err := d.problems.orNil(); err != nil {
		return nil, err
	}
	return s, nil
}

// scenario decodes the whole tree.
func (d *decoder) scenario() *Scenario {
	s := &Scenario{from: place{file: d.file, files: d.files}, run: runSpec{grace: defaultGrace, seed: 1}}
	later := func(*yaml.Node) {}
	for i := 0; i < len(d.root.Content) && d.root.Kind == yaml.MappingNode; i += 2 {
		switch key := d.root.Content[i]; key.Value {
		case "variants", "claims", "events":
			d.problem(key, "for now, run the scenario once per variant with --set", "%s come with experiments, which this version does not know yet", key.Value)
		}
	}
	ok := d.object(d.root, "scenario", fields{
		"scenario": func(n *yaml.Node) { s.Name = d.name(n, "the scenario's name") },
		"about":    func(n *yaml.Node) { s.About, _ = d.text(n, "about") },
		"target":   func(n *yaml.Node) { s.Target = d.target(n) },
		"vars":     func(n *yaml.Node) { s.vars = d.variables(n) },
		"data":     func(n *yaml.Node) { s.data = d.sources(n) },
		"defaults": func(n *yaml.Node) { s.run.defaults = d.defaults(n) },
		"flows":    func(n *yaml.Node) { s.flows = d.flows(n) },
		"load":     func(n *yaml.Node) { s.loads = d.loads(n) },
		"grace":    func(n *yaml.Node) { s.run.grace = d.duration(n, "grace") },
		"seed":     func(n *yaml.Node) { s.run.seed = uint64(d.integer(n, "seed", 0, 1<<62)) },
		"http":     func(n *yaml.Node) { s.run.http = d.http(n) },
		"budgets":  func(*yaml.Node) {}, // they need to know all names
		"variants": later,
		"claims":   later,
		"events":   later,
	})
	if !ok {
		return s
	}
	d.check(s)
	if n := valueOf(d.root, "budgets"); n != nil {
		s.budgets = d.budgets(n, s.legend)
	}
	return s
}

// budgets parses the budgets and holds the names in them against those of the run.
func (d *decoder) budgets(n *yaml.Node, legend *engine.Legend) (budgets []*budget.Budget) {
	d.items(n, func(item *yaml.Node) {
		text, ok := d.text(item, "a budget")
		if !ok {
			return
		}
		b, err := budget.Parse(text)
		if err == nil && legend != nil {
			if err = b.Bind(legend); err == nil {
				err = b.Possible(legend, interval)
			}
		}
		d.report(item, err)
		budgets = append(budgets, b)
	})
	return budgets
}

// presets are the forms of the bundled target that a scenario can ask for.
func presets() []string {
	return []string{"minimal", "golden", "bare", "cluster", "eventloop", "queueing"}
}

const defaultGrace = 10 * time.Second

// interval is how often a run is looked at while it goes.
const interval = time.Second
