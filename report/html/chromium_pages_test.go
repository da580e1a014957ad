package html_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"plimsoll/report"
	"plimsoll/report/html"
)

// onDisk writes a page into a file for the browser, and returns its path and text.
func onDisk(t *testing.T, write func(io.Writer) error) (file, text string) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, b.String()
}

func openRun(t *testing.T, dir string) *report.Saved {
	t.Helper()
	saved, err := report.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func sample(t *testing.T) *report.Capacity {
	t.Helper()
	c, err := report.OpenCapacity("testdata/capacity.json")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// capacityPage writes the page of a capacity search.
func capacityPage(c *report.Capacity) func(io.Writer) error {
	return func(w io.Writer) error { return html.Capacity(w, c, "") }
}

// points are how many a series should have, by chart and name.
type points map[string]map[string]int

// drawn fails the test if a chart is empty, or a series has another number of points than
// said.
func (p *page) drawn(want points) {
	p.t.Helper()
	plots := p.plots()
	for id, plot := range plots {
		if !plot.Ink {
			p.t.Errorf("nothing is drawn in chart %s", id)
		}
		for _, s := range plot.Series {
			if !s.Drawn {
				p.t.Errorf("chart %s: %s is not drawn", id, s.Label)
			}
			if s.Inside < s.Points {
				p.t.Errorf("chart %s: %d of %d points of %s lie outside of the axes", id, s.Points-s.Inside, s.Points, s.Label)
			}
		}
	}
	for id, series := range want {
		if _, ok := plots[id]; !ok {
			p.t.Errorf("there is no chart %s", id)
			continue
		}
		for label, n := range series {
			got := -1
			for _, s := range plots[id].Series {
				if s.Label == label {
					got = s.Points
				}
			}
			if got != n {
				p.t.Errorf("chart %s: %d points of %s, want %d", id, got, label, n)
			}
		}
	}
	if n := evaluate[int](p, `document.querySelectorAll("figure.chart").length`); n != len(plots) {
		p.t.Errorf("%d of %d charts are drawn", len(plots), n)
	}
}

// ways are how readers look at a page, besides on a wide screen in daylight.
func ways() []view {
	return []view{{dark: true}, {width: 400}, {width: 400, dark: true}, {print: true}}
}

// lookAt shows the page in each of the ways.
func (p *page) lookAt(name string) {
	p.t.Helper()
	for _, v := range ways() {
		p.show(v)
		if n := evaluate[float64](p, `document.documentElement.scrollWidth - innerWidth`); n > 0 {
			p.t.Errorf("%s: the page is %g pixels wider than the window", v, n)
		}
		if !v.print {
			p.accessible()
		}
		if keeping() != "" {
			p.screenshot(name + "-" + v.String())
		}
	}
}

// readable fails the test if a reader without JavaScript does not find the verdict and the
// tables.
func (p *page) readable() {
	p.t.Helper()
	seen := evaluate[[]string](p, `[...document.querySelectorAll(".verdict, noscript, table")].filter(e => e.checkVisibility()).map(e => e.localName)`)
	found := strings.Join(seen, " ")
	for _, want := range []string{"p", "noscript", "table"} {
		if !strings.Contains(" "+found+" ", " "+want+" ") {
			p.t.Errorf("without JavaScript no %s is visible, only: %s", want, found)
		}
	}
}

// TestTablesSortByKeyboard walks to the heading of a column and presses Enter.
func TestTablesSortByKeyboard(t *testing.T) {
	b := startBrowser(t)
	file, _ := onDisk(t, capacityPage(sample(t)))
	p := b.open(t, file, view{})
	column := `[...document.querySelectorAll("#load-line tbody tr")].map(r => Number(r.cells[4].dataset.sort))`
	at := func() string {
		return evaluate[string](p, `document.activeElement.closest("#load-line th")?.textContent ?? ""`)
	}
	for range 60 {
		if at() == "p99" {
			break
		}
		p.press(kb.Tab)
	}
	if at() != "p99" {
		t.Fatalf("Tab does not lead to the heading, but to %.80s", at())
	}
	for range 2 {
		p.press(kb.Enter)
		order := evaluate[string](p, `document.activeElement.closest("th").ariaSort`)
		if err := inOrder(evaluate[[]float64](p, column), order); err != nil {
			t.Error(err)
		}
	}
}

func inOrder(xs []float64, order string) error {
	if len(xs) < 10 {
		return fmt.Errorf("only %d rows", len(xs))
	}
	for i := 1; i < len(xs); i++ {
		if order == "ascending" && xs[i] < xs[i-1] || order == "descending" && xs[i] > xs[i-1] || order == "" {
			return fmt.Errorf("%q, but the values are %v", order, xs)
		}
	}
	return nil
}
