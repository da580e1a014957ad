package report

import (
	"fmt"
	"time"

	"plimsoll/engine/capacity"
)

// PlanSchema is the version of what plan writes as JSON.
const PlanSchema = "plimsoll.plan/1"

// Plan is how many nodes a demand needs, why, and what the answer rests on.
type Plan struct {
	Schema          string `json:"schema"`
	capacity.Sizing        // nodes, binding, serving, peak_per_s, constraints

	Need        capacity.Need       `json:"need"`
	LagS        float64             `json:"scale_lag_s,omitempty"`
	Basis       Basis               `json:"basis"`
	States      []capacity.State    `json:"states"`
	Sensitivity []capacity.Change   `json:"sensitivity"`
	Autoscaler  capacity.Autoscaler `json:"autoscaler"`
	Cost        *Cost               `json:"cost,omitempty"`
	Checks      []PlanCheck         `json:"checks,omitempty"` // by simulation
	Notes       []string            `json:"notes"`            // what the answer rests on, and what to doubt
}

// Basis is where the rate per node comes from.
type Basis struct {
	Kind     string    `json:"kind"` // measured, assumed or model
	About    string    `json:"about"`
	Scenario string    `json:"scenario,omitempty"`
	SLO      string    `json:"slo,omitempty"`
	Measured time.Time `json:"measured,omitzero"`
	Upper    *float64  `json:"node_upper_per_s"` // null: not known
	Soaked   bool      `json:"soaked"`
}

// The kinds of a basis.
const (
	Measured = "measured" // the lower bound of a load line
	Assumed  = "assumed"  // given by hand
	Modelled = "model"    // a queue written out
)

// Cost is what the nodes cost.
type Cost struct {
	Currency string  `json:"currency,omitempty"`
	Node     float64 `json:"node_per_month"`
	Month    float64 `json:"per_month"`
}

// Money writes an amount in the currency.
func (c *Cost) Money(amount float64) string {
	if amount < 999.5 {
		return fmt.Sprintf("%s%.2f", c.Currency, amount)
	}
	return c.Currency + FormatNumber(amount)
}

// PlanCheck is what a simulation of the plan showed in one situation.
type PlanCheck struct {
	Name    string `json:"name"`
	Nodes   int    `json:"nodes"`   // that serve
	Promise string `json:"promise"` // kept, broken, or open: too near to say
	About   string `json:"about"`   // what was seen
}
