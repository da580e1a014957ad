package report

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/report/budget"
)

// measured is a run of the shop and what its intervals add up to.
func measured(seed uint64) (*Run, *engine.Snapshot) {
	rng := rand.New(rand.NewPCG(seed, 1))
	total := engine.NewSnapshot(shop())
	for i := range 10 {
		total.Merge(randomInterval(rng, shop(), time.Duration(i)*time.Second, time.Duration(i+1)*time.Second))
	}
	return Summarize(meta(), total, nil, Complete), total
}

func TestABaselineComesBackAsItWas(t *testing.T) {
	run, total := measured(1)
	path := filepath.Join(t.TempDir(), "base.yaml")
	if err := NewBaseline(run, total).Save(path); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBaseline(path)
	if err != nil {
		t.Fatal(err)
	}
	back, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"p50 < baseline", "service.p90(order) < baseline", "lag.mean[calm] < baseline", "ttfb.p50 < baseline", "errors < baseline",
		"dropped < baseline", "rate(load:shoppers) > baseline", `p50[peak;\ 50%, really] < baseline`, "count(outcome:error) < baseline", "goodput[calm] > baseline",
	} {
		own, kept := limitFrom(t, text, total), limitFrom(t, text, back)
		if own == nil || kept == nil || *kept < *own*0.999-1e-5 || *kept > *own*1.001+1e-5 {
			t.Errorf("%s: the run has %v, its baseline %v", text, show(own), show(kept))
		}
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := NewBaseline(run, total).Save(path); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(path); err != nil || string(second) != string(first) {
		t.Errorf("saved twice, it differs (%v)", err)
	}
	if len(first) > 40_000 {
		t.Errorf("%d bytes of text is not small", len(first))
	}
}

func show(x *float64) any {
	if x == nil {
		return "nothing"
	}
	return *x
}

// limitFrom returns the limit that a baseline sets for a budget.
func limitFrom(t *testing.T, text string, base *engine.Snapshot) *float64 {
	t.Helper()
	b, err := budget.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	w, err := budget.NewWatch(shop(), []*budget.Budget{b})
	if err != nil {
		t.Fatal(err)
	}
	w.Baseline(base)
	return w.Results()[0].Limit
}

func TestABaselineThatWasChangedByHandIsRefused(t *testing.T) {
	run, total := measured(2)
	path := filepath.Join(t.TempDir(), "base.yaml")
	if err := NewBaseline(run, total).Save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	for name, bad := range map[string]string{
		"it is empty":                            "",
		"its schema is":                          strings.Replace(good, "plimsoll.baseline/1", "plimsoll.baseline/2", 1),
		"and it says 77777":                      replaceLine(good, "count: ", "count: 77777"),
		`outcome "fine" is none`:                 replaceLine(good, "outcome: ", "outcome: fine"),
		"field p98 not found":                    replaceLine(good, "p99: ", "p98: 1ms"),
		"decode histogram":                       replaceLine(good, "service: ", "service: AAAA"),
		"a histogram is missing":                 replaceLine(good, "lag: ", ""),
		"it is longer than 64 MB":                good + strings.Repeat("\n", largestBaseline),
		"cannot unmarshal !!str `soon` into tim": replaceLine(good, "from: ", "from: soon"),
	} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenBaseline(path); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one that says: %s", err, name)
		}
	}
}

// replaceLine replaces the first line that begins with a key, and keeps its indentation.
func replaceLine(text, key, line string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if at := strings.Index(l, key); at >= 0 && strings.TrimLeft(l[:at], " -") == "" {
			lines[i] = l[:at] + line
			break
		}
	}
	return strings.Join(lines, "\n")
}

func TestWhatABaselineFits(t *testing.T) {
	run, total := measured(3)
	run.Source.SHA256 = "abc"
	b := NewBaseline(run, total)
	if no, but := b.Fits("shop", Source{SHA256: "abc"}, 2, "linux/amd64"); no != "" || but != "" {
		t.Errorf("refused %q, reserved %q", no, but)
	}
	if no, _ := b.Fits("office", Source{SHA256: "abc"}, 2, "linux/amd64"); !strings.Contains(no, "it is of scenario shop, not of office") {
		t.Errorf("another scenario is refused with %q", no)
	}
	if no, but := b.Fits("shop", Source{SHA256: "def"}, 2, "linux/amd64"); no != "" || !strings.Contains(but, "has changed") {
		t.Errorf("refused %q, reserved %q", no, but)
	}
	if no, but := b.Fits("shop", Source{SHA256: "abc"}, 64, "linux/arm64"); no != "" || !strings.Contains(but, "elsewhere") {
		t.Errorf("refused %q, reserved %q", no, but)
	}
	if _, but := b.Fits("shop", Source{SHA256: "def"}, 64, "linux/arm64"); !strings.Contains(but, "has changed") || !strings.Contains(but, "elsewhere") {
		t.Errorf("of two reservations there is only %q", but)
	}
	b.Scenario = "\x1b[2J\u202e" + strings.Repeat("x", 1000)
	if no, _ := b.Fits("shop", Source{}, 2, "linux/amd64"); len(no) > 200 || strings.ContainsAny(no, "\x1b\u202e") {
		t.Errorf("a hostile name comes out as %q", no)
	}
}

func FuzzParseBaseline(f *testing.F) {
	f.Add("plimsoll: plimsoll.baseline/1\nscenario: shop\n")
	f.Add("plimsoll: plimsoll.baseline/1\nloads: [{load: a, model: open, stages: [{stage: b, to: 1s, sent: 1, requests: [{request: c, outcome: ok, count: 1, latency: HIST}]}]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parseBaseline([]byte(text))
		if err == nil && b.Schema != BaselineSchema {
			t.Errorf("schema %q was taken", b.Schema)
		}
	})
}
