package topology

import (
	"embed"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"plimsoll/targets/knob"
)

//go:embed presets/*.yaml
var presetFiles embed.FS

// Presets returns the names of the ready-made topologies, the plainest first.
func Presets() []string {
	return []string{"minimal", "golden", "bare", "cluster", "eventloop", "queueing"}
}

// Preset returns the text of a preset, with its comments, and false if there is none of
// that name.
func Preset(name string) (string, bool) {
	if !slices.Contains(Presets(), name) {
		return "", false
	}
	text, err := presetFiles.ReadFile(path.Join("presets", name+".yaml"))
	return string(text), err == nil
}

// Load returns the preset with each setting, "path=value", changed. Its error is a
// knob.Problem or knob.Problems, which name the path of the setting.
func Load(preset string, settings ...string) (*Config, error) {
	text, ok := Preset(preset)
	if !ok {
		return nil, fmt.Errorf("unknown preset %q", preset)
	}
	return parse(preset+".yaml", []byte(text), settings)
}

// Read returns the topology in a file, with each setting, "path=value", changed.
func Read(file string, settings ...string) (*Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parse(file, text, settings)
}

// New returns a topology of defaults.
func New() *Config {
	c := &Config{}
	knob.Defaults(c)
	c.Deps.DB.Guard.Fallback = "off"
	return c
}

func parse(file string, text []byte, settings []string) (*Config, error) {
	c := New()
	if err := knob.Decode(file, text, c); err != nil {
		return nil, err
	}
	for _, setting := range settings {
		path, value, ok := strings.Cut(setting, "=")
		if !ok {
			return nil, &knob.Problem{Path: path, Msg: "no value", Hint: "write it as path=value, like cluster.workers=2"}
		}
		if err := knob.Set(c, path, value); err != nil {
			return nil, err
		}
	}
	return c, knob.Validate(c)
}
