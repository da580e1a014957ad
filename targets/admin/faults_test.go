package admin

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"plimsoll/targets/cluster"
	"plimsoll/targets/fault"
)

// seen is what was so before a fault.
type seen struct {
	begin time.Time
	rss   uint64 // of the worker
}

// faulted is one kind of fault and how the data port shows it.
type faulted struct {
	target, value string
	shows         func(r *rig, before seen) bool // asked again until it does
}

// silent tells whether a request for the path gets no answer.
func silent(path string, want ...error) func(*rig, seen) bool {
	return func(r *rig, _ seen) bool {
		_, err := try("GET", r.data+path, "")
		for _, w := range want {
			if errors.Is(err, w) {
				return true
			}
		}
		return len(want) == 0 && err != nil
	}
}

// status tells whether the path is answered with the status.
func status(path string, want int) func(*rig, seen) bool {
	return func(r *rig, _ seen) bool { return r.get(path).status == want }
}

// slow tells whether the path takes at least so long.
func slow(path string, d time.Duration) func(*rig, seen) bool {
	return func(r *rig, _ seen) bool {
		begin := time.Now()
		try("GET", r.data+path, "")
		return time.Since(begin) >= d
	}
}

// held tells whether the path is not answered before the fault has ended.
func held(path string) func(*rig, seen) bool {
	return func(r *rig, before seen) bool {
		_, err := try("GET", r.data+path, "")
		return err == nil && time.Since(before.begin) >= faultTime
	}
}

// met tells whether the workers say that the fault met something: for those that a client
// only feels.
func met(r *rig, _ seen) bool {
	var active []fault.Active
	r.ask("GET", "/faults", "", &active)
	return len(active) == 1 && active[0].Hits >= 1
}

const faultTime = 300 * time.Millisecond

// faultCases has every kind of fault; golden has no cache here, so that calls are made.
func faultCases() map[string]faulted {
	return map[string]faulted{
		"latency":   {"svc:catalog", "150ms", slow("/v1/products/1", 150*time.Millisecond)},
		"error":     {"route:GET /v1/products/{id}", "418", status("/v1/products/1", 418)},
		"reset":     {"svc:search", "", silent("/v1/search?q=a", syscall.ECONNRESET)},
		"blackhole": {"svc:x", "", silent("/x/ok", io.EOF)},
		"stall":     {"svc:x", "", held("/x/ok")},
		"abort":     {"*", "", silent("/x/ok", io.EOF)},
		"panic":     {"svc:orders", "", status("/v1/orders/1", 500)},
		"slow_body": {"svc:x", "1kB/s", slow("/x/bytes/200", 100*time.Millisecond)},
		"truncate":  {"svc:x", "10B", silent("/x/bytes/200", io.ErrUnexpectedEOF)},
		"corrupt": {"svc:x", "10B", func(r *rig, _ seen) bool {
			body := r.get("/x/bytes/200").body
			return len(body) == 200 && strings.Trim(body, "x") != ""
		}},
		"pool_exhausted": {"dep:db", "10ms", status("/x/dep/db", 502)},
		"conn_refuse":    {"listener", "", silent("/x/ok", syscall.ECONNRESET, io.EOF)},
		"conn_limit":     {"listener", "1", limited},
		"cpu":            {"worker:1", "0.5", met},
		"alloc":          {"worker:1", "30MB", grown},
		"leak":           {"worker:1", "100MB/s", grown},
		"gc_storm":       {"worker:1", "50/s", met},
		"lock":           {"worker:1", "50ms", slow("/x/ok", 20*time.Millisecond)},
		"cache_flush":    {"*", "10ms", met},
	}
}

// limited tells whether, of several connections, some are reset.
func limited(r *rig, _ seen) bool {
	var all sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for range 4 {
		all.Go(func() {
			if _, err := try("GET", r.data+"/x/io?ms=50", ""); err != nil {
				mu.Lock()
				defer mu.Unlock()
				refused++
			}
		})
	}
	all.Wait()
	return refused > 0
}

