package cmd

import (
	"fmt"
	"strings"
	"time"

	"plimsoll/engine/capacity"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/text"
)

// narrator tells how a survey goes, if anyone wants to know.
type narrator struct{ bar *text.SearchProgress }

func (x *exploration) narrate() *narrator {
	kind := x.flags.ui
	if x.w.quiet || kind == "off" {
		return &narrator{}
	}
	return &narrator{bar: text.NewSearchProgress(x.w.stderr, text.ProgressOptions{
		Live: kind == "live" || kind == "auto" && x.w.terminal(x.w.stderr), Color: x.w.color(x.w.stderr), Width: x.w.width(x.w.stderr),
	})}
}

func (n *narrator) line(format string, args ...any) {
	if n.bar != nil {
		n.bar.Line(fmt.Sprintf(format, args...))
	}
}

func (n *narrator) swept(p report.SweepPoint) {
	if n.bar != nil {
		n.bar.Status(fmt.Sprintf("sweep       %d users: %s", p.Users, rate(p.Throughput)))
	}
}

func (n *narrator) fitted(m *capacity.Model) {
	n.line("model       %s of %s", m.Kind, describe(m))
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
	if n.bar != nil {
		n.bar.Status(fmt.Sprintf("        %s at %s for %s; about %s left", s.Kind, rate(s.Rate), report.FormatDuration(s.Warm+s.For), text.Roughly(left)))
	}
}

func (n *narrator) tried(t report.LineTrial, s *search.Search, left time.Duration) {
	if n.bar != nil {
		n.bar.Trial(t, s.Line(), left)
	}
}

func (n *narrator) close() {
	if n.bar != nil {
		n.bar.Clear()
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
