package limiter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunglas/httpsfv"

	"plimsoll/targets/middleware"
)

// send sends one request of the client through the layer.
func send(tb testing.TB, h http.Handler, client, route string) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, from(tb.Context(), client, route))
	return w
}

// items parses a field as a List of structured fields and returns the parameters by item.
func items(t *testing.T, field string) map[string]map[string]any {
	t.Helper()
	list, err := httpsfv.UnmarshalList([]string{field})
	if err != nil {
		t.Fatalf("%q: %v", field, err)
	}
	found := map[string]map[string]any{}
	for _, member := range list {
		item := member.(httpsfv.Item)
		params := map[string]any{}
		for _, name := range item.Params.Names() {
			params[name], _ = item.Params.Get(name)
		}
		found[item.Value.(string)] = params
	}
	return found
}

func TestADisabledLimiterIsNotThere(t *testing.T) {
	h := New(settings(func(c *Config) { c.Enabled, c.Burst = false, 1 }), Parts{}).Layer()(ok)
	for range 10 {
		if w := send(t, h, "a", ""); w.Code != 200 || len(w.Header()) != 0 {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
	}
}

func TestARefusalSaysWhatWasViolatedAndWhenToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(settings(func(c *Config) {
			c.Rate, c.Burst = .5, 2
			c.Policies = map[string]Policy{`all "day"`: {Key: "global", Rate: 100, Burst: 100, Window: time.Second}}
		}), Parts{})
		h := l.Layer()(ok)
		for i, remaining := range []int64{1, 0} {
			w := send(t, h, "a", "")
			if w.Code != 200 || items(t, w.Header().Get("RateLimit"))["default"]["r"] != remaining {
				t.Errorf("request %d: %d %v", i, w.Code, w.Header())
			}
		}
		w := send(t, h, "a", "")
		header := w.Header()
		if w.Code != 429 || header.Get("Content-Type") != "application/problem+json" || header.Get("Retry-After") != "2" {
			t.Errorf("%d %v", w.Code, header)
		}
		if got, want := header.Get("RateLimit-Policy"), `"default";q=2;w=4, "all \"day\"";q=100;w=1`; got != want {
			t.Errorf("RateLimit-Policy: %s, want %s", got, want)
		}
		if got, want := header.Get("RateLimit"), `"default";r=0;t=2, "all \"day\"";r=98;t=1`; got != want {
			t.Errorf("RateLimit: %s, want %s", got, want)
		}
		for _, field := range []string{"RateLimit", "RateLimit-Policy"} {
			if got := items(t, header.Get(field)); len(got) != 2 || got[`all "day"`] == nil {
				t.Errorf("%s: %v", field, got)
			}
		}
		var problem map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
			t.Fatal(err)
		}
		if problem["type"] != middleware.QuotaExceeded || problem["status"] != 429. || fmt.Sprint(problem["violated-policies"]) != "[default]" {
			t.Errorf("%v", problem)
		}
		if w := send(t, h, "b", ""); w.Code != 200 {
			t.Errorf("another client: %d", w.Code)
		}
		time.Sleep(2 * time.Second)
		if w := send(t, h, "a", ""); w.Code != 200 {
			t.Errorf("after Retry-After: %d", w.Code)
		}
		s := l.Stats()
		if s.Allowed != 4 || s.Refused != 1 || s.Violated["default"] != 1 || s.Violated[`all "day"`] != 0 || s.Keys != 3 || s.Rate != .5 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTheFieldsAreThoseOfTheSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for headers, want := range map[string][]string{
			"off": {}, "draft11": {"Ratelimit", "Ratelimit-Policy"},
			"legacy": {"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"},
			"both":   {"Ratelimit", "Ratelimit-Policy", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"},
		} {
			h := New(settings(func(c *Config) { c.Headers, c.Rate, c.Burst = headers, 10, 20 }), Parts{}).Layer()(ok)
			w := send(t, h, "a", "")
			var got []string
			for name := range w.Header() {
				got = append(got, name)
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", headers, got, want)
			}
			if headers != "legacy" {
				continue
			}
			reset := strconv.FormatInt(time.Now().Unix()+1, 10)
			if header := w.Header(); header.Get("X-RateLimit-Limit") != "20" || header.Get("X-RateLimit-Remaining") != "19" || header.Get("X-RateLimit-Reset") != reset {
				t.Errorf("%v", header)
			}
		}
	})
}

