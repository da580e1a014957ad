package report_test

import (
	"math"
	"testing"

	"plimsoll/engine/capacity"
	"plimsoll/report"
)

// fourServers is a target that is an M/M/4 queue with 5 ms of service, as it was measured.
func fourServers() *report.Capacity {
	c := &report.Capacity{Arrivals: "poisson", Node: report.Node{
		Service:   &report.Service{MeanMS: 5, SCV: 1, Count: 1000},
		Resources: []report.Resource{{Name: "station db", Units: 4, DemandMS: 5, Saturates: 800}, {Name: "cpu", Units: 2, Saturates: 4000}},
	}}
	for _, rate := range []float64{300, 640, 790} {
		q := capacity.MMc{Rate: rate, Service: .005, Servers: 4}
		c.Curve = append(c.Curve, report.CurvePoint{Rate: rate, Latency: &report.Quantiles{Mean: 1e3 * q.Response()}, Verdict: "pass"})
	}
	return c
}

func TestTheOutlookOfAQueueIsItsFormula(t *testing.T) {
	o := report.OutlookOf(fourServers(), 1)
	if o.Law != "M/G/4" || o.Resource != "station db" || o.Servers != 4 || o.Saturates != 800 {
		t.Fatalf("%+v", o)
	}
	if o.Off == nil || math.Abs(*o.Off) > 1e-12 {
		t.Errorf("off by %v, where the measured means are those of the formula", o.Off)
	}
	if len(o.Points) != 8 {
		t.Fatalf("%d points, not five shares of saturation and three measured rates, one of them a sixth", len(o.Points))
	}
	for i, p := range o.Points {
		want := 1e3 * capacity.MMc{Rate: p.Rate, Service: .005, Servers: 4}.Response()
		if math.Abs(p.MeanMS/want-1) > 1e-12 || i > 0 && p.Rate <= o.Points[i-1].Rate {
			t.Errorf("point %d: %+v, want a mean of %g ms", i, p, want)
		}
	}
}

func TestTheOutlookOfAPassOfTwoRequestsIsPerRequest(t *testing.T) {
	c := fourServers()
	c.Node.Resources[0].Saturates = 400 // passes
	o := report.OutlookOf(c, 2)
	if math.Abs(o.DemandMS-5) > 1e-12 {
		t.Errorf("a request keeps a server busy for %g ms, not 5", o.DemandMS)
	}
	last := o.Points[len(o.Points)-1]
	want := 1e3 * capacity.MMc{Rate: 2 * last.Rate, Service: .005, Servers: 4}.Response()
	if math.Abs(last.MeanMS/want-1) > 1e-12 {
		t.Errorf("at %g passes/s %g ms, want %g", last.Rate, last.MeanMS, want)
	}
}

func TestTheOutlookWithoutResourcesComesFromTheSweep(t *testing.T) {
	c := fourServers()
	c.Node.Resources = nil
	if o := report.OutlookOf(c, 1); o != nil {
		t.Errorf("%+v from nothing that saturates", o)
	}
	c.Sweep = []report.SweepPoint{{Users: 1, Throughput: 199}, {Users: 16, Throughput: 795}, {Users: 64, Throughput: 2000, Failed: .9}}
	o := report.OutlookOf(c, 1)
	if o == nil || o.Servers != 4 || o.Saturates != 795 || math.Abs(o.DemandMS-4e3/795) > 1e-9 {
		t.Errorf("%+v, want four servers with 795/s at most", o)
	}
}

func TestWhatIsFarFromSaturatedExplainsNothing(t *testing.T) {
	c := fourServers()
	c.Sweep = []report.SweepPoint{{Users: 16, Throughput: 700}}
	if r := c.Bottleneck(); r == nil || r.Name != "station db" {
		t.Errorf("%+v", r)
	}
	c.Node.Resources = c.Node.Resources[1:] // the processors alone, busy at 4,000/s
	if r := c.Bottleneck(); r != nil {
		t.Errorf("%s saturates at %g/s, and users got through 700/s", r.Name, r.Saturates)
	}
	if o := report.OutlookOf(c, 1); o == nil || o.Saturates != 700 {
		t.Errorf("%+v", o)
	}
}

func TestTheOutlookOfEvenArrivalsWaitsLess(t *testing.T) {
	c := fourServers()
	poisson := report.OutlookOf(c, 1)
	c.Arrivals = "constant"
	even := report.OutlookOf(c, 1)
	if even.Law != "D/G/4" {
		t.Errorf("law %s", even.Law)
	}
	for i, p := range even.Points {
		if half := 5 + (poisson.Points[i].MeanMS-5)/2; math.Abs(p.MeanMS/half-1) > 1e-12 {
			t.Errorf("at %g/s %g ms, want half of the wait at random arrivals: %g", p.Rate, p.MeanMS, half)
		}
	}
}

func TestWithoutServiceTimesThereIsNoOutlook(t *testing.T) {
	c := fourServers()
	c.Node.Service = nil
	if o := report.OutlookOf(c, 1); o != nil {
		t.Errorf("%+v", o)
	}
}
