package live

import (
	"math"
	"strings"
)

// shades go from nothing to the most of a column, and tell without a colour.
func shades() [6]string { return [...]string{" ", "·", "░", "▒", "▓", "█"} }

func (m *model) heatPane() pane {
	return pane{title: "heat map", extra: one(m.theme.dim.paint("latency: · few … █ most")), least: 4, want: 6, grow: 2, rank: 5, draw: m.heat}
}

// heat draws how many requests took how long over time: a column of cells is a span of time, a
// row a span of durations, each as many times longer than the one below. The shade of a cell
// is its share of its column, on a logarithmic scale, so that few slow requests show.
func (m *model) heat(width, height int) []string {
	t := &m.theme
	from, to := m.shown()
	across, rows := cells(width), max(height-1, 1)
	columns := m.run.window.fold(from, to, across)
	low, high := occupied(columns)
	if high < 0 {
		return []string{t.dim.paint("no answers yet")}
	}
	high++
	each := float64(high-low) / float64(rows)
	if each < 1 {
		each, high = 1, low+rows
	}
	out := make([]string, 0, height)
	for y := range rows {
		bottom := float64(high) - float64(y+1)*each
		var b strings.Builder
		label := ""
		if y%2 == 0 || y == rows-1 {
			label = short(float64(edge(bottom + each/2)))
		}
		b.WriteString(t.dim.paint(right(label, labelWidth-2) + " ┤"))
		t.shade(&b, columns, bottom, each)
		out = append(out, b.String())
	}
	if height > 1 {
		out = append(out, t.dim.paint(spaces(labelWidth-1)+"└"+timeAxis(from, to)(across)))
	}
	return out
}

// shade writes a row of cells, each run of one shade painted at once.
func (t *theme) shade(b *strings.Builder, columns []*column, bottom, each float64) {
	before, n := -1, 0
	flush := func() {
		if n == 0 {
			return
		}
		text := strings.Repeat(shades()[max(before, 0)], n)
		if before > 0 {
			text = t.heat[before].paint(text)
		}
		b.WriteString(text)
		n = 0
	}
	for _, c := range columns {
		level := 0
		if c != nil {
			level = levelOf(c, bottom, each)
		}
		if level != before {
			flush()
			before = level
		}
		n++
	}
	flush()
}

// levelOf returns the shade of the buckets from bottom on in a column: 5 from a third of its
// requests on, one less for every factor of four below.
func levelOf(c *column, bottom, each float64) int {
	first := max(int(math.Ceil(bottom-0.001)), 0)
	last := min(int(math.Ceil(bottom+each-0.001)), buckets)
	var n uint64
	for i := first; i < last; i++ {
		n += uint64(c.latency.at[i])
	}
	if n == 0 || c.latency.n == 0 {
		return 0
	}
	share := float64(n) / float64(c.latency.n)
	return min(max(5+int(math.Floor(math.Log(share*3)/math.Log(4))), 1), 5)
}

// occupied returns the lowest and the highest bucket with a request; high is -1 without any.
func occupied(columns []*column) (low, high int) {
	low, high = buckets, -1
	for _, c := range columns {
		if c == nil {
			continue
		}
		for i, n := range c.latency.at {
			if n > 0 {
				low, high = min(low, i), max(high, i)
			}
		}
	}
	return low, high
}
