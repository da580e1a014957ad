package breaker

// buckets is how finely a window by time is divided.
const buckets = 10

// tally counts calls.
type tally struct{ calls, failed, slow int }

func (t *tally) add(o tally) {
	t.calls += o.calls
	t.failed += o.failed
	t.slow += o.slow
}

func (t *tally) take(o tally) {
	t.calls -= o.calls
	t.failed -= o.failed
	t.slow -= o.slow
}

// over tells whether a rate has reached its threshold.
func (t tally) over(cfg *Config) bool {
	n := float64(t.calls)
	return cfg.FailureRate > 0 && float64(t.failed) >= cfg.FailureRate*n ||
		cfg.SlowRate > 0 && float64(t.slow) >= cfg.SlowRate*n
}

// window keeps the results of the last calls, or of those of the last span.
type window struct {
	sum tally

	last []tally // by count: one call each
	next int     // the oldest of them, which the next replaces

	parts [buckets]tally // by time
	width int64          // ns of a part; 0: by count
	at    int64          // the newest part, counted from the breaker's epoch
}

func newWindow(cfg Window) window {
	if cfg.By == "count" {
		return window{last: make([]tally, cfg.Calls)}
	}
	return window{width: int64(cfg.Span) / buckets}
}

func (w *window) clear() {
	clear(w.last)
	w.sum, w.next, w.parts = tally{}, 0, [buckets]tally{}
}

// advance forgets what has left the window by now.
func (w *window) advance(now int64) {
	if w.width == 0 {
		return
	}
	to := now / w.width
	if to-w.at >= buckets {
		w.sum, w.parts, w.at = tally{}, [buckets]tally{}, to
	}
	for w.at < to {
		w.at++
		part := &w.parts[w.at%buckets]
		w.sum.take(*part)
		*part = tally{}
	}
}

// record adds one call.
func (w *window) record(now int64, call tally) {
	w.advance(now)
	w.sum.add(call)
	if w.width > 0 {
		w.parts[w.at%buckets].add(call)
		return
	}
	w.sum.take(w.last[w.next])
	w.last[w.next] = call
	if w.next++; w.next == len(w.last) {
		w.next = 0
	}
}

// trial is the half-open state: so many probes, each in a place of its own.
type trial struct {
	places []place
	sum    tally // of the probes that have returned
}

type place struct {
	began int64 // when its probe was admitted
	use   byte
}

const (
	free byte = iota
	flying
	landed
)

// admit gives a probe a place, or one of a probe that has been away for too long.
func (t *trial) admit(now, wait int64) (number int, ok bool) {
	for i := range t.places {
		p := &t.places[i]
		if p.use == free || p.use == flying && now-p.began >= wait {
			*p = place{began: now, use: flying}
			return i, true
		}
	}
	return 0, false
}

// land takes the result of a probe, unless its place has been given to another.
func (t *trial) land(number int, began int64, call tally) (counted bool) {
	p := &t.places[number]
	if p.use != flying || p.began != began {
		return false
	}
	p.use = landed
	if call.calls == 0 {
		p.use = free
	}
	t.sum.add(call)
	return call.calls > 0
}

func (t *trial) flying() (n int) {
	for _, p := range t.places {
		if p.use == flying {
			n++
		}
	}
	return n
}
