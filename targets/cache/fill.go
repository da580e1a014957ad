package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Between looks for what another worker loads, the first and the longest pause.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = 50 * time.Millisecond
)

// filling is an errand on its way through l2 and the origin.
type filling struct {
	*Cache
	setup *setup
	errand
	mark  *atomic.Uint64
	began uint64 // the mark when it began
	a     answer
}

// fill does an errand: l2, then the origin, and stores what comes of it.
func (c *Cache) fill(ctx context.Context, er errand) answer {
	f := &filling{Cache: c, setup: c.setup.Load(), errand: er, mark: c.marks.of(er.key)}
	f.began = f.mark.Load()
	if f.setup.l1 != nil {
		f.a.status.l1 = hop{on: true, fwd: f.why()}
	}
	if f.setup.l2 == nil {
		f.origin(ctx)
		return f.a
	}
	if f.remote(ctx) {
		return f.a
	}
	if er.policy.Coalesce == "shared" {
		release, found := f.await(ctx)
		if found {
			return f.a
		}
		defer release()
	}
	f.origin(ctx)
	return f.a
}

func (f *filling) why() string {
	if f.old != nil {
		return fwdStale
	}
	return fwdMiss
}

// remote asks l2 and tells whether that is the answer.
func (f *filling) remote(ctx context.Context) bool {
	e, found, err := f.setup.l2.get(ctx, f.key)
	h := hop{on: true, fwd: fwdMiss}
	n := &f.counters.l2
	switch {
	case errors.Is(err, errCooling):
		h.fwd, h.detail = fwdBypass, "cooling-down"
	case err != nil:
		h.detail = "unavailable"
		n.misses.Add(1)
	case !found:
		n.misses.Add(1)
	default:
		return f.weighUp(&e)
	}
	f.a.status.l2 = h
	return false
}

// weighUp decides about an entry of l2 and tells whether it is the answer.
func (f *filling) weighUp(e *Entry) bool {
	now := time.Now()
	v := f.policy.judge(e, now, f.draw)
	newer := f.old == nil || e.Stored.After(f.old.Stored)
	if v == usable && !newer || f.renewal && v != usable {
		v = kept // the same as in l1, which has been judged
	}
	n := &f.counters.l2
	switch v {
	case usable, early:
		n.hits.Add(1)
	case stale:
		n.stale.Add(1)
	case kept, dead:
		n.misses.Add(1)
		f.a.status.l2 = hop{on: true, fwd: fwdStale}
		if v == kept && newer {
			f.old = e
		}
		return false
	}
	f.a.entry, f.a.renew = *e, v != usable
	f.a.status.l2 = hitOf(e, now)
	f.a.status.l1.stored = f.keep(e)
	return true
}

// await waits until this worker may load the key for all, or another one has. release has
// to be called after a load.
func (f *filling) await(ctx context.Context) (release func(), found bool) {
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		mine, release := f.setup.l2.lock(ctx, f.key)
		// With the lock too: who had it may have stored the entry since this one looked.
		e, ok, err := f.setup.l2.get(ctx, f.key)
		switch {
		case ok && f.policy.judge(&e, time.Now(), f.draw) >= early && (f.old == nil || e.Stored.After(f.old.Stored)):
			if mine {
				release()
			}
			f.counters.coalesced.Add(1)
			f.a.entry = e
			f.a.status.l2.collapsed = 1
			f.a.status.l1.stored = f.keep(&e)
			return nil, true
		case mine:
			return release, false
		case err != nil:
			return func() {}, false
		}
		select {
		case <-ctx.Done():
			return func() {}, false // the load will say so
		case <-time.After(pause):
		}
	}
}

// origin loads the value and stores it.
func (f *filling) origin(ctx context.Context) {
	start := time.Now()
	f.counters.loads.Add(1)
	got, err := f.call(ctx)
	now := time.Now()
	if err != nil {
		f.counters.loadErrors.Add(1)
		f.failed(err, now)
		return
	}
	e := Entry{Body: got.body, Stored: now, Delta: now.Sub(start), Negative: got.negative}
	f.a.cause, f.a.alone = got.cause, got.alone
	keep := time.Duration(0)
	switch {
	case got.alone:
	case got.negative:
		e.TTL = f.policy.Negative
		keep = e.TTL
	default:
		e.TTL = f.policy.lifetime(f.Cache.load(), f.draw)
		keep = e.TTL + f.policy.retain()
	}
	f.a.entry = e
	if keep > 0 {
		f.store(ctx, &e, keep)
	} else if f.old != nil {
		f.Delete(ctx, f.key) //nolint:errcheck // it is counted, and there is nobody to tell
	}
}

// store puts a new entry into both tiers, unless the key was written while it was loaded.
func (f *filling) store(ctx context.Context, e *Entry, keep time.Duration) {
	f.a.status.l1.stored = f.keep(e)
	l2 := f.setup.l2
	if l2 == nil || f.mark.Load() != f.began {
		return
	}
	ctx = context.WithoutCancel(ctx) // bounded by the tier's timeout
	f.a.status.l2.stored = l2.put(ctx, f.key, e, keep) == nil
	if f.mark.Load() != f.began {
		f.a.status.l2.stored = false
		l2.remove(ctx, f.key) //nolint:errcheck // it is counted, and there is nobody to tell
	}
}

// keep puts an entry into l1, unless the key was written since, and tells whether it stays
// there. Who writes the key marks it first and changes l1 then: what is stored before the
// mark is replaced by the writer, and what is stored just after it is removed right here.
func (f *filling) keep(e *Entry) (stored bool) {
	f.change(func(m *memory) {
		if f.mark.Load() != f.began {
			return
		}
		m.set(f.key, e)
		if stored = f.mark.Load() == f.began; !stored {
			m.remove(f.key)
			return
		}
		f.counters.l1.stored.Add(1)
	})
	return stored
}

// failed answers for an origin that failed: with the entry before, if it is not too old
// for that (RFC 5861 §4), or else with the error.
func (f *filling) failed(err error, now time.Time) {
	h := &f.a.status.l1
	if !h.on {
		h = &f.a.status.l2
	}
	if fail := (*failure)(nil); errors.As(err, &fail) {
		h.code = fail.reply.Status
	}
	if f.old == nil || f.old.Negative || f.old.Age(now) > f.old.TTL+f.policy.SIE {
		f.a.err = err
		return
	}
	if !f.renewal {
		f.counters.staleIfError.Add(1)
	}
	f.a.entry = *f.old
	h.fwd, h.timed, h.ttl = fwdStale, true, f.old.TTL-f.old.Age(now)
}
