package html_test

import (
	"io"
	"testing"

	"plimsoll/report/html"
)

// TestPages opens a page of every kind in a browser. None of them may complain, ask for
// anything or leave a chart empty.
func TestPages(t *testing.T) {
	b := startBrowser(t)
	for _, c := range []struct {
		name  string
		write func(t *testing.T) (func(io.Writer) error, points)
		looks bool // also in the dark, narrow, printed, without JavaScript
	}{
		{"capacity", ofCapacity, true},
		{"run", ofRun, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			write, want := c.write(t)
			file, text := onDisk(t, write)
			if n := len(text); n > 1_500_000 {
				t.Errorf("the page has %d bytes", n)
			}
			p := b.open(t, file, view{})
			p.drawn(want)
			p.accessible()
			p.screenshot(c.name)
			if c.looks {
				p.lookAt(c.name)
				p = b.open(t, file, view{noScript: true})
				p.readable()
			}
		})
	}
}

func ofRun(t *testing.T) (func(io.Writer) error, points) {
	saved := openRun(t, shop().save(t))
	seconds := map[string]int{"p50": 30, "p99": 30, "max": 30}
	return func(w io.Writer) error { return html.Run(w, saved) }, points{
		"chart-latency-0": seconds, "chart-latency-1": seconds, "chart-rates-0": {"planned (average of the stage)": 30, "offered": 30},
	}
}

// ofCapacity counts what the charts of the sample should show.
func ofCapacity(t *testing.T) (func(io.Writer) error, points) {
	c := sample(t)
	load, tries := map[string]int{}, map[string]int{}
	for _, p := range c.Curve {
		if p.Latency != nil {
			load["p50"]++
			load["p95"]++
			load["p99"]++
		}
	}
	for _, r := range c.LoadLine.Trials {
		name := "trials: " + string(r.Verdict)
		tries[name]++
		if r.Latency != nil {
			load[name]++
		}
		if r.After.Lower != nil {
			tries["lower bound"]++
		}
		if r.After.Upper != nil {
			tries["upper bound"]++
		}
	}
	measured := 0
	for _, p := range c.Node.Outlook.Points {
		if p.MeasuredMS != nil {
			measured++
		}
	}
	return capacityPage(c), points{
		"latency-load": load,
		"search-time":  tries,
		"scalability":  {"universal scalability law": len(c.Model.Curve), "measured": len(c.Model.Points)},
		"expected":     {"expected": len(c.Node.Outlook.Points), "measured": measured},
	}
}