// grown tells whether the worker holds as much memory as the fault takes.
func grown(r *rig, before seen) bool {
	return r.worker(1).RSS > before.rss+20_000_000
}

// TestEveryFaultShowsAndEndsByItself tries every kind but those that end or halt a process.
func TestEveryFaultShowsAndEndsByItself(t *testing.T) {
	r := start(t, "golden", "cache.tiers=", "state.global_lock=true", "deps.db.retry.mode=none", "deps.db.breaker.mode=off")
	pid := r.worker(1).PID
	cases := faultCases()
	for _, kind := range fault.Kinds() {
		test, ok := cases[kind.Name]
		if !ok && kind.Name != "crash" && kind.Name != "hang" {
			t.Errorf("nothing tries %s", kind.Name)
		}
		if !ok {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			lasts := faultTime
			if kind.Name != "stall" && kind.Name != "blackhole" {
				lasts = 20 * time.Second // until it has been seen
			}
			before := seen{time.Now(), r.worker(1).RSS}
			id := r.fault(test.target, kind.Name, test.value, lasts.String())
			await(t, "the effect", func() bool { return test.shows(r, before) })
			if lasts > faultTime {
				r.end(id)
				r.fault(test.target, kind.Name, test.value, "10ms") // as it is, it ends soon
			}
			await(t, "its end", func() bool {
				var active []fault.Active
				r.ask("GET", "/faults", "", &active)
				return len(active) == 0
			})
			for _, path := range []string{"/x/ok", "/v1/products/1", "/v1/search?q=a"} {
				await(t, "an answer afterwards", func() bool {
					a, err := try("GET", r.data+path, "")
					return err == nil && a.status == http.StatusOK
				})
			}
		})
	}
	if now := r.worker(1); now.PID != pid || now.Restarts != 0 {
		t.Errorf("the worker was replaced: %+v", now)
	}
}

func TestAFaultWithAMistakeNamesTheField(t *testing.T) {
	r := start(t, "golden")
	for name, test := range map[string]struct{ body, path, hint string }{
		"an unknown kind":            {`{"target": "dep:db", "kind": "latencie", "value": "1ms", "for": "1s"}`, "kind", "latency"},
		"an unknown target":          {`{"target": "dep:bd", "kind": "error", "value": "500", "for": "1s"}`, "target", "dep:db"},
		"an unknown service":         {`{"target": "svc:serach", "kind": "panic", "for": "1s"}`, "target", "svc:search"},
		"a kind that does not fit":   {`{"target": "dep:db", "kind": "crash", "for": "1s"}`, "kind", "worker"},
		"a worker that there is not": {`{"target": "worker:9", "kind": "crash", "for": "1s"}`, "target", "worker:1"},
		"no value":                   {`{"target": "dep:db", "kind": "latency", "for": "1s"}`, "value", "500ms"},
		"a value that is none":       {`{"target": "dep:db", "kind": "latency", "value": "soon", "for": "1s"}`, "value", ""},
		"no time":                    {`{"target": "svc:x", "kind": "panic"}`, "for", ""},
		"a time without a unit":      {`{"target": "svc:x", "kind": "panic", "for": 5}`, "for", ""},
		"an unknown field":           {`{"target": "svc:x", "kind": "panic", "fro": "5s"}`, "fro", "for"},
		"no JSON":                    {`{`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := send(t, "POST", r.admin+"/faults", test.body)
			p := a.problem()
			if a.status != http.StatusBadRequest || p.Path != test.path || !strings.Contains(p.Hint, test.hint) || p.Detail == "" {
				t.Errorf("status %d: %s", a.status, a.body)
			}
		})
	}
	if a := send(t, "DELETE", r.admin+"/faults/f99", ""); a.status != http.StatusNotFound {
		t.Errorf("an end of a fault that is not: status %d", a.status)
	}
}

