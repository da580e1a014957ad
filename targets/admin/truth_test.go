package admin

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"plimsoll/targets/station"
)

func of(all []station.Truth, name string) (found station.Truth) {
	for _, t := range all {
		if t.Name == name {
			found = t
		}
	}
	return found
}

// TestTheTruthCountsWhatClientsSent counts by route and status, and begins anew with an
// epoch.
func TestTheTruthCountsWhatClientsSent(t *testing.T) {
	r := start(t, "golden", patient("cluster.workers=2")...)
	r.ask("POST", "/epoch?name=one", "", nil)
	sent := map[string]map[string]uint64{}
	for i, request := range []struct{ method, path, route, body string }{
		{"GET", "/x/ok", "/x/ok", ""},
		{"GET", "/x/status/503", "/x/status/{code}", ""},
		{"GET", "/x/status/418", "/x/status/{code}", ""},
		{"GET", "/v1/products/1", "GET /v1/products/{id}", ""},
		{"GET", "/v1/products/999999", "GET /v1/products/{id}", ""},
		{"GET", "/v1/products/none", "GET /v1/products/{id}", ""},
		{"POST", "/v1/orders", "POST /v1/orders", `{"customer": "c", "items": [{"product": 1, "quantity": 1}]}`},
		{"POST", "/v1/orders", "POST /v1/orders", `{`},
	} {
		for range i + 1 {
			a := send(t, request.method, r.data+request.path, request.body)
			if sent[request.route] == nil {
				sent[request.route] = map[string]uint64{}
			}
			status := fmt.Sprint(a.status)
			if a.status == 418 {
				status = "other"
			}
			sent[request.route][status]++
		}
	}
	truth := r.truth("")
	if truth.Epoch != "one" || truth.Begun != 36 || truth.Answered != 36 || len(truth.Requests) != len(sent) {
		t.Errorf("epoch %q has %d begun, %d answered on %d routes", truth.Epoch, truth.Begun, truth.Answered, len(truth.Requests))
	}
	for route, want := range sent {
		if got := truth.Requests[route].Answered; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v were counted, %v were sent", route, got, want)
		}
	}
	if db := of(truth.Stations, "db"); db.Completions == 0 || db.Servers != 10 {
		t.Errorf("the database says %+v", db)
	}
	r.set("services.catalog.enabled", "false")
	if got := r.truth("").Requests["GET /v1/products/{id}"].Begun; got != 15 {
		t.Errorf("without the route %d of its requests are known", got)
	}
	r.ask("POST", "/epoch?name=two", "", nil)
	if truth := r.truth(""); truth.Begun != 0 || truth.Epoch != "two" || len(truth.Stations) > 0 {
		t.Errorf("a new epoch begins with %+v", truth)
	}
}

// TestStationsTellTheTruth merges those of two workers, and shows every draw of one.
func TestStationsTellTheTruth(t *testing.T) {
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			r := start(t, "queueing", fmt.Sprint("cluster.workers=", workers), "stations.mm1.service.mean=1ms")
			r.ask("POST", "/epoch", "", nil)
			const visits = 12
			for range visits {
				r.get("/x/station/mm1")
			}
			r.get("/x/station/md1")
			truth := r.truth("?draws=true&per_worker=true")
			mm1 := of(truth.Stations, "mm1")
			if mm1.Arrivals != visits || mm1.Completions != visits || mm1.Servers != workers || mm1.Service.Count != visits {
				t.Errorf("%+v", mm1)
			}
			if one := workers == 1; (mm1.Draws != nil) != one || one && len(mm1.Draws.Services) != visits {
				t.Errorf("draws: %+v", mm1.Draws)
			}
			var own uint64
			for _, all := range truth.Workers {
				own += of(all, "mm1").Arrivals
			}
			if own != visits || len(truth.Workers) != workers {
				t.Errorf("%d workers saw %d arrivals", len(truth.Workers), own)
			}
			if of(truth.Stations, "mm4").Name != "" {
				t.Error("a station that nobody came to is listed")
			}
		})
	}
}

