package cmd

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plimsoll/report"
)

// tty is a bare terminal: it shows nothing and answers nothing.
type tty struct {
	master, slave *os.File
	mu            sync.Mutex
	text          bytes.Buffer
	closed        chan struct{}
}

// newTTY opens a terminal of a size.
func newTTY(t *testing.T, width, height uint16) *tty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height})
	}
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	x := &tty{master: master, slave: slave, closed: make(chan struct{})}
	go x.read()
	t.Cleanup(func() { slave.Close(); master.Close() })
	return x
}

func (x *tty) read() {
	defer close(x.closed)
	part := make([]byte, 4096)
	for {
		n, err := x.master.Read(part)
		x.mu.Lock()
		x.text.Write(part[:n])
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// String is all that was written to the terminal.
func (x *tty) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.String()
}

func (x *tty) await(t *testing.T, text string) {
	t.Helper()
	eventually(t, func() (string, bool) { s := x.String(); return s, strings.Contains(s, text) }, text)
}

// eventually waits until done.
func eventually(t *testing.T, done func() (string, bool), what string) {
	t.Helper()
	var seen string
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		var ok bool
		if seen, ok = done(); ok {
			return
		}
	}
	t.Fatalf("%s never comes:\n%s", what, seen)
}

// start starts plimsoll in the foreground of the terminal.
func (x *tty) start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("plimsoll", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = x.slave, x.slave, x.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Dir = t.TempDir()
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "CI=") || strings.HasPrefix(v, "TERM=") || strings.HasPrefix(v, "NO_COLOR=")
	})
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

// steady is a server that answers everything, and the address of one of its pages.
func steady(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	return s.URL
}

// Bubble Tea would ask the terminal for its colours, and wait for an answer, before main.
func TestNoCommandQuestionsTheTerminal(t *testing.T) {
	x := newTTY(t, 100, 30)
	if code, after := ended(x.start(t, "version")); code != exitOK || after > 4*time.Second {
		t.Errorf("exit code %d after %v", code, after)
	}
	x.await(t, "plimsoll")
	if strings.Contains(x.String(), "\x1b") {
		t.Errorf("the terminal was sent %q", x.String())
	}
}

func TestTheEnvironmentIsAsItWas(t *testing.T) {
	for _, given := range [][]string{nil, {"CI="}, {"CI=true"}} {
		cmd := exec.Command("plimsoll", "run", "-", "--ui", "off", "--out", t.TempDir())
		cmd.Dir = t.TempDir()
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CI=") }), given...)
		cmd.Stdin = strings.NewReader(`
scenario: environment
target: ` + steady(t) + `
flows: {visit: [{get: /}]}
load: [{flow: visit, rate: 10/s, for: 500ms}]
events: [{at: 0s, run: [sh, -c, "env >seen"]}]
`)
		out, _ := cmd.CombinedOutput()
		env, err := os.ReadFile(filepath.Join(cmd.Dir, "seen"))
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		seen := slices.DeleteFunc(strings.Split(string(env), "\n"), func(v string) bool { return !strings.HasPrefix(v, "CI=") })
		if !slices.Equal(seen, given) {
			t.Errorf("a program sees %q, want %q", seen, given)
		}
	}
}

func TestTheTerminalIsGivenBackWhenARunIsTerminated(t *testing.T) {
	x := newTTY(t, 100, 30)
	before, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd := x.start(t, "hit", steady(t), "--rate", "20/s", "-d", "60s", "--out", "saved")
	x.await(t, "achieved")
	during, _ := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if *during == *before {
		t.Error("the dashboard does not read keys")
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if code, _ := ended(cmd); code != exitTerminated {
		t.Errorf("exit code %d, want %d", code, exitTerminated)
	}
	x.await(t, "Files")
	after, _ := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if *after != *before {
		t.Errorf("the terminal is not as it was: %+v, before %+v", after, before)
	}
	_, end, left := strings.Cut(x.String(), "\x1b[?1049l")
	if !left || !strings.Contains(x.String(), "\x1b[?25h") || strings.Contains(end, "\x1b[?1049h") {
		t.Errorf("the screen is not given back: %q", x.String())
	}
	if saved, err := report.Open(filepath.Join(cmd.Dir, "saved")); err != nil || saved.Run.Verdict != report.Interrupted {
		t.Errorf("the run is not saved as it should: %v", err)
	}
}

func TestASecondCtrlCGivesTheTerminalBackToo(t *testing.T) {
	x := newTTY(t, 100, 30)
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	}))
	t.Cleanup(slow.Close)
	cmd := x.start(t, "hit", slow.URL, "--rate", "1/s", "-d", "60s", "--out", "saved")
	x.await(t, "in flight")
	x.master.WriteString("\x03")
	time.Sleep(doubled + 100*time.Millisecond)
	x.master.WriteString("\x03")
	if code, _ := ended(cmd); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	x.await(t, "\x1b[?1049l")
}

func TestWithoutColoursThereAreNone(t *testing.T) {
	x := newTTY(t, 100, 30)
	cmd := x.start(t, "hit", steady(t), "--rate", "20/s", "-d", "1500ms", "--no-color")
	if code, _ := ended(cmd); code == exitInternal {
		t.Errorf("exit code %d", code)
	}
	x.await(t, "Files")
	if colour := regexp.MustCompile(`\x1b\[[0-9;]*(3[0-9]|9[0-7])[0-9;]*m`).FindString(x.String()); colour != "" {
		t.Errorf("there is a colour: %q", colour)
	}
}

func TestASmallTerminalGetsTwoLines(t *testing.T) {
	x := newTTY(t, 59, 30)
	ended(x.start(t, "hit", steady(t), "--rate", "20/s", "-d", "1500ms"))
	x.await(t, "Files")
	if strings.Contains(x.String(), "\x1b[?1049h") {
		t.Error("it is covered by the dashboard")
	}
}
