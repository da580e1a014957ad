package capacity

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize"

	"gonum.org/v1/gonum/mathext"
)

// Need is what nodes are planned for. Rates are per second, shares are 0 to 1, and what is
// zero is not asked for.
type Need struct {
	Lower        float64       `json:"node_lower_per_s"`    // what one node carries for sure
	Demand       float64       `json:"demand_per_s"`        // at the peak
	Growth       float64       `json:"growth"`              // of the demand, until the plan is made again
	Headroom     float64       `json:"headroom"`            // share of what a node carries that stays free
	Spare        int           `json:"spare"`               // nodes that may be lost at once
	Zones        int           `json:"zones"`               // equal zones, of which one may be lost
	Deploy       Unavailable   `json:"max_unavailable"`     // nodes that a rolling deploy takes away
	Ramp         float64       `json:"ramp_per_s2"`         // how fast demand grows, in rate per second
	Lag          time.Duration `json:"-"`                   // until a node that is asked for serves
	Availability float64       `json:"availability"`        // of a node
	Target       float64       `json:"target_availability"` // of enough nodes being up
}

// Unavailable is how many nodes a rolling deploy may take away at once: a number or a share
// of all, rounded down as Kubernetes does it.
type Unavailable struct {
	Nodes int     `json:"nodes"`
	Share float64 `json:"share"`
}

// Of returns the number for n nodes, at least one if it is a share, as else nothing would
// ever be deployed.
func (u Unavailable) Of(n int) int {
	if u.Share > 0 {
		return max(1, int(float64(n)*u.Share*(1+rounding)))
	}
	return u.Nodes
}

// Constraint is one reason for a number of nodes.
type Constraint struct {
	Name  string `json:"name"`
	Nodes int    `json:"nodes"`
	Why   string `json:"why"` // the calculation
}

// Sizing is how many nodes are needed, and why.
type Sizing struct {
	Nodes       int          `json:"nodes"`       // the most that a constraint asks for
	Binding     string       `json:"binding"`     // the name of that constraint
	Serving     int          `json:"serving"`     // nodes that must serve at the peak, with headroom: N0
	Peak        float64      `json:"peak_per_s"`  // demand with growth
	Constraints []Constraint `json:"constraints"` // what was asked for, each alone
}

// maxNodes bounds an answer to what can be counted without doubt.
const maxNodes = 1e9

// rounding is what an inexact quotient may be above a whole number without counting as more.
const rounding = 1e-9

// Check says what cannot be in a need.
func (n *Need) Check() error {
	switch {
	case !(n.Lower > 0) || math.IsInf(n.Lower, 0):
		return errors.New("one node must carry a rate above zero")
	case !(n.Demand > 0) || math.IsInf(n.Demand, 0):
		return errors.New("the demand must be above zero")
	case !(n.Growth > -1):
		return errors.New("the growth must be above -100%")
	case !(n.Headroom >= 0 && n.Headroom < 1):
		return errors.New("the headroom must be 0% or more and below 100%")
	case n.Spare < 0:
		return errors.New("the number of spare nodes must not be negative")
	case n.Zones < 0 || n.Zones == 1:
		return errors.New("it takes two zones or more to lose one")
	case n.Deploy.Nodes < 0 || !(n.Deploy.Share >= 0 && n.Deploy.Share < 1):
		return errors.New("a rolling deploy must leave nodes: below 100%")
	case n.Ramp < 0 || n.Lag < 0 || (n.Ramp > 0) != (n.Lag > 0):
		return errors.New("the lag of the autoscaler and the ramp of the demand count only together")
	case !(n.Availability >= 0 && n.Availability < 1 && n.Target >= 0 && n.Target < 1) || (n.Availability > 0) != (n.Target > 0):
		return errors.New("the availability of a node and the target count only together, and are below 100%")
	}
	return nil
}

