// Package scenarios reads the scenario file: what the author wants to happen, written down
// in YAML. Parse understands one and finds every mistake in it, with line, column and a
// hint; Plan turns it into what the engine runs, Explain into a preview in plain text, and
// the library holds scenarios that come with the program. A scenario is data: there is no
// scripting, and nothing here opens a connection, reads the environment or starts a load.
package scenarios

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
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

	Article    *Article    // what it puts to the test; may be nil
	Events     []Event     // what is done to the target meanwhile
	Figures    []Figure    // what is taken from the target
	Experiment *Experiment // nil: there are no variants

	from    place
	origin  origin
	vars    []variable
	data    []*source
	flows   []*flowSpec
	loads   []*loadSpec
	run     runSpec
	legend  *engine.Legend
	budgets []*budget.Budget
	slos    []*budget.SLO

	hasQuick   bool
	claimNodes map[string]*yaml.Node
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
	Spots     map[string]Spot   // where each knob was written; "" is the target itself
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
	return parse(file, nil, origin{text: text, settings: settings})
}

// Open reads the scenario in a file, or the bundled one of that name if there is no such
// file, and also checks the files that it names. Their paths are relative to the
// scenario's folder; they may be absolute and may lead out of it by "..", since a scenario
// acts for its author like a Makefile.
func Open(path string, settings ...string) (*Scenario, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return parse(path, folder(filepath.Dir(path)), origin{text: text, settings: settings})
	}
	if bundled, open := Bundled(path); open == nil {
		return parse(path, bundledFiles(), origin{text: bundled, settings: settings})
	}
	if info, stat := os.Stat(path); stat == nil && info.IsDir() {
		return nil, &ValueError{Msg: fmt.Sprintf("%s is a directory, not a scenario", quote(path)), Hint: "name the files in it"}
	}
	if os.IsNotExist(err) {
		return nil, &ValueError{
			Msg:  fmt.Sprintf("no scenario %s: neither a file nor a bundled one", quote(path)),
			Hint: cmp.Or(didYouMean(path, List()), "plimsoll scenarios list  shows the bundled ones"),
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

func parse(file string, files fs.FS, from origin) (*Scenario, error) {
	d, err := from.open(file, files)
	if err != nil {
		return nil, err
	}
	s, err := d.understand()
	if err != nil {
		return nil, err
	}
	s.origin = from
	if s.Experiment != nil {
		err = s.variants()
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// parseVariant reads the scenario as one of its variants, and what is to be done before
// its load.
func parseVariant(file string, files fs.FS, from origin, name string) (*Scenario, []Action, error) {
	d, err := from.open(file, files)
	if err != nil {
		return nil, nil, err
	}
	d.variant = name
	var actions []Action
	if do := d.edit(name); do != nil {
		actions = d.actions(do)
	}
	s, err := d.understand()
	if err != nil {
		return nil, nil, err
	}
	s.origin = from
	return s, actions, nil
}

// open reads the tree and puts the settings in place.
func (o origin) open(file string, files fs.FS) (*decoder, error) {
	t, err := parseTree(file, o.text)
	if err != nil {
		return nil, err
	}
	d := &decoder{tree: t, files: files}
	if o.quick {
		d.quicken()
	}
	for _, setting := range o.settings {
		if p := t.set(setting); p != nil {
			t.problems = append(t.problems, *p)
		}
	}
	return d, nil
}

// understand decodes the tree; without mistakes it returns the scenario.
func (d *decoder) understand() (*Scenario, error) {
	s := d.scenario()
	if err := d.problems.OrNil(); err != nil {
		return nil, err
	}
	return s, nil
}

// scenario decodes the whole tree.
func (d *decoder) scenario() *Scenario {
	s := &Scenario{from: place{file: d.file, files: d.files}, run: runSpec{grace: defaultGrace, seed: 1}}
	later := func(*yaml.Node) {} // what refers to the rest
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
		"article":  func(n *yaml.Node) { s.Article = d.article(n) },
		"events":   func(n *yaml.Node) { s.Events = d.events(n) },
		"figures":  func(n *yaml.Node) { s.Figures = d.figures(n) },
		"quick":    func(n *yaml.Node) { s.hasQuick = true; d.pairs(n, "quick", func(_, _ *yaml.Node) {}) },
		"budgets":  later,
		"slos":     later,
		"variants": later,
		"claims":   later,
		"order":    later,
		"fresh":    later,
		"repeat":   later,
	})
	if !ok {
		return s
	}
	d.check(s)
	if n := valueOf(d.root, "budgets"); n != nil {
		s.budgets = d.budgets(n, s.legend)
	}
	if n := valueOf(d.root, "slos"); n != nil {
		s.slos = d.slos(n, s.legend)
	}
	d.checkEvents(s)
	d.checkOutside(s)
	if d.variant == "" {
		d.experiment(s)
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

// File returns the name of the file that the scenario was read from.
func (s *Scenario) File() string { return s.from.file }

// Text returns the file that the scenario was read from, nil if it comes from none.
func (s *Scenario) Text() []byte { return s.origin.text }

// Digest returns the SHA-256 of the file that the scenario was read from, in hexadecimal;
// empty if it comes from none.
func (s *Scenario) Digest() string {
	if s.origin.text == nil {
		return ""
	}
	return Digest(s.origin.text)
}

// Digest returns the SHA-256 of the text of a scenario, in hexadecimal.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Changed reports whether settings replaced values of the file.
func (s *Scenario) Changed() bool { return len(s.origin.settings) > 0 }

// IsQuick reports whether this is the quick form.
func (s *Scenario) IsQuick() bool { return s.origin.quick }

// Legend returns the names of what a run of the scenario counts.
func (s *Scenario) Legend() *engine.Legend { return s.legend }
