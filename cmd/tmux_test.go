//go:build linux

package cmd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"plimsoll/report"
)

// tmux is a session of the terminal multiplexer, with a server of its own.
type tmux struct {
	t       *testing.T
	sockets string
}

func newTmux(t *testing.T, width, height int, shell string) *tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed")
	}
	sockets, err := os.MkdirTemp("", "tmux") //nolint:usetesting // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	x := &tmux{t, sockets}
	t.Cleanup(func() {
		x.do("kill-server")
		os.RemoveAll(sockets)
	})
	x.do("new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), shell)
	return x
}

// do runs a command of tmux and returns what it prints.
func (x *tmux) do(args ...string) string {
	cmd := exec.Command("tmux", append([]string{"-f", "/dev/null", "-S", filepath.Join(x.sockets, "s")}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "CI=")
	out, err := cmd.CombinedOutput()
	if err != nil && args[0] != "kill-server" {
		x.t.Errorf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (x *tmux) screen() string { return x.do("capture-pane", "-p") }

// await waits until the screen shows all of the texts.
func (x *tmux) await(texts ...string) {
	x.t.Helper()
	for _, text := range texts {
		eventually(x.t, func() (string, bool) { s := x.screen(); return s, strings.Contains(s, text) }, text)
	}
}

func TestTheDashboardInTmux(t *testing.T) {
	dir := t.TempDir()
	scenario := `
scenario: small
target: ` + steady(t) + `
flows: {visit: [{get: /, name: home}]}
load:
  - name: visitors
    flow: visit
    stages: [{name: calm, for: 2s, rate: 20/s}, {name: peak, for: 60s, rate: 40/s}]
budgets: [p99 < 10s]
`
	if err := os.WriteFile(filepath.Join(dir, "small.yaml"), []byte(scenario), 0o644); err != nil {
		t.Fatal(err)
	}
	x := newTmux(t, 100, 30, "cd "+dir+" && plimsoll run small.yaml --out saved; echo it ended with $?; sleep 60")
	x.await("small", "● running", "budgets", "✓ p99 < 10s", "achieved", "of 1m02", "? help", "peak")
	x.do("send-keys", "r")
	x.await("svc p99", "home", "esc back")
	x.do("send-keys", "e")
	x.await("nothing went wrong so far")
	x.do("send-keys", "?")
	x.await("end here: asks, then saves")
	x.do("send-keys", "Escape")
	x.await("heat map")
	x.do("send-keys", "p")
	x.await("view paused")
	x.do("send-keys", "Space")
	x.await("● running")
	for _, size := range [][2]int{{60, 20}, {200, 60}, {40, 10}, {80, 24}} {
		x.do("resize-window", "-x", fmt.Sprint(size[0]), "-y", fmt.Sprint(size[1]))
		x.fills(size[0], size[1])
	}
	x.do("send-keys", "q")
	x.await("End here?")
	x.do("send-keys", "n")
	eventually(t, func() (string, bool) { s := x.screen(); return s, !strings.Contains(s, "End here?") }, "the end of the question")
	x.do("send-keys", "q")
	x.await("End here?")
	x.do("send-keys", "y")
	x.await("it ended with 130")
	if s := x.screen(); strings.Contains(s, "heat map") {
		t.Errorf("the dashboard is still there:\n%s", s)
	}
	saved, err := report.Open(filepath.Join(dir, "saved"))
	if err != nil {
		t.Fatal(err)
	}
	if saved.Run.Verdict != report.Interrupted || saved.Run.Loads[0].Sent == 0 {
		t.Errorf("saved is %s with %d requests", saved.Run.Verdict, saved.Run.Loads[0].Sent)
	}
}

// fills waits until the dashboard fills a screen of the size, from its first line to the last.
func (x *tmux) fills(width, height int) {
	x.t.Helper()
	last := "q quit"
	if width < 60 {
		last = "more from 60×20 on"
	}
	eventually(x.t, func() (string, bool) {
		s := x.screen()
		lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
		ok := len(lines) == height && strings.HasPrefix(lines[0], "small") && strings.Count(s, last) == 1
		for _, l := range lines {
			ok = ok && utf8.RuneCountInString(l) <= width
		}
		return s, ok && (width < 60 || strings.HasPrefix(lines[height-1], last))
	}, fmt.Sprintf("a screen of %d×%d", width, height))
}
