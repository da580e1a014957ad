package html_test

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/html"
)

// care is how closely a page is looked at.
type care int

const (
	drawnOnly care = iota // its charts
	once                  // and, by axe-core, on a wide screen in daylight
	fully                 // and in the dark, narrow, printed, without JavaScript
)

// TestPages opens a page of every kind in a browser. None of them may complain, ask for
// anything or leave a chart empty.
func TestPages(t *testing.T) {
	b := startBrowser(t)
	for _, c := range []struct {
		name  string
		write func(t *testing.T) (func(io.Writer) error, points)
		care  care
	}{
		{"capacity", ofCapacity, fully},
		{"run", ofRun, fully},
		{"experiment", ofExperiment, once},
		{"experiment of which runs are lost", ofLostRuns, drawnOnly},
		{"experiment with hostile names", ofHostileVariants, drawnOnly},
		{"capacity without a line", ofNoLine, once},
		{"capacity with hostile names and a scale", ofHostileCapacity, once},
		{"comparison", ofComparison, once},
		{"comparison with hostile names", ofHostileComparison, drawnOnly},
		{"plan", ofPlan, once},
		{"empty run", ofNothing, once},
		{"hostile names", ofHostileRun, once},
		{"truncated run", ofTruncated, drawnOnly},
		{"hour", ofHour, drawnOnly},
	} {
		t.Run(c.name, func(t *testing.T) {
			write, want := c.write(t)
			file, text := onDisk(t, write)
			if n := len(text); n > 1_500_000 {
				t.Errorf("the page has %d bytes", n)
			} else {
				t.Logf("%d bytes", n)
			}
			p := b.open(t, file, view{})
			p.drawn(want)
			if title := evaluate[string](p, `document.title`); title == "broken" {
				t.Error("a name was carried out as a script")
			}
			p.screenshot(c.name)
			if c.care >= once {
				p.accessible()
			}
			if c.care == fully {
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
		"chart-latency-0": seconds, "chart-latency-1": seconds, "chart-rates-0": {"planned (average of the stage)": 34, "offered": 30},
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

func ofExperiment(t *testing.T) (func(io.Writer) error, points) {
	saved := openRun(t, experiment(t, "off", "on"))
	each := map[string]int{"off, run 1": 12, "on, run 2": 12, "on, run 3": 12, "off, run 4": 12}
	return func(w io.Writer) error { return html.Experiment(w, saved) }, points{
		"variants-p99-0": each, "variants-p50-1": each, "variants-goodput-0": each,
	}
}

func ofLostRuns(t *testing.T) (func(io.Writer) error, points) {
	dir := experiment(t, "off", "on")
	remove(t, filepath.Join(dir, "01-off"))
	remove(t, filepath.Join(dir, "02-on", report.HistogramFile))
	saved := openRun(t, dir)
	return func(w io.Writer) error { return html.Experiment(w, saved) }, points{"variants-p99-0": {"on, run 3": 12, "off, run 4": 12}}
}

func ofHostileVariants(t *testing.T) (func(io.Writer) error, points) {
	names := hostileNames()
	saved := openRun(t, experiment(t, names[0], names[1]))
	saved.Run.Article.Says, saved.Run.Article.Theory, saved.Run.Scenario = names[2], names[3], names[4]
	saved.Run.Claims[0].Expr, saved.Run.Claims[2].Reason = names[0], names[1]
	return func(w io.Writer) error { return html.Experiment(w, saved) }, nil
}

func ofNoLine(t *testing.T) (func(io.Writer) error, points) {
	c := &report.Capacity{Scenario: "nothing", SLO: "p99 < 1ms", Arrivals: "poisson"}
	return capacityPage(c), nil
}

func ofHostileCapacity(t *testing.T) (func(io.Writer) error, points) {
	c, names := sample(t), hostileNames()
	c.Scenario, c.SLO, c.Target, c.Notes, c.Command = names[0], names[1], names[2], names, names
	c.LoadLine.Trials[3].Reason, c.LoadLine.Why = names[4], names[0]
	c.Node.Resources[0].Name, c.Node.Outlook.Resource, c.Model.Notes = names[1], names[1], names
	for i := range 4 {
		lower := 500 * float64(i+1) / (1 + 0.1*float64(i))
		c.Scale = append(c.Scale, report.ScalePoint{Setting: names[0], Value: strconv.Itoa(i + 1), Lower: &lower, Upper: new(lower * 1.1), Limit: search.TargetLimited})
	}
	return capacityPage(c), points{"scaling": {"lower bound": 4, "upper bound": 4, "each like the first": 4}}
}

func ofNothing(t *testing.T) (func(io.Writer) error, points) {
	r := shop()
	r.length = 0
	saved := openRun(t, r.save(t))
	return func(w io.Writer) error { return html.Run(w, saved) }, nil
}

func ofHostileRun(t *testing.T) (func(io.Writer) error, points) {
	saved := openRun(t, hostile().save(t))
	return func(w io.Writer) error { return html.Run(w, saved) }, points{"chart-latency-0": {"p50": 5}}
}

// ofTruncated is a run of which the disk lost the end: the last lines of one file, and more
// of the other.
func ofTruncated(t *testing.T) (func(io.Writer) error, points) {
	r := shop()
	r.length = 12 * time.Second
	dir := r.save(t)
	file := filepath.Join(dir, report.HistogramFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	saved := openRun(t, dir)
	return func(w io.Writer) error { return html.Run(w, saved) }, nil
}

func ofHour(t *testing.T) (func(io.Writer) error, points) {
	saved := openRun(t, hour().save(t))
	all := map[string]int{"p50": 360, "p99": 360}
	return func(w io.Writer) error { return html.Run(w, saved) }, points{"chart-latency-0": all, "chart-latency-1": all}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}
