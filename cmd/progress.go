package cmd

import (
	"sync"
	"time"

	"plimsoll/engine"
	"plimsoll/report/budget"
	"plimsoll/report/text"
	"plimsoll/scenarios"
)

// progressView shows a run while it goes, in the way that --ui asks for.
type progressView struct {
	w      *world
	bar    *text.Progress // nil: off
	done   chan struct{}
	ticker sync.WaitGroup
}

func (m *measurement) progress(p *scenarios.Plan, title string) *progressView {
	v := &progressView{w: m.w, done: make(chan struct{})}
	kind := m.flags.ui
	if kind == "auto" {
		kind = "plain"
		if m.w.terminal(m.w.stderr) {
			kind = "live"
		}
	}
	if kind == "off" || m.w.quiet {
		return v
	}
	if title != "" {
		m.w.note("%s", title)
	}
	for _, n := range p.Notes {
		m.w.note("note: %s", n)
	}
	v.bar = text.NewProgress(m.w.stderr, p.Legend, text.ProgressOptions{
		Live: kind == "live", Color: m.w.color(m.w.stderr), Width: m.w.width(m.w.stderr),
	})
	if kind == "live" {
		v.ticker.Go(v.tick)
	}
	return v
}

// tick redraws live progress until the run is over.
func (v *progressView) tick() {
	began := time.Now()
	t := time.NewTicker(250 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-v.done:
			return
		case <-t.C:
			v.bar.Resize(v.w.width(v.w.stderr))
			v.bar.Tick(time.Since(began))
		}
	}
}

func (v *progressView) observe(s *engine.Snapshot, results []budget.Result) {
	if v.bar != nil {
		v.bar.Observe(s, results)
	}
}

// warn puts a warning above the progress.
func (v *progressView) warn(err error) {
	if v.bar != nil {
		v.bar.Close()
	}
	v.w.warn(err)
}

func (v *progressView) close() {
	close(v.done)
	v.ticker.Wait()
	if v.bar != nil {
		v.bar.Close()
	}
}
