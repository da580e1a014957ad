package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"plimsoll/engine/capacity"
	"plimsoll/engine/search"
)

// Outlook is the latency to expect of a node at other loads than were tried: the scarcest
// resource is a queue G/G/c, in which requests wait longer the busier it is, and what is
// left of the service time passes elsewhere (capacity.GGc, Allen and Cunneen). The formula
// is for screening, so what was measured stands beside it, and Off says how far it was off.
type Outlook struct {
	Law       string         `json:"law"` // of the arrivals, the number of servers and their service
	Resource  string         `json:"resource"`
	Servers   int            `json:"servers"`
	DemandMS  float64        `json:"demand_ms"` // busy time of one server per request
	AloneMS   float64        `json:"alone_ms"`  // mean service time without a queue
	Saturates float64        `json:"saturates_per_s"`
	Points    []OutlookPoint `json:"points"`
	Off       *float64       `json:"off"` // median of expected over measured mean latency, less 1, at the measured rates that hold; null: none
}

// OutlookPoint is the latency to expect at one rate.
type OutlookPoint struct {
	Rate        float64  `json:"rate_per_s"`
	Utilisation float64  `json:"utilisation"` // of the resource, 0 to 1
	MeanMS      float64  `json:"latency_mean_ms"`
	MeasuredMS  *float64 `json:"measured_mean_ms"` // null where the rate was not tried
}

// OutlookOf returns what to expect of a node at other loads, or nil if too little is known:
// it needs service times without a queue, and a resource or a sweep that tells where the
// node saturates. Calls is how many requests an arrival makes.
func OutlookOf(c *Capacity, calls float64) *Outlook {
	if c.Node.Service == nil {
		return nil
	}
	o := &Outlook{AloneMS: c.Node.Service.MeanMS, Saturates: c.Saturates()}
	if o.Saturates == 0 {
		return nil
	}
	if r := c.Bottleneck(); r != nil {
		o.Resource = r.Name
		o.Servers = max(1, int(math.Round(r.Units)))
	} else {
		o.Resource = "the target as a whole"
		o.Servers = max(1, int(math.Round(capacity.Little(o.Saturates*calls, o.AloneMS/1000))))
	}
	o.DemandMS = 1e3 * float64(o.Servers) / (o.Saturates * calls)
	q := capacity.GGc{
		MMc:        capacity.MMc{Service: o.DemandMS / 1000, Servers: o.Servers},
		ArrivalSCV: 1, ServiceSCV: c.Node.Service.SCV,
	}
	process := "M"
	if c.Arrivals == "constant" {
		q.ArrivalSCV, process = 0, "D"
	}
	o.Law = fmt.Sprintf("%s/G/%d", process, o.Servers)
	o.at(q, c.Curve, calls)
	return o
}

// Saturates returns the rate of passes per second at which the node has nothing left: where
// its bottleneck is fully used, or what users got through at most; 0 if neither is known.
func (c *Capacity) Saturates() float64 {
	if r := c.Bottleneck(); r != nil {
		return r.Saturates
	}
	return highest(c.Sweep)
}

// Bottleneck returns the watched resource that explains where the node saturates, or nil if
// none was watched, or if users together got through much less than the scarcest allows:
// then what limits the node is something else.
func (c *Capacity) Bottleneck() *Resource {
	if len(c.Node.Resources) == 0 {
		return nil
	}
	r := &c.Node.Resources[0]
	if most := highest(c.Sweep); most > 0 && most < leastOfSaturation*r.Saturates {
		return nil
	}
	return r
}

// leastOfSaturation is what a sweep gets through of its bottleneck, at least: its levels end
// soon after throughput stops to grow.
const leastOfSaturation = 0.7

// highest returns the most passes per second of a sweep.
func highest(sweep []SweepPoint) (most float64) {
	for _, p := range sweep {
		most = max(most, p.Throughput*(1-p.Failed))
	}
	return most
}

// at gives the points: the rates that were tried, and round shares of saturation.
func (o *Outlook) at(q capacity.GGc, curve []CurvePoint, calls float64) {
	var off []float64
	add := func(rate float64, measured *float64) {
		q.Rate = rate * calls
		u := q.Utilisation()
		if u >= 1 {
			return
		}
		p := OutlookPoint{Rate: rate, Utilisation: u, MeanMS: o.AloneMS + 1e3*q.AllenCunneen(), MeasuredMS: measured}
		o.Points = append(o.Points, p)
	}
	for _, p := range curve {
		if p.Latency == nil {
			continue
		}
		before := len(o.Points)
		add(p.Rate, &p.Latency.Mean)
		if len(o.Points) > before && p.Verdict == string(search.Pass) {
			off = append(off, o.Points[before].MeanMS/p.Latency.Mean-1)
		}
	}
	for _, share := range []float64{.25, .5, .7, .8, .9, .95} {
		if rate := share * o.Saturates; !slices.ContainsFunc(curve, func(p CurvePoint) bool { return p.Rate == rate }) {
			add(rate, nil)
		}
	}
	slices.SortFunc(o.Points, func(a, b OutlookPoint) int { return cmp.Compare(a.Rate, b.Rate) })
	if len(off) > 0 {
		slices.Sort(off)
		m := (off[(len(off)-1)/2] + off[len(off)/2]) / 2
		o.Off = &m
	}
}
