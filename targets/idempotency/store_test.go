package idempotency

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

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
