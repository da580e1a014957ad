package idempotency

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"plimsoll/targets/middleware"
)

func defaults() Config {
	return Config{
		Enabled: true, Required: true, Mode: "lenient", TTL: 24 * time.Hour, Lease: 30 * time.Second, Store: "memory",
		Timeout: 2 * time.Second, OnError: "closed", MaxBody: 1 << 20, Prefix: "idempotency:", Entries: 1000, Bytes: 64 << 20,
	}
}

// orders makes one order for each call.
type orders struct {
	made  atomic.Int64
	serve func(w http.ResponseWriter, r *http.Request, n int64)
}

func (o *orders) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := o.made.Add(1)
	if o.serve != nil {
		o.serve(w, r, n)
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Location", fmt.Sprintf("/v1/orders/%d", n))
	w.Header().Set("Server-Timing", "db;dur=1")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"order":%d,"of":%q}`, n, body)
}

type request struct{ method, path, body, client, key, media string }

func (q request) send(ctx context.Context, h http.Handler) *httptest.ResponseRecorder {
	if q.method == "" {
		q.method = "POST"
	}
	if q.path == "" {
		q.path = "/v1/orders"
	}
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
	}
	if q.media != "" {
		r.Header.Set("Content-Type", q.media)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(middleware.With(ctx, &middleware.Request{ID: "r", Client: q.client})))
	return w
}

const key = `"8e03978e-40d5-43dd-bc93-6894a57f9324"`

func TestTheDraftsKnownAnswers(t *testing.T) { // draft-ietf-httpapi-idempotency-key-header-07 §2
	everyStore(t, defaults(), func(t *testing.T, guard func() *Guard) {
		o := &orders{}
		h := guard().Layer()(o)
		other := guard().Layer()(o)
		for _, test := range []struct {
			name     string
			request  request
			status   int
			order    int // 0: none
			replayed bool
		}{
			{"a missing key where one is required", request{body: "a"}, 400, 0, false},
			{"the first request", request{key: key, body: "a"}, 201, 1, false},
			{"the same again", request{key: key, body: "a"}, 201, 1, true},
			{"and again", request{key: key, body: "a"}, 201, 1, true},
			{"the same key with another body", request{key: key, body: "b"}, 422, 0, false},
			{"the same key on another path", request{key: key, body: "a", path: "/v1/refunds"}, 422, 0, false},
			{"the same key with another query", request{key: key, body: "a", path: "/v1/orders?x=1"}, 422, 0, false},
			{"the same key with another method", request{key: key, body: "a", method: "PATCH"}, 422, 0, false},
			{"the same key with another media type", request{key: key, body: "a", media: "text/x"}, 422, 0, false},
			{"the same key of another client", request{key: key, body: "a", client: "other"}, 201, 2, false},
			{"another key", request{key: `"other"`, body: "a"}, 201, 3, false},
			{"a key without quotes", request{key: "bare-1", body: "a"}, 201, 4, false},
			{"which is the same with them", request{key: `"bare-1"`, body: "a"}, 201, 4, true},
			{"a method that is idempotent anyway", request{method: "PUT", body: "a"}, 201, 5, false},
			{"even with a key", request{method: "PUT", key: key, body: "c"}, 201, 6, false},
		} {
			for name, h := range map[string]http.Handler{"": h, "by another worker": other} {
				if name != "" && !test.replayed {
					continue
				}
				w := test.request.send(t.Context(), h)
				if w.Code != test.status || (w.Header().Get("Idempotent-Replayed") == "true") != test.replayed {
					t.Errorf("%s %s: got %d %v %s", test.name, name, w.Code, w.Header(), w.Body)
				}
				want := fmt.Sprintf(`{"order":%d,"of":%q}`, test.order, test.request.body)
				if test.order != 0 && w.Body.String() != want {
					t.Errorf("%s %s: got %s, want %s", test.name, name, w.Body, want)
				}
				if test.order == 0 && !isProblem(w) {
					t.Errorf("%s: %v %s is no problem", test.name, w.Header(), w.Body)
				}
			}
		}
		if n := o.made.Load(); n != 6 {
			t.Errorf("%d orders, want 6", n)
		}
	})
}

func isProblem(w *httptest.ResponseRecorder) bool {
	var p struct {
		Status       int
		Type, Detail string
	}
	err := json.Unmarshal(w.Body.Bytes(), &p)
	return err == nil && p.Status == w.Code && p.Type != "" && p.Detail != "" && w.Header().Get("Content-Type") == "application/problem+json"
}

func TestAReplayIsTheSameAnswer(t *testing.T) {
	everyStore(t, defaults(), func(t *testing.T, guard func() *Guard) {
		h := guard().Layer()(&orders{})
		q := request{key: key, body: "\x00\xff"}
		first, again := q.send(t.Context(), h), q.send(t.Context(), h)
		if first.Code != again.Code || first.Body.String() != again.Body.String() {
			t.Errorf("%d %q became %d %q", first.Code, first.Body, again.Code, again.Body)
		}
		if first.Header().Get("Server-Timing") == "" || first.Header().Get("Idempotent-Replayed") != "" {
			t.Errorf("the first has %v", first.Header())
		}
		want := first.Header().Clone()
		want.Del("Server-Timing")
		want.Set("Idempotent-Replayed", "true")
		want.Set("Content-Length", fmt.Sprint(first.Body.Len()))
		if diff := cmp.Diff(want, again.Header()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestKeysThatCanBeReadAndNot(t *testing.T) {
	for _, test := range []struct {
		lines           []string
		strict, lenient string // the key; "": refused
	}{
		{[]string{`"8e03978e"`}, "8e03978e", "8e03978e"},
		{[]string{` "with space" `}, "with space", "with space"},
		{[]string{`"a\"b\\c"`}, `a"b\c`, `a"b\c`},
		{[]string{`"a";p=1`}, "a", "a"},
		{[]string{`8e03978e-40d5-43dd`}, "", "8e03978e-40d5-43dd"},
		{[]string{`token`}, "", "token"},
		{[]string{`17`}, "", "17"},
		{[]string{`?1`}, "", "?1"},
		{[]string{`:aGVsbG8=:`}, "", ":aGVsbG8=:"},
		{[]string{`a b`}, "", ""},
		{[]string{`a,b`}, "", ""},
		{[]string{`"a", "b"`}, "", ""},
		{[]string{`"a"`, `"b"`}, "", ""},
		{[]string{`a`, `b`}, "", ""},
		{[]string{`"a`}, "", ""},
		{[]string{`"ä"`}, "", ""},
		{[]string{"ä"}, "", ""},
		{[]string{`""`}, "", ""},
		{[]string{""}, "", ""},
		{[]string{`"` + strings.Repeat("k", 255) + `"`}, strings.Repeat("k", 255), strings.Repeat("k", 255)},
		{[]string{`"` + strings.Repeat("k", 256) + `"`}, "", ""},
		{[]string{strings.Repeat("k", 256)}, "", ""},
	} {
		for _, strict := range []bool{true, false} {
			want := test.lenient
			if strict {
				want = test.strict
			}
			got, err := parseKey(test.lines, strict)
			if got != want || (err == nil) != (want != "") {
				t.Errorf("%q, strict %v: got %q, %v, want %q", test.lines, strict, got, err, want)
			}
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(`"a"`, true)
	f.Add(`a;b`, false)
	f.Fuzz(func(t *testing.T, line string, strict bool) {
		got, err := parseKey([]string{line}, strict)
		if (err == nil) != (got != "") || len(got) > longestKey {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestAHundredAtOnceMakeOneOrder(t *testing.T) {
	everyStore(t, defaults(), func(t *testing.T, guard func() *Guard) {
		release := make(chan struct{})
		o := &orders{serve: func(w http.ResponseWriter, _ *http.Request, n int64) {
			<-release
			fmt.Fprint(w, n)
		}}
		workers := []http.Handler{guard().Layer()(o), guard().Layer()(o), guard().Layer()(o), guard().Layer()(o)}
		var all sync.WaitGroup
		var made, conflicts atomic.Int64
		for i := range 100 {
			all.Go(func() {
				w := request{key: key, body: "a"}.send(t.Context(), workers[i%4])
				switch {
				case w.Code == 200 && w.Body.String() == "1" && w.Header().Get("Idempotent-Replayed") == "":
					made.Add(1)
				case w.Code == 409 && w.Header().Get("Retry-After") == "1" && isProblem(w):
					if conflicts.Add(1) == 99 {
						close(release)
					}
				default:
					t.Errorf("got %d %s", w.Code, w.Body)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 || conflicts.Load() != 99 || o.made.Load() != 1 {
			t.Errorf("%d answers, %d conflicts, %d orders", made.Load(), conflicts.Load(), o.made.Load())
		}
		if w := (request{key: key, body: "a"}).send(t.Context(), workers[1]); w.Header().Get("Idempotent-Replayed") != "true" || w.Body.String() != "1" {
			t.Errorf("afterwards: %d %s", w.Code, w.Body)
		}
	})
}

func TestAnswersThatAskToTryAgainAreNotKept(t *testing.T) {
	everyStore(t, defaults(), func(t *testing.T, guard func() *Guard) {
		status := 0
		o := &orders{serve: func(w http.ResponseWriter, _ *http.Request, n int64) {
			w.WriteHeader(status)
			fmt.Fprint(w, n)
		}}
		h := guard().Layer()(o)
		n := 0
		for _, status = range []int{500, 502, 503, 504, 408, 425, 429} {
			n++
			if w := (request{key: key, body: "a"}).send(t.Context(), h); w.Code != status || w.Body.String() != fmt.Sprint(n) {
				t.Errorf("%d: got %d %s", status, w.Code, w.Body)
			}
		}
		for i, s := range []int{200, 202, 303, 400, 404, 409, 422} {
			q := request{key: fmt.Sprint(i), body: "a"}
			status = s
			n++
			for range 2 {
				if w := q.send(t.Context(), h); w.Code != s || w.Body.String() != fmt.Sprint(n) {
					t.Errorf("%d: got %d %s, want order %d", s, w.Code, w.Body, n)
				}
				status = 500 // which nobody sees
			}
		}
	})
}

func TestAPanicReleasesTheKey(t *testing.T) {
	everyStore(t, defaults(), func(t *testing.T, guard func() *Guard) {
		o := &orders{serve: func(w http.ResponseWriter, _ *http.Request, n int64) {
			if n == 1 {
				panic("broken")
			}
			fmt.Fprint(w, n)
		}}
		h := guard().Layer()(o)
		func() {
			defer func() {
				if v := recover(); v != "broken" {
					t.Errorf("recovered %v", v)
				}
			}()
			request{key: key}.send(t.Context(), h)
		}()
		if w := (request{key: key}).send(t.Context(), h); w.Code != 200 || w.Body.String() != "2" {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	})
}

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

func TestRedisKeepsAnAnswerForItsTTL(t *testing.T) {
	cfg := defaults()
	cfg.Store = "redis"
	conn := client(t, realRedis(t))
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

func TestWhatIsCarriedOutIsKeptThoughTheClientLeft(t *testing.T) {
	everyStore(t, defaults(), func(t *testing.T, guard func() *Guard) {
		ctx, leave := context.WithCancel(t.Context())
		o := &orders{serve: func(w http.ResponseWriter, _ *http.Request, n int64) {
			leave()
			fmt.Fprint(w, n)
		}}
		h := guard().Layer()(o)
		request{key: key}.send(ctx, h)
		if w := (request{key: key}).send(t.Context(), h); w.Body.String() != "1" || w.Header().Get("Idempotent-Replayed") != "true" {
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

func TestBodiesOfRequestsAreBounded(t *testing.T) {
	cfg := defaults()
	cfg.MaxBody = 10
	o := &orders{}
	h := New(cfg, nil).Layer()(o)
	if w := (request{key: key, body: "0123456789"}).send(t.Context(), h); w.Code != 201 {
		t.Errorf("at the limit: %d", w.Code)
	}
	if w := (request{key: `"b"`, body: "0123456789a"}).send(t.Context(), h); w.Code != 413 || !isProblem(w) || o.made.Load() != 1 {
		t.Errorf("past the limit: %d %s", w.Code, w.Body)
	}
}

func TestAnAnswerTooLongToKeepIsSentOnce(t *testing.T) {
	cfg := defaults()
	cfg.MaxBody = 10
	everyStore(t, cfg, func(t *testing.T, guard func() *Guard) {
		o := &orders{serve: func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.WriteHeader(202)
			for range 5 {
				fmt.Fprint(w, "1234")
			}
		}}
		h := guard().Layer()(o)
		if w := (request{key: key}).send(t.Context(), h); w.Code != 202 || w.Body.Len() != 20 {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		if w := (request{key: key}).send(t.Context(), h); w.Code != 409 || !isProblem(w) || o.made.Load() != 1 {
			t.Errorf("again: %d %s, %d orders", w.Code, w.Body, o.made.Load())
		}
	})
}

type broken struct{}

func (broken) Do(ctx context.Context, args ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, args...)
	cmd.SetErr(errors.New("refused"))
	return cmd
}

func TestAStoreThatFails(t *testing.T) {
	for _, test := range []struct {
		on     string
		status int
		orders int64
	}{{"closed", 503, 0}, {"open", 201, 2}} {
		cfg := defaults()
		cfg.Store, cfg.OnError = "redis", test.on
		g, o := New(cfg, broken{}), &orders{}
		for range 2 {
			w := request{key: key, body: "a"}.send(t.Context(), g.Layer()(o))
			if w.Code != test.status || test.status == 503 && (!isProblem(w) || w.Header().Get("Retry-After") != "1") {
				t.Errorf("%s: got %d %v", test.on, w.Code, w.Header())
			}
		}
		if o.made.Load() != test.orders || g.Stats().StoreErrors != 2 {
			t.Errorf("%s: %d orders, %+v", test.on, o.made.Load(), g.Stats())
		}
	}
}

func TestALayerThatIsOffOrNotRequired(t *testing.T) {
	cfg := defaults()
	cfg.Required = false
	g, o := New(cfg, nil), &orders{}
	h := g.Layer()(o)
	send := func(key string) int { return request{key: key, body: "a"}.send(t.Context(), h).Code }
	if a, b := send(""), send(""); a != 201 || b != 201 || o.made.Load() != 2 {
		t.Errorf("without a key: %d, %d, %d orders", a, b, o.made.Load())
	}
	if got := send(`"a`); got != 400 {
		t.Errorf("a key that cannot be read: %d", got)
	}
	cfg.Enabled = false
	g.Configure(cfg)
	if got := send(`"a`); got != 201 || o.made.Load() != 3 {
		t.Errorf("off: %d", got)
	}
	cfg.Enabled, cfg.Mode = true, "strict"
	g.Configure(cfg)
	if got := send("bare"); got != 400 {
		t.Errorf("a bare key, strictly: %d", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := defaults()
		cfg.Entries = 10
		g, o := New(cfg, nil), &orders{}
		h := g.Layer()(o)
		for i := range 25 {
			request{key: fmt.Sprint(i)}.send(t.Context(), h)
		}
		if s := g.Stats(); s.Entries != 10 || s.Evicted != 15 {
			t.Errorf("%+v", s)
		}
		if w := (request{key: "24"}).send(t.Context(), h); w.Header().Get("Idempotent-Replayed") != "true" {
			t.Error("the newest went")
		}
		if w := (request{key: "14"}).send(t.Context(), h); w.Header().Get("Idempotent-Replayed") != "" {
			t.Error("the oldest stayed")
		}

		cfg.Bytes = 5000
		g.Configure(cfg)
		o.serve = func(w http.ResponseWriter, _ *http.Request, _ int64) { w.Write(make([]byte, 1000)) }
		for i := range 10 {
			request{key: fmt.Sprint("large", i)}.send(t.Context(), h)
			if s := g.Stats(); s.Bytes > 5000+300 {
				t.Errorf("%+v", s)
			}
		}
		o.serve = func(w http.ResponseWriter, _ *http.Request, _ int64) { w.Write(make([]byte, 9000)) }
		request{key: "huge"}.send(t.Context(), h)
		if w := (request{key: "huge"}).send(t.Context(), h); w.Code != 409 || g.Stats().Bytes > 5000 {
			t.Errorf("an answer larger than all: %d, %+v", w.Code, g.Stats())
		}

		// Requests under way are not pushed out. There is no room for another until their lease is over.
		cfg.Entries, cfg.Bytes = 3, 1<<20
		g.Configure(cfg)
		stuck := make(chan struct{})
		o.serve = func(http.ResponseWriter, *http.Request, int64) { <-stuck }
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() { request{key: fmt.Sprint("stuck", i)}.send(t.Context(), h) })
		}
		synctest.Wait()
		o.serve = nil
		if w := (request{key: "more"}).send(t.Context(), h); w.Code != 503 {
			t.Errorf("a full store: %d", w.Code)
		}
		time.Sleep(31 * time.Second)
		if w := (request{key: "more"}).send(t.Context(), h); w.Code != 201 {
			t.Errorf("after the leases: %d", w.Code)
		}
		close(stuck)
		all.Wait()
	})
}

func TestRecordsComeBackFromTheirCode(t *testing.T) {
	in := record{state: finished, print: imprint{1, 2, 3}, reply: []byte("reply")}
	out, err := decode(encode(in))
	if diff := cmp.Diff(in, out, cmp.AllowUnexported(record{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, bad := range [][]byte{nil, encode(in)[:33], append([]byte{2}, encode(in)[1:]...), encode(record{state: 'x'})} {
		if _, err := decode(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestSettingsThatDoNotGoTogether(t *testing.T) {
	cfg := defaults()
	if err := cfg.Check(); err != nil {
		t.Error(err)
	}
	cfg.Timeout = cfg.Lease
	if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkLayer(b *testing.B) {
	for _, test := range []struct {
		name string
		make func(b *testing.B) *Guard
	}{
		{"memory", func(*testing.B) *Guard { return New(defaults(), nil) }},
		{"redis", func(b *testing.B) *Guard {
			b.Helper()
			cfg := defaults()
			cfg.Store = "redis"
			return New(cfg, client(b, realRedis(b)))
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			h := test.make(b).Layer()(&orders{})
			b.Run("new", func(b *testing.B) {
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					i++
					request{key: fmt.Sprint("k", i), body: "a"}.send(b.Context(), h)
				}
			})
			b.Run("replay", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					request{key: "one", body: "a"}.send(b.Context(), h)
				}
			})
		})
	}
}
