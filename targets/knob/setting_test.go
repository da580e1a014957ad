package knob_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/targets/knob"
)

func TestEveryLeafIsASetting(t *testing.T) {
	var got []string
	for _, s := range knob.Settings(fresh(t)) {
		line := fmt.Sprintf("%s %s %s (%s)", s.Path, s.Kind, s.Value, s.Default)
		if s.Min != "" || s.Max != "" {
			line += " " + s.Min + ".." + s.Max
		}
		if s.Restart {
			line += " restart"
		}
		if len(s.Choices) > 0 {
			line += " " + strings.Join(s.Choices, "|")
		}
		got = append(got, line)
	}
	want := []string{
		`listen.addr text 127.0.0.1:0 (127.0.0.1:0) ..20 restart`,
		`listen.idle_timeout duration 1m (1m) 1s..10m restart`,
		`listen.on bool true (true) restart`,
		`deps["db v1.0"].timeout duration 1s (200ms) 1ms..`,
		`deps["db v1.0"].budget rate 100/s (100/s) 0/s..`,
		`deps["db v1.0"].pool.min int 1 (1) 1..`,
		`deps["db v1.0"].pool.max int 20 (20) ..1000`,
		`deps.pricing.timeout duration 200ms (200ms) 1ms..`,
		`deps.pricing.budget rate 100/s (100/s) 0/s..`,
		`deps.pricing.pool.min int 1 (1) 1..`,
		`deps.pricing.pool.max int 20 (20) ..1000`,
		`routes[0].path text /a (/)`,
		`routes[0].weight int 100 (100) ..100`,
		`routes[1].path text /b (/)`,
		`routes[1].weight int 100 (100) ..100`,
		`routes[1].split.canary int 5 (0) 0..`,
		`routes[1].split.catalog int 95 (0) 0..`,
		`limit.size size 64MiB (64MiB) 0B..1GiB`,
		`limit.pause duration 0s (0s) 1ms..1s`,
		`mode choice sleep (sleep) sleep|spin|hybrid`,
		`cores number 1.5 (1.5) 0..64`,
		`paths.allow list page, q (page, q) ..3`,
		`paths.laws list  () det|exp`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestEverySettingTakesBackItsOwnText(t *testing.T) {
	doc, want := fresh(t), fresh(t)
	for _, s := range knob.Settings(doc) {
		if err := knob.Set(doc, s.Path, s.Value); err != nil {
			t.Error(err)
		}
		if got, err := knob.Lookup(doc, s.Path); err != nil || !cmp.Equal(got, s) {
			t.Errorf("looked up %+v, %v; want %+v", got, err, s)
		}
	}
	if got := knob.Diff(want, doc); len(got) > 0 {
		t.Errorf("changed %v", got)
	}
}

func TestSetChangesOneLeaf(t *testing.T) {
	for _, test := range []struct{ path, text, want string }{
		{"deps.pricing.timeout", "5s", "5s"},
		{`deps["pricing"].timeout`, "1h0m0s", "1h"},
		{`deps["db v1.0"].pool.max`, "7", "7"},
		{"deps.db v1.0.pool.max", "", "no such"},
		{"routes[1].split.canary", "50", "50"},
		{"routes[0].path", "", ""},
		{"listen.on", "off", "false"},
		{"listen.idle_timeout", "90s", "1m30s"},
		{"deps.pricing.budget", "300/1m", "5/s"},
		{"limit.size", "10kB", "10000B"},
		{"limit.pause", "0s", "0s"},
		{"mode", "hybrid", "hybrid"},
		{"cores", "0.25", "0.25"},
		{"paths.allow", "a,b , c", "a, b, c"},
		{"paths.allow", "[a, 'b, c']", `["a","b, c"]`},
		{"paths.allow", "", ""},
		{"paths.laws", "exp, det, exp", "exp, det, exp"},
	} {
		t.Run(test.path+"="+test.text, func(t *testing.T) {
			doc, before := fresh(t), fresh(t)
			err := knob.Set(doc, test.path, test.text)
			if test.want == "no such" {
				if err == nil {
					t.Error("no error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := knob.Lookup(doc, test.path)
			if err != nil || got.Value != test.want {
				t.Errorf("got %q, %v, want %q", got.Value, err, test.want)
			}
			if changes := knob.Diff(before, doc); len(changes) > 1 || len(changes) == 1 && changes[0].Path != got.Path {
				t.Errorf("changed %v", changes)
			}
		})
	}
}

func TestSetSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ path, text, want string }{
		{"deps.pricing.timeot", "5s", "deps.pricing.timeot: no such setting\n  hint: did you mean \"deps.pricing.timeout\"?"},
		{"deps.pricin.timeout", "5s", "deps.pricin.timeout: no such setting\n  hint: did you mean \"deps.pricing.timeout\"?"},
		{"deps.pricing", "5s", "deps.pricing: is a group of settings\n  hint: name a setting in it, like deps.pricing.timeout"},
		{"mode.x", "5s", "mode.x: no such setting\n  hint: did you mean \"mode\"?"},
		{"routes[2].path", "/", "routes[2].path: no such setting\n  hint: did you mean \"routes[0].path\"?"},
		{"routes[x].path", "/", "routes[x].path: no such setting\n  hint: did you mean \"routes[0].path\"?"},
		{"", "5s", ": no such setting"},
		{"Note", "x", "Note: no such setting"},
		{"deps.pricing.timeout", "5", "deps.pricing.timeout: \"5\" has no unit\n  hint: write 5s or 5ms"},
		{"deps.pricing.timeout", "0", "deps.pricing.timeout: \"0\" has no unit\n  hint: write 0s or 0ms"},
		{"deps.pricing.timeout", "soon", "deps.pricing.timeout: \"soon\" is not a duration\n  hint: like 250ms, 5s or 1m30s"},
		{"deps.pricing.timeout", "0s", "deps.pricing.timeout: 0s is less than 1ms\n  hint: 1ms or more"},
		{"deps.pricing.budget", "100", "deps.pricing.budget: \"100\" has no unit, like 100/s\n  hint: write 100/s"},
		{"deps.pricing.budget", "-1/s", "deps.pricing.budget: -1/s is less than 0/s\n  hint: 0/s or more"},
		{"limit.size", "64", "limit.size: \"64\" has no unit, like 64MiB or 10kB\n  hint: write 64B, 64kB or 64MiB"},
		{"limit.size", "2GiB", "limit.size: 2GiB is more than 1GiB\n  hint: from 0B to 1GiB"},
		{"limit.pause", "1us", "limit.pause: 1µs is less than 1ms\n  hint: from 1ms to 1s"},
		{"listen.on", "yes", "listen.on: \"yes\" is neither on nor off\n  hint: write true or on, false or off"},
		{"listen.addr", strings.Repeat("é", 21), "listen.addr: \"" + strings.Repeat("é", 21) + "\" is more than 20\n  hint: 20 or less"},
		{"mode", "spni", "mode: unknown value \"spni\"\n  hint: did you mean \"spin\"?"},
		{"mode", "zzzzzzzzz", "mode: unknown value \"zzzzzzzzz\"\n  hint: known: sleep, spin, hybrid"},
		{"cores", "many", "cores: \"many\" is not a number"},
		{"cores", "NaN", "cores: \"NaN\" is not a number"},
		{"cores", "64.5", "cores: 64.5 is more than 64\n  hint: from 0 to 64"},
		{"deps.pricing.pool.max", "1.5", "deps.pricing.pool.max: \"1.5\" is not a whole number of a size that fits"},
		{"routes[0].weight", "256", "routes[0].weight: \"256\" is not a whole number of a size that fits"},
		{"routes[0].weight", "101", "routes[0].weight: 101 is more than 100\n  hint: 100 or less"},
		{"paths.allow", "a,b,c,d", "paths.allow: \"a, b, c, d\" is more than 3\n  hint: 3 or less"},
		{"paths.allow", "a,,b", "paths.allow: \"a,,b\" is not a list\n  hint: write it as a, b or [a, b]"},
		{"paths.allow", "[a", "paths.allow: \"[a\" is not a list\n  hint: write it as a, b or [a, b]"},
		{"paths.laws", "exp, dte", "paths.laws: unknown value \"dte\"\n  hint: did you mean \"det\"?"},
	} {
		t.Run(test.path+"="+test.text, func(t *testing.T) {
			doc := fresh(t)
			err := knob.Set(doc, test.path, test.text)
			if err == nil {
				t.Fatal("no error")
			}
			if got := err.Error(); !strings.HasPrefix(got, strings.TrimPrefix(test.want, ": ")) || strings.Contains(test.want, "hint") && got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if diff := knob.Diff(fresh(t), doc); len(diff) > 0 {
				t.Errorf("changed %v", diff)
			}
		})
	}
}

func TestATreeOfAnotherShapeIsAMistakeInTheProgram(t *testing.T) {
	for name, doc := range map[string]any{
		"a pointer":        &struct{ A *int }{},
		"an interface":     &struct{ A any }{},
		"a map of numbers": &struct{ A map[int]string }{},
		"a default": &struct {
			A int `default:"many"`
		}{},
		"a bound": &struct {
			A int `max:"many"`
		}{A: 1},
		"a bound of lengths": &struct {
			A string `max:"1s"`
		}{A: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "knob: ") {
					t.Errorf("panicked with %q", text)
				}
			}()
			knob.Settings(doc)
			knob.Validate(doc)
		})
	}
}

