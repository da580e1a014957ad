package master

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"plimsoll/targets/cluster"
	"plimsoll/targets/fault"
	"plimsoll/targets/knob"
)

// Cluster returns how the workers are.
func (m *Master) Cluster() cluster.Status { return m.cluster.Status() }

// Reload exchanges all workers for new ones, which begin with the settings that waited for
// a restart. It returns when the old have ended.
func (m *Master) Reload(ctx context.Context) error {
	if err := m.cluster.Reload(ctx); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	return m.Knobs.Restarted(ctx)
}

// Scale changes the number of workers, and returns when it has.
func (m *Master) Scale(ctx context.Context, n int) error {
	_, err := m.Knobs.Change(ctx, knob.Batch{Set: map[string]any{"cluster.workers": strconv.Itoa(n)}, Why: "scale"})
	if err != nil {
		return err
	}
	return m.cluster.Scale(ctx, n)
}

// Act does something to the worker of a slot: crash, hang, kill, drain, or pause, for the
// time given.
func (m *Master) Act(ctx context.Context, id int, action string, d time.Duration) error {
	switch action {
	case "crash":
		_, _, err := m.cluster.Call(ctx, id, http.MethodPost, "/crash", nil)
		if errors.Is(err, cluster.ErrNoWorker) {
			return err
		}
		return nil // it cannot answer
	case "hang":
		return m.cluster.Hang(id)
	case "kill":
		return m.cluster.Kill(id)
	case "drain":
		return m.cluster.Drain(ctx, id)
	case "pause":
		return m.cluster.Pause(id, d)
	}
	return &knob.Problem{Msg: fmt.Sprintf("unknown action %q", action), Hint: "crash, hang, pause, kill or drain"}
}

// Swap gives a context another release. Requests under way end in the old one.
func (m *Master) Swap(ctx context.Context, service, version string) (knob.Result, error) {
	return m.Knobs.Change(ctx, knob.Batch{Set: map[string]any{"services." + service + ".version": version}, Why: "swap"})
}

// Seed empties the database and fills it with products; 0 takes as many as the topology.
// Caches are flushed.
func (m *Master) Seed(ctx context.Context, products int, seed uint64) error {
	cfg, _ := m.Knobs.Get()
	if products == 0 {
		products = cfg.Deps.DB.Products
	}
	if err := m.backends.Seed(ctx, products, seed); err != nil {
		return err
	}
	return m.each(ctx, http.MethodPost, "/cache/flush", nil, nil)
}

// Reset empties the database, the shared store and the caches.
func (m *Master) Reset(ctx context.Context) error {
	if err := m.backends.Reset(ctx); err != nil {
		return err
	}
	return m.each(ctx, http.MethodPost, "/cache/flush", nil, nil)
}

// FaultTargets returns what a fault may be aimed at.
func (m *Master) FaultTargets() []string {
	cfg, _ := m.Knobs.Get()
	targets := cfg.FaultTargets()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	routes, err := m.Routes(ctx)
	if err != nil {
		return targets // routes cannot be known now
	}
	for _, r := range routes {
		targets = append(targets, "route:"+r.Route)
	}
	return targets
}

// AddFault begins a fault in every worker. It ends by itself.
func (m *Master) AddFault(ctx context.Context, f fault.Fault) (fault.Fault, error) {
	f, err := m.faults.Add(f)
	if err != nil {
		return f, err
	}
	if err := m.assign(ctx); err != nil {
		m.RemoveFault(ctx, f.ID)
		return f, err
	}
	if f.Kind == hang {
		m.hanged(f, func(id int) error { return m.cluster.Pause(id, time.Until(f.Ends())) })
	}
	return f, nil
}

// hang is the kind of fault that the master makes real: a process that is halted cannot.
const hang = "hang"

// hanged does something to the processes that a fault of the kind hang is aimed at.
func (m *Master) hanged(f fault.Fault, do func(id int) error) {
	only, one := strings.CutPrefix(f.Target, "worker:")
	for _, id := range m.ready() {
		if !one || only == strconv.Itoa(id) {
			do(id) //nolint:errcheck // one that has ended does not answer either
		}
	}
}

// Faults returns the faults under way, with what they met in all workers that answer.
func (m *Master) Faults(ctx context.Context) ([]fault.Active, error) {
	all := m.faults.List()
	byWorker, err := gather[[]fault.Active](ctx, m, "/faults")
	if err != nil {
		return nil, err
	}
	for _, list := range byWorker {
		for _, a := range list {
			for i := range all {
				if all[i].Fault.ID == a.Fault.ID {
					all[i].Seen += a.Seen
					all[i].Hits += a.Hits
				}
			}
		}
	}
	return all, nil
}

// RemoveFault ends a fault before its time, and reports whether it was under way.
func (m *Master) RemoveFault(ctx context.Context, id string) bool {
	found := m.faults.Remove(id)
	m.assign(ctx) //nolint:errcheck // a worker that does not answer is told again
	return found
}

// ClearFaults ends all faults and returns how many there were.
func (m *Master) ClearFaults(ctx context.Context) int {
	n := m.faults.Clear()
	m.assign(ctx) //nolint:errcheck // likewise
	return n
}

// faultChanged is told when a fault begins and ends.
func (m *Master) faultChanged(f fault.Fault, active bool) {
	kind := "fault.end"
	if active {
		kind = "fault.start"
	} else if f.Kind == hang {
		m.hanged(f, m.cluster.Resume)
	}
	m.Events.Publish(kind, map[string]any{"id": f.ID, "target": f.Target, "kind": f.Kind, "value": f.Value, "for": f.For.String()})
}

// Worker returns a transport to the control port of a worker, for profiles.
func (m *Master) Worker(id int) http.RoundTripper { return m.cluster.RoundTripper(id) }
