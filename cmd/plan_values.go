package cmd

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/engine/capacity"
	"plimsoll/report"
	"plimsoll/scenarios"
)

// need reads what nodes are needed for; what one node carries is not known yet.
func (f *planFlags) need(cmd *cobra.Command) (*capacity.Need, error) {
	if f.demand == "" {
		return nil, usageError("for instance --demand 1M/s", "%s needs --demand, the rate to carry at the peak", cmd.CommandPath())
	}
	n := &capacity.Need{Lower: 1, Spare: f.spare, Zones: f.zones, Lag: f.losses.lag}
	var err error
	if n.Demand, err = scenarios.ParseRate(f.demand); err != nil {
		return nil, usageError("", "--demand %s: %w", f.demand, err)
	}
	for _, s := range []struct {
		flag, text string
		to         *float64
	}{
		{"growth", f.growth, &n.Growth},
		{"headroom", f.headroom, &n.Headroom},
		{"availability", f.losses.availability, &n.Availability},
		{"target-availability", f.losses.target, &n.Target},
	} {
		if s.text == "" {
			continue
		}
		if *s.to, err = parsePercentage(s.flag, s.text); err != nil {
			return nil, err
		}
	}
	if n.Ramp, err = parseRamp(f.losses.ramp); err != nil {
		return nil, err
	}
	if n.Deploy, err = parseUnavailable(f.losses.maxUnavailable); err != nil {
		return nil, err
	}
	if err := n.Check(); err != nil {
		return nil, usageError(seeHelp(cmd), "plan: %w", err)
	}
	return n, nil
}

// parsePercentage reads a percentage such as 20% as a share.
func parsePercentage(flag, text string) (float64, error) {
	digits, marked := strings.CutSuffix(strings.TrimSpace(text), "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	switch {
	case err != nil || math.IsNaN(x) || math.IsInf(x, 0):
		return 0, usageError("write a percentage, such as 20%", "--%s %s: it is no percentage", flag, text)
	case !marked && x < 1:
		return 0, usageError("write "+strconv.FormatFloat(x*100, 'g', 6, 64)+"%", "--%s %s: the unit is missing", flag, text)
	case !marked:
		return 0, usageError("write "+digits+"%", "--%s %s: the unit is missing", flag, text)
	}
	return x / 100, nil
}

// parseUnavailable reads a number of nodes or a share of them.
func parseUnavailable(text string) (u capacity.Unavailable, err error) {
	const flag = "max-unavailable"
	if text == "" {
		return u, nil
	}
	if strings.HasSuffix(text, "%") {
		u.Share, err = parsePercentage(flag, text)
		return u, err
	}
	if u.Nodes, err = strconv.Atoi(text); err != nil || u.Nodes < 0 {
		return u, usageError("write a number of nodes or a percentage, such as 1 or 25%", "--%s %s: it is neither", flag, text)
	}
	return u, nil
}

// parseRamp reads how fast a rate grows, such as 500/s per minute, in rate per second.
func parseRamp(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	bad := func() (float64, error) {
		return 0, usageError("write it as '500/s per minute'", "--ramp %s: it does not say how much the rate grows in which time", text)
	}
	rate, span, found := strings.Cut(text, " per ")
	if !found {
		return bad()
	}
	r, err := scenarios.ParseRate(rate)
	if err != nil {
		return bad()
	}
	d, known := map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour}[strings.TrimSpace(span)]
	if !known {
		if span = strings.TrimSpace(span); span != "" && (span[0] < '0' || span[0] > '9') {
			span = "1" + span
		}
		if d, err = time.ParseDuration(span); err != nil || d <= 0 {
			return bad()
		}
	}
	return r / d.Seconds(), nil
}

// hoursInMonth is a twelfth of a year of 365 days.
const hoursInMonth = 730

// parsePrice reads what a node costs, such as 120/month or $0.17/hour.
func parsePrice(text string) (*report.Cost, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no price, no cost
	}
	amount, span, found := strings.Cut(text, "/")
	hours, known := map[string]float64{
		"hour": 1, "h": 1, "day": 24, "month": hoursInMonth, "year": 12 * hoursInMonth,
	}[strings.TrimSpace(span)]
	digits := strings.IndexAny(amount, "0123456789.")
	if !found || !known || digits < 0 {
		return nil, badPrice(text)
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(amount[digits:]), 64)
	currency := strings.TrimSpace(amount[:digits])
	if err != nil || math.IsInf(x, 0) || strings.ContainsAny(currency, "-+") || len(currency) > 8 {
		return nil, badPrice(text)
	}
	if len(currency) > 1 && currency[len(currency)-1] < 0x80 {
		currency += " " // EUR 120, but $120 and €120
	}
	return &report.Cost{Currency: currency, Node: x * hoursInMonth / hours}, nil
}

func badPrice(text string) error {
	return usageError("write it as 120/month, $120/month or 0.17/hour", "--price %s: it is no price of a node", text)
}
