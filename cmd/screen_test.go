package cmd

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/report/live"
)

// hidden returns a world whose terminal the dashboard covers, and what its standard error is.
func hidden(t *testing.T) (*world, *bytes.Buffer) {
	t.Helper()
	stderr := &bytes.Buffer{}
	w := &world{stderr: stderr, env: func(string) string { return "" }}
	w.curtain.screen = live.Open(live.Options{Out: &bytes.Buffer{}, Width: 80, Height: 24})
	t.Cleanup(func() { w.uncover() })
	return w, stderr
}

func TestMessagesComeOutWhenTheDashboardIsGone(t *testing.T) {
	w, stderr := hidden(t)
	w.note("note: %s", "one")
	w.warn(errors.New("two"))
	if stderr.Len() > 0 {
		t.Errorf("the dashboard was written over: %q", stderr)
	}
	w.uncover()
	w.note("three")
	if got, want := stderr.String(), "note: one\nwarning: two\nthree\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestARunGoesOnWithoutItsDashboard(t *testing.T) {
	w, stderr := hidden(t)
	l := &engine.Legend{Loads: []engine.LoadLegend{{Name: "load", Model: "open", Stages: []engine.StageLegend{{To: time.Minute}}}}}
	v := &progressView{w: w, legend: l, screen: w.shown(), done: make(chan struct{})}
	if err := v.screen.Close(); err != nil { // as if it had failed
		t.Fatal(err)
	}
	s := engine.NewSnapshot(l)
	s.To = 10 * time.Second
	v.observe(s, nil)
	v.close()
	if got := stderr.String(); !strings.Contains(got, "10s/1m0s") {
		t.Errorf("progress is %q", got)
	}
	if w.shown() != nil {
		t.Error("the dashboard is still there")
	}
}

func TestHowProgressIsShown(t *testing.T) {
	for how, want := range map[string]string{"auto": showPlain, "plain": showPlain, "off": showNothing, "live": showPlain} {
		stderr := &bytes.Buffer{}
		w := &world{stderr: stderr, env: func(string) string { return "" }}
		if got := w.display(how); got != want {
			t.Errorf("--ui %s without a terminal: %s, want %s", how, got, want)
		}
		if said := strings.Contains(stderr.String(), "needs a terminal"); said != (how == "live") {
			t.Errorf("--ui %s says %q", how, stderr)
		}
	}
	if got := (&world{quiet: true, stderr: &bytes.Buffer{}}).display("live"); got != showNothing {
		t.Errorf("--quiet: %s", got)
	}
}
