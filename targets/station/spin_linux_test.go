package station

import (
	"sync"
	"syscall"
	"testing"
	"time"
)

// processorTime returns what the process used so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestSpinningBurnsWhatIsDemanded(t *testing.T) {
	cfg := constant(4, Unbounded)
	cfg.Mode = "spin"
	s := New("spin", 1, cfg)
	before := processorTime(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			v, err := s.Serve(t.Context(), Job{Demand: 5 * ms})
			if err != nil || v.Service < 5*ms {
				t.Errorf("served for %v: %v", v.Service, err)
			}
		})
	}
	wg.Wait()
	// however many processors there are: time that only passed would be less
	if used := processorTime(t) - before; used < 40*ms {
		t.Errorf("used %v of processor time, want at least 40ms", used)
	}
}