// TestFaultsOnDependenciesMeetTheirCallersOnly holds the layers of a dependency to what
// they make of it.
func TestFaultsOnDependenciesMeetTheirCallersOnly(t *testing.T) {
	r := start(t, "golden", "cache.tiers=", "deps.db.retry.mode=none", "deps.db.breaker.mode=off")
	for _, test := range []struct {
		target, kind, value, path string
		want                      int
	}{
		{"dep:db", "error", "500", "/x/dep/db", 502},
		{"dep:db", "reset", "", "/x/dep/db", 502},
		{"dep:db", "conn_refuse", "", "/x/dep/db", 502},
		{"dep:db", "latency", "5s", "/x/dep/db", 504},
		{"store:redis", "error", "500", "/x/dep/redis", 503},
		{"store:redis", "conn_refuse", "", "/v1/carts/c", 503},
	} {
		t.Run(test.target+" "+test.kind, func(t *testing.T) {
			id := r.fault(test.target, test.kind, test.value, "20s")
			if a := r.get(test.path); a.status != test.want {
				t.Errorf("%s: status %d, want %d: %s", test.path, a.status, test.want, a.body)
			}
			if a := r.get("/x/dep/pricing"); a.status != http.StatusOK {
				t.Errorf("/x/dep/pricing: status %d: %s", a.status, a.body)
			}
			r.end(id)
			if a := r.get(test.path); a.status != http.StatusOK {
				t.Errorf("after its end %s: status %d: %s", test.path, a.status, a.body)
			}
		})
	}
}

// TestACrashTakesOneWorkerOnly has a worker crash under load, and its successor go on with
// the faults that are under way.
func TestACrashTakesOneWorkerOnly(t *testing.T) {
	r := start(t, "golden", "cluster.workers=2", "cluster.respawn.backoff=10ms", "cluster.respawn.max=20ms")
	before, other := r.worker(1), r.worker(2)
	standing := r.fault("svc:search", "error", "418", "60s")
	crash := r.fault("worker:1", "crash", "", "20s")
	await(t, "the crash", func() bool { return r.worker(1).LastExit != "" })
	r.end(crash)
	await(t, "a worker that stays", func() bool {
		w := r.worker(1)
		return w.State == cluster.Ready && w.PID != before.PID
	})
	for range 4 { // connections go round
		if a := r.get("/v1/search?q=a"); a.status != 418 {
			t.Errorf("without the fault that stands a search is answered with %d", a.status)
		}
	}
	r.end(standing)
	if now := r.worker(2); now.PID != other.PID || now.Restarts != 0 {
		t.Errorf("the other worker was %+v and is %+v", other, now)
	}
	if exit := r.worker(1).LastExit; !strings.Contains(exit, "2") {
		t.Errorf("it ended with %q", exit)
	}
}

// TestAHangHaltsOneWorker halts a worker; the other answers, and the first goes on when
// the fault ends.
func TestAHangHaltsOneWorker(t *testing.T) {
	r := start(t, "golden", "cluster.workers=2", "cluster.health.misses=0")
	kept := map[string]*client{}
	await(t, "a connection to each worker", func() bool {
		c := &client{address: r.Addr().String()}
		a, err := c.do("GET", "/v1/carts/c", "") // no cache has it
		if err != nil {
			t.Fatal(err)
		}
		kept[a.header.Get("X-Instance")] = c
		return kept["worker:1"] != nil && kept["worker:2"] != nil
	})
	defer kept["worker:1"].close()
	defer kept["worker:2"].close()
	id := r.fault("worker:1", "hang", "", "60s")
	if a, err := kept["worker:2"].do("GET", "/x/ok", ""); err != nil || a.status != http.StatusOK {
		t.Errorf("the other worker: %v, %v", a.status, err)
	}
	answered := make(chan error, 1)
	await(t, "a worker that does not answer", func() bool { // the halt may take a moment
		go func() {
			_, err := kept["worker:1"].do("GET", "/x/ok", "")
			answered <- err
		}()
		select {
		case err := <-answered:
			if err != nil {
				t.Fatalf("the worker that hangs: %v", err)
			}
			return false
		case <-time.After(100 * time.Millisecond):
			return true
		}
	})
	r.end(id)
	if err := <-answered; err != nil {
		t.Errorf("after its end: %v", err)
	}
}
