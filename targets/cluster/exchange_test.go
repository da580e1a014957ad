//go:build unix

package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReloadLosesNothing(t *testing.T) {
	for _, share := range []string{RoundRobin, Inherited, ReusePort} {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/keep=%v", share, keep), func(t *testing.T) {
				t.Parallel()
				r := begin(t, settings(3, share))
				fast := push(r.Addr().String(), 6, keep, "/")
				slow := push(r.Addr().String(), 3, keep, "/?ms=400")
				fast.more(t, 100)
				if err := r.Reload(t.Context()); err != nil {
					t.Fatal(err)
				}
				fast.more(t, 100)
				if failed := append(fast.stop(), slow.stop()...); len(failed) > 0 {
					t.Errorf("%d of %d failed: %q", len(failed), fast.ok.Load()+slow.ok.Load(), failed[:1])
				}
				status := r.Status()
				for _, w := range status.Workers {
					if w.Generation != 2 || w.State != Ready {
						t.Errorf("after the reload: %+v", w)
					}
				}
				if len(status.Workers) != 3 || status.Generation != 2 {
					t.Errorf("%d workers of generation %d, want 3 of 2", len(status.Workers), status.Generation)
				}
			})
		}
	}
}

func TestReloadChangesTheWayOfSharing(t *testing.T) {
	t.Parallel()
	config := settings(2, RoundRobin)
	r := begin(t, config)
	address := r.Addr().String()
	l := push(address, 4, false, "/")
	k := push(address, 2, true, "/")
	for _, share := range []string{Inherited, ReusePort, RoundRobin} {
		config.Share = share
		r.Configure(config)
		l.more(t, 20)
		if err := r.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.more(t, 20)
		if got := r.Status().Share; got != share || r.Addr().String() != address {
			t.Errorf("the port is %s and shared by %s, want %s and %s", r.Addr(), got, address, share)
		}
	}
	if failed := append(l.stop(), k.stop()...); len(failed) > 0 {
		t.Errorf("%d of %d failed: %q", len(failed), l.ok.Load()+k.ok.Load(), failed[:1])
	}
}

func TestAReloadThatFailsLeavesTheOldAlone(t *testing.T) {
	t.Parallel()
	for boot, want := range map[string]string{
		"fail":   "this worker does not want to",
		"silent": "not ready in time",
		"unwell": "/healthz on its control listener answers with status 404",
	} {
		t.Run(boot, func(t *testing.T) {
			r := prepare(t, settings(2, ReusePort))
			r.options.StartLimit = 5 * time.Second
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if boot != "fail" {
				r.options.StartLimit = 500 * time.Millisecond
			}
			before := r.Status()
			l := push(r.Addr().String(), 2, false, "/")
			r.boot.Store(boot)
			if err := r.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			l.more(t, 20)
			if failed := l.stop(); len(failed) > 0 {
				t.Errorf("%d failed: %q", len(failed), failed[0])
			}
			after := r.Status()
			if after.Generation != 1 || len(after.Workers) != 2 || after.Workers[0].PID != before.Workers[0].PID || after.Workers[1].PID != before.Workers[1].PID {
				t.Errorf("before %+v\nafter %+v", before, after)
			}
		})
	}
}

func TestWithoutTimeToDrainRequestsAreCutOff(t *testing.T) {
	config := settings(1, RoundRobin)
	config.Drain = 0
	r := begin(t, config)
	c := &client{address: r.Addr().String()}
	result := make(chan error, 1)
	go func() {
		_, err := c.get("/?ms=20000")
		result <- err
	}()
	await(t, "the request to be under way", func() bool { return r.worker(1).Requests == 1 })
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err == nil {
		t.Error("a request of 20 s survived a reload that does not wait")
	}
}