// TestMetricsParse reads them as Prometheus would, and holds the sum of all workers to the
// whole.
func TestMetricsParse(t *testing.T) {
	r := start(t, "golden", "cluster.workers=2")
	for range 10 {
		r.get("/v1/products/1")
		r.get("/x/status/503")
	}
	read := func(query string) string {
		a := send(t, "GET", r.root+"/metrics"+query, "")
		found, err := promlint.New(strings.NewReader(a.body)).Lint()
		if err != nil || a.status != http.StatusOK || strings.Count(a.body, "# TYPE") < 30 {
			t.Errorf("status %d: %v", a.status, err)
		}
		for _, p := range found {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
		return a.body
	}
	whole, parts := read(""), read("?per_worker=true")
	// sum adds up the samples of a metric, those with a label only unless it is "".
	sum := func(text, name, label string) (sum float64, n int) {
		for line := range strings.Lines(text) {
			series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if base, _, _ := strings.Cut(series, "{"); base != "plimsoll_target_"+name || !strings.Contains(series, label) {
				continue
			}
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Errorf("%s: %v", line, err)
			}
			sum += v
			n++
		}
		return sum, n
	}
	contexts := 6 // each with a shedder of its own
	for name, series := range map[string]int{"worker_requests_total": 1, "limit_allowed_total": 1, "shed_admitted_total": contexts, "cache_loads_total": 1} {
		all, n := sum(whole, name, "")
		each, m := sum(parts, name, "")
		if all != each || n != series || m != 2*series || all == 0 {
			t.Errorf("%s is %v in %d, by worker %v in %d", name, all, n, each, m)
		}
	}
	if n, _ := sum(whole, "requests_total", `"503"`); n != 10 {
		t.Errorf("%v requests were answered with 503, want 10", n)
	}
	if n, _ := sum(whole, "workers", `"ready"`); n != 2 {
		t.Errorf("%v workers are ready, want 2", n)
	}
}

func TestMasterAndWorkersCanBeProfiled(t *testing.T) {
	r := start(t, "minimal", "cluster.workers=2")
	for path, want := range map[string]string{
		"/debug/pprof/cmdline":                    "test",
		"/debug/pprof/goroutine?debug=1":          "master",
		"/debug/pprof/goroutine?debug=1&worker=2": "worker.Run",
		"/debug/pprof/heap?debug=1&worker=1":      "heap profile",
		"/debug/pprof/profile?seconds=1&worker=1": "\x1f\x8b",
		"/debug/fgprof?seconds=1&format=folded":   "runtime.gopark",
		"/debug/pprof/trace?seconds=0.1&worker=1": "go 1.",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			if a := send(t, "GET", r.root+path, ""); a.status != http.StatusOK || !strings.Contains(a.body, want) {
				t.Errorf("status %d: %.200s", a.status, a.body)
			}
		})
	}
	for path, want := range map[string]int{"/debug/pprof/heap?worker=9": 404, "/debug/pprof/heap?worker=x": 400} {
		if a := send(t, "GET", r.root+path, ""); a.status != want {
			t.Errorf("%s: status %d: %s", path, a.status, a.body)
		}
	}
}

// told is one server-sent event.
type told struct{ id, kind, data string }

// listen reads events until the test ends.
func (r *rig) listen(query, last string) <-chan told {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), "GET", r.admin+"/events"+query, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	if last != "" {
		q.Header.Set("Last-Event-ID", last)
	}
	a, err := (&http.Client{Transport: &http.Transport{}}).Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/event-stream" {
		r.t.Fatalf("status %d, %s", a.StatusCode, a.Header.Get("Content-Type"))
	}
	all := make(chan told, 1000)
	go func() {
		defer a.Body.Close()
		readEvents(a.Body, all)
	}()
	return all
}

// readEvents reads as the HTML standard says, as far as it is used.
func readEvents(from io.Reader, to chan<- told) {
	var e told
	for line := range lines(from) {
		field, value, _ := strings.Cut(line, ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.kind = value
		case "data":
			e.data = value
		case "":
			if line == "" && e.kind != "" {
				to <- e
				e = told{}
			}
		}
	}
}

// next returns the next event of a kind; "": of any.
func next(t *testing.T, events <-chan told, kind string) told {
	t.Helper()
	end := time.After(20 * time.Second)
	for {
		select {
		case e := <-events:
			if e.kind == kind || kind == "" {
				return e
			}
		case <-end:
			t.Fatalf("no event %s", kind)
		}
	}
}
