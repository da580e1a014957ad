package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interruption is the cause with which a command's context ends when a signal arrives.
type interruption struct{ signal os.Signal }

func (i *interruption) Error() string {
	if i.signal == syscall.SIGTERM {
		return "terminated"
	}
	return "interrupted"
}

func (i *interruption) exitCode() int {
	if i.signal == syscall.SIGTERM {
		return exitTerminated
	}
	return exitInterrupted
}

// interrupted returns the signal that ended ctx, nil if there was none.
func interrupted(ctx context.Context) *interruption {
	i, _ := errors.AsType[*interruption](context.Cause(ctx))
	return i
}

// doubled is how soon after the first the same signal is taken for the same request:
// timeout(1) and some supervisors signal a process and then its whole group.
const doubled = 200 * time.Millisecond

// untilSignal returns a context that SIGINT or SIGTERM ends, with an *interruption as its
// cause. A second signal ends the process at once, after leave: by then the user does not
// want to wait for whatever the first one started. Of the functions returned, raise does what
// a signal does, and release gives the signals back.
func untilSignal(parent context.Context, leave func()) (_ context.Context, raise func(os.Signal), release func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		var first os.Signal
		var at time.Time
		for {
			select {
			case s := <-signals:
				i := &interruption{signal: s}
				if first == nil {
					first, at = s, time.Now()
					cancel(i)
				} else if s != first || time.Since(at) > doubled {
					leave()
					os.Exit(i.exitCode())
				}
			case <-done:
				return
			}
		}
	}()
	raise = func(s os.Signal) {
		select {
		case signals <- s:
		case <-done:
		}
	}
	return ctx, raise, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}
