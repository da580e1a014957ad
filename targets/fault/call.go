package fault

import (
	"context"
	"fmt"
	"net/http"
	"syscall"

	"plimsoll/targets/middleware"
)

// Injected is the error of a call that a fault let fail.
type Injected struct {
	ID     string // the fault
	Kind   string
	Target string
	Status int   // as which the call would have answered; 0: it would not have
	Err    error // what a real failure of the kind would be: ECONNRESET, ECONNREFUSED; else nil
}

// Error says which fault it was.
func (e *Injected) Error() string {
	text := fmt.Sprintf("%s: %s by fault %s", e.Target, e.Kind, e.ID)
	if e.Status > 0 {
		text += fmt.Sprintf(": %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns what a real failure of the kind would be.
func (e *Injected) Unwrap() error { return e.Err }

// Before lets the faults on a dependency or a store act on a call of it, "dep:db" or
// "store:redis", before the call is made. Its error is an *Injected, or that of ctx if ctx
// ended while a fault held the call up; the call is then not to be made.
func (r *Registry) Before(ctx context.Context, target string) error {
	if faults := r.active.Load(); faults != nil {
		return faults.before(ctx, target)
	}
	return nil
}

func (s *snapshot) before(ctx context.Context, target string) error {
	for _, l := range s.traffic {
		if l.Target != target || l.Match.Client != "" && l.Match.Client != middleware.From(ctx).Client {
			continue
		}
		if n, struck := l.strikes(); struck {
			if err := l.fail(ctx, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// fail lets a fault act on a call.
func (l *live) fail(ctx context.Context, n uint64) error {
	injected := &Injected{ID: l.ID, Kind: l.Kind, Target: l.Target}
	switch l.Kind {
	case "latency":
		return l.wait(ctx, l.late(n))
	case "stall":
		return l.outlast(ctx)
	case "error":
		injected.Status = int(l.value.number)
	case "reset":
		injected.Err = syscall.ECONNRESET
	case "conn_refuse":
		injected.Err = syscall.ECONNREFUSED
	case "blackhole":
		if err := l.outlast(ctx); err != nil {
			return err
		}
		injected.Err = syscall.ECONNRESET
	case "pool_exhausted":
		if err := l.wait(ctx, l.value.low); err != nil {
			return err
		}
	}
	return injected
}
