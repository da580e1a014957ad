package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"plimsoll/targets/breaker"
	"plimsoll/targets/middleware"
)

// TestABreakerOpensAndTheCatalogGoesOn lets pricing fail. The breaker spares it the calls,
// the catalog answers with the price that it knew, and all heals by itself.
func TestABreakerOpensAndTheCatalogGoesOn(t *testing.T) {
	r := start(t, "golden", patient("deps.pricing.retry.mode=none", "deps.pricing.breaker.min_calls=4", "deps.pricing.breaker.open=1m")...)
	fresh := r.get("/v1/products/1")
	if strings.Contains(fresh.body, "degraded") {
		t.Fatalf("at first: %s", fresh.body)
	}
	id := r.fault("dep:pricing", "error", "500", "60s")
	for range 10 {
		a := r.get("/v1/products/1")
		if want := strings.TrimSuffix(strings.TrimSpace(fresh.body), "}") + `,"degraded":true}`; a.status != http.StatusOK || strings.TrimSpace(a.body) != want || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("status %d: %s, want %s", a.status, a.body, want)
		}
	}
	if a := send(t, "POST", r.data+"/v1/orders", `{"customer": "c", "items": [{"product": 1, "quantity": 1}]}`); a.status != http.StatusServiceUnavailable {
		t.Errorf("an order without a price: status %d: %s", a.status, a.body)
	}
	pricing := r.stats().Workers[1].Dependencies["pricing"]
	if pricing.Breaker.State != breaker.Open || pricing.Breaker.Refused == 0 || pricing.Degraded != 11 {
		t.Errorf("%+v", pricing)
	}
	r.end(id)
	if a := r.get("/v1/products/1"); !strings.Contains(a.body, "degraded") {
		t.Errorf("while the breaker is open: %s", a.body)
	}
	r.set("deps.pricing.breaker.mode", "off")
	await(t, "an answer as before", func() bool { return r.get("/v1/products/1").body == fresh.body })
}

func TestWhatIsTooMuchIsRefused(t *testing.T) {
	r := start(t, "golden", patient("limit.rate=0.01/s", "limit.burst=2", "shed.retry_after.base=3s", "shed.retry_after.jitter=0s")...)
	t.Run("by the limiter", func(t *testing.T) {
		for i := range 3 {
			a := r.get("/x/ok", "X-Api-Key", "one")
			if i < 2 {
				if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("RateLimit"), fmt.Sprintf(`"default";r=%d;`, 1-i)) {
					t.Errorf("request %d: status %d, RateLimit %q", i, a.status, a.header.Get("RateLimit"))
				}
				continue
			}
			p := a.problem()
			if a.status != http.StatusTooManyRequests || p.Type != middleware.QuotaExceeded || a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			after, err := strconv.Atoi(a.header.Get("Retry-After"))
			if err != nil || after < 80 || after > 100 || !strings.HasPrefix(a.header.Get("RateLimit-Policy"), `"default";q=2;w=`) {
				t.Errorf("Retry-After %d, %v, RateLimit-Policy %q", after, err, a.header.Get("RateLimit-Policy"))
			}
		}
		if a := r.get("/x/ok", "X-Api-Key", "another"); a.status != http.StatusOK {
			t.Errorf("another client: status %d", a.status)
		}
	})
	r.set("limit.enabled", "false", "shed.limit", "1", "shed.queue", "0")
	t.Run("by the shedder", func(t *testing.T) {
		done := make(chan answer, 1)
		go func() {
			a, _ := try("GET", r.data+"/x/io?ms=1000", "")
			done <- a
		}()
		await(t, "the one place to be taken", func() bool { return r.stats().Workers[1].Layers.Shed["x"].InFlight == 1 })
		a := r.get("/x/ok")
		p := a.problem()
		if a.status != http.StatusServiceUnavailable || p.Type != middleware.ReducedCapacity || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("status %d: %s", a.status, a.body)
		}
		if a.header.Get("Retry-After") != "3" || a.header.Get("X-No-Retry") == "" {
			t.Errorf("Retry-After %q, X-No-Retry %q", a.header.Get("Retry-After"), a.header.Get("X-No-Retry"))
		}
		if a := <-done; a.status != http.StatusOK {
			t.Errorf("the one who had the place: status %d", a.status)
		}
	})
}