func TestAPartitionKeyTellsKeysApartAndDoesNotGiveThemAway(t *testing.T) {
	h := New(settings(func(c *Config) { c.PartitionKey = true }), Parts{}).Layer()(ok)
	seen := map[string]bool{}
	for _, client := range []string{"secret-a", "secret-b", "secret-a"} {
		w := send(t, h, client, "")
		limit, policy := items(t, w.Header().Get("RateLimit"))["default"], items(t, w.Header().Get("RateLimit-Policy"))["default"]
		pk := limit["pk"].([]byte)
		if len(pk) != 8 || string(pk) != string(policy["pk"].([]byte)) || policy["q"] == nil || limit["t"] == nil {
			t.Errorf("%v, %v", limit, policy)
		}
		seen[string(pk)] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d partitions of 2 clients", len(seen))
	}
}

func TestKeysPartTheQuota(t *testing.T) {
	for key, want := range map[string]int{ // of 2 clients × 3 routes × 2, at a burst of 1
		"client": 2, "route": 3, "global": 1, "client+route": 6, "service": 1, "client+service": 2, "tenant": 1, "tenant+route": 3, "tenant+service": 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(settings(func(c *Config) { c.Key, c.Rate, c.Burst = key, .001, 1 }), Parts{Tenant: func(*http.Request) string { return "t" }})
			h, admitted := l.Layer()(ok), 0
			for range 2 {
				for _, client := range []string{"a", "b"} {
					for _, route := range []string{"GET /x", "GET /y", "GET /z"} {
						if send(t, h, client, route).Code == 200 {
							admitted++
						}
					}
				}
			}
			if admitted != want {
				t.Errorf("key %s admitted %d, want %d", key, admitted, want)
			}
		})
	}
}

func TestATenantIsItsHeaderElseItsClient(t *testing.T) {
	h := New(settings(func(c *Config) { c.Key, c.Burst, c.Rate = "tenant", 1, .001 }), Parts{}).Layer()(ok)
	for i, test := range []struct {
		client, tenant string
		status         int
	}{{"a", "one", 200}, {"b", "one", 429}, {"a", "two", 200}, {"a", "", 200}, {"b", "", 200}, {"b", "", 429}} {
		r := from(t.Context(), test.client, "")
		r.Header.Set("X-Tenant", test.tenant)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != test.status {
			t.Errorf("request %d: %d, want %d", i, w.Code, test.status)
		}
	}
}

func TestAShaperHoldsRequestsBackAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(settings(func(c *Config) {
			c.Algo, c.Key, c.Rate, c.Burst, c.Delay = "leaky_bucket", "global", 10, 5, time.Second
		}), Parts{})
		var mu sync.Mutex
		var left []time.Duration
		start := time.Now()
		h := l.Layer()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			left = append(left, time.Since(start))
			if waited := middleware.From(r.Context()).Timing.Of("q"); waited != time.Since(start) {
				t.Errorf("q is %v after %v", waited, time.Since(start))
			}
		}))
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() { send(t, h, "a", "") })
		}
		clients.Wait()
		if want := []time.Duration{0, 1e8, 2e8, 3e8, 4e8}; !slices.Equal(left, want) {
			t.Errorf("left at %v, want %v", left, want)
		}
		if s := l.Stats(); s.Delayed != 4 || s.Refused != 3 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRetryAfterIsSpreadAndNeverTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(settings(func(c *Config) { c.Rate, c.Burst, c.RetryJitter = .1, 1, 10*time.Second }), Parts{}).Layer()(ok)
		send(t, h, "a", "")
		seen := map[int]int{}
		for range 300 {
			w := send(t, h, "a", "")
			after, _ := strconv.Atoi(w.Header().Get("Retry-After"))
			effective := items(t, w.Header().Get("RateLimit"))["default"]["t"].(int64)
			if after < int(effective) || after < 10 || after > 20 {
				t.Fatalf("Retry-After: %d at t=%d", after, effective)
			}
			seen[after]++
		}
		if len(seen) < 8 {
			t.Errorf("spread over %v", seen)
		}
	})
}

