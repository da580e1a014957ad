package limiter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

// settings are the defaults that the tags say, switched on.
func settings(change func(*Config)) Config {
	c := Config{
		Enabled: true, Algo: "gcra", Key: "client", Rate: 100, Burst: 50, Window: time.Second,
		Store: "local", OnStoreError: "local", Outage: Outage{Timeout: 50 * time.Millisecond, CoolDown: time.Second}, MaxKeys: 100_000,
		Fair: "off", Queue: 10,
		Dynamic: Dynamic{Target: .8, Interval: time.Second, Decrease: .9, Increase: .05, Floor: .1, Ceiling: 1},
		Headers: "draft11", Status: 429,
	}
	if change != nil {
		change(&c)
	}
	return c
}

// from returns a request of the client to the route.
func from(ctx context.Context, client, route string) *http.Request {
	ctx = middleware.With(ctx, &middleware.Request{Client: client, Route: route, Service: "catalog", Priority: middleware.Normal})
	return httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
}

// ok is a handler with nothing to do.
var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

// surge lets nine polite clients make 10 requests a second each and an abuser 1000, for
// half a minute, and returns the polite ones' share of success and the abuser's successes
// a second.
func surge(t *testing.T, cfg Config) (polite, abuser float64) {
	t.Helper()
	const span = 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		l := New(cfg, Parts{})
		h := l.Layer()(ok)
		random := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		asked, served := map[string]int{}, map[string]int{}
		var clients sync.WaitGroup
		start := time.Now()
		call := func(name string) {
			settled := time.Since(start) > time.Second
			w := httptest.NewRecorder()
			h.ServeHTTP(w, from(t.Context(), name, ""))
			if !settled { // all use up the burst, and nobody knows yet who will come
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if asked[name]++; w.Code == http.StatusOK {
				served[name]++
			}
		}
		source := func(name string, gap func() time.Duration) {
			clients.Go(func() {
				for time.Sleep(gap()); time.Since(start) < span+time.Second; time.Sleep(gap()) {
					clients.Go(func() { call(name) })
				}
			})
		}
		for i := range 9 {
			own := rand.New(rand.NewPCG(3, uint64(i)))
			source(fmt.Sprint("polite ", i), func() time.Duration {
				return 100*time.Millisecond + time.Duration((own.Float64()-.5)*20e6)
			})
		}
		source("abuser", func() time.Duration { return time.Duration(random.ExpFloat64() * 1e6) })
		clients.Wait()
		for name, n := range asked {
			if name == "abuser" {
				abuser = float64(served[name]) / span.Seconds()
			} else {
				polite += float64(served[name]) / float64(n) / 9
			}
		}
		if n := l.Stats().Queued; n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
	return polite, abuser
}

func TestFairSharesProtectPoliteClientsFromAnAbuser(t *testing.T) {
	for _, test := range []struct {
		fair   string
		polite [2]float64
		abuser [2]float64
	}{
		{fair: "off", polite: [2]float64{.15, .21}, abuser: [2]float64{178, 188}},
		{fair: "drr", polite: [2]float64{.9999, 1.0001}, abuser: [2]float64{108, 114}},
		{fair: "token", polite: [2]float64{.9999, 1.0001}, abuser: [2]float64{19, 23}},
	} {
		polite, abuser := surge(t, settings(func(c *Config) { c.Key, c.Rate, c.Burst, c.Fair = "global", 200, 50, test.fair }))
		t.Logf("%s: polite %.3f, abuser %.1f/s", test.fair, polite, abuser)
		if polite < test.polite[0] || polite > test.polite[1] || abuser < test.abuser[0] || abuser > test.abuser[1] {
			t.Errorf("fair %s: polite success %.3f, want %v, abuser %.1f/s, want %v", test.fair, polite, test.polite, abuser, test.abuser)
		}
	}
}

func TestTurnsAreByCostWhereCostsDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		q.configure(Rule{Interval: 10e6, Burst: 4}, 100)
		var mu sync.Mutex
		units := map[string]int{}
		var waiting sync.WaitGroup
		for _, who := range []struct {
			name string
			cost int64
		}{{"small", 1}, {"large", 4}} {
			for range 100 {
				waiting.Go(func() {
					if q.enter(t.Context(), who.name, who.cost, 2*time.Second).Allowed {
						mu.Lock()
						units[who.name] += int(who.cost)
						mu.Unlock()
					}
				})
			}
		}
		waiting.Wait()
		// 200 units fit into two seconds at 100 a second; both were waiting throughout, the
		// small ones until their hundred was spent.
		if small, large := units["small"], units["large"]; small < 95 || large < 95 || small+large > 208 {
			t.Errorf("served %d units of small and %d of large requests, want about 100 each", small, large)
		}
	})
}

