package idempotency

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
