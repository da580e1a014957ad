package knob_test

import (
	"errors"
	"testing"
	"time"

	"plimsoll/targets/knob"
)

// tree is a tree of every kind of setting.
type tree struct {
	Listen listen         `yaml:"listen" restart:"true"`
	Deps   map[string]dep `yaml:"deps"`
	Routes []route        `yaml:"routes"`
	Limit  limit          `yaml:"limit"`
	Work   `yaml:",inline"`
	Note   string `yaml:"-"`
	_      int
}

type Work struct {
	Mode  string       `yaml:"mode" default:"sleep" oneof:"sleep spin hybrid" about:"how work is done"`
	Cores float64      `yaml:"cores" default:"1.5" min:"0" max:"64" about:"processors"`
	Paths pathSettings `yaml:"paths"`
}

type pathSettings struct {
	Allow []string `yaml:"allow" default:"page, q" max:"3" about:"what may be asked for"`
	Laws  []string `yaml:"laws" oneof:"det exp" about:"laws in turn"`
}

type listen struct {
	Addr string        `yaml:"addr" default:"127.0.0.1:0" max:"20" about:"where to listen"`
	Idle time.Duration `yaml:"idle_timeout" default:"60s" min:"1s" max:"10m" about:"after which a quiet connection is closed"`
	On   bool          `yaml:"on" default:"true" about:"whether to listen"`
}

type dep struct {
	Timeout time.Duration `yaml:"timeout" default:"200ms" min:"1ms" about:"for one call"`
	Budget  knob.Rate     `yaml:"budget" default:"100/s" about:"calls"`
	Pool    pool          `yaml:"pool"`
}

type pool struct {
	Min int `yaml:"min" default:"1" min:"1" about:"connections that are kept"`
	Max int `yaml:"max" default:"20" max:"1000" about:"connections that may be open"`
}

func (p pool) Check() error {
	if p.Min > p.Max {
		return errors.New("min is more than max")
	}
	return nil
}

type route struct {
	Path   string         `yaml:"path" default:"/" about:"where it stands"`
	Weight uint8          `yaml:"weight" default:"100" max:"100" about:"percent"`
	Split  map[string]int `yaml:"split" min:"0" about:"weights by pool"`
}

type limit struct {
	Size  knob.Bytes    `yaml:"size" default:"64MiB" max:"1GiB" about:"of the store"`
	Pause time.Duration `yaml:"pause" min:"1ms" max:"1s" about:"0s: none"`
}

// fresh returns a tree with its defaults, a dependency and two routes.
func fresh(t testing.TB) *tree {
	t.Helper()
	doc := &tree{Note: "kept"}
	knob.Defaults(doc)
	const text = `
deps:
  pricing: {}
  db v1.0: {timeout: 1s}
routes:
  - path: /a
  - path: /b
    split: {catalog: 95, canary: 5}
`
	if err := knob.Decode("sample.yaml", []byte(text), doc); err != nil {
		t.Fatal(err)
	}
	return doc
}
