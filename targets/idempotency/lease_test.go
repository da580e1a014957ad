package idempotency

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/servertest"
)

func TestAWorkerThatDiesHoldsItsKeyForTheLease(t *testing.T) {
	cfg := defaults()
	cfg.Lease, cfg.Timeout = 300*time.Millisecond, 200*time.Millisecond
	everyStore(t, cfg, func(t *testing.T, guard func() *Guard) {
		g, o := guard(), &orders{}
		// What a worker leaves behind that died in the middle: a claim.
		q := request{key: key, body: "a"}
		r := httptest.NewRequest("POST", "/v1/orders", http.NoBody)
		id := identify(r, strings.Trim(key, `"`))
		begin := time.Now()
		c, _, err := g.setup.Load().store.claim(t.Context(), id, fingerprint(r, []byte("a")))
		for range 10 { // on a busy machine a command may take longer than the short timeout
			if err == nil {
				break
			}
			time.Sleep(cfg.Lease)
			begin = time.Now()
			c, _, err = g.setup.Load().store.claim(t.Context(), id, fingerprint(r, []byte("a")))
		}
		if err != nil || c == nil {
			t.Fatalf("no claim: %v", err)
		}
		worker, longer := guard(), defaults()
		longer.Store = g.setup.Load().cfg.Store
		worker.Configure(longer)
		h := worker.Layer()(o)
		for {
			w := q.send(t.Context(), h)
			if w.Code == 201 {
				break
			}
			if w.Code != 409 || time.Since(begin) > 20*time.Second {
				t.Fatalf("got %d %s after %v", w.Code, w.Body, time.Since(begin))
			}
			time.Sleep(5 * time.Millisecond)
		}
		if took := time.Since(begin); took < cfg.Lease-time.Millisecond {
			t.Errorf("the key was free after %v, want the lease's 300ms", took)
		}
		// Should the worker be alive after all, it comes too late.
		s := worker.setup.Load().store
		if err := s.finish(t.Context(), c, record{state: finished, print: c.print}); !errors.Is(err, errLost) {
			t.Errorf("finish after the lease: %v", err)
		}
		if err := s.release(t.Context(), c); err != nil {
			t.Errorf("release after the lease: %v", err)
		}
		if w := q.send(t.Context(), h); w.Header().Get("Idempotent-Replayed") != "true" || w.Body.String() != `{"order":1,"of":"a"}` {
			t.Errorf("the answer of the second worker is gone: %d %s", w.Code, w.Body)
		}
	})
}

func TestAnExpiredKeyIsANewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, o := New(defaults(), nil), &orders{}
		h, q := g.Layer()(o), request{key: key, body: "a"}
		q.send(t.Context(), h)
		time.Sleep(24*time.Hour - 1)
		if w := q.send(t.Context(), h); w.Header().Get("Idempotent-Replayed") != "true" {
			t.Errorf("just before its end: %d %v", w.Code, w.Header())
		}
		time.Sleep(time.Nanosecond)
		if w := q.send(t.Context(), h); w.Header().Get("Idempotent-Replayed") != "" || o.made.Load() != 2 {
			t.Errorf("expired: %d %v, %d orders", w.Code, w.Header(), o.made.Load())
		}
	})
}

func TestARequestEndsWithItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &orders{serve: func(w http.ResponseWriter, r *http.Request, n int64) {
			if n == 1 {
				<-r.Context().Done()
				return
			}
			fmt.Fprint(w, n)
		}}
		g := New(defaults(), nil)
		h, begin := g.Layer()(o), time.Now()
		if w := (request{key: key}).send(t.Context(), h); w.Code != 503 || time.Since(begin) != 30*time.Second {
			t.Errorf("got %d after %v", w.Code, time.Since(begin))
		}
		if w := (request{key: key}).send(t.Context(), h); w.Body.String() != "2" {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	})
}

func TestAHandlerThatHangsHoldsItsKeyForTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		o := &orders{serve: func(w http.ResponseWriter, _ *http.Request, n int64) {
			if n == 2 {
				<-stuck
			}
			fmt.Fprint(w, n)
		}}
		h := New(defaults(), nil).Layer()(o)
		request{key: "before"}.send(t.Context(), h)
		go request{key: key}.send(t.Context(), h)
		for _, step := range []struct {
			wait   time.Duration
			status int
			body   string
		}{{time.Second, 409, ""}, {29*time.Second - 1, 409, ""}, {1, 200, "3"}} {
			time.Sleep(step.wait)
			w := request{key: key}.send(t.Context(), h)
			if w.Code != step.status || step.body != "" && w.Body.String() != step.body {
				t.Errorf("after %v: %d %s", step.wait, w.Code, w.Body)
			}
		}
		close(stuck)
		synctest.Wait()
		if w := (request{key: key}).send(t.Context(), h); w.Body.String() != "3" {
			t.Errorf("it came too late and yet replaced the answer: %s", w.Body)
		}
	})
}

func TestRedisKeepsAnAnswerForItsTTL(t *testing.T) {
	cfg := defaults()
	cfg.Store = "redis"
	conn := client(t, servertest.Redis(t))
	h := New(cfg, conn).Layer()(&orders{})
	request{key: key}.send(t.Context(), h)
	keys := conn.Keys(t.Context(), "idempotency:*").Val()
	if len(keys) != 1 {
		t.Fatalf("keys %q", keys)
	}
	if left := conn.PTTL(t.Context(), keys[0]).Val(); left < 24*time.Hour-time.Minute || left > 24*time.Hour {
		t.Errorf("it is kept for %v more", left)
	}
}
