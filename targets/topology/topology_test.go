package topology

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plimsoll/targets/knob"
)

func load(t testing.TB, preset string, settings ...string) *Config {
	t.Helper()
	c, err := Load(preset, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryPresetIsWhatItIsWrittenAs(t *testing.T) {
	files, err := presetFiles.ReadDir("presets")
	if err != nil || len(files) != len(Presets()) {
		t.Errorf("%d files of %d presets, %v", len(files), len(Presets()), err)
	}
	for _, name := range Presets() {
		t.Run(name, func(t *testing.T) {
			c := load(t, name)
			text, err := knob.Encode(c)
			if err != nil {
				t.Fatal(err)
			}
			again := New()
			if err := knob.Decode("again", text, again); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, again, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("written and read again: -before +after\n%s", diff)
			}
			if text, ok := Preset(name); !ok || !strings.HasPrefix(text, "# ") {
				t.Errorf("it does not begin with what it is: %.40q", text)
			}
		})
	}
	if _, ok := Preset("../topology"); ok {
		t.Error("a preset that is none")
	}
}

func TestPresetsDifferInWhatTheyAreFor(t *testing.T) {
	minimal, golden, bare, cluster := load(t, "minimal"), load(t, "golden"), load(t, "bare"), load(t, "cluster")
	if len(minimal.Chain) > 0 || minimal.Services.Catalog.Enabled {
		t.Errorf("minimal has the chain %v", minimal.Chain)
	}
	if bare.Limit.Enabled || bare.Shed.Enabled || len(bare.Cache.Tiers) > 0 || bare.Deps.DB.Guard.Breaker.Mode != "off" || bare.Deps.Pricing.Guard.Retry.Mode != "none" {
		t.Error("bare has protection")
	}
	if diff := cmp.Diff(golden.Deps.DB.Station, bare.Deps.DB.Station); diff != "" {
		t.Errorf("the databases of golden and bare differ, so they cannot be compared:\n%s", diff)
	}
	cluster.Cluster.Workers = golden.Cluster.Workers
	if diff := cmp.Diff(golden, cluster); diff != "" {
		t.Errorf("cluster is not golden with more workers:\n%s", diff)
	}
	if loop := load(t, "eventloop"); loop.Exec.Run.Model != "eventloop" || loop.Exec.Isolation {
		t.Errorf("eventloop runs on %+v", loop.Exec)
	}
	if stations := load(t, "queueing").Stations; len(stations) < 4 || stations["mm4"].Servers != 4 {
		t.Errorf("queueing has %v", stations)
	}
}

// TestEverySettingSaysWhatItIs holds all of them to what users see in lists: a sentence,
// a kind, and a default that is valid.
func TestEverySettingSaysWhatItIs(t *testing.T) {
	c := load(t, "golden")
	for _, s := range knob.Settings(c) {
		if s.About == "" || s.Kind == "" {
			t.Errorf("%s, of the kind %q, says nothing of itself", s.Path, s.Kind)
		}
		if err := knob.Set(c, s.Path, s.Value); err != nil {
			t.Errorf("its own value: %v", err)
		}
		if err := knob.Set(New(), s.Path, s.Default); err != nil && !strings.HasPrefix(s.Path, "stations.") {
			t.Errorf("its default: %v", err)
		}
	}
}

func TestAMistakeIsNamedByItsPath(t *testing.T) {
	for _, test := range []struct{ name, setting, path, hint string }{
		{"an unknown setting", "shed.quue=1", "shed.quue", "shed.queue"},
		{"an unknown group", "sched.queue=1", "sched.queue", ""},
		{"no value", "shed.queue", "shed.queue", "path=value"},
		{"no number", "shed.queue=many", "shed.queue", ""},
		{"a number that is too small", "cluster.workers=0", "cluster.workers", ""},
		{"a number that is too large", "cluster.workers=65", "cluster.workers", ""},
		{"a duration without a unit", "deps.pricing.timeout=5", "deps.pricing.timeout", "5s"},
		{"none of the choices", "exec.model=evntloop", "exec.model", "eventloop"},
		{"a truth that is none", "listen.keepalive=maybe", "listen.keepalive", ""},
		{"a layer that is unknown", "chain=identify,limiter", "chain", "limit"},
		{"a layer twice", "chain=identify,loop,loop,limit,shed,idempotency,cache", "chain", ""},
		{"a layer that lacks another", "chain=limit,identify,shed,idempotency,cache,loop", "chain", ""},
		{"a layer that is on but left out", "chain=identify,shed,idempotency,cache,loop", "limit.enabled", ""},
		{"settings that clash", "limit.fair=token", "", ""},
		{"an address that is none", "deps.redis.url=localhost:6379", "deps.redis", ""},
		{"a database without an address", "deps.db.kind=postgres", "deps.db", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings := []string{test.setting}
			if test.name == "settings that clash" {
				settings = append(settings, "limit.store=redis")
			}
			_, err := Load("golden", settings...)
			p, ok := first(err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(p.Path+": "+p.Msg, test.path) || !strings.Contains(p.Hint+p.Msg, test.hint) || strings.Contains(p.Error(), "golden.yaml:0") {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func first(err error) (knob.Problem, bool) {
	if all, ok := errors.AsType[knob.Problems](err); ok {
		return all[0], true
	}
	if one, ok := errors.AsType[*knob.Problem](err); ok {
		return *one, true
	}
	return errors.AsType[knob.Problem](err)
}

// TestAMistakeInAFileIsNamedByItsLine shows every mistake at once, each with its place.
func TestAMistakeInAFileIsNamedByItsLine(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string // file:line:col: path, of each
	}{
		{"an unknown key", "shed: {quue: 1}\n", []string{"shop.yaml:1:8: shed: unknown key \"quue\""}},
		{"two mistakes", "cluster:\n  workers: 0\nlimit:\n  rate: often\n", []string{"shop.yaml:2:12: cluster.workers", "shop.yaml:4:9: limit.rate"}},
		{"a key twice", "seed: 1\nseed: 2\n", []string{"shop.yaml:2:1: \"seed\" stands here twice"}},
		{"a value where a group belongs", "services: none\n", []string{"shop.yaml:1:11: services"}},
		{"a group where a value belongs", "seed: {value: 1}\n", []string{"shop.yaml:1:7: seed"}},
		{"a list where text belongs", "listen:\n  idle_timeout: [1s]\n", []string{"shop.yaml:2:17: listen.idle_timeout"}},
		{"no YAML", "cluster: [1\n", []string{"shop.yaml:"}},
		{"a format of the future", "version: 2\n", []string{"shop.yaml:1:10: version"}},
		{"a station of a bad name", "stations: {Big: {servers: 1}}\n", []string{"shop.yaml:1:1"}},
		{"parts that do not fit", "state: {global_lock: true}\n", []string{"shop.yaml:1:1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "shop.yaml")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(file)
			all, ok := errors.AsType[knob.Problems](err)
			if !ok || len(all) != len(test.want) {
				t.Fatalf("got %v, want mistakes at %v", err, test.want)
			}
			for i, p := range all {
				text := strings.TrimPrefix(p.Error(), filepath.Dir(file)+"/")
				if !strings.HasPrefix(text, test.want[i]) {
					t.Errorf("got %s, want one at %s", text, test.want[i])
				}
			}
		})
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Load("goldne"); err == nil || !strings.Contains(err.Error(), `"goldne"`) {
		t.Errorf("a preset that is not there: %v", err)
	}
}

func TestAFileLiesOverTheDefaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.yaml")
	text := "x-fast: &fast {law: constant, mean: 1ms}\nstations:\n  desk: {servers: 2, service: *fast}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(file, "stations.desk.queue=7", "seed=9")
	if err != nil {
		t.Fatal(err)
	}
	want := New()
	if desk := c.Stations["desk"]; desk.Servers != 2 || desk.Queue != 7 || desk.Service.Mean.Milliseconds() != 1 || c.Seed != 9 {
		t.Errorf("desk %+v, seed %d", desk, c.Seed)
	}
	c.Stations, c.Seed = want.Stations, want.Seed
	if diff := cmp.Diff(want, c, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the rest is not as by default:\n%s", diff)
	}
}

func TestContextsAreFoundByName(t *testing.T) {
	c := load(t, "golden")
	for _, name := range Contexts() {
		if got := c.Context(name); got == nil || got.Owner == "" || !got.Enabled {
			t.Errorf("%s is %+v", name, got)
		}
		if cached := c.CacheOf(name).TTL > 0; cached == slices.Contains([]string{"cart", "orders"}, name) {
			t.Errorf("answers of %s are kept: %t", name, cached)
		}
	}
	if c.Context("basket") != nil {
		t.Error("a context that is none")
	}
}
