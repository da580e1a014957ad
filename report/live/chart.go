package live

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/NimbleMarkets/ntcharts/canvas/runes"
)

// A braille cell is two dots wide and four high.
const (
	dotsAcross = 2
	dotsDown   = 4
)

// line is one curve of a chart: a value per dot from left to right, NaN where there is none.
type line struct {
	name   string // written at its right end
	brush  brush
	values []float64
}

// chart is curves over a common axis.
type chart struct {
	lines   []line // the last one lies on top
	unit    func(float64) string
	zero    bool                   // the axis begins at 0; otherwise it is logarithmic if the values are far apart
	scatter bool                   // values that are not beside each other are joined as well
	marks   []int                  // dots from the left at which something begins
	below   func(width int) string // the axis of the chart, under its cells
}

// The columns beside the cells of a chart.
const (
	labelWidth = 8
	nameWidth  = 6
)

// cells returns how many columns of a chart of a width are cells.
func cells(width int) int { return max(width-labelWidth-nameWidth, 1) }

// draw draws the chart in so many lines.
func (c *chart) draw(t *theme, width, height int) []string {
	rows, across := max(height-1, 1), cells(width)
	if c.empty() {
		return []string{t.dim.paint("nothing yet")}
	}
	a := c.axis(rows)
	labels := a.labels(rows, c.unit)
	cs := newCanvas(across, rows)
	names := make([]string, rows)
	for _, l := range slices.Backward(c.lines) { // the name of the last one comes first
		if end := c.trace(&l, a, rows*dotsDown, nil); end >= 0 {
			put(names, end/dotsDown, l.brush.paint(l.name))
		}
	}
	for i := range c.lines {
		dots := runes.NewPatternDotsGrid(across*dotsAcross, rows*dotsDown)
		c.trace(&c.lines[i], a, rows*dotsDown, dots)
		cs.add(dots, &c.lines[i].brush)
	}
	out := make([]string, 0, height)
	for y := range rows {
		var b strings.Builder
		tick := " │"
		if labels[y] != "" {
			tick = " ┤"
		}
		b.WriteString(t.dim.paint(right(labels[y], labelWidth-2) + tick))
		c.row(t, &b, cs.dots[y], cs.brushes[y])
		b.WriteString(fit(" "+names[y], nameWidth))
		out = append(out, b.String())
	}
	if height > 1 && c.below != nil {
		out = append(out, t.dim.paint(spaces(labelWidth-1)+"└"+c.below(across))+spaces(nameWidth))
	}
	return out
}

const emptyBraille = '\u2800'

// empty reports whether there is nothing to draw.
func (c *chart) empty() bool {
	for _, l := range c.lines {
		if slices.ContainsFunc(l.values, func(v float64) bool { return !math.IsNaN(v) }) {
			return false
		}
	}
	return true
}

// canvas is cells of dots, each with the brush of the line that was there last.
type canvas struct {
	dots    [][]rune
	brushes [][]*brush
}

func newCanvas(width, height int) *canvas {
	c := &canvas{make([][]rune, height), make([][]*brush, height)}
	for y := range height {
		c.dots[y], c.brushes[y] = make([]rune, width), make([]*brush, width)
	}
	return c
}

func (c *canvas) add(dots *runes.PatternDotsGrid, b *brush) {
	for y, row := range dots.BraillePatterns() {
		for x, r := range row {
			if r != emptyBraille && r != 0 && y < len(c.dots) && x < len(c.dots[y]) {
				c.dots[y][x] |= r
				c.brushes[y][x] = b
			}
		}
	}
}

// put puts a name on its row, or on the nearest one that is free.
func put(names []string, row int, name string) {
	for d := range len(names) {
		for _, y := range []int{row - d, row + d} {
			if y >= 0 && y < len(names) && names[y] == "" {
				names[y] = name
				return
			}
		}
	}
}

// row writes one row of cells, each run of one colour painted at once.
func (c *chart) row(t *theme, b *strings.Builder, cells []rune, colours []*brush) {
	marked := map[int]bool{}
	for _, m := range c.marks {
		marked[m/dotsAcross] = true
	}
	var text strings.Builder
	var now *brush
	flush := func() {
		if now != nil {
			b.WriteString(now.paint(text.String()))
		} else {
			b.WriteString(text.String())
		}
		text.Reset()
	}
	for x, r := range cells {
		with := colours[x]
		if r == 0 {
			r = ' '
			if marked[x] {
				r, with = '┊', &t.dim
			}
		}
		if with != now {
			flush()
			now = with
		}
		text.WriteRune(r)
	}
	flush()
}

