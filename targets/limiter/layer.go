package limiter

import (
	"math/rand/v2"
	"net/http"
	"time"

	"plimsoll/targets/middleware"
)

// Layer limits the requests to a handler. A refusal is a 429 (or the status of the
// settings) with a problem that names the violated policies, and a Retry-After that is
// never earlier than the t of RateLimit.
func (l *Limiter) Layer() middleware.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if l.admit(w, r) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// admit tells whether the request goes on, and answers it if not.
func (l *Limiter) admit(w http.ResponseWriter, r *http.Request) bool {
	if !l.plan.Load().Enabled {
		return true
	}
	now := time.Now()
	l.step(now)
	c := l.calls.Get().(*call)
	defer l.calls.Put(c)
	l.begin(c, r, now)
	about := middleware.From(r.Context())
	if err := l.decide(r.Context(), c, about, now); err != nil {
		switch c.plan.OnStoreError {
		case "open":
			l.tally.open.Add(1)
			l.tally.allowed.Add(1)
			return true
		case "closed":
			l.close(w, r, c.plan, now)
			return false
		}
		l.tally.local.Add(1)
		l.fallBack(c, now)
	}
	allowed, delay, retry := c.verdict()
	if c.plan.Headers != off {
		c.headers(w.Header(), now)
	}
	if !allowed {
		l.refuse(w, r, c, retry)
		return false
	}
	l.tally.allowed.Add(1)
	if delay > 0 {
		l.tally.delayed.Add(1)
		hold(r, delay)
	}
	if waited := time.Since(now); c.plan.Fair == fairDRR || delay > 0 {
		about.Timing.Add("q", waited)
	}
	return true
}

// hold holds the request back, until its client goes away.
func hold(r *http.Request, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// refuse answers a request that exceeds a quota.
func (l *Limiter) refuse(w http.ResponseWriter, r *http.Request, c *call, retry time.Duration) {
	l.tally.refused.Add(1)
	var violated []string
	for i, d := range c.policies() {
		if !d.Allowed {
			c.plan.policies[i].violated.Add(1)
			violated = append(violated, c.plan.policies[i].name)
		}
	}
	p := middleware.Problem{
		Type: middleware.QuotaExceeded, Status: c.plan.Status,
		Title:      "The quota is exceeded",
		RetryAfter: c.plan.later(retry),
		More:       map[string]any{"violated-policies": violated},
	}
	if c.plan.Status == http.StatusServiceUnavailable {
		p.Type, p.Title = middleware.ReducedCapacity, "The capacity is exceeded"
	}
	p.Write(w, r)
}

// close answers a request that nobody can decide on.
func (l *Limiter) close(w http.ResponseWriter, r *http.Request, p *plan, now time.Time) {
	l.tally.closed.Add(1)
	l.tally.refused.Add(1)
	retry := time.Second
	for _, g := range []*guard{l.shared, l.redis} {
		if g != nil {
			retry = max(retry, g.wait(now))
		}
	}
	middleware.Problem{
		Type: middleware.ReducedCapacity, Status: http.StatusServiceUnavailable,
		Title:      "The quota cannot be looked up",
		RetryAfter: p.later(retry),
	}.Write(w, r)
}

// later adds the jitter of the settings to what a client has to wait: whole seconds as in
// RateLimit, and never less.
func (p *plan) later(retry time.Duration) time.Duration {
	retry = time.Duration(ceilSeconds(retry)) * time.Second
	if p.RetryJitter > 0 {
		retry += rand.N(p.RetryJitter + 1)
	}
	return retry
}
