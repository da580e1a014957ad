package budget

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"plimsoll/engine"
)

// SLO is a service level objective: the share of requests that are good over a window of
// weeks, and the error budget that this leaves. A run shows some minutes of such a window.
// Its burn is how many times faster than allowed it spends the error budget: the share of
// requests that are not good, over the share that may be so. At a burn of 1 the budget
// lasts for exactly the window.
//
// A request is good if it was answered well and, with Within, in that time. An arrival
// that was dropped, as too many were in flight, counts as one that is not.
type SLO struct {
	Name      string
	Objective float64       // share of requests that are good, above 0 and below 1
	Requests  []string      // names of those it is about; empty: all
	Within    time.Duration // latency of a good request; 0: any
	Window    time.Duration // over which the objective holds, such as 30 days
	Scale     float64       // seconds of the window that a second of the run stands for
	Gates     []Gate
	Price     *Price // of downtime; nil: not given
}

// Gate is a bound on the burn, in production's time. It fires when the burn over the long
// window and that over the short one are both above it: the long one says that it matters,
// the short one that it still goes on (Site Reliability Workbook, chapter 5). A gate over
// the whole run has no windows.
type Gate struct {
	Burn   float64
	Long   time.Duration // 0: the whole run
	Short  time.Duration
	Action string // "", "warn" or "abort"
	Guard  bool   // the run is too short for its windows: it can fire, but not be kept
}

// DefaultGates are those of an SLO whose author names none: the run as a whole must not
// burn faster than 1, and the three of the Site Reliability Workbook, table 5-8, of which
// the fast one stops the run.
func DefaultGates() []Gate {
	const day = 24 * time.Hour
	return []Gate{
		{Burn: 1},
		{Burn: 14.4, Long: time.Hour, Short: 5 * time.Minute, Action: "abort"},
		{Burn: 6, Long: 6 * time.Hour, Short: 30 * time.Minute},
		{Burn: 1, Long: 3 * day, Short: 6 * time.Hour, Action: "warn"},
	}
}

// Allowed is the share of requests that need not be good.
func (s *SLO) Allowed() float64 { return round(1 - s.Objective) }

// Aborts reports whether a gate stops a run that makes it fire.
func (s *SLO) Aborts() bool {
	return slices.ContainsFunc(s.Gates, func(g Gate) bool { return g.Action == "abort" })
}

// InRun returns how long of the run stands for a time of production.
func (s *SLO) InRun(d time.Duration) time.Duration { return time.Duration(float64(d) / s.Scale) }

// String returns the SLO in words: 99.9% of order good within 300ms, in 30d.
func (s *SLO) String() string {
	what := "requests"
	if len(s.Requests) > 0 {
		what = strings.Join(s.Requests, ", ")
	}
	text := percent(s.Objective) + " of " + what + " good"
	if s.Within > 0 {
		text += " within " + short(s.Within)
	}
	text += ", in " + Period(s.Window)
	if s.Scale != 1 {
		text += "; 1s of the run is " + s.scaleText()
	}
	return text
}

func (s *SLO) scaleText() string {
	return Period(time.Duration(s.Scale * float64(time.Second)))
}

// String returns the gate as ParseGate understands it: 14.4/1h+5m abort.
func (g Gate) String() string {
	text := decimal(g.Burn) + "/" + g.over()
	if g.Action != "" {
		text += " " + g.Action
	}
	return text
}

func (g Gate) over() string {
	if g.Long == 0 {
		return "run"
	}
	return Period(g.Long) + "+" + Period(g.Short)
}

// expr is the gate of an SLO as a line among the budgets.
func (s *SLO) expr(g Gate) string {
	text := "burn(" + quoted(s.Name, ",()") + ") <= " + decimal(g.Burn) + " over " + g.over()
	if g.Action != "" {
		text += " " + g.Action
	}
	return text
}

func percent(share float64) string { return decimal(round(share*100)) + "%" }

// selection looks up the names of the SLO.
func (s *SLO) selection(l *engine.Legend) (*selection, error) {
	return (&term{metric: metric{name: "errors"}, requests: s.Requests}).resolve(l)
}

// Bind checks that the requests of the SLO are requests of the run. The error is a
// *BindError.
func (s *SLO) Bind(l *engine.Legend) error {
	_, err := s.selection(l)
	return err
}

// Possible checks that the gates can do what the author wants in a run as the legend plans
// it, seen in steps of interval. The error is a *BindError. Strict is whether the author
// chose the gates; if not, those that the run is too short for become guards.
func (s *SLO) Possible(l *engine.Legend, interval time.Duration, strict bool) error {
	sel, err := s.selection(l)
	if err != nil {
		return err
	}
	length := sel.whole().length()
	for i := range s.Gates {
		g := &s.Gates[i]
		if most := 1 / s.Allowed(); g.Burn >= most*(1-1e-9) {
			return &BindError{
				Msg:  fmt.Sprintf("gate %s can never fire: when every request fails, %s burns at %s", g, percent(s.Objective), threeDigits(most)),
				Hint: "write gates of your own, with a lower burn:  burn: [5/1h+5m, 2/6h+30m, 1/3d+6h warn]",
			}
		}
		if g.Long == 0 {
			continue
		}
		if 1.01*s.InRun(g.Short).Seconds() < interval.Seconds() {
			return s.tooFine(g, interval)
		}
		switch long := s.InRun(g.Long); {
		case long.Seconds() <= 1.01*length.Seconds():
		case !strict:
			g.Guard = true
		case g.Action != "warn":
			return s.tooShort(g, long, length)
		}
	}
	return nil
}

// tooFine says that a window of the gate cannot be seen, and what would make it so.
func (s *SLO) tooFine(g *Gate, interval time.Duration) error {
	finest := slices.MinFunc(s.Gates, func(a, b Gate) int { return int(shortOf(a) - shortOf(b)) }).Short
	return &BindError{
		Msg: fmt.Sprintf("gate %s: %s are %s of the run, which is seen in steps of %s",
			g, Period(g.Short), s.InRun(g.Short).Round(time.Millisecond), short(interval)),
		Hint: fmt.Sprintf("write  scale: %s = %s  or less, or a gate with longer windows", short(interval), Period(finest)),
	}
}

// shortOf is the short window of a gate, the longest time if it has none.
func shortOf(g Gate) time.Duration {
	if g.Short == 0 {
		return forever
	}
	return g.Short
}

func (s *SLO) tooShort(g *Gate, long, length time.Duration) error {
	return &BindError{
		Msg: fmt.Sprintf("gate %s cannot be kept: %s are %s of the run, which has %s",
			g, Period(g.Long), short(long.Round(time.Second)), short(length.Round(time.Millisecond))),
		Hint: fmt.Sprintf("run for %s, take shorter windows or a scale such as  scale: 1s = 5m, or mark it warn", short(long.Round(time.Second))),
	}
}

// whole is from when the first of what is selected runs to when the last one ends.
func (s *selection) whole() span {
	if len(s.active) == 0 {
		return span{}
	}
	return span{s.active[0].from, s.active[len(s.active)-1].to}
}