// trace sets the dots of a line, if there are any, and returns the last one's height, -1 without any.
func (c *chart) trace(l *line, a axis, height int, dots *runes.PatternDotsGrid) int {
	from, before, last := 0, -1, -1
	for x, v := range l.values {
		if math.IsNaN(v) {
			if !c.scatter {
				before = -1
			}
			continue
		}
		y := a.dot(v, height)
		if dots != nil {
			dots.Set(x, y)
			if before >= 0 && !c.scatter {
				from = x // straight up or down
			}
			if before >= 0 {
				between(from, before, x, y, dots)
			}
		}
		from, before, last = x, y, y
	}
	return last
}

// between sets the dots of a straight line from one dot to another further right.
func between(x0, y0, x1, y1 int, dots *runes.PatternDotsGrid) {
	steps := max(x1-x0, y1-y0, y0-y1)
	for i := 1; i < steps; i++ {
		share := float64(i) / float64(steps)
		dots.Set(x0+int(math.Round(share*float64(x1-x0))), y0+int(math.Round(share*float64(y1-y0))))
	}
}

// axis maps values to heights.
type axis struct {
	low, high float64
	log       bool
}

func (c *chart) axis(rows int) axis {
	a := axis{low: math.Inf(1), high: math.Inf(-1)}
	for _, l := range c.lines {
		for _, v := range l.values {
			if !math.IsNaN(v) {
				a.low, a.high = min(a.low, v), max(a.high, v)
			}
		}
	}
	a.log = !c.zero && a.low > 0 && a.high > 12*a.low && rows > 2
	if a.log {
		a.low, a.high = a.low*0.9, a.high*1.1
		return a
	}
	return axis{0, nice(max(a.high*1.02, 1e-9)), false}
}

// nice returns the next number above x that is easy to read: 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten.
func nice(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, f := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
		if f*power >= x {
			return f * power
		}
	}
	return 10 * power
}

// dot returns how many dots below the top a value lies.
func (a axis) dot(v float64, height int) int {
	share := (v - a.low) / (a.high - a.low)
	if a.log {
		share = math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	return min(max(int(math.Round((1-share)*float64(height-1))), 0), height-1)
}

// labels returns what stands beside each row: round values, each at the row it belongs to,
// with a row between two of them where there is room.
func (a axis) labels(rows int, unit func(float64) string) []string {
	labels := make([]string, rows)
	set := func(v float64) {
		y := a.dot(v, rows*dotsDown) / dotsDown
		free := labels[y] == "" && (rows < 5 || (y == 0 || labels[y-1] == "") && (y == rows-1 || labels[y+1] == ""))
		if v >= a.low && v <= a.high && free {
			labels[y] = unit(v)
		}
	}
	for _, v := range a.ticks() {
		set(v)
	}
	return labels
}

// ticks are round values on the axis, those that matter most first.
func (a axis) ticks() (ticks []float64) {
	if !a.log {
		ticks = append(ticks, a.low, a.high)
		for _, n := range []float64{2, 4, 5, 3, 8} {
			step := a.high / n
			if power := math.Pow(10, math.Floor(math.Log10(step))-1); math.Abs(step/power-math.Round(step/power)) > 1e-6 {
				continue
			}
			for v := step; v < a.high-step/2; v += step {
				ticks = append(ticks, v)
			}
			break
		}
		return ticks
	}
	for _, factor := range []float64{1, 3, 2, 5} {
		for p := math.Floor(math.Log10(a.low)); p <= math.Log10(a.high); p++ {
			if v := factor * math.Pow(10, p); v >= a.low && v <= a.high {
				ticks = append(ticks, v)
			}
		}
	}
	return ticks
}

// timeAxis writes times under cells that show a span.
func timeAxis(from, to time.Duration) func(int) string {
	return func(width int) string {
		if to <= from {
			return strings.Repeat("─", width)
		}
		step := timeStep(to-from, max(width/12, 1))
		line := []rune(strings.Repeat("─", width))
		next := 0
		for at := from.Truncate(step); at <= to; at += step {
			if at < from {
				continue
			}
			x := int(float64(at-from) / float64(to-from) * float64(width))
			label := []rune(clock(at))
			if x < next || x+len(label) > width {
				continue
			}
			copy(line[x:], label)
			next = x + len(label) + 2
		}
		return string(line)
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// timeStep is the distance of at most n marks on a span.
func timeStep(span time.Duration, n int) time.Duration {
	for _, s := range []int{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400} {
		if step := seconds(s); int(span/step) <= n {
			return step
		}
	}
	return span
}
