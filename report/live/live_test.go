package live

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// terminal is one that remembers what was written.
type terminal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (x *terminal) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.Write(p)
}

func (x *terminal) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.String()
}

// await waits until the terminal shows text.
func (x *terminal) await(t *testing.T, text string) {
	t.Helper()
	for range 500 {
		if strings.Contains(x.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q never comes:\n%q", text, x.String())
}

// What a terminal is sent for the alternate screen and for the cursor to be shown again.
const (
	entersScreen = "\x1b[?1049h"
	leavesScreen = "\x1b[?1049l"
	showsCursor  = "\x1b[?25h"
)

// givenBack checks that a terminal is as it was before.
func givenBack(t *testing.T, written string) {
	t.Helper()
	if !strings.Contains(written, entersScreen) {
		t.Errorf("the screen was never there: %q", written)
	}
	for _, code := range []string{leavesScreen, showsCursor} {
		if !strings.Contains(written, code) {
			t.Errorf("%q is missing at the end of %q", code, written[max(len(written)-200, 0):])
		}
	}
}

func TestAScreenShowsARunAndGivesTheTerminalBack(t *testing.T) {
	out := &terminal{}
	keys, typed := io.Pipe()
	interrupted := make(chan struct{}, 1)
	s := Open(Options{Keys: keys, Out: out, Width: 100, Height: 30, Interrupt: func() { interrupted <- struct{}{} }})
	l := shopLegend()
	s.Run(Run{Scenario: "checkout", Legend: l})
	s.Began(time.Now())
	s.Observe(second(l, 0, 0), nil)
	s.Note("warning: the disk is full")
	out.await(t, "checkout")
	out.await(t, "the disk is full")
	go io.WriteString(typed, "q")
	out.await(t, "End here?")
	go io.WriteString(typed, "y")
	select {
	case <-interrupted:
	case <-time.After(5 * time.Second):
		t.Fatal("nobody heard that the run shall end")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	givenBack(t, out.String())
	if err := s.Close(); err != nil {
		t.Errorf("the second time: %v", err)
	}
	s.Observe(second(l, 1, 0), nil) // which nobody sees, and nobody waits for
}

func TestAPanicGivesTheTerminalBackAndEndsNothingElse(t *testing.T) {
	for name, breaks := range map[string]func(*model, *Screen){
		"in Update": func(_ *model, s *Screen) { s.Observe(nil, nil) },
		"in View":   func(*model, *Screen) {},
	} {
		t.Run(name, func(t *testing.T) {
			out := &terminal{}
			m := newModel(newTheme(Colors256), false)
			if name == "in View" {
				m.theme.heat = nil // which a heat map needs
			}
			s := open(Options{Out: out, Width: 100, Height: 30}, m)
			l := shopLegend()
			s.Run(Run{Scenario: "checkout", Legend: l})
			s.Began(time.Now())
			s.Observe(second(l, 0, 0), nil)
			breaks(m, s)
			select {
			case <-s.Ended():
			case <-time.After(5 * time.Second):
				t.Fatal("the screen goes on")
			}
			givenBack(t, out.String())
			if err := s.Close(); err == nil || !strings.Contains(err.Error(), "the dashboard failed") {
				t.Errorf("it says %v", err)
			}
		})
	}
}

// stuck is a terminal that takes no output, such as one whose user pressed Ctrl-S.
type stuck struct{ until chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.until
	return len(p), nil
}

func TestATerminalThatTakesNoOutputHoldsNobodyUp(t *testing.T) {
	until := make(chan struct{})
	s := Open(Options{Out: stuck{until}, Width: 100, Height: 30})
	l := shopLegend()
	s.Run(Run{Scenario: "checkout", Legend: l})
	one := second(l, 0, 0)
	for range 1000 {
		s.Observe(one, nil)
		s.Note("one more")
	}
	s.patience = 50 * time.Millisecond
	if err := s.Close(); err == nil {
		t.Error("it was closed")
	}
	close(until)
	<-s.Ended()
}
