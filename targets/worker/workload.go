package worker

import (
	"context"
	"math/rand/v2"

	"plimsoll/targets/executor"
	"plimsoll/targets/middleware"
	"plimsoll/targets/station"
	"plimsoll/targets/topology"
	"plimsoll/targets/work"
)

// workload is what the handlers of one context do besides: time, processor and memory.
type workload struct {
	cfg     topology.Work
	station *station.Station
}

// stationConfig is the station that a context's requests are served at.
func stationConfig(w topology.Work) station.Config {
	return station.Config{Servers: w.Servers, Queue: station.Unbounded, Discipline: "fifo", Service: w.Service, Mode: w.Mode}
}

// idle tells whether there is nothing to do, so that the layer can be left out.
func (l workload) idle() bool {
	return l.cfg.BlockP == 0 && l.cfg.Alloc == 0 && l.cfg.Hotspot == 0 && !l.serves()
}

// serves tells whether serving takes any time.
func (l workload) serves() bool { return l.cfg.Service.Mean > 0 || l.cfg.Service.Law == "recorded" }

// do does the work of one request. Its error is that of ctx.
func (l workload) do(ctx context.Context) error {
	if l.cfg.Alloc > 0 {
		work.Garbage(max(1, int(l.cfg.Alloc>>10)))
	}
	if l.cfg.Hotspot > 0 {
		work.Hotspot(int(l.cfg.Hotspot))
	}
	if l.cfg.BlockP > 0 && rand.Float64() < l.cfg.BlockP {
		station.Burn(l.cfg.BlockFor)
	}
	if !l.serves() {
		return nil
	}
	var visit station.Visit
	err := await(ctx, l.cfg, func(ctx context.Context) (err error) {
		visit, err = l.station.Serve(ctx, station.Job{})
		return err
	})
	timing := &middleware.From(ctx).Timing
	timing.Add("q", visit.Wait)
	timing.Add("svc", visit.Service)
	return err
}

// await leaves the event loop while fn waits, unless the context's handlers block.
func await(ctx context.Context, cfg topology.Work, fn func(context.Context) error) error {
	if cfg.IO == "blocking" || cfg.Mode == "spin" {
		return fn(ctx)
	}
	return executor.Await(ctx, fn)
}
