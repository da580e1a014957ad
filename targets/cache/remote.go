package cache

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Client is what l2 needs of a Redis client; redis.UniversalClient is one. Its options
// have to have ContextTimeoutEnabled, or else a server that hangs is waited for beyond the
// tier's timeout, and MaxRetries -1, or else it repeats what failed by itself. The commands
// are GET, SET with PX and NX, DEL and SCAN with MATCH and COUNT.
type Client interface {
	Do(ctx context.Context, args ...any) *redis.Cmd
}

// remote is the tier over the Redis protocol, as its settings say.
type remote struct {
	client Client
	set    Remote
	health *health
	count  *tierCounters
}

// errCooling is why a command was left out.
var errCooling = errors.New("l2 is left alone after errors")

// do sends one command. A nil reply is nil without an error.
func (r *remote) do(ctx context.Context, args ...any) (any, error) {
	if !r.health.allow(time.Now(), r.set.Cooldown) {
		r.count.skipped.Add(1)
		return nil, errCooling
	}
	limited := ctx
	if r.set.Timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, r.set.Timeout)
		defer cancel()
	}
	v, err := r.client.Do(limited, args...).Result()
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		r.health.succeeded()
		return v, nil
	case ctx.Err() != nil: // who asked has gone; that says nothing of the tier
		r.health.unknown()
	default:
		r.count.errors.Add(1)
		r.health.failed(time.Now(), r.set, err)
	}
	return nil, fmt.Errorf("l2 %v: %w", args[0], err)
}

func (r *remote) valueKey(key string) string { return r.set.Prefix + "v1:" + key }
func (r *remote) lockKey(key string) string  { return r.set.Prefix + "lock:" + key }

// get returns the entry, if there is one. A broken one is an error and none.
func (r *remote) get(ctx context.Context, key string) (Entry, bool, error) {
	v, err := r.do(ctx, "GET", r.valueKey(key))
	if err != nil || v == nil {
		return Entry{}, false, err
	}
	text, ok := v.(string)
	if !ok {
		r.count.errors.Add(1)
		return Entry{}, false, fmt.Errorf("l2 GET: a reply of type %T", v)
	}
	e, err := decode([]byte(text))
	if err != nil {
		r.count.errors.Add(1)
		return Entry{}, false, fmt.Errorf("l2 GET: %w", err)
	}
	return e, true, nil
}

// put stores the entry for the time that it may be of use.
func (r *remote) put(ctx context.Context, key string, e *Entry, keep time.Duration) error {
	if keep < time.Millisecond {
		return r.remove(ctx, key)
	}
	b := encode(make([]byte, 0, headSize+len(e.Body)), e)
	_, err := r.do(ctx, "SET", r.valueKey(key), b, "PX", keep.Milliseconds())
	if err == nil {
		r.count.stored.Add(1)
	}
	return err
}

func (r *remote) remove(ctx context.Context, key string) error {
	_, err := r.do(ctx, "DEL", r.valueKey(key))
	return err
}

// lock tries to become the one worker that loads the key. If that cannot be asked, every
// worker loads. release lets the next one go before the lock runs out.
func (r *remote) lock(ctx context.Context, key string) (mine bool, release func()) {
	got := time.Now()
	v, err := r.do(ctx, "SET", r.lockKey(key), "1", "NX", "PX", r.set.Lock.Milliseconds())
	switch {
	case err != nil:
		return true, func() {}
	case v == nil:
		return false, nil
	}
	return true, func() {
		if time.Since(got) < r.set.Lock { // else it may be another worker's by now
			r.do(context.WithoutCancel(ctx), "DEL", r.lockKey(key)) //nolint:errcheck // it runs out by itself
		}
	}
}

// flush removes all values under the prefix. Of a cluster only the node that is asked is
// emptied.
func (r *remote) flush(ctx context.Context) error {
	cursor := "0"
	for {
		v, err := r.do(ctx, "SCAN", cursor, "MATCH", literal(r.set.Prefix)+"v1:*", "COUNT", 1000)
		if err != nil {
			return err
		}
		page, ok := v.([]any)
		if !ok || len(page) != 2 {
			return fmt.Errorf("l2 SCAN: a reply of another shape: %v", v)
		}
		keys, ok := page[1].([]any)
		if !ok {
			return fmt.Errorf("l2 SCAN: keys of type %T", page[1])
		}
		if len(keys) > 0 {
			if _, err := r.do(ctx, append([]any{"DEL"}, keys...)...); err != nil {
				return err
			}
		}
		if cursor = fmt.Sprint(page[0]); cursor == "0" {
			return nil
		}
	}
}

// literal escapes what a glob pattern would take as more than itself.
func literal(s string) string {
	var b []byte
	for i := range len(s) {
		switch s[i] {
		case '*', '?', '[', ']', '\\':
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return string(b)
}

// health remembers whether l2 answers. After too many errors in a row the tier is left
// alone; when the time is over one command at a time probes it.
type health struct {
	failures atomic.Int64
	until    atomic.Int64 // nanoseconds since 1970 up to which it is left alone; 0: it is up
	changed  func(up bool, err error)
}

func (h *health) down() bool { return h.until.Load() != 0 }

// allow tells whether a command may be sent.
func (h *health) allow(now time.Time, cooldown time.Duration) bool {
	until := h.until.Load()
	if until == 0 {
		return true
	}
	return now.UnixNano() >= until && h.until.CompareAndSwap(until, now.Add(cooldown).UnixNano())
}

func (h *health) succeeded() {
	if h.failures.Load() != 0 {
		h.failures.Store(0)
	}
	if h.until.Load() != 0 && h.until.Swap(0) != 0 && h.changed != nil {
		h.changed(true, nil)
	}
}

// unknown ends a command that showed nothing: if it was a probe, the next may go at once.
func (h *health) unknown() {
	if until := h.until.Load(); until != 0 {
		h.until.CompareAndSwap(until, 1)
	}
}

func (h *health) failed(now time.Time, set Remote, err error) {
	n := h.failures.Add(1)
	if until := h.until.Load(); until != 0 || n < int64(set.Errors) {
		return // a probe has set the time already
	}
	if h.until.CompareAndSwap(0, now.Add(set.Cooldown).UnixNano()) && h.changed != nil {
		h.changed(false, err)
	}
}
