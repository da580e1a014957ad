package simulate

import "math"

// leastSlice is how many nodes a slice of a cluster keeps: with fewer, chance would even out
// less than it does in the whole.
const leastSlice = 50

// Slice returns a part of the case that stands for the whole, with as many of its nodes and
// as much of its load, if the whole would make more tries than most. A trigger loses the same
// share of nodes; what is not a whole node is taken from the speed of the others. A case whose
// nodes are not alike is left as it is.
func Slice(c Case, t Trigger, most float64) (Case, Trigger) {
	p := Normal(0)
	p.Surge = max(t.Surge, 1)
	tries := margin(&c, p).Most * c.Length.Seconds()
	k := &c.Cluster
	if tries <= most || k.Nodes <= leastSlice || k.Weights != nil || k.Speeds != nil {
		return c, t
	}
	whole := float64(k.Nodes)
	k.Nodes = max(int(whole*most/tries), leastSlice)
	c.Load.Rate *= float64(k.Nodes) / whole
	share := float64(t.Lose) / whole * float64(k.Nodes)
	t.Lose = int(math.Floor(share))
	if t.Speed == 0 {
		t.Speed = 1
	}
	t.Speed *= (float64(k.Nodes) - share) / float64(k.Nodes-t.Lose)
	return c, t
}
