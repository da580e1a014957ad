package text

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"plimsoll/report"
	"plimsoll/report/budget"
)

// slos writes what became of the error budgets.
func slos(p *printer, run *report.Run) {
	for _, e := range run.SLOs {
		p.section("SLO " + clean(e.Name))
		for _, line := range []string{sloShare(e), sloBudget(e), sloForecast(e), sloCost(e)} {
			if line != "" {
				p.wrapped("  · ", plain, line)
			}
		}
		for _, g := range e.Gates {
			if line, s := sloGate(run, g); line != "" {
				p.wrapped("  · ", s, line)
			}
		}
	}
}

// sloShare says what was promised, and what came of it.
func sloShare(e budget.ErrorBudget) string {
	what := "requests"
	if len(e.Requests) > 0 {
		what = clean(strings.Join(e.Requests, ", "))
	}
	objective := strconv.FormatFloat(math.Round(e.Objective*1e11)/1e9, 'f', -1, 64) // never rounded to all
	text := objective + "% of " + what + " shall be good"
	if e.WithinMS > 0 {
		text += ", within " + milliseconds(e.WithinMS)
	}
	if e.Events == 0 {
		return text + "; there were none"
	}
	good := exactShare(e.Events-e.Bad, e.Events)
	return fmt.Sprintf("%s; %s of %s were", text, good, report.FormatCount(e.Events))
}

// exactShare never rounds a share to all: 99.9996% is not 100%.
func exactShare(n, of uint64) string {
	text := report.FormatShare(float64(n) / float64(of))
	if bad := of - n; bad > 0 && float64(bad) < 0.01*float64(of) {
		missing := report.FormatNumber(100 * float64(bad) / float64(of))
		text = "all but " + missing + "%"
	}
	return text
}

// sloBudget says how fast the error budget was spent, and how much of it.
func sloBudget(e budget.ErrorBudget) string {
	if e.Burn == nil {
		return ""
	}
	text := fmt.Sprintf("burn %s over %s", fold(*e.Burn), report.FormatLong(e.SecondsRun*e.Scale))
	if e.Scale != 1 {
		text += " (" + report.FormatLong(e.SecondsRun) + " of the run, in which 1s stands for " + report.FormatLong(e.Scale) + ")"
	}
	return text + fmt.Sprintf(": %s of the error budget of %s", report.FormatShare(e.Consumed), report.FormatLong(e.WindowS))
}

// sloForecast says how long the rest of the error budget lasts.
func sloForecast(e budget.ErrorBudget) string {
	switch {
	case e.BurnNow == nil:
		return ""
	case e.Exhausted > 0:
		return fmt.Sprintf("the error budget was gone %s into the run", report.FormatLong(e.Exhausted))
	case e.Forecast == nil:
		return "at the end it burned nothing"
	}
	return fmt.Sprintf("at the end it burned %s: the rest would be gone in %s", fold(*e.BurnNow), report.FormatLong(*e.Forecast))
}

// sloCost says what that costs, and on what assumption.
func sloCost(e budget.ErrorBudget) string {
	c := e.Cost
	if c == nil {
		return ""
	}
	price, err := budget.ParsePrice(c.Price)
	if err != nil {
		return ""
	}
	money := func(x float64) string { return clean(price.Money(report.FormatNumber(x))) }
	if e.Bad == 0 {
		return fmt.Sprintf("cost %s, at %s of downtime; the error budget is worth %s", money(0), clean(c.Price), money(c.Budget))
	}
	return fmt.Sprintf("cost %s: %s of downtime at %s, if a minute in which a tenth of the requests is not good is a tenth of a minute of downtime; the error budget is worth %s, and %s like this would cost %s",
		money(c.Amount), report.FormatLong(60*c.Down), clean(c.Price), money(c.Budget), report.FormatLong(e.WindowS), money(c.Window))
}

// sloGate says of a gate that fired when that was, and what it did.
func sloGate(run *report.Run, g budget.GateState) (string, style) {
	if g.Fired == 0 {
		return "", plain
	}
	text := fmt.Sprintf("gate %s fired %s into the run: both windows burned more than %s", clean(g.Gate), report.FormatLong(g.Fired), rounded(fold(g.Burn)))
	switch {
	case strings.HasSuffix(g.Gate, " abort") && run.Ended == report.Aborted:
		return text + ", so the run was stopped", red
	case g.Level == budget.Warn:
		return text, yellow
	}
	return text, red
}

func fold(x float64) string { return report.FormatNumber(x) + "×" }
