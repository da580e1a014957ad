package fault

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"plimsoll/targets/knob"
)

// step is how often faults on the process look at how far they have grown.
const step = 10 * time.Millisecond

// runner returns what makes a fault on the process real; nil: nothing does.
func (r *Registry) runner(kind string) Runner {
	if run := r.options.Run[kind]; run != nil {
		return run
	}
	switch kind {
	case "cpu":
		return r.hoard.burn
	case "alloc":
		return r.hoard.alloc
	case "leak":
		return r.hoard.leak
	case "gc_storm":
		return storm
	}
	return nil
}

// Lock is a lock that can be waited for until a context ends.
type Lock interface {
	Lock(ctx context.Context) error
	Unlock()
}

// Holding returns a Runner for the kind lock: it holds the lock for as long as the value
// says and leaves it for as long, again and again, or holds it until the fault ends.
func Holding(lock Lock) Runner {
	return func(ctx context.Context, f Fault) {
		v := valueOf(f)
		for lock.Lock(ctx) == nil {
			pause(ctx, v.low)
			lock.Unlock()
			if v.low > 0 {
				pause(ctx, v.low)
			}
		}
	}
}

// After returns a Runner that does something once the fault's value, a duration, is over:
// for crash.
func After(do func(f Fault)) Runner {
	return func(ctx context.Context, f Fault) {
		if v := valueOf(f); v.low > 0 {
			pause(ctx, v.low)
		}
		if ctx.Err() == nil {
			do(f)
		}
	}
}

// Every returns a Runner that does something at once, and again after each time that the
// fault's value says: for cache_flush.
func Every(do func(f Fault)) Runner {
	return func(ctx context.Context, f Fault) {
		for ctx.Err() == nil {
			do(f)
			pause(ctx, valueOf(f).low)
		}
	}
}

// valueOf returns the value of a fault that has been found good.
func valueOf(f Fault) value {
	k, err := kindOf(f)
	if err != nil || f.Value == "" {
		return value{}
	}
	v, err := parse(k.shape, f.Value)
	if err != nil {
		return value{}
	}
	return v
}

// pause waits for a time, 0: until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		<-ctx.Done()
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// hoard is what faults on the process have taken together.
type hoard struct {
	limits Limits

	mu    sync.Mutex
	bytes knob.Bytes
	cores float64
}

// take reserves bytes and cores as far as the limits allow and returns how much it got.
func (h *hoard) take(bytes knob.Bytes, cores float64) (knob.Bytes, float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	bytes = max(min(bytes, h.limits.Memory-h.bytes), 0)
	cores = max(min(cores, h.limits.Cores-h.cores), 0)
	h.bytes += bytes
	h.cores += cores
	return bytes, cores
}

func (h *hoard) give(bytes knob.Bytes, cores float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes -= bytes
	h.cores -= cores
}

// burn keeps cores busy: whole ones, and a part of one more.
func (h *hoard) burn(ctx context.Context, f Fault) {
	_, cores := h.take(0, valueOf(f).number)
	defer h.give(0, cores)
	var wg sync.WaitGroup
	for i := range int(math.Ceil(cores)) {
		part := min(cores-float64(i), 1)
		wg.Go(func() {
			for ctx.Err() == nil {
				busy := time.Duration(part * f.Level(time.Now()) * float64(step))
				spin(ctx, busy)
				if busy < step {
					pause(ctx, step-busy)
				}
			}
		})
	}
	wg.Wait()
}

func spin(ctx context.Context, d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d && ctx.Err() == nil; {
		for range 1000 { // as busy as it gets
		}
	}
}

// alloc holds memory.
func (h *hoard) alloc(ctx context.Context, f Fault) {
	most := valueOf(f).number
	h.hold(ctx, func() knob.Bytes { return knob.Bytes(most * f.Level(time.Now())) })
}

// leak holds more and more memory.
func (h *hoard) leak(ctx context.Context, f Fault) {
	perSecond := valueOf(f).number
	h.hold(ctx, func() knob.Bytes { return knob.Bytes(perSecond * f.grown(time.Now())) })
}

// grown returns the integral of the level until a time, in seconds.
func (f Fault) grown(at time.Time) float64 {
	t, ramp := max(at.Sub(f.Began).Seconds(), 0), f.Ramp.Seconds()
	if t < ramp {
		return t * t / 2 / ramp
	}
	return t - ramp/2
}

// hold takes memory up to what want says until ctx ends, and then lets go of all of it.
func (h *hoard) hold(ctx context.Context, want func() knob.Bytes) {
	h.give(h.grow(ctx, want), 0)
	debug.FreeOSMemory() // else the system sees the memory taken for minutes
}

// grow returns how much it held when ctx ended.
func (h *hoard) grow(ctx context.Context, want func() knob.Bytes) (total knob.Bytes) {
	const most = 16 << 20 // at a time
	var held [][]byte
	for ctx.Err() == nil {
		got, _ := h.take(min(want()-total, most), 0)
		if got > 0 {
			held = append(held, touched(int(got)))
			total += got
		}
		if got < most {
			pause(ctx, step)
		}
	}
	runtime.KeepAlive(held)
	return total
}

// touched returns memory that is really there.
func touched(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	return b
}

// storm runs the garbage collector again and again.
func storm(ctx context.Context, f Fault) {
	rate := valueOf(f).number
	for ctx.Err() == nil {
		level := f.Level(time.Now())
		if level == 0 {
			pause(ctx, step)
			continue
		}
		pause(ctx, time.Duration(float64(time.Second)/(rate*level)))
		if ctx.Err() == nil {
			runtime.GC()
		}
	}
}