// TestWorkersShareACache has many ask two workers for what takes long to make.
func TestWorkersShareACache(t *testing.T) {
	r := start(t, "golden", "cluster.workers=2", "work.cache.ttl=1m", "work.cache.coalesce=shared", "cache.l2.timeout=5s", "cache.l2.lock=20s", "cache.load_timeout=20s")
	var all sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		all.Go(func() { answers[i], _ = try("GET", r.data+"/x/cache/k?ms=300", "") })
	}
	all.Wait()
	statuses := map[string]int{}
	for _, a := range answers {
		if a.status != http.StatusOK || a.body != answers[0].body {
			t.Errorf("status %d: %s, another got %s", a.status, a.body, answers[0].body)
		}
		what, _, _ := strings.Cut(a.header.Get("Cache-Status"), ";")
		statuses[what]++
	}
	var loads, coalesced uint64
	for _, w := range r.stats().Workers {
		loads += w.Layers.Cache.Loads
		coalesced += w.Layers.Cache.Coalesced
	}
	if loads != 1 || coalesced == 0 || len(statuses) == 0 {
		t.Errorf("%d loads, %d coalesced; Cache-Status %v", loads, coalesced, statuses)
	}
	for range 4 {
		a := r.get("/x/cache/k?ms=300")
		if cs := a.header.Get("Cache-Status"); a.body != answers[0].body || !strings.Contains(cs, "; hit") {
			t.Errorf("%s with Cache-Status %q", a.body, cs)
		}
	}
}

// TestStateInOneWorkerIsMissingInOthers asks four workers in turn for what one was told.
func TestStateInOneWorkerIsMissingInOthers(t *testing.T) {
	r := start(t, "cluster", patient("idempotency.store=memory")...)
	for state, want := range map[string]int{"memory": 6, "redis": 0} {
		t.Run("a cart in "+state, func(t *testing.T) {
			r.set("services.cart.state", state)
			put := send(t, "PUT", r.data+"/v1/carts/"+state+"/items/7?qty=2", "")
			misses := 0
			for range 8 {
				if r.get("/v1/carts/"+state).body != put.body {
					misses++
				}
			}
			if misses != want {
				t.Errorf("%d of 8 reads missed what was written, want %d", misses, want)
			}
		})
	}
	for store, want := range map[string]int{"memory": 4, "redis": 1} {
		t.Run("an order repeated with keys in "+store, func(t *testing.T) {
			r.set("idempotency.store", store)
			orders, replayed := map[string]bool{}, 0
			for range 4 {
				a := send(t, "POST", r.data+"/v1/orders", `{"customer": "c", "items": [{"product": 1, "quantity": 1}]}`, "Idempotency-Key", `"of-`+store+`"`)
				if a.status != http.StatusCreated {
					t.Fatalf("status %d: %s", a.status, a.body)
				}
				orders[a.body] = true
				if a.header.Get("Idempotent-Replayed") != "" {
					replayed++
				}
			}
			if len(orders) != want || replayed != 4-want {
				t.Errorf("%d orders were placed, %d times an answer was given again", len(orders), replayed)
			}
		})
	}
	r.set("idempotency.store", "redis")
	a := send(t, "POST", r.data+"/v1/orders", `{"customer": "other", "items": [{"product": 1, "quantity": 1}]}`, "Idempotency-Key", `"of-redis"`)
	if a.status != http.StatusUnprocessableEntity {
		t.Errorf("another request with the key: status %d: %s", a.status, a.body)
	}
}

// during asks for a path while another is being answered, and tells how that went.
func (r *rig) during(slow, route, path string) (took time.Duration, first bool) {
	r.t.Helper()
	begun := r.begun(route)
	done := make(chan struct{})
	go func() {
		defer close(done)
		try("GET", r.data+slow, "")
	}()
	begin := time.Now()
	for r.begun(route) == begun {
		time.Sleep(time.Millisecond)
	}
	r.get(path)
	took = time.Since(begin)
	select {
	case <-done:
	default:
		first = true
	}
	<-done
	return took, first
}

