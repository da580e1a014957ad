package live

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds text against a file.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text+"\n"); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", path, diff)
	}
}

func TestWhatTheScreenShows(t *testing.T) {
	shows := map[string]func(Colors) *model{
		"run":        func(c Colors) *model { return running(t, c, 55) },
		"experiment": func(c Colors) *model { return inExperiment(t, c) },
		"search":     inSearch,
	}
	for name, made := range shows {
		for _, size := range [][2]int{{60, 20}, {100, 30}, {200, 60}} {
			m := made(NoColors)
			resize(m, size[0], size[1])
			golden(t, fmt.Sprintf("%s-%dx%d", name, size[0], size[1]), ansi.Strip(m.View()))
			if size[0] == 100 {
				m := made(Colors256)
				resize(m, size[0], size[1])
				golden(t, fmt.Sprintf("%s-%dx%d-colors", name, size[0], size[1]), m.View())
			}
		}
	}
}

func TestPages(t *testing.T) {
	for name, keys := range map[string][]string{
		"requests": {"r"}, "errors": {"e"}, "help": {"?"}, "asks": {"q"}, "paused": {"p"}, "zoomed": {"t"},
	} {
		m := running(t, NoColors, 55)
		resize(m, 80, 24)
		press(m, keys...)
		golden(t, "page-"+name, ansi.Strip(m.View()))
	}
}

func TestBeforeAnythingHasHappened(t *testing.T) {
	m := newModel(newTheme(NoColors), false)
	resize(m, 80, 24)
	golden(t, "nothing", ansi.Strip(m.View()))
}

func TestAGeneratorThatLagsIsNotToBeOverlooked(t *testing.T) {
	m := running(t, NoColors, 10)
	l := m.run.Legend
	for n := 10; n < 16; n++ {
		m.take(observed{snapshot: second(l, n, 30*time.Millisecond)})
	}
	m.Update(tick{now: start.Add(16 * time.Second)})
	for _, size := range [][2]int{{20, 8}, {60, 20}, {300, 80}} {
		resize(m, size[0], size[1])
		if view := ansi.Strip(m.View()); !strings.Contains(view, "! GENERATOR LAGS") {
			t.Errorf("%v: there is no warning:\n%s", size, view)
		}
	}
}

func TestBudgetsTellInWordsHowTheyStand(t *testing.T) {
	m := running(t, NoColors, 60)
	resize(m, 120, 30)
	view := ansi.Strip(m.View())
	for _, want := range []string{"✓ p95 < 1s", "✗ errors < 1%", "BROKEN", "NEAR"} {
		if !strings.Contains(view, want) {
			t.Errorf("%q is missing in\n%s", want, view)
		}
	}
}

// hostile are names that want to break the screen.
func hostile() []string {
	return []string{
		"\x1b[2J\x1b]0;owned\x07", "日本語のとても長い名前です", "\u202egnp.exe\u202c", "a\u0301\u0302\u0303\u0304\u0305", "👩‍👩‍👧‍👦 family",
		"line\nbreak\r\ttab", strings.Repeat("long", 2500), "\u200b\u200d\ufeff", "\x9b31m", "ｆｕｌｌ", "",
	}
}

// hostileRun is a run in which everything has a hostile name.
func hostileRun(t testing.TB) *model {
	t.Helper()
	m := newModel(newTheme(Colors16M), true)
	names := hostile()
	l := shopLegend(names...)
	l.Loads[0].Stages[0].Name = names[0] + names[1]
	for i := range l.Requests {
		l.Requests[i].Checks = []string{names[i]}
	}
	news := []any{
		Run{Scenario: names[1] + names[0], Target: names[2], Title: names[4], Legend: l},
		began{start},
		note{names[0] + names[5]},
		note{names[6]},
		happened{start, names[5], true, nil},
		happened{start, names[1], false, fmt.Errorf("%s", names[0])},
	}
	for n := 40; n < 45; n++ {
		s := second(l, n, 0)
		s.From, s.To = s.From-40*time.Second, s.To-40*time.Second
		s.Cells[0].Errors = append(s.Cells[0].Errors, engine.ErrorCount{Kind: names[0], N: 3})
		news = append(news, observed{snapshot: s})
	}
	m.Update(tick{start.Add(5 * time.Second), news})
	return m
}

func TestEverySizeIsFilledToTheCell(t *testing.T) {
	models := map[string]*model{
		"run": running(t, Colors256, 30), "hostile": hostileRun(t), "experiment": inExperiment(t, Colors16), "search": inSearch(Colors256),
		"nothing": newModel(newTheme(Colors256), false),
	}
	for name, m := range models {
		for _, keys := range [][]string{nil, {"r"}, {"e"}, {"?"}, {"q"}, {"x", "t"}} {
			press(m, keys...)
			step := 97 // every kind of layout
			if keys == nil {
				step = 41
			}
			for width := 14; width <= 300; width += step {
				for height := 3; height <= 80; height += 1 + step/2 {
					resize(m, width, height)
					checkFilled(t, fmt.Sprintf("%s %v %dx%d", name, keys, width, height), m.View(), width, height)
				}
			}
			press(m, "esc")
		}
	}
}

func checkFilled(t *testing.T, what, view string, width, height int) {
	t.Helper()
	lines := strings.Split(view, "\n")
	if len(lines) != height {
		t.Fatalf("%s: %d lines", what, len(lines))
	}
	for i, l := range lines {
		if n := ansi.StringWidth(l); n != width {
			t.Fatalf("%s: line %d has %d columns: %q", what, i, n, l)
		}
		if left := strings.IndexFunc(ansi.Strip(l), func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }); left >= 0 {
			t.Fatalf("%s: line %d has a control character: %q", what, i, l)
		}
	}
}

func TestHostileNamesBringNoEscapeSequencesOfTheirOwn(t *testing.T) {
	m := hostileRun(t)
	m.theme = newTheme(NoColors)
	m.theme.bold, m.theme.dim, m.theme.title = brush{}, brush{}, brush{}
	for _, keys := range [][]string{nil, {"r"}, {"e"}} {
		press(m, keys...)
		resize(m, 200, 60)
		if i := strings.IndexFunc(m.View(), func(r rune) bool { return r == 0x1b || r == 0x9b || r == 0x07 }); i >= 0 {
			t.Errorf("%v: an escape sequence got through", keys)
		}
	}
}

func TestTheSmallestScreenNamesTheMostFrequentError(t *testing.T) {
	m := running(t, NoColors, 50)
	resize(m, LeastWidth, LeastHeight)
	m.run.failed = []failure{{request: "order", what: "503 Service Unavailable", n: 14}, {request: "order", what: "timeout", n: 3}, {request: "order", what: "refused", n: 1}}
	m.version++
	if text := shown(m); !strings.Contains(text, "503 Service Unavailable") || !strings.Contains(text, "14  and 2 more") {
		t.Errorf("it does not:\n%s", text)
	}
}