func TestAQueueKeepsItsPaceWhenTheTimerIsLate(t *testing.T) {
	// Times are rounded up to whole milliseconds, as an idle process's timers are.
	q := newQueue()
	q.rule = Rule{Algo: GCRA, Interval: 300_000, Burst: 1}
	q.timer = time.AfterFunc(time.Hour, func() {}) // the test is the timer
	now, left := epoch, 0
	f := &flow{client: "a"}
	for range 10_000 {
		f.tickets = append(f.tickets, &ticket{cost: 1, leave: make(chan Decision, 1)})
	}
	q.flows["a"], q.turns, q.waiting, q.due = f, []*flow{f}, 10_000, now
	for range 1000 {
		q.serve(now)
		now += 1000
	}
	if left = 10_000 - q.waiting; left < 3330 || left > 3334 {
		t.Errorf("%d left in a second at 0.3 ms each, want 3333", left)
	}
}

func TestAQueueIsBoundedForEachClientAndForgetsWhoGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		q.configure(Rule{Interval: 1e9, Burst: 1}, 2)
		if !q.enter(t.Context(), "a", 1, 0).Allowed {
			t.Error("the first request waits for nobody")
		}
		ctx, leave := context.WithCancel(t.Context())
		results := make(chan Decision, 10)
		for range 2 {
			go func() { results <- q.enter(ctx, "a", 1, 0) }()
		}
		synctest.Wait()
		if d := q.enter(t.Context(), "a", 1, 0); d.Allowed || d.RetryAfter != time.Second {
			t.Errorf("a third of two: %+v", d)
		}
		go func() { results <- q.enter(t.Context(), "b", 1, 500*time.Millisecond) }()
		time.Sleep(600 * time.Millisecond)
		if d := <-results; d.Allowed {
			t.Errorf("waited longer than it may: %+v", d)
		}
		leave()
		synctest.Wait()
		if q.length() != 0 || len(q.flows) != 0 || len(q.turns) != 0 {
			t.Errorf("%d wait, of %d clients, after all went away", q.length(), len(q.flows))
		}
		begin := time.Now()
		if d := q.enter(t.Context(), "c", 1, 0); !d.Allowed || time.Since(begin) != 400*time.Millisecond {
			t.Errorf("%+v after %v", d, time.Since(begin))
		}
		q.configure(Rule{Interval: 1e9, Burst: 1}, 2)
		go func() { results <- q.enter(t.Context(), "c", 1, 0) }()
		synctest.Wait()
		q.configure(Rule{Interval: 1e6, Burst: 1}, 2) // whoever waits is served at the new pace
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if q.length() != 0 {
			t.Error("still waits at a pace of one a millisecond")
		}
	})
}

func TestWhoFindsNoRoomInTheQueueTakesNothingFromTheOtherPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(settings(func(c *Config) {
			c.Fair, c.Rate, c.Burst, c.Queue, c.Delay = "drr", 1, 1, 1, 100*time.Millisecond
			c.Policies = map[string]Policy{"all": {Key: "global", Rate: .001, Burst: 3, Window: time.Second}}
		}), Parts{})
		h := l.Layer()(ok)
		send(t, h, "a", "")
		for i := range 5 { // each waits too long
			if w := send(t, h, "a", ""); w.Code != 429 || !strings.HasPrefix(w.Header().Get("RateLimit"), `"default";r=0;t=1`) {
				t.Errorf("request %d: %d %v", i, w.Code, w.Header())
			}
		}
		time.Sleep(2 * time.Second)
		for i, want := range []int{200, 429} {
			if w := send(t, h, "a", ""); w.Code != want {
				t.Errorf("request %d after the pause: %d", i, w.Code)
			}
		}
		time.Sleep(2 * time.Second)
		if w := send(t, h, "a", ""); w.Code != 200 { // the third of three
			t.Errorf("the refused ones have used up the other policy: %d %v", w.Code, w.Header())
		}
		time.Sleep(2 * time.Second)
		if w := send(t, h, "a", ""); w.Code != 429 || l.Stats().Violated["all"] != 1 {
			t.Errorf("a fourth of three: %d %+v", w.Code, l.Stats())
		}
	})
}

func TestSharersCountWhoWasActiveLately(t *testing.T) {
	var s sharers
	const window = 1_000_000
	for i, test := range []struct {
		client string
		at     int64
		want   int
	}{
		{"a", 0, 1},
		{"b", 10, 2},
		{"a", 20, 2},
		{"a", window, 2},        // b within the window before
		{"a", 2*window + 5, 1},  // b is gone
		{"c", 2*window + 10, 2}, //
		{"c", 10 * window, 1},   // all others are long gone
		{"d", 10*window + 1, 2}, //
		{"e", 10*window + 2, 2}, // one too many to count
		{"e", 11*window + 2, 3}, // c and d of before, and e
	} {
		if got := s.see(test.client, test.at, window, 2); got != test.want {
			t.Errorf("step %d: %d active, want %d", i, got, test.want)
		}
	}
}
