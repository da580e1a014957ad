package capacity

import (
	"fmt"
	"math"
)

// State is how a planned fleet stands at the peak in one situation.
type State struct {
	Name        string  `json:"name"`
	Nodes       int     `json:"nodes"` // that serve
	Each        float64 `json:"each_per_s"`
	Utilisation float64 `json:"utilisation"` // of what one node carries for sure; above 1 the promises break
}

// States returns how n nodes stand at the peak: all of them, and after each loss that was
// asked for.
func (n *Need) States(s *Sizing) []State {
	all := []State{n.state("all nodes", s.Nodes, s)}
	if n.Spare > 0 {
		all = append(all, n.state(fmt.Sprintf("%d lost", n.Spare), s.Nodes-n.Spare, s))
	}
	if n.Zones > 0 {
		all = append(all, n.state("a zone lost", s.Nodes-ceil(float64(s.Nodes)/float64(n.Zones)), s))
	}
	if n.Deploy != (Unavailable{}) {
		all = append(all, n.state("during a deploy", s.Nodes-n.Deploy.Of(s.Nodes), s))
	}
	return all
}

func (n *Need) state(name string, nodes int, s *Sizing) State {
	each := s.Peak / float64(nodes)
	return State{name, nodes, each, each / n.Lower}
}

// Change is what the answer would be if one thing were different.
type Change struct {
	What    string `json:"what"`
	Nodes   int    `json:"nodes"`
	More    int    `json:"difference"` // to the plan
	Binding string `json:"binding"`
}

// Sensitivity returns what the answer would be with another rate per node (±10 %), another
// headroom and another growth (±10 points): the plan stands on the one that moves it most.
func (n *Need) Sensitivity(nodes int) []Change {
	var all []Change
	try := func(what string, alter func(*Need)) {
		other := *n
		alter(&other)
		if s, err := other.Size(); err == nil {
			all = append(all, Change{what, s.Nodes, s.Nodes - nodes, s.Binding})
		}
	}
	try("a node carries 10% less", func(o *Need) { o.Lower *= .9 })
	try("a node carries 10% more", func(o *Need) { o.Lower *= 1.1 })
	for _, points := range []float64{-.1, .1} {
		if h := n.Headroom + points; h > -rounding && h < .95 {
			try("headroom "+percent(max(h, 0)), func(o *Need) { o.Headroom = max(h, 0) })
		}
	}
	for _, points := range []float64{-.1, .1} {
		if g := n.Growth + points; g > -rounding {
			try("growth "+percent(max(g, 0)), func(o *Need) { o.Growth = max(g, 0) })
		}
	}
	return all
}

// Autoscaler is the target of a Kubernetes HorizontalPodAutoscaler.
type Autoscaler struct {
	AverageValue float64 `json:"average_value_per_s"` // rate per pod to hold
	Utilisation  float64 `json:"utilisation"`         // share of what a pod carries to hold
	Tolerated    float64 `json:"tolerated_per_s"`     // rate per pod up to which nothing is done
}

// HPATolerance is how far the metric may be off its target before an autoscaler acts
// (Kubernetes: --horizontal-pod-autoscaler-tolerance).
const HPATolerance = 0.1

// Autoscaler returns the target that keeps the headroom: x·(1 − headroom) per pod.
func (n *Need) Autoscaler() Autoscaler {
	each := n.Lower * (1 - n.Headroom)
	return Autoscaler{AverageValue: each, Utilisation: 1 - n.Headroom, Tolerated: each * (1 + HPATolerance)}
}

// Replicas returns the number that a HorizontalPodAutoscaler asks for:
// ⌈current × metric ÷ target⌉, or the current number if the ratio is within the tolerance
// of 1 (Kubernetes documentation, Horizontal Pod Autoscaling, algorithm details).
func Replicas(current int, metric, target float64) int {
	ratio := metric / target
	if math.Abs(ratio-1) <= HPATolerance {
		return current
	}
	return ceil(float64(current) * ratio)
}
