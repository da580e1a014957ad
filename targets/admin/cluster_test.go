package admin

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"plimsoll/targets/cluster"
)

// TestTheClusterChangesUnderLoad exchanges and scales workers and swaps a release while
// clients that repeat nothing ask over kept connections. No request may fail.
func TestTheClusterChangesUnderLoad(t *testing.T) {
	r := start(t, "golden", patient("cluster.workers=2")...)
	first := r.workers()
	if len(first) != 2 || first[0].ID != 1 || first[1].ID != 2 || first[0].PID == first[1].PID || first[0].State != cluster.Ready {
		t.Fatalf("workers: %+v", first)
	}
	paths := []string{"/x/ok", "/v1/products/3", "/v1/prices/2", "/v1/carts/c"}
	t.Run("reload", func(t *testing.T) {
		l := push(r, 4, paths...)
		l.more(t, 50)
		var status cluster.Status
		r.ask("POST", "/cluster/reload", "", &status)
		l.more(t, 50)
		l.whole(t)
		for i, w := range r.workers() {
			if w.PID == first[i].PID || w.Generation != 2 {
				t.Errorf("worker %+v, was %+v", w, first[i])
			}
		}
	})
	t.Run("scale", func(t *testing.T) {
		l := push(r, 4, paths...)
		for _, n := range []int{3, 1} {
			r.ask("POST", fmt.Sprint("/cluster/scale?n=", n), "", nil)
			l.more(t, 30)
			await(t, fmt.Sprint(n, " workers"), func() bool { // those that end may be listed for a moment
				return len(r.workers()) == n && r.setting("cluster.workers") == fmt.Sprint(n)
			})
		}
		r.set("cluster.workers", "2")
		await(t, "the second worker", func() bool { return r.worker(2).State == cluster.Ready })
		l.whole(t)
		for _, n := range []string{"0", "65", "many"} {
			if a := send(t, "POST", r.admin+"/cluster/scale?n="+n, ""); a.status != http.StatusBadRequest {
				t.Errorf("scale to %s: status %d: %s", n, a.status, a.body)
			}
		}
	})
	t.Run("swap", func(t *testing.T) {
		l := push(r, 4, paths...)
		l.more(t, 50)
		r.ask("POST", "/services/catalog/swap?version=1.5.0", "", nil)
		after := r.get("/v1/products/3").header.Get("X-Service-Version")
		l.more(t, 50)
		l.whole(t)
		if after != "catalog/1.5.0" {
			t.Errorf("after the swap %s answers", after)
		}
		for _, want := range []string{"catalog/1.4.0", "catalog/1.5.0", "pricing/1.0.0", "cart/1.0.0"} {
			if l.versions[want] == 0 {
				t.Errorf("nothing was answered by %s", want)
			}
		}
		if len(l.versions) != 4 {
			t.Errorf("releases %v", l.versions)
		}
		for path, want := range map[string]int{"/services/catalogue/swap?version=2": 400, "/services/catalog/swap": 400} {
			if a := send(t, "POST", r.admin+path, ""); a.status != want {
				t.Errorf("%s: status %d: %s", path, a.status, a.body)
			}
		}
	})
	t.Run("figures", func(t *testing.T) {
		r.ask("POST", "/epoch?name=figures", "", nil)
		var before uint64
		for _, w := range r.workers() {
			before += w.Requests
		}
		const asked = 40
		for range asked {
			r.get("/x/ok")
		}
		s := r.stats()
		var after uint64
		for _, w := range s.Cluster.Workers {
			after += w.Requests
		}
		if after-before != asked {
			t.Errorf("workers have begun %d requests, %d were sent", after-before, asked)
		}
		if truth := r.truth(""); truth.Requests["/x/ok"].Answered["200"] != asked {
			t.Errorf("the truth is %+v", truth.Requests)
		}
	})
}

// TestAKilledWorkerTakesOnlyItsOwnRequests kills a worker that holds requests, while the
// other goes on. What was begun is counted, whoever is gone.
func TestAKilledWorkerTakesOnlyItsOwnRequests(t *testing.T) {
	r := start(t, "minimal", "cluster.workers=2", "cluster.respawn.backoff=10ms")
	r.ask("POST", "/epoch?name=kill", "", nil)
	const held = 6
	var mu sync.Mutex
	failed, ended := 0, 0
	var all sync.WaitGroup
	for range held { // connections go round: half of them are with each
		all.Go(func() {
			_, err := try("GET", r.data+"/x/io?ms=1500", "")
			mu.Lock()
			defer mu.Unlock()
			ended++
			if err != nil {
				failed++
			}
		})
	}
	await(t, "all requests to be under way", func() bool { return r.truth("").Requests["/x/io"].Begun == held })
	pid := r.worker(1).PID
	r.ask("POST", "/cluster/workers/1/kill", "", nil)
	all.Wait()
	if failed == 0 || failed >= held || ended != held {
		t.Errorf("%d of %d failed", failed, held)
	}
	await(t, "another worker", func() bool { w := r.worker(1); return w.State == cluster.Ready && w.PID != pid })
	truth := r.truth("")
	got := truth.Requests["/x/io"]
	if got.Begun != held || got.Answered["200"] != uint64(held-failed) || got.Aborted != 0 {
		t.Errorf("%d of %d failed, and the truth is %+v", failed, held, got)
	}
	if w := r.worker(1); w.Restarts != 1 || !strings.Contains(w.LastExit, "kill") {
		t.Errorf("the worker is %+v", w)
	}
	for path, want := range map[string]int{"/cluster/workers/9/kill": 404, "/cluster/workers/1/tickle": 400, "/cluster/workers/one/kill": 400, "/cluster/workers/1/pause?for=5": 400} {
		if a := send(t, "POST", r.admin+path, ""); a.status != want || a.problem().Detail == "" {
			t.Errorf("%s: status %d: %s", path, a.status, a.body)
		}
	}
}

// TestWorkersShareTheWorkAndTheCounts holds what each says of itself to what all did.
func TestWorkersShareTheWorkAndTheCounts(t *testing.T) {
	r := start(t, "cluster", patient("limit.store=shared", "limit.rate=0.01/s", "limit.burst=10")...)
	statuses := map[int]int{}
	for range 20 {
		statuses[r.get("/v1/carts/c", "X-Api-Key", "one").status]++
	}
	if statuses[200] != 10 || statuses[429] != 10 {
		t.Errorf("four workers with one limit of 10 answered %v", statuses)
	}
	for id, w := range r.stats().Workers {
		if l := w.Layers.Limit; l.Allowed+l.Refused < 4 || l.Allowed+l.Refused > 6 {
			t.Errorf("worker %d has seen %+v, which is no fourth of 20", id, l)
		}
	}
	for _, action := range []string{"drain", "pause?for=50ms", "crash"} {
		before := r.worker(3)
		r.ask("POST", "/cluster/workers/3/"+action, "", nil)
		if action != "pause?for=50ms" {
			await(t, "another worker after "+action, func() bool { w := r.worker(3); return w.State == cluster.Ready && w.PID != before.PID })
		}
		for range 8 {
			if a := r.get("/x/ok", "X-Api-Key", action); a.status != 200 {
				t.Errorf("after %s: status %d", action, a.status)
			}
		}
	}
}
