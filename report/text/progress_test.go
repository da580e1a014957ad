package text

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/report/budget"
)

// second returns the interval that ends at to, with 290 good answers and some trouble.
func second(l *engine.Legend, to time.Duration) *engine.Snapshot {
	w := newWorld(l, to)
	w.total.From = to - time.Second
	w.total.Health.InFlight = 12
	w.add(0, 0, 0, 290, time.Millisecond, nil)
	w.add(0, 0, 1, 10, time.Second, failing(engine.ErrTimeout))
	w.total.Tallies[0][0].Dropped = 5
	return w.total
}

func TestPlainProgressAddsALineNowAndThen(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, twoLoads(), ProgressOptions{Every: 4 * time.Second})
	for at := time.Second; at <= 10*time.Second; at += time.Second {
		p.Tick(at)
		p.Observe(second(twoLoads(), at), []budget.Result{kept("p99 < 1s", "p99", "ms", 20, 1000)})
	}
	p.Close()
	golden(t, "progress-plain", out.String())
}

func TestLiveProgressFitsTheTerminal(t *testing.T) {
	broken := []budget.Result{
		kept("p99(product)[peak] < 50ms", "p99", "ms", 20, 50), kept("errors < 0.1% over 5s", "errors", "share", 0.03, 0.001),
		kept("p99(a very long name that nobody can read) < 50ms", "p99", "ms", 60, 50),
	}
	var all strings.Builder
	for _, width := range []int{40, 60, 80, 120} {
		for _, color := range []bool{false, true} {
			var out bytes.Buffer
			p := NewProgress(&out, twoLoads(), ProgressOptions{Live: true, Width: width, Color: color})
			p.Tick(0)
			p.Observe(second(twoLoads(), 5*time.Second), broken)
			p.Tick(5500 * time.Millisecond)
			p.Close()
			all.WriteString(strings.ReplaceAll(out.String(), "\x1b", "^") + "\n")
			for line := range strings.Lines(strings.NewReplacer(eraseDown, "\n", lineUp, "").Replace(out.String())) {
				if got := visible(strings.TrimRight(line, "\n")); got >= width {
					t.Errorf("a line takes %d columns of %d, and the last one must stay free: %q", got, width, line)
				}
			}
		}
	}
	golden(t, "progress-live", all.String())
}

// screen is a terminal that knows what live progress uses.
func screen(codes string) string {
	lines := []string{""}
	row := 0
	for codes != "" {
		switch {
		case strings.HasPrefix(codes, eraseDown):
			lines, codes = append(lines[:row:row], ""), codes[len(eraseDown):]
		case strings.HasPrefix(codes, lineUp):
			row, codes = row-1, codes[len(lineUp):]
		case codes[0] == '\n':
			row, codes = row+1, codes[1:]
			if row == len(lines) {
				lines = append(lines, "")
			}
		default:
			lines[row], codes = lines[row]+codes[:1], codes[1:]
		}
	}
	return strings.Join(lines, "\n")
}

func TestLiveProgressStaysInPlaceAndLeavesNothing(t *testing.T) {
	var out bytes.Buffer
	out.WriteString("before\n")
	p := NewProgress(&out, twoLoads(), ProgressOptions{Live: true})
	p.Tick(0)
	for at := time.Second; at <= 5*time.Second; at += time.Second {
		var results []budget.Result
		if at > 2*time.Second {
			results = []budget.Result{kept("p99 < 1s", "p99", "ms", 20, 1000)}
		}
		p.Observe(second(twoLoads(), at), results)
		p.Tick(at)
	}
	got := strings.Split(screen(out.String()), "\n")
	if len(got) != 3 || !strings.HasPrefix(got[1], "5s/10s surge · 300/s of 305/s · p50 ") || got[2] != "1 budget, none broken" {
		t.Errorf("the screen shows %q, want one status of two lines", got)
	}
	p.Close()
	p.Close()
	if got := screen(out.String()); got != "before\n" {
		t.Errorf("after it the screen shows %q", got)
	}
}

func TestLiveProgressIsDrawnAtMostFiveTimesASecond(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, twoLoads(), ProgressOptions{Live: true})
	for at := time.Duration(0); at < time.Second; at += time.Millisecond {
		p.Tick(at)
	}
	if got := strings.Count(out.String(), eraseDown); got != 5 {
		t.Errorf("drawn %d times in a second, want 5", got)
	}
}

func TestProgressSaysWhenTheLoadIsOver(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, twoLoads(), ProgressOptions{Live: true})
	p.Tick(11 * time.Second)
	if !strings.Contains(out.String(), "11s/10s finishing") {
		t.Errorf("got %q", out.String())
	}
}