// Size returns the nodes that are needed. Every constraint is met alone: nodes that are
// spare for one loss are spare for any other, but not for two at once. The error says what
// cannot be in the need.
func (n *Need) Size() (*Sizing, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	peak := n.Demand * (1 + n.Growth)
	s := &Sizing{Peak: peak}
	if peak/(n.Lower*(1-n.Headroom)) > maxNodes {
		return nil, errors.New("more than a thousand million nodes")
	}
	s.Serving = ceil(peak / (n.Lower * (1 - n.Headroom)))
	s.add("demand", ceil(peak/n.Lower), fmt.Sprintf("%s/s ÷ %s/s a node", number(peak), number(n.Lower)))
	if n.Headroom > 0 {
		s.add("headroom", s.Serving, fmt.Sprintf("%s/s ÷ (%s/s × %s)", number(peak), number(n.Lower), number(1-n.Headroom)))
	}
	if n.Spare > 0 {
		s.add("spare", s.Serving+n.Spare, fmt.Sprintf("%d + %d that may be lost", s.Serving, n.Spare))
	}
	n.losses(s)
	n.scaling(s)
	if n.Target > 0 {
		all := enough(s.Serving, n.Availability, n.Target)
		s.add("availability", all, fmt.Sprintf("%d of %d up with P = %s", s.Serving, all, probability(s.Serving, all, n.Availability)))
	}
	for _, c := range s.Constraints {
		if c.Nodes > s.Nodes {
			s.Nodes, s.Binding = c.Nodes, c.Name
		}
	}
	return s, nil
}

func (s *Sizing) add(name string, nodes int, why string) {
	s.Constraints = append(s.Constraints, Constraint{name, nodes, why})
}

// losses adds the nodes that stand in for a zone, and for those that are being replaced.
func (n *Need) losses(s *Sizing) {
	if n.Zones > 0 {
		each := ceil(float64(s.Serving) / float64(n.Zones-1))
		s.add("zones", each*n.Zones, fmt.Sprintf("⌈%d ÷ %d⌉ × %d: any %d zones carry the peak", s.Serving, n.Zones-1, n.Zones, n.Zones-1))
	}
	if n.Deploy != (Unavailable{}) {
		all := s.Serving + n.Deploy.Nodes
		if n.Deploy.Share > 0 {
			all = int(float64(s.Serving) / (1 - n.Deploy.Share))
			for all-n.Deploy.Of(all) < s.Serving {
				all++
			}
			for all > s.Serving && all-1-n.Deploy.Of(all-1) >= s.Serving {
				all--
			}
		}
		s.add("rolling deploy", all, fmt.Sprintf("%d + %d that are being replaced", s.Serving, n.Deploy.Of(all)))
	}
}

// scaling adds the nodes that carry what demand grows by until new ones serve. Headroom is
// there for this, so it does not come on top.
func (n *Need) scaling(s *Sizing) {
	if n.Lag == 0 {
		return
	}
	grown := n.Ramp * n.Lag.Seconds()
	s.add("autoscaler lag", ceil((s.Peak+grown)/n.Lower),
		fmt.Sprintf("(%s/s + %s/s) ÷ %s/s a node", number(s.Peak), number(grown), number(n.Lower)))
}

// LagHeadroom returns the share of all nodes that must be free at the peak for demand to
// grow into, at its ramp, until the autoscaler has helped.
func (n *Need) LagHeadroom() float64 {
	grown := n.Ramp * n.Lag.Seconds()
	return grown / (n.Demand*(1+n.Growth) + grown)
}

// ceil rounds up, but not because of the last digits of a quotient.
func ceil(x float64) int { return int(math.Ceil(x * (1 - rounding))) }

// Shortage returns the probability that fewer than need of all nodes are up, each with the
// given availability, independent of the others: the lower tail of the binomial
// distribution, as a regularised incomplete beta function.
func Shortage(need, all int, availability float64) float64 {
	switch {
	case need <= 0:
		return 0
	case all < need:
		return 1
	}
	return mathext.RegIncBeta(float64(all-need+1), float64(need), 1-availability)
}

// enough returns the fewest nodes of which need are up with the target probability.
func enough(need int, availability, target float64) int {
	short := func(all int) bool { return Shortage(need, all, availability) > 1-target }
	low, high := need-1, need // low is too few
	for short(high) {
		low, high = high, high+2*(high-need)+1
	}
	for high-low > 1 {
		if middle := low + (high-low)/2; short(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// probability writes how likely need of all nodes are up.
func probability(need, all int, availability float64) string {
	return fmt.Sprintf("%.8f", 1-Shortage(need, all, availability))
}

func number(x float64) string {
	if x >= 1e5 {
		return humanize.Comma(int64(math.Round(x)))
	}
	return fmt.Sprintf("%.5g", x)
}

func percent(x float64) string { return fmt.Sprintf("%.3g%%", 100*x) }