func TestACloneSharesNothing(t *testing.T) {
	doc, want := fresh(t), fresh(t)
	c := knob.Clone(doc)
	if c.Note != "kept" || len(knob.Diff(doc, c)) > 0 {
		t.Fatalf("got %+v", c)
	}
	for _, s := range knob.Settings(c) {
		text := map[string]string{"bool": "off", "duration": "777ms", "rate": "7/s", "size": "7B", "text": "x", "int": "7", "number": "0.7", "choice": "spin", "list": "exp"}[s.Kind]
		if s.Path == "listen.idle_timeout" {
			text = "7s"
		}
		if err := knob.Set(c, s.Path, text); err != nil {
			t.Error(err)
		}
	}
	c.Paths.Allow[0], c.Routes[0].Path = "other", "other"
	delete(c.Deps, "pricing")
	if got := knob.Diff(want, doc); len(got) > 0 {
		t.Errorf("the original changed: %v", got)
	}
}

func TestDiffNamesWhatIsOnlyInOne(t *testing.T) {
	a, b := fresh(t), fresh(t)
	b.Listen.Idle = time.Second
	delete(b.Routes[1].Split, "canary")
	b.Routes[1].Split["new"] = 3
	want := []knob.Change{
		{Path: "listen.idle_timeout", From: "1m", To: "1s", Restart: true},
		{Path: "routes[1].split.canary", From: "5"},
		{Path: "routes[1].split.new", To: "3"},
	}
	if diff := cmp.Diff(want, knob.Diff(a, b)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestDefaultsReachIntoWhatIsThere(t *testing.T) {
	doc := &tree{Deps: map[string]dep{"a": {Timeout: time.Second}}, Routes: []route{{}}}
	knob.Defaults(doc)
	if got := doc.Deps["a"]; got.Timeout != time.Second || got.Budget != 100 || got.Pool.Max != 20 {
		t.Errorf("got %+v", got)
	}
	if doc.Routes[0].Weight != 100 || !doc.Listen.On || !slices.Equal(doc.Paths.Allow, []string{"page", "q"}) {
		t.Errorf("got %+v", doc)
	}
}

func TestValidateNamesEveryLeafAndStruct(t *testing.T) {
	doc := fresh(t)
	doc.Deps["pricing"] = dep{Timeout: -1, Pool: pool{Min: 5, Max: 2000}}
	doc.Deps["db v1.0"] = dep{Timeout: time.Second, Pool: pool{Min: 5, Max: 4}}
	doc.Mode = "spni"
	want := "deps[\"db v1.0\"].pool: min is more than max\n" +
		"deps.pricing.timeout: -1ns is less than 1ms\n  hint: 1ms or more\n" +
		"deps.pricing.pool.max: 2000 is more than 1000\n  hint: 1000 or less\n" +
		"mode: unknown value \"spni\"\n  hint: did you mean \"spin\"?"
	if err := knob.Validate(doc); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if err := knob.Validate(fresh(t)); err != nil {
		t.Error(err)
	}
}

func BenchmarkSettings(b *testing.B) {
	doc := fresh(b)
	for b.Loop() {
		knob.Settings(doc)
	}
}
