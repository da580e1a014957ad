package cmd

import (
	"fmt"
	"strings"
	"time"

	"plimsoll/engine/capacity"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/live"
	"plimsoll/report/text"
)

// narrator tells how a survey goes, if anyone wants to know: in the dashboard, or line by
// line.
type narrator struct {
	w      *world
	screen *live.Screen         // nil: no dashboard
	bar    *text.SearchProgress // nil: nobody wants to know, or there is a dashboard
}

// narrate begins to tell about a survey of out, with these knobs set.
func (x *exploration) narrate(out *report.Capacity, set map[string]string) *narrator {
	n := &narrator{w: x.w}
	kind := x.w.display(x.flags.ui)
	if kind == showDashboard {
		n.screen = x.w.dashboard()
	}
	switch {
	case kind == showNothing:
	case n.screen != nil:
		name := out.Scenario
		if x.vary != nil {
			name += ", " + x.vary.knob + "=" + set[x.vary.knob]
		}
		n.screen.Search(live.Search{Scenario: name, Target: out.Target, SLO: out.SLO, Within: x.flags.goal.within})
	default:
		n.draw(kind)
	}
	return n
}

func (n *narrator) draw(kind string) {
	n.bar = text.NewSearchProgress(n.w.stderr, text.ProgressOptions{
		Live: kind == showLines, Color: n.w.color(n.w.stderr), Width: n.w.width(n.w.stderr),
	})
}

// dashboard returns the dashboard, nil if there is none. If it has failed the survey goes
// on, and is told line by line.
func (n *narrator) dashboard() *live.Screen {
	if n.screen == nil {
		return nil
	}
	select {
	case <-n.screen.Ended():
		n.screen = nil
		n.w.uncover()
		n.draw(showPlain)
	default:
	}
	return n.screen
}

func (n *narrator) line(name, format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if screen := n.dashboard(); screen != nil {
		screen.Phase(name, s)
	} else if n.bar != nil {
		n.bar.Line(fmt.Sprintf("%-11s %s", name, s))
	}
}

func (n *narrator) swept(p report.SweepPoint) {
	if screen := n.dashboard(); screen != nil {
		screen.Swept(p)
	} else if n.bar != nil {
		n.bar.Status(fmt.Sprintf("sweep       %d users: %s", p.Users, rate(p.Throughput)))
	}
}

func (n *narrator) fitted(m *capacity.Model) {
	n.line("model", "%s of %s", m.Kind, describe(m))
}

// describe says a model in a few words.
func describe(m *capacity.Model) string {
	d := fmt.Sprintf("gamma %s, alpha %s, beta %s", rate(m.Gamma), report.FormatNumber(m.Alpha), report.FormatNumber(m.Beta))
	if m.NStar != nil {
		d += fmt.Sprintf("; peak at %s users", report.FormatNumber(*m.NStar))
	}
	return d
}

func (n *narrator) trying(s search.Step, left time.Duration) {
	if screen := n.dashboard(); screen != nil {
		screen.Trying(s, time.Now(), left)
	} else if n.bar != nil {
		n.bar.Status(fmt.Sprintf("        %s at %s for %s; about %s left", s.Kind, rate(s.Rate), report.FormatDuration(s.Warm+s.For), text.Roughly(left)))
	}
}

func (n *narrator) tried(t report.LineTrial, s *search.Search, left time.Duration) {
	if screen := n.dashboard(); screen != nil {
		screen.Tried(t, s.Line(), left)
	} else if n.bar != nil {
		n.bar.Trial(t, s.Line(), left)
	}
}

func (n *narrator) close() {
	if n.bar != nil {
		n.bar.Clear()
	}
	if n.screen != nil {
		n.w.uncover()
	}
}

// again is the command line that goes on with a search.
func again(args []string, dir string) string {
	var words []string
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--out":
			i++
		case a == "--resume", strings.HasPrefix(a, "--out="):
		default:
			words = append(words, shellWord(a))
		}
	}
	return strings.Join(append(words, "--out", shellWord(dir), "--resume"), " ")
}

func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=%@,+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
