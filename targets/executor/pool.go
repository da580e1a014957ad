package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"plimsoll/targets/middleware"
	"plimsoll/targets/station"
)

// ErrSaturated is returned for work that met a pool's full queue.
var ErrSaturated = errors.New("the pool is saturated")

// SaturatedError is an ErrSaturated that knows the pool.
type SaturatedError struct {
	Pool       string        // "blocking" or "cpu"
	RetryAfter time.Duration // how long the pool needs for what waits, at least a second
}

// Error names the pool.
func (e *SaturatedError) Error() string { return fmt.Sprintf("%s pool: %v", e.Pool, ErrSaturated) }

// Unwrap returns ErrSaturated.
func (e *SaturatedError) Unwrap() error { return ErrSaturated }

// Problem is the answer to a client: 503 with Retry-After.
func (e *SaturatedError) Problem() middleware.Problem {
	return middleware.Problem{
		Type: middleware.ReducedCapacity, Status: 503, Title: "Temporarily reduced capacity",
		Detail: e.Error(), RetryAfter: e.RetryAfter,
	}
}

// taskCounts are tasks of Compute by where they ran.
type taskCounts struct{ inline, pooled, threads, caller, blocked atomic.Uint64 }

// Task is processor work on bytes.
type Task struct {
	Payload []byte
	Run     func(payload []byte) ([]byte, error)
}

// Block runs fn, which blocks, on the blocking pool while the loop serves others. The wait
// for the pool is the span pool of the request's timing. A full queue is a SaturatedError;
// a caller whose ctx ends while it waits gets its error. Outside of a Layer it runs fn.
func Block(ctx context.Context, fn func(context.Context) error) error {
	t := turnOf(ctx)
	if t == nil {
		return fn(ctx)
	}
	place, err := join(ctx, t.executor.blocking, "blocking") // on the loop, so that a refusal costs no turn
	if err != nil {
		return err
	}
	mine := t.leave()
	if mine {
		defer t.comeBack(ctx)
	}
	release, err := t.wait(ctx, place, mine)
	if err != nil {
		return err
	}
	defer release()
	return fn(ctx)
}

// Compute runs the task where the configuration has processor work run, and returns its
// result. On the pool the loop serves others in the meantime, and the wait is the span
// pool of the request's timing. A full queue is a SaturatedError where it rejects. A task
// that panics does so in the caller. Outside of a Layer the task runs in the caller.
func Compute(ctx context.Context, task Task) ([]byte, error) {
	t := turnOf(ctx)
	if t == nil {
		return task.Run(task.Payload)
	}
	e := t.executor
	cfg := e.cfg.Load()
	if cfg.CPU == "inline" {
		e.tasks.inline.Add(1)
		return task.Run(task.Payload)
	}
	copies := cfg.CPUPool.Transfer == "copy"
	if copies {
		task.Payload = bytes.Clone(task.Payload)
	}
	result, err := t.offload(ctx, cfg.CPUPool, task)
	if cfg.CPUPool.Overflow == "caller" && errors.Is(err, ErrSaturated) {
		e.tasks.caller.Add(1)
		return task.Run(task.Payload)
	}
	if copies {
		result = bytes.Clone(result)
	}
	return result, err
}

// offload runs the task on the cpu pool.
func (t *turn) offload(ctx context.Context, cfg CPUPool, task Task) ([]byte, error) {
	vacate, err := t.standBy(ctx, cfg)
	if err != nil {
		return nil, err
	}
	place, err := join(ctx, t.executor.cpu, "cpu")
	if err != nil {
		vacate()
		return nil, err
	}
	mine := t.leave()
	if mine {
		defer t.comeBack(ctx)
	}
	defer vacate() // before coming back, or the loop and the queue would wait for each other
	release, err := t.wait(ctx, place, mine)
	if err != nil {
		return nil, err
	}
	defer release()
	if cfg.Spawn == "per_task" {
		t.executor.tasks.threads.Add(1)
		return onThread(task)
	}
	t.executor.tasks.pooled.Add(1)
	return task.Run(task.Payload)
}

// standBy waits for a place in or before the pool, if a full queue blocks. It holds the
// loop in the meantime, as a full queue that blocks its producer does.
func (t *turn) standBy(ctx context.Context, cfg CPUPool) (vacate func(), err error) {
	if cfg.Overflow != "block" || cfg.Queue < 0 {
		return func() {}, nil
	}
	vacate, wait, err := t.executor.places.Acquire(ctx, 0)
	if wait > 0 {
		t.executor.tasks.blocked.Add(1)
	}
	return vacate, err
}

// join takes a place in a pool or its queue.
func join(ctx context.Context, pool *station.Station, name string) (*station.Place, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	place, err := pool.Join(0)
	if errors.Is(err, station.ErrFull) {
		return nil, &SaturatedError{Pool: name, RetryAfter: max(time.Second, drain(pool.Stats()))}
	}
	return place, err
}

// wait waits for a server of a pool. Only the request's own goroutine notes the time.
func (t *turn) wait(ctx context.Context, place *station.Place, mine bool) (release func(), err error) {
	release, wait, err := place.Wait(ctx)
	if mine {
		t.request.Timing.Add("pool", wait)
	}
	return release, err
}

// drain estimates how long a pool needs for what it has, from the mean of its services.
func drain(s station.Stats) time.Duration {
	jobs := float64(s.Waiting+s.InService) / float64(max(1, s.Servers))
	return time.Duration(jobs * s.MeanService * float64(time.Millisecond))
}

// outcome is how a task ended on another thread.
type outcome struct {
	result   []byte
	err      error
	panicked any
	returned bool
}

// onThread runs the task on a thread of its own, which ends with it: a goroutine that ends
// while it is locked to its thread takes the thread along.
func onThread(task Task) ([]byte, error) {
	done := make(chan outcome, 1)
	go func() {
		runtime.LockOSThread()
		var o outcome
		defer func() {
			if !o.returned {
				o.panicked = recover()
			}
			done <- o
		}()
		o.result, o.err = task.Run(task.Payload)
		o.returned = true
	}()
	o := <-done
	if o.panicked != nil {
		panic(o.panicked)
	}
	if !o.returned {
		return nil, errors.New("the task ended its own goroutine")
	}
	return o.result, o.err
}
