package worker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"plimsoll/targets/event"
	"plimsoll/targets/fault"
	"plimsoll/targets/knob"
	"plimsoll/targets/topology"
)

// told sends the worker an assignment, of a preset with settings changed.
func told(t testing.TB, w *Worker, a Assignment, preset string, settings ...string) *httptest.ResponseRecorder {
	t.Helper()
	if preset != "" {
		cfg, err := topology.Load(preset, settings...)
		if err != nil {
			t.Fatal(err)
		}
		text, err := knob.Encode(cfg)
		if err != nil {
			t.Fatal(err)
		}
		a.Topology = string(text)
	}
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	w.Control().ServeHTTP(answer, httptest.NewRequest("PUT", "/assignment", strings.NewReader(string(body))))
	return answer
}

// asked asks the data port.
func asked(w *Worker, path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
	return answer
}

// TestTheLatestEditionHoldsWhicheverComesFirst sends editions out of order, as connections
// may bring them.
func TestTheLatestEditionHoldsWhicheverComesFirst(t *testing.T) {
	w := worked(t, "golden")
	for _, step := range []struct {
		edition, version int
		queue, want      string
	}{
		{3, 3, "30", "30"},
		{2, 2, "20", "30"}, // late
		{4, 2, "20", "20"}, // the master went back
		{4, 5, "50", "20"}, // that edition is there already
		{6, 6, "60", "60"},
	} {
		answer := told(t, w, Assignment{Edition: step.edition, Version: step.version}, "golden", "shed.queue="+step.queue)
		if got := fmt.Sprint(w.Config().Shed.Queue); answer.Code != http.StatusOK || got != step.want {
			t.Errorf("after edition %d: status %d, shed.queue is %s, want %s", step.edition, answer.Code, got, step.want)
		}
	}
	if s := w.Stats(); s.Version != 6 || s.Instance != "worker:1" {
		t.Errorf("version %d of %s", s.Version, s.Instance)
	}
}

func TestAnAssignmentWithAMistakeChangesNothing(t *testing.T) {
	w := worked(t, "golden")
	for i, test := range []struct {
		name string
		Assignment
	}{
		{"no number", Assignment{Version: 2, Topology: "shed: {queue: many}"}},
		{"an unknown layer", Assignment{Version: 2, Topology: "chain: [limiter]"}},
		{"a fault that is none", Assignment{Version: 1, Faults: []fault.Fault{{ID: "f", Target: "svc:x", Kind: "tickle", For: time.Minute, Began: time.Now()}}}},
	} {
		test.Edition = i + 2
		t.Run(test.name, func(t *testing.T) {
			if answer := told(t, w, test.Assignment, ""); answer.Code != http.StatusBadRequest || answer.Body.Len() < 10 {
				t.Errorf("status %d: %s", answer.Code, answer.Body)
			}
			if w.Config().Shed.Queue != 512 || asked(w, "/x/ok").Code != http.StatusOK {
				t.Errorf("it has changed: shed.queue is %d", w.Config().Shed.Queue)
			}
		})
	}
}

// TestFaultsAreThoseOfTheAssignment begins new ones, ends those that are gone and leaves
// the rest as they are.
func TestFaultsAreThoseOfTheAssignment(t *testing.T) {
	w := worked(t, "minimal")
	now := time.Now()
	teapot := fault.Fault{ID: "teapot", Target: "route:/x/ok", Kind: "error", Value: "418", For: time.Minute, Began: now}
	gone := fault.Fault{ID: "gone", Target: "route:/x/echo", Kind: "error", Value: "410", For: time.Minute, Began: now}
	over := fault.Fault{ID: "over", Target: "svc:x", Kind: "error", Value: "500", For: time.Millisecond, Began: now.Add(-time.Second)}
	for edition, step := range []struct {
		faults   []fault.Fault
		ok, echo int
		hits     uint64
	}{
		{[]fault.Fault{teapot, gone, over}, 418, 410, 1},
		{[]fault.Fault{teapot}, 418, 200, 2},
		{nil, 200, 200, 0},
	} {
		if answer := told(t, w, Assignment{Edition: edition + 2, Version: 1, Faults: step.faults}, ""); answer.Code != http.StatusOK {
			t.Fatalf("status %d: %s", answer.Code, answer.Body)
		}
		if ok, echo := asked(w, "/x/ok").Code, asked(w, "/x/echo").Code; ok != step.ok || echo != step.echo {
			t.Errorf("step %d: /x/ok %d, /x/echo %d, want %d and %d", edition, ok, echo, step.ok, step.echo)
		}
		var hits uint64
		for _, active := range w.Stats().Faults {
			if active.Fault.ID == "teapot" {
				hits = active.Hits
			}
		}
		if hits != step.hits {
			t.Errorf("step %d: the fault met %d, want %d", edition, hits, step.hits)
		}
	}
}