func TestAClientThatPacesItselfIsHardlyEverRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(settings(func(c *Config) { c.Rate, c.Burst = 10, 10 }), Parts{}).Layer()(ok)
		var refused, served [2]int
		for i, paces := range []bool{false, true} {
			for start := time.Now(); time.Since(start) < 30*time.Second; {
				w := send(t, h, strconv.FormatBool(paces), "")
				pause := 20 * time.Millisecond
				if w.Code == 429 {
					refused[i]++
				} else {
					served[i]++
				}
				if limit := items(t, w.Header().Get("RateLimit"))["default"]; paces {
					seconds := float64(limit["t"].(int64)) / float64(limit["r"].(int64)+1)
					pause = time.Duration(seconds * 1e9)
				}
				time.Sleep(pause)
			}
		}
		if refused[0] < 1000 || refused[1] > 3 || served[1] < 200 {
			t.Errorf("the naive client was served %d and refused %d times, the pacing one %d and %d", served[0], refused[0], served[1], refused[1])
		}
	})
}

func TestARequestMayCostMoreThanOne(t *testing.T) {
	cost := int64(30)
	h := New(settings(nil), Parts{Cost: func(*http.Request) int64 { return cost }}).Layer()(ok)
	if w := send(t, h, "a", ""); items(t, w.Header().Get("RateLimit"))["default"]["r"] != int64(20) {
		t.Errorf("%v", w.Header())
	}
	cost = 1 << 40 // as much as there can be at most
	if w := send(t, h, "b", ""); w.Code != 200 || items(t, w.Header().Get("RateLimit"))["default"]["r"] != int64(0) {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestSettingsChangeUnderLoad(t *testing.T) {
	l := New(settings(nil), Parts{Cells: &cells{}, Saturation: func() float64 { return 1 }})
	h := l.Layer()(ok)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					h.ServeHTTP(httptest.NewRecorder(), from(ctx, strconv.Itoa(i), "GET /"))
					cancel()
				}
			}
		})
	}
	for i := range 200 {
		l.Configure(settings(func(c *Config) {
			c.Algo = string(slices.Concat(buckets, windows)[i%6])
			c.Fair = []string{"off", "token", "drr"}[i/6%3]
			if c.Fair == "off" && c.Algo != "sliding_log" {
				c.Store = []string{"local", "shared", "redis"}[i%3]
			}
			c.Dynamic.Enabled, c.Dynamic.Interval = true, 10*time.Microsecond
			c.Headers = "both"
		}))
		l.Stats()
	}
	close(stop)
	clients.Wait()
}

func BenchmarkLayer(b *testing.B) {
	for name, change := range map[string]func(*Config){
		"disabled":    func(c *Config) { c.Enabled = false },
		"headers off": func(c *Config) { c.Headers = "off" },
		"draft11":     nil,
		"both, two policies": func(c *Config) {
			c.Headers, c.Policies = "both", map[string]Policy{"all": {Key: "global", Rate: 1e9, Burst: 1e6, Window: time.Second}}
		},
		"fair token": func(c *Config) { c.Fair = "token" },
		"fair drr":   func(c *Config) { c.Fair = "drr" },
	} {
		b.Run(name, func(b *testing.B) {
			h := New(settings(func(c *Config) {
				c.Rate, c.Burst = 1e9, 1e6
				if change != nil {
					change(c)
				}
			}), Parts{}).Layer()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r, w := from(b.Context(), "203.0.113.7", "GET /v1/products/{id}"), httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
