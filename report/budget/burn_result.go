package budget

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// BurnMetric is the metric of results that are gates of an SLO.
const BurnMetric = "burn"

// ErrorBudget is what became of the error budget of one SLO, under the keys of run.json.
// The first lines are the SLO itself; times are production's unless their name says run.
type ErrorBudget struct {
	Name      string   `json:"name"`
	Objective float64  `json:"objective"` // 0 to 1
	Requests  []string `json:"requests,omitempty"`
	WithinMS  float64  `json:"within_ms,omitzero"`
	WindowS   float64  `json:"window_s"`
	Scale     float64  `json:"scale"` // seconds that a second of the run stands for

	Events     uint64      `json:"events"` // requests, and arrivals that were dropped
	Bad        uint64      `json:"bad"`    // of them not good
	Interval   []float64   `json:"bad_share_ci,omitempty"`
	Burn       *float64    `json:"burn"`     // over the run; nil without requests
	BurnNow    *float64    `json:"burn_now"` // over the shortest long window, up to the end
	Consumed   float64     `json:"consumed"` // share of the error budget of the whole window; above 1 it was overdrawn
	Forecast   *float64    `json:"forecast_exhausted_s"`
	Exhausted  float64     `json:"exhausted_at_run_s,omitzero"` // 0: it lasted
	Gates      []GateState `json:"gates"`
	Cost       *Cost       `json:"cost,omitempty"`
	SecondsRun float64     `json:"seen_run_s"` // how long the requests were seen
}

// GateState is what became of one gate.
type GateState struct {
	Gate   string  `json:"gate"` // as ParseGate reads it
	Burn   float64 `json:"burn"`
	LongS  float64 `json:"long_s,omitzero"` // 0: the whole run
	ShortS float64 `json:"short_s,omitzero"`
	Guard  bool    `json:"guard,omitempty"` // the run was planned too short to keep it
	Level  Level   `json:"level"`
	Worst  float64 `json:"worst"`                   // the highest burn that both windows had at once
	Fired  float64 `json:"fired_at_run_s,omitzero"` // 0: it did not
	Result Verdict `json:"result"`
	Reason string  `json:"reason,omitempty"`
}

// Cost is the price of what was not good. A minute in which a tenth of the requests is not
// good counts as a tenth of a minute of downtime, as it does in the error budget.
type Cost struct {
	Price    string  `json:"price"` // as ParsePrice reads it
	Currency string  `json:"currency"`
	Down     float64 `json:"down_min"`      // minutes of downtime so far
	Amount   float64 `json:"amount"`        // their price
	Budget   float64 `json:"budget_amount"` // the price of the whole error budget
	Window   float64 `json:"window_amount"` // the price of a whole window that burns as the run did
}

// SLO returns the objective whose error budget it is.
func (s *ErrorBudget) SLO() (*SLO, error) {
	slo := &SLO{
		Name: s.Name, Objective: s.Objective, Requests: s.Requests, Scale: cmp.Or(s.Scale, 1),
		Within: time.Duration(math.Round(s.WithinMS * float64(time.Millisecond))), Window: time.Duration(math.Round(s.WindowS * float64(time.Second))),
	}
	if !(s.Objective > 0 && s.Objective < 1 && slo.Allowed() > 0 && slo.Scale >= 1 && slo.Window > 0) {
		return nil, sloError(0, "", "slo %q has no objective, scale or window", s.Name)
	}
	for _, g := range s.Gates {
		gate, err := ParseGate(g.Gate)
		if err != nil {
			return nil, fmt.Errorf("slo %q: %w", s.Name, err)
		}
		gate.Guard = g.Guard
		slo.Gates = append(slo.Gates, gate)
	}
	if s.Cost == nil {
		return slo, nil
	}
	var err error
	slo.Price, err = ParsePrice(s.Cost.Price)
	return slo, err
}

// errorBudget sums up.
func (b *burner) errorBudget() ErrorBudget {
	s := b.slo
	allowed := s.Allowed()
	r := ErrorBudget{
		Name: s.Name, Objective: s.Objective, Requests: s.Requests, Scale: s.Scale,
		WithinMS: s.Within.Seconds() * 1e3, WindowS: s.Window.Seconds(),
		Events: b.total.all, Bad: b.total.bad, Consumed: b.period.burn(allowed),
		Exhausted: b.exhausted.Seconds(), SecondsRun: b.seen.Seconds(), Gates: []GateState{},
	}
	for _, g := range b.gates {
		r.Gates = append(r.Gates, b.state(g))
	}
	if s.Price != nil {
		r.Cost = b.cost()
	}
	if b.total.all == 0 {
		return r
	}
	low, high := b.total.interval()
	r.Interval = []float64{low, high}
	r.Burn = new(b.total.ratio() / allowed)
	if b.now.all > 0 {
		r.BurnNow = new(b.now.ratio() / allowed)
		r.Forecast = forecast(r.Consumed, *r.BurnNow, s.Window)
	}
	return r
}

