package cmd

import (
	"strconv"
	"strings"
	"time"

	"plimsoll/engine/search"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// objectives reads --slo, or takes the scenario's budgets.
func (f *capacityFlags) objectives(s *scenarios.Scenario) (all []*budget.Objective, err error) {
	promises := splitPromises(strings.Join(f.slo, ", "))
	from := "--slo"
	if len(promises) == 0 {
		promises, from = s.Budgets(), "budget of "+s.Name
	}
	if len(promises) == 0 {
		return nil, usageError("--slo 'p99 < 200ms, errors < 0.1%'", "what shall hold? there is no --slo, and %s has no budgets", s.Name)
	}
	for _, text := range promises {
		b, err := budget.Parse(text)
		if err == nil {
			var o *budget.Objective
			if o, err = b.Objective(); err == nil {
				err = o.Bind(s.Legend())
			}
			all = append(all, o)
		}
		if err != nil {
			return nil, usageError("", "%s %q: %w", from, text, err)
		}
	}
	return all, nil
}

// splitPromises parts a list at its commas, but not within parentheses and quotes.
func splitPromises(list string) (all []string) {
	depth, quoted, from := 0, false, 0
	for i, c := range list {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			all = append(all, strings.TrimSpace(list[from:i]))
			from = i + 1
		}
	}
	if rest := strings.TrimSpace(list[from:]); rest != "" {
		all = append(all, rest)
	}
	return all
}

// leastWithin is how long a search is given at least.
const leastWithin = 20 * time.Second

// search works out the goal.
func (f *capacityFlags) search(soakGiven bool, objectives []*budget.Objective) (search.Goal, error) {
	g := search.Goal{Trials: f.goal.trials, Soak: f.goal.soak, Seed: 1}
	if f.seed != 0 {
		g.Seed = f.seed
	}
	if err := f.goal.times(&g, soakGiven); err != nil {
		return g, err
	}
	if f.goal.trials < 1 || f.goal.trials > 100 {
		return g, usageError("three is usual", "--trials %d: it takes 1 to 100", f.goal.trials)
	}
	if f.goal.arrivals != "poisson" && f.goal.arrivals != "constant" {
		return g, usageError("poisson or constant", "--arrivals %s: unknown law", f.goal.arrivals)
	}
	width, err := strconv.ParseFloat(strings.TrimSuffix(f.goal.width, "%"), 64)
	if g.Width = width / 100; err != nil || !strings.HasSuffix(f.goal.width, "%") || !(width >= 0.1 && width <= 100) { // NaN is neither
		return g, usageError("write a percentage, like 2%", "--width %s: it takes 0.1%% to 100%%", f.goal.width)
	}
	for _, r := range []struct {
		flag, text string
		to         *float64
	}{{"--start", f.goal.start, &g.Start}, {"--least", f.goal.least, &g.Least}, {"--most", f.goal.most, &g.Most}} {
		if r.text == "" {
			continue
		}
		if *r.to, err = scenarios.ParseRate(r.text); err != nil || *r.to <= 0 {
			return g, usageError("for instance 100/s", "%s %s: it is no rate above zero", r.flag, r.text)
		}
	}
	g.Least = min(g.Least, g.Start)
	if g.Most > 0 && g.Most < g.Start {
		return g, usageError("", "--most %s is below --start %s", f.goal.most, f.goal.start)
	}
	g.Probe = min(2*time.Second, g.Trial)
	for _, o := range objectives {
		if f.goal.trial == 0 { // what takes up to a limit does not show in less
			g.Trial = max(g.Trial, min(2*o.Limit(), f.goal.within/8))
		}
		g.Probe = max(g.Probe, min(5*o.Limit(), 30*time.Second))
		g.Samples = max(g.Samples, search.Needs(o.Allowed()))
	}
	return g, nil
}

// times works out how long a trial and the soak take.
func (f *goalFlags) times(g *search.Goal, soakGiven bool) error {
	if f.within < leastWithin {
		return usageError("a search takes some minutes", "--within %s is too short", f.within)
	}
	if !soakGiven {
		g.Soak = min(g.Soak, f.within/6)
	}
	if g.Soak < 0 || g.Soak > f.within/2 {
		return usageError("give the search more time with --within", "--soak %s takes more than half of --within %s", g.Soak, f.within)
	}
	if g.Trial = f.trial; g.Trial != 0 && (g.Trial < 200*time.Millisecond || g.Trial > f.within/4) {
		return usageError("leave it out: it is chosen to fit", "--trial %s: it takes 200ms to a quarter of --within %s", g.Trial, f.within)
	}
	if g.Trial == 0 {
		g.Trial = min(max((f.within-g.Soak)/60, 2*time.Second), 30*time.Second).Round(100 * time.Millisecond)
	}
	return nil
}