func TestRoutesComeAndGoWithTheirContexts(t *testing.T) {
	w := worked(t, "golden", "cache.tiers=")
	if answer := asked(w, "/v1/carts/"+strings.Repeat("c", 65)); answer.Code != http.StatusBadRequest || answer.Header().Get("X-Service-Version") != "cart/1.0.0" || answer.Header().Get("X-Instance") != "worker:1" {
		t.Errorf("status %d, %v", answer.Code, answer.Header())
	}
	told(t, w, Assignment{Edition: 2, Version: 2}, "golden", "services.cart.enabled=false")
	if answer := asked(w, "/v1/carts/c"); answer.Code != http.StatusNotFound || answer.Header().Get("X-Service-Version") != "" {
		t.Errorf("without the context: status %d, %v", answer.Code, answer.Header())
	}
	told(t, w, Assignment{Edition: 3, Version: 3}, "golden", "services.cart.version=2.0.0")
	if got := asked(w, "/v1/carts/"+strings.Repeat("c", 65)).Header().Get("X-Service-Version"); got != "cart/2.0.0" {
		t.Errorf("another release: %s", got)
	}
}

func TestAWorkerThatRetiresSaysSo(t *testing.T) {
	w := worked(t, "minimal")
	for path, want := range map[string]int{"/readyz": 200, "/healthz": 200} {
		if got := asked(w, path).Code; got != want {
			t.Errorf("%s: status %d", path, got)
		}
	}
	w.Retire()
	for path, want := range map[string]int{"/readyz": 503, "/healthz": 200, "/x/ok": 200} {
		if got := asked(w, path).Code; got != want {
			t.Errorf("after it has retired %s: status %d, want %d", path, got, want)
		}
	}
}

// TestAPanicEndsTheProcessUnlessALayerRecovers is what the layer recover is for.
func TestAPanicEndsTheProcessUnlessALayerRecovers(t *testing.T) {
	for _, test := range []struct {
		chain   string
		crashes bool
	}{{"identify,recover", false}, {"identify", true}} {
		t.Run(test.chain, func(t *testing.T) {
			w := worked(t, "minimal", "chain="+test.chain)
			crashed, wrote := false, &strings.Builder{}
			w.host.Crash, w.host.Stderr = func() { crashed = true }, wrote
			told(t, w, Assignment{Edition: 2, Version: 1, Faults: []fault.Fault{
				{ID: "f", Target: "svc:x", Kind: "panic", For: time.Minute, Began: time.Now()},
			}}, "")
			status := 0
			func() {
				defer func() { recover() }() // where Crash does not end the process, the panic goes on
				status = asked(w, "/x/ok").Code
			}()
			if crashed != test.crashes || !crashed && status != http.StatusInternalServerError {
				t.Errorf("crashed: %t, status %d", crashed, status)
			}
			if explained := strings.Contains(wrote.String(), "injected by fault f"); explained != test.crashes {
				t.Errorf("it wrote %q", wrote)
			}
		})
	}
}

// TestEventsReachTheMaster reads them as the master does.
func TestEventsReachTheMaster(t *testing.T) {
	w := worked(t, "minimal")
	s := httptest.NewServer(w.Control())
	defer s.Close()
	w.events.Publish("breaker.open", map[string]any{"dependency": "db"})
	answer, err := http.Get(s.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	bus := event.NewBus("master")
	heard, stop := bus.Listen(0)
	defer stop()
	var forwarding sync.WaitGroup
	forwarding.Go(func() { Forward(answer.Body, bus) })
	w.events.Publish("breaker.closed", nil)
	for _, want := range []string{"breaker.open", "breaker.closed"} {
		if e := <-heard; e.Kind != want || e.Source != "worker:1" || e.Time.IsZero() {
			t.Errorf("heard %+v, want %s", e, want)
		}
	}
	answer.Body.Close()
	forwarding.Wait()
}

// TestSettingsChangeWhileRequestsAreServed is for the race detector: every part is given
// new settings under load.
func TestSettingsChangeWhileRequestsAreServed(t *testing.T) {
	logging.Disable() // there is no shared store
	w := worked(t, "golden", "cache.tiers=l1", "idempotency.store=memory")
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					for _, path := range []string{"/x/ok", "/x/cache/k?ms=0", "/x/json", "/v1/carts/c", "/x/dep/db"} {
						asked(w, path)
					}
				}
			}
		})
	}
	for i := range 6 {
		settings := []string{"cache.tiers=l1", "idempotency.store=memory"}
		if i%2 == 0 {
			settings = append(settings, "exec.model=eventloop", "exec.isolation=false", "deps.shared_pool=true", "limit.algo=sliding_log", "shed.discipline=lifo", "cache.l1.policy=lru")
		}
		if answer := told(t, w, Assignment{Edition: i + 2, Version: i + 2}, "golden", settings...); answer.Code != http.StatusOK {
			t.Errorf("status %d: %s", answer.Code, answer.Body)
		}
		w.Stats()
	}
	close(stop)
	all.Wait()
	if answer := asked(w, "/x/ok"); answer.Code != http.StatusOK {
		t.Errorf("afterwards: status %d", answer.Code)
	}
}