// forecast returns after how many seconds the rest of the error budget is gone if it goes
// on burning like this; nil if never.
func forecast(consumed, burn float64, window time.Duration) *float64 {
	if burn <= 0 {
		return nil
	}
	return new(max(1-consumed, 0) * window.Seconds() / burn)
}

func (b *burner) cost() *Cost {
	s, p := b.slo, b.slo.Price
	ratio := b.total.ratio()
	c := &Cost{Price: p.String(), Currency: p.Currency, Down: ratio * b.seen.Minutes() * s.Scale}
	c.Amount = c.Down * p.PerMinute
	c.Budget = s.Allowed() * s.Window.Minutes() * p.PerMinute
	c.Window = ratio * s.Window.Minutes() * p.PerMinute
	return c
}

// state says how a gate stands.
func (b *burner) state(g *gate) GateState {
	x := GateState{
		Gate: g.String(), Burn: g.Burn, LongS: g.Long.Seconds(), ShortS: g.Short.Seconds(), Guard: g.Guard,
		Level: Fail, Worst: g.worst, Fired: g.fired.Seconds(),
	}
	if g.Action == "warn" {
		x.Level = Warn
	}
	if g.Long == 0 {
		x.Worst = b.total.ratio() / b.slo.Allowed()
		x.Result, x.Reason = b.whole(g)
		return x
	}
	switch {
	case g.fired > 0:
		x.Result = Broken
		return x
	case g.Guard:
		x.Level = Warn // it can only fire
	}
	if x.Reason = b.doubt(g); x.Reason != "" {
		x.Result = Inconclusive
		return x
	}
	x.Result = Kept
	return x
}

// doubt says why it is not known that a gate was kept; empty if it was.
func (b *burner) doubt(g *gate) string {
	switch {
	case b.total.all == 0:
		return "there were no requests"
	case g.judged == 0:
		return fmt.Sprintf("%s are %s of the run, which showed %s; it did not fire by then",
			Period(g.Long), short(g.long.length.Round(time.Second/10)), short(b.seen.Round(time.Second/10)))
	case g.lacking > 0:
		return fmt.Sprintf("%d of %d windows had too few requests, such as %d: one that is not good would be too many", g.lacking, g.judged, g.fewest)
	case b.coarse > g.short.length+g.short.length/100:
		return fmt.Sprintf("%s are %s of the run, which was seen in steps of up to %v", Period(g.Short), g.short.length, b.coarse)
	}
	return ""
}

// whole judges the run as one window, by what chance leaves open.
func (b *burner) whole(g *gate) (Verdict, string) {
	if b.total.all == 0 {
		return Inconclusive, "there were no requests"
	}
	limit := g.Burn * b.slo.Allowed()
	low, high := b.total.interval()
	switch {
	case low > limit:
		return Broken, ""
	case high <= limit:
		return Kept, ""
	}
	return Inconclusive, fmt.Sprintf("%d of %d were not good: a burn of %s to %s may lie behind that, so more requests are needed",
		b.total.bad, b.total.all, threeDigits(low/b.slo.Allowed()), threeDigits(high/b.slo.Allowed()))
}

// threeDigits writes a number with three digits.
func threeDigits(x float64) string {
	if x >= 100 {
		return decimal(math.Round(x))
	}
	return fmt.Sprintf("%.3g", x)
}

// results are the gates as lines among the budgets, and a line for a budget that is gone.
func (b *burner) results() (all []Result) {
	timed := b.timed > 0
	for _, g := range b.gates {
		x := b.state(g)
		r := Result{
			Expr: b.slo.expr(g.Gate), Metric: BurnMetric, Unit: "burn", Limit: new(x.Burn), Level: x.Level,
			Result: x.Result, Reason: x.Reason, Samples: b.total.all, Timed: timed,
			At: x.Fired, Aborted: g.stops(),
		}
		if b.total.all > 0 {
			r.Observed = new(x.Worst)
		}
		if x.Result != Inconclusive {
			r.Margin = new((x.Burn - x.Worst) / x.Burn)
		}
		all = append(all, r)
	}
	if b.exhausted > 0 {
		all = append(all, Result{
			Expr:   "consumed(" + quoted(b.slo.Name, ",()") + ") < 100%",
			Metric: BurnMetric, Unit: "share", Limit: new(1.0), Observed: new(max(b.period.burn(b.slo.Allowed()), 1)),
			Margin: new(min(1-b.period.burn(b.slo.Allowed()), 0)), Level: Fail, Result: Broken, Samples: b.total.all, Timed: timed, At: b.exhausted.Seconds(),
		})
	}
	return all
}

// aborted returns the first gate that stops the run, nil if none does.
func (b *burner) aborted() *Result {
	for i, g := range b.gates {
		if g.stops() {
			return &b.results()[i]
		}
	}
	return nil
}

// stops reports whether the gate fired and ends the run because of it.
func (g *gate) stops() bool { return g.fired > 0 && g.Action == "abort" }
