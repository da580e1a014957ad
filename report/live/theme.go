package live

import (
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// Colors says how many colours a terminal shows.
type Colors int

// The kinds of terminals. Nothing is said by colour alone.
const (
	NoColors   Colors    = iota // bold and dim are still used
	Colors16                    // those that the user has chosen for the terminal
	Colors256                   // the fixed ones
	Colors16M                   // any
	attributes = "\x1b["        // what begins every change of colour
)

// ColorsOf returns what a terminal shows, by the environment of the program: env returns
// the value of a variable.
func ColorsOf(env func(string) string) Colors {
	out := termenv.NewOutput(io.Discard, termenv.WithTTY(true), termenv.WithEnvironment(environment(env)))
	switch out.EnvColorProfile() {
	case termenv.TrueColor:
		return Colors16M
	case termenv.ANSI256:
		return Colors256
	case termenv.ANSI:
		return Colors16
	}
	return NoColors
}

type environment func(string) string

func (e environment) Getenv(name string) string { return e(name) }
func (e environment) Environ() []string         { return nil }

// brush paints text. Lip Gloss works the codes out once per brush; to paint is only to put
// them around, as a screen has thousands of pieces to paint.
type brush struct{ on, off string }

func (b brush) paint(s string) string {
	if s == "" || b.on == "" {
		return s
	}
	return b.on + s + b.off
}

// theme is the brushes of the dashboard.
type theme struct {
	bold, dim, good, near, bad, title, bar    brush
	p50, p95, p99, offered, achieved, service brush
	heat                                      []brush // from little to much
}

func newTheme(c Colors) theme {
	profile := [...]termenv.Profile{termenv.Ascii, termenv.ANSI, termenv.ANSI256, termenv.TrueColor}[c]
	r := lipgloss.NewRenderer(io.Discard, termenv.WithProfile(profile), termenv.WithTTY(true))
	r.SetHasDarkBackground(true) // or it would ask the terminal
	color := func(basic, fine string) brush {
		if c == NoColors {
			return brush{}
		}
		if c > Colors16 {
			basic = fine
		}
		return brushOf(r.NewStyle().Foreground(lipgloss.Color(basic)))
	}
	t := theme{
		good: color("2", "35"), near: color("3", "214"), bad: color("1", "203"), bar: color("6", "73"),
		p50: color("2", "72"), p95: color("3", "179"), p99: color("5", "170"),
		offered: color("4", "68"), achieved: color("6", "80"), service: color("4", "110"),
		bold: weight("1"), dim: weight("2"), title: weight("1"),
	}
	for _, h := range [][2]string{{"4", "24"}, {"6", "31"}, {"6", "73"}, {"3", "179"}, {"3", "208"}, {"1", "203"}} {
		t.heat = append(t.heat, color(h[0], h[1]))
	}
	return t
}

// weight is a brush without a colour, which every terminal has.
func weight(code string) brush { return brush{attributes + code + "m", attributes + "0m"} }

// brushOf takes a style apart into what goes before and behind a text.
func brushOf(s lipgloss.Style) brush {
	on, off, _ := strings.Cut(s.Render("x"), "x")
	return brush{on, off}
}
