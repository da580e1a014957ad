package live

import (
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// BenchmarkRedraw is one redraw with news at a size that is large for a terminal: there are four of them
// in a second, so 5 ms would be 2 % of a core.
func BenchmarkRedraw(b *testing.B) {
	m := running(b, Colors256, 55)
	resize(m, 200, 50)
	b.ReportAllocs()
	for b.Loop() {
		m.Update(tick{start.Add(56 * time.Second), []any{judged{}}})
		m.View()
	}
}

// BenchmarkRedrawWithoutNews is one of the three redraws between two snapshots.
func BenchmarkRedrawWithoutNews(b *testing.B) {
	m := running(b, Colors256, 55)
	resize(m, 200, 50)
	for b.Loop() {
		m.Update(tick{now: start.Add(56 * time.Second)})
		m.View()
	}
}

// BenchmarkNews is what comes with the snapshot of a second.
func BenchmarkNews(b *testing.B) {
	m := running(b, Colors256, 40)
	s := second(m.run.Legend, 41, 0)
	b.ReportAllocs()
	for b.Loop() {
		m.Update(tick{start.Add(56 * time.Second), []any{observed{snapshot: s}}})
	}
}

// BenchmarkLongRun draws an hour.
func BenchmarkLongRun(b *testing.B) {
	m := running(b, Colors256, 40)
	for n := range 3600 {
		m.take(observed{snapshot: second(m.run.Legend, n, 0)})
	}
	m.Update(tea.WindowSizeMsg{Width: 200, Height: 50})
	for b.Loop() {
		m.version++
		m.View()
	}
}
