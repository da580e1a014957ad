package cmd

import (
	"context"
	"sync"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/experiment"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/report/live"
	"plimsoll/report/text"
)

// progressView shows a run while it goes, in the way that --ui asks for.
type progressView struct {
	w      *world
	legend *engine.Legend
	screen *live.Screen   // nil: no dashboard
	bar    *text.Progress // nil: off, or there is a dashboard
	stays  bool           // the dashboard is that of something larger, which closes it
	done   chan struct{}
	ticker sync.WaitGroup
}

func (d *drive) progress() *progressView {
	p, t, w := d.plan, d.trial, d.m.w
	v := &progressView{w: w, legend: p.Legend, stays: w.shown() != nil, done: make(chan struct{})}
	kind := w.display(d.m.flags.ui)
	if kind == showDashboard {
		v.screen = w.dashboard()
	}
	switch {
	case kind == showNothing:
		return v
	case v.screen != nil:
		v.screen.Run(live.Run{
			Scenario: t.scenario.Name, Target: report.RedactURL(p.Target), Title: t.title, Variant: t.variant, Legend: p.Legend,
		})
	default:
		if t.title != "" {
			w.note("%s", t.title)
		}
		v.draw(kind)
	}
	for _, n := range p.Notes {
		w.note("note: %s", n)
	}
	return v
}

// draw shows progress without a dashboard.
func (v *progressView) draw(kind string) {
	v.bar = text.NewProgress(v.w.stderr, v.legend, text.ProgressOptions{
		Live: kind == showLines, Color: v.w.color(v.w.stderr), Width: v.w.width(v.w.stderr),
	})
	if kind == showLines {
		v.ticker.Go(v.tick)
	}
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
	if v.screen != nil {
		select {
		case <-v.screen.Ended(): // it failed: the run goes on, and its progress is told in another way
			v.screen = nil
			v.w.uncover()
			v.draw(showPlain)
		default:
			v.screen.Observe(s, results)
		}
	}
	if v.bar != nil {
		v.bar.Observe(s, results)
	}
}

// began says when the load began.
func (v *progressView) began(at time.Time) {
	if v.screen != nil {
		v.screen.Began(at)
	}
}

// doing returns what carries out an event, such that it is shown. Screen is that of the time
// before the load.
func (v *progressView) doing(name string, do func(context.Context) error) func(context.Context) error {
	screen := v.screen
	if screen == nil {
		return do
	}
	return func(ctx context.Context) error {
		at := time.Now()
		err := do(ctx)
		screen.Happened(at, name, false, err)
		return err
	}
}

// hearing shows signals on their way. Without any, it shows those of the control, which
// nobody else wants to know.
func (v *progressView) hearing(ctx context.Context, signals <-chan experiment.Signal, c *control) <-chan experiment.Signal {
	screen := v.screen
	if screen == nil {
		return signals
	}
	show := func(s experiment.Signal) { screen.Happened(s.Time, s.Kind+" "+s.Text, true, s.Lost) }
	if signals == nil {
		if own, err := c.signals(ctx); err == nil && c.admin != "" {
			go func() {
				for s := range own {
					show(s)
				}
			}()
		}
		return nil
	}
	out := make(chan experiment.Signal, 64)
	go func() {
		defer close(out)
		for s := range signals {
			show(s)
			select {
			case out <- s:
			case <-ctx.Done():
			}
		}
	}()
	return out
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
	if v.screen != nil && !v.stays {
		v.w.uncover()
	}
}