// begun is how many requests have reached a route.
func (r *rig) begun(route string) uint64 {
	r.t.Helper()
	return r.truth("").Requests[route].Begun
}

func TestWhatBlocksTheLoopDelaysAll(t *testing.T) {
	r := start(t, "eventloop")
	const long = "?ms=700"
	for _, test := range []struct {
		name, path string
		set        []string
		blocks     bool
	}{
		{"a handler that computes", "/x/block", nil, true},
		{"processor work on the loop", "/x/cpu", []string{"exec.cpu", "inline"}, true},
		{"processor work on the pool", "/x/cpu", []string{"exec.cpu", "pool"}, false},
		{"a blocking call on its pool", "/x/pool", nil, false},
		{"a handler that waits", "/x/io", nil, false},
		{"a handler that waits on the loop", "/x/io", []string{"work.io", "blocking"}, true},
		{"with goroutines", "/x/block", []string{"exec.model", "goroutine"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.set != nil {
				r.set(test.set...)
			}
			took, first := r.during(test.path+long, test.path, "/x/ok")
			if delayed := took >= 500*time.Millisecond; test.blocks && !delayed || !test.blocks && !first {
				t.Errorf("another took %v and was first: %t", took, first)
			}
		})
	}
}

// TestIsolationKeepsTroubleInItsContext stalls one context: with one loop for all of them
// everything stands still, with one for each only that context does.
func TestIsolationKeepsTroubleInItsContext(t *testing.T) {
	r := start(t, "eventloop", "cluster.respawn.backoff=10ms", "cluster.health.misses=0")
	for _, isolation := range []string{"false", "true"} {
		t.Run("isolation "+isolation, func(t *testing.T) {
			r.set("exec.isolation", isolation)
			id := r.fault("svc:search", "stall", "", "60s")
			begun := r.begun("GET /v1/search")
			var all sync.WaitGroup
			stood := make(chan struct{})
			all.Go(func() {
				defer close(stood)
				try("GET", r.data+"/v1/search?q=a", "")
			})
			await(t, "the search to stand still", func() bool { return r.begun("GET /v1/search") > begun })
			time.Sleep(20 * time.Millisecond) // from the count to the loop it is not far
			others := make(chan int, 1)
			all.Go(func() {
				a, _ := try("GET", r.data+"/v1/products/1", "")
				others <- a.status
			})
			if isolation == "true" {
				select {
				case got := <-others:
					if got != http.StatusOK {
						t.Errorf("another context: status %d", got)
					}
				case <-stood: // its client has given up
					t.Error("another context stood still too")
				}
			} else {
				select {
				case <-others:
					t.Error("another context answered although there is one loop")
				case <-time.After(100 * time.Millisecond):
				}
			}
			r.end(id)
			all.Wait()
		})
	}
	t.Run("a panic that is recovered", func(t *testing.T) {
		id := r.fault("svc:search", "panic", "", "60s")
		for path, want := range map[string]int{"/v1/search?q=a": 500, "/v1/products/1": 200} {
			if a := r.get(path); a.status != want {
				t.Errorf("%s: status %d, want %d", path, a.status, want)
			}
		}
		r.end(id)
	})
	t.Run("a panic that is not", func(t *testing.T) {
		a := send(t, "PATCH", r.admin+"/knobs", `{"set": {"chain": ["identify", "loop"]}}`)
		if a.status != http.StatusOK {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		before := r.worker(1)
		id := r.fault("svc:search", "panic", "", "60s")
		if a, err := try("GET", r.data+"/v1/search?q=a", ""); err == nil {
			t.Errorf("status %d", a.status)
		}
		await(t, "another worker", func() bool { w := r.worker(1); return w.PID != before.PID && w.State == "ready" })
		r.end(id)
		if a := r.get("/v1/products/1"); a.status != http.StatusOK {
			t.Errorf("status %d", a.status)
		}
	})
}

// TestTheGlobalLockLetsOneThroughAtATime asks two workers for what takes a time each.
func TestTheGlobalLockLetsOneThroughAtATime(t *testing.T) {
	r := start(t, "golden", "cluster.workers=2", "state.global_lock=true")
	var all sync.WaitGroup
	var mu sync.Mutex
	locked := 0
	begin := time.Now()
	for range 4 {
		all.Go(func() {
			a, err := try("GET", r.data+"/x/io?ms=100", "")
			mu.Lock()
			defer mu.Unlock()
			if err == nil && a.status == http.StatusOK && strings.Contains(a.header.Get("Server-Timing"), "lock;dur=") {
				locked++
			}
		})
	}
	all.Wait()
	if took := time.Since(begin); took < 400*time.Millisecond || locked != 4 {
		t.Errorf("four that take 100 ms took %v together, %d with the lock", took, locked)
	}
}

// TestTheTopologyIsShownWhole reads what the target says of itself back in.
func TestTheTopologyIsShownWhole(t *testing.T) {
	r := start(t, "queueing")
	var shown struct {
		Version  int
		Topology string
		Settings map[string]string
	}
	r.ask("GET", "/topology", "", &shown)
	if shown.Version != 1 || !strings.Contains(shown.Topology, "mg1:") || shown.Settings["stations.mg1.service.cv"] != "2" {
		t.Errorf("%+v", shown)
	}
	var kinds struct {
		Kinds   []struct{ Name string }
		Targets []string
	}
	r.ask("GET", "/faults/kinds", "", &kinds)
	if text, _ := json.Marshal(kinds.Targets); len(kinds.Kinds) < 20 || !strings.Contains(string(text), `"route:/x/ok"`) || strings.Contains(string(text), "svc:catalog") {
		t.Errorf("%d kinds, targets %s", len(kinds.Kinds), text)
	}
}

// TestACachedAnswerSaysWhoGivesIt and by which release, not who made what is kept.
func TestACachedAnswerSaysWhoGivesIt(t *testing.T) {
	r := start(t, "golden", "cluster.workers=2", "services.catalog.cache.ttl=1h")
	bodies, instances := map[string]bool{}, map[string]bool{}
	for range 6 {
		a := r.get("/v1/products/5")
		bodies[a.body], instances[a.header.Get("X-Instance")] = true, true
	}
	if len(bodies) != 1 || len(instances) != 2 {
		t.Errorf("%d bodies from the workers %v, want one from both", len(bodies), instances)
	}
	r.ask("POST", "/services/catalog/swap?version=9.9.9", "", nil)
	a := r.get("/v1/products/5")
	if a.header.Get("X-Service-Version") != "catalog/9.9.9" || !strings.Contains(a.header.Get("Cache-Status"), "hit") {
		t.Errorf("after the swap %q answers, cache %q", a.header.Get("X-Service-Version"), a.header.Get("Cache-Status"))
	}
}

// TestAContextThatIsFullShedsOnlyItself fills the places of search with requests that stand
// still. Isolated, the others have places of their own.
func TestAContextThatIsFullShedsOnlyItself(t *testing.T) {
	for isolation, want := range map[string]int{"true": http.StatusOK, "false": http.StatusServiceUnavailable} {
		t.Run("isolation "+isolation, func(t *testing.T) {
			r := start(t, "golden", "shed.limit=2", "shed.queue=0", "services.search.timeout=0s", "exec.isolation="+isolation)
			id := r.fault("svc:search", "stall", "", "60s")
			var all sync.WaitGroup
			for i := range 2 {
				all.Go(func() { try("GET", fmt.Sprint(r.data, "/v1/search?q=a&limit=", i+1), "") })
			}
			where := map[string]string{"true": "search", "false": "shared"}[isolation]
			await(t, "search to be full", func() bool { return r.stats().Workers[1].Layers.Shed[where].InFlight == 2 })
			if a := r.get("/v1/search?q=b"); a.status != http.StatusServiceUnavailable {
				t.Errorf("search: status %d", a.status)
			}
			if a := r.get("/v1/carts/c"); a.status != want {
				t.Errorf("another context: status %d, want %d", a.status, want)
			}
			r.end(id)
			all.Wait()
		})
	}
}