func TestScaleChangesTheNumberOfWorkers(t *testing.T) {
	for _, share := range []string{RoundRobin, Inherited, ReusePort} {
		t.Run(share, func(t *testing.T) {
			t.Parallel()
			r := begin(t, settings(1, share))
			l := push(r.Addr().String(), 4, false, "/")
			k := push(r.Addr().String(), 4, true, "/?ms=1")
			for _, n := range []int{4, 2} {
				l.more(t, 50)
				if err := r.Scale(t.Context(), n); err != nil {
					t.Fatal(err)
				}
				var ids []int
				for _, w := range r.Status().Workers {
					ids = append(ids, w.ID)
				}
				if want := []int{1, 2, 3, 4}[:n]; !slices.Equal(ids, want) {
					t.Errorf("workers %v, want %v", ids, want)
				}
			}
			l.more(t, 50)
			if failed := append(l.stop(), k.stop()...); len(failed) > 0 {
				t.Errorf("%d of %d failed: %q", len(failed), l.ok.Load()+k.ok.Load(), failed[:1])
			}
		})
	}
	r := begin(t, settings(1, RoundRobin))
	if err := r.Scale(t.Context(), 65); err == nil {
		t.Error("65 workers were allowed")
	}
	config := settings(2, RoundRobin)
	r.Configure(config)
	await(t, "a second worker by configuration", func() bool { return r.worker(2).State == Ready })
}

func TestDrainReplacesOneWorker(t *testing.T) {
	r := begin(t, settings(2, RoundRobin))
	before := r.Status().Workers
	l := push(r.Addr().String(), 4, true, "/")
	l.more(t, 20)
	if err := r.Drain(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	l.more(t, 20)
	if failed := l.stop(); len(failed) > 0 {
		t.Errorf("%d failed: %q", len(failed), failed[0])
	}
	after := r.Status().Workers
	if len(after) != 2 || after[0].PID != before[0].PID || after[1].PID == before[1].PID {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	if err := r.Drain(t.Context(), 3); !errors.Is(err, ErrNoWorker) {
		t.Errorf("a worker that there is not: %v, want ErrNoWorker", err)
	}
}

func TestWorkersAreRecycledByRequests(t *testing.T) {
	config := settings(2, RoundRobin)
	config.Respawn.Max = 10 * time.Millisecond
	config.Health.Every = 20 * time.Millisecond
	config.Recycle.Requests = 50
	r := begin(t, config)
	l := push(r.Addr().String(), 4, true, "/")
	await(t, "three to be recycled", func() bool { return r.told("worker.recycle") >= 3 })
	if failed := l.stop(); len(failed) > 0 {
		t.Errorf("%d of %d failed: %q", len(failed), l.ok.Load(), failed[0])
	}
	if got := r.Status().RestartsTotal; got != 0 {
		t.Errorf("%d workers died, want none", got)
	}
}

func TestWorkersAreRecycledBySize(t *testing.T) {
	if rss, _ := usage(os.Getpid()); rss == 0 {
		t.Skip("the size of a process is not known on this system")
	}
	config := settings(1, RoundRobin)
	config.Respawn.Max = 10 * time.Millisecond
	config.Health.Every = 20 * time.Millisecond
	config.Recycle.RSS = 1
	r := begin(t, config)
	await(t, "one to be recycled", func() bool { return r.told("worker.drained") >= 1 })
	if w := r.worker(1); w.RSS == 0 {
		t.Errorf("%+v, want its size", w)
	}
}

func TestCloseLetsRequestsFinish(t *testing.T) {
	for _, share := range []string{RoundRobin, Inherited, ReusePort} {
		t.Run(share, func(t *testing.T) {
			t.Parallel()
			r := begin(t, settings(2, share))
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					c := &client{address: r.Addr().String(), keep: true}
					defer c.close()
					if _, err := c.get("/?ms=300"); err != nil {
						t.Error(err)
					}
				})
			}
			await(t, "the requests to be under way", func() bool { return r.Status().RequestsTotal == 4 })
			if err := r.Close(t.Context()); err != nil {
				t.Error(err)
			}
			all.Wait()
			if got := r.Status(); len(got.Workers) != 0 && got.Workers[0].PID != 0 || got.RequestsTotal != 4 {
				t.Errorf("after the end: %+v", got)
			}
			if conn, err := net.Dial("tcp", r.Addr().String()); err == nil {
				conn.Close()
				t.Error("the port is still open")
			}
		})
	}
}
