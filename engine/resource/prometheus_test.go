package resource

import (
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serve answers every request with this text.
func serve(t *testing.T, kind, text string) *Page {
	t.Helper()
	return page(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		io.WriteString(w, text)
	}))
}

func page(t *testing.T, h http.Handler) *Page {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	p, err := NewPage(s.URL + "/metrics?token=secret")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// meters returns what was read, by name.
func meters(t *testing.T, w Watch) (map[string]Meter, Reading) {
	t.Helper()
	r, err := w.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Meter{}
	for _, m := range r.Meters {
		all[m.Name] = m
	}
	return all, r
}

// TestPageOfAProgram reads a page of client_golang about this process.
func TestPageOfAProgram(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	inUse := prometheus.NewGauge(prometheus.GaugeOpts{Name: "go_sql_in_use_connections", ConstLabels: prometheus.Labels{"db_name": "shop"}})
	most := prometheus.NewGauge(prometheus.GaugeOpts{Name: "go_sql_max_open_connections", ConstLabels: prometheus.Labels{"db_name": "shop"}})
	registry.MustRegister(inUse, most)
	most.Set(8)
	p := page(t, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	var s Span
	for i := range 3 {
		inUse.Set(float64(5 + i))
		r, err := p.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Add(r)
		work(t)
	}
	uses, notes := s.Uses()
	found := map[string]Use{}
	for _, u := range uses {
		found[u.Name] = u
	}
	if u := found["db connections db_name=shop"]; u.Utilisation != .75 || u.Units != 8 {
		t.Errorf("the pool: %+v (notes %q)", u, notes)
	}
	programOf(t, found, s.last.Sub(s.first).Seconds())
}

func TestPage(t *testing.T) {
	const nodes = `# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 70
node_cpu_seconds_total{cpu="0",mode="iowait"} 5
node_cpu_seconds_total{cpu="0",mode="user"} 20
node_cpu_seconds_total{cpu="0",mode="steal"} 5
node_cpu_seconds_total{cpu="1",mode="idle"} 100
`
	const containers = `container_cpu_usage_seconds_total{cpu="total",id="/",container=""} 500 1700000000000
container_cpu_usage_seconds_total{cpu="total",id="/a",container="shop",pod="shop-1"} 30 1700000000500
container_cpu_usage_seconds_total{cpu="total",id="/b",container="POD",pod="shop-1"} 1
container_cpu_usage_seconds_total{cpu="cpu00",id="/a",container="shop",pod="shop-1"} 20
container_spec_cpu_quota{id="/a",container="shop",pod="shop-1"} 150000
container_spec_cpu_period{id="/a",container="shop",pod="shop-1"} 100000
machine_cpu_cores 8
`
	tests := map[string]struct {
		text string
		want map[string]Meter
	}{
		"the processors of a machine": {nodes, map[string]Meter{
			"node cpu": {Name: "node cpu", Units: 2, Busy: map[string]Count{"0": {25, 100}, "1": {0, 100}}},
		}},
		"a container with a quota, and the time of its figures": {containers, map[string]Meter{
			"cpu of container shop-1/shop": {Name: "cpu of container shop-1/shop", Units: 1.5, Busy: one(30, 1.5*1700000000.5)},
		}},
		"a program of Node.js": {"process_cpu_seconds_total 3\nnodejs_version_info{version=\"v24\"} 1\n", map[string]Meter{
			"cpu": {Name: "cpu", Units: 1, Busy: one(3, 0)},
		}},
		"a program on the JVM": {"process_cpu_seconds_total 3\nsystem_cpu_count 4\nhikaricp_connections_active{pool=\"a\"} 2\nhikaricp_connections_max{pool=\"a\"} 10\n", map[string]Meter{
			"cpu":                   {Name: "cpu", Units: 4, Busy: one(3, 0)},
			"db connections pool=a": {Name: "db connections pool=a", Units: 10, InUse: 2},
		}},
		"two programs on one page": {`process_cpu_seconds_total{instance="a"} 3
process_cpu_seconds_total{instance="b"} 5
go_sched_gomaxprocs_threads{instance="a"} 2
go_sched_gomaxprocs_threads{instance="b"} 4
`, map[string]Meter{
			"cpu instance=a": {Name: "cpu instance=a", Units: 2, Busy: one(3, 0)},
			"cpu instance=b": {Name: "cpu instance=b", Units: 4, Busy: one(5, 0)},
		}},
		"a figure that is no number": {"process_cpu_seconds_total NaN\nsystem_cpu_count 4\nprocess_open_fds 1\nprocess_max_fds 9\n", map[string]Meter{
			"open files": {Name: "open files", Units: 9, InUse: 1},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, _ := meters(t, serve(t, "text/plain; version=0.0.4", test.text))
			same := func(a, b Meter) bool {
				return a.Name == b.Name && a.Units == b.Units && a.InUse == b.InUse && maps.Equal(a.Busy, b.Busy)
			}
			if !maps.EqualFunc(got, test.want, same) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestPageSaysWhatIsMissing(t *testing.T) {
	_, r := meters(t, serve(t, "text/plain", "process_cpu_seconds_total 3\ngo_sql_in_use_connections 1\ngo_sql_max_open_connections 0\nprocess_open_fds 1\nprocess_max_fds 9\n"))
	if len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "how many processors") || !strings.Contains(r.Notes[1], "no bound") {
		t.Errorf("notes: %q", r.Notes)
	}
}

func TestPageIsBounded(t *testing.T) {
	var text strings.Builder
	for i := range 200 {
		text.WriteString(strings.Replace("hikaricp_connections_active{pool=\"N\"} 1\nhikaricp_connections_max{pool=\"N\"} 2\n", "N", strings.Repeat("x", i+1), 2))
	}
	lines := strings.SplitAfter(text.String(), "\n")
	slices.Sort(lines) // families in one piece
	_, r := meters(t, serve(t, "text/plain", strings.Join(lines, "")))
	if len(r.Meters) != mostMeters || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "136 of the 200") {
		t.Errorf("%d meters, notes %q", len(r.Meters), r.Notes)
	}
}

func TestPageThatIsNone(t *testing.T) {
	answer := func(status int, kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, text)
		}
	}
	tests := map[string]struct {
		h    http.Handler
		is   error
		says string
	}{
		"HTML":                    {answer(200, "text/html", "<!doctype html>"), ErrContent, "HTML"},
		"HTML under another name": {answer(200, "text/plain", "\n<html>"), ErrContent, "HTML"},
		"JSON":                    {answer(200, "application/json", `{"a": 1}`), ErrContent, "parsing error"},
		"a page that is cut off":  {answer(200, "text/plain", "process_cpu_seconds_total"), ErrContent, "parsing error"},
		"nothing":                 {answer(200, "text/plain", ""), ErrNothing, "nothing on the page"},
		"metrics of other things": {answer(200, "text/plain", "http_requests_total 5\n"), ErrNothing, "nothing on the page"},
		"cpu without processors":  {answer(200, "text/plain", "process_cpu_seconds_total 5\n"), ErrNothing, "how many processors"},
		"not found":               {answer(404, "text/plain", "no"), nil, "404 Not Found"},
		"too much": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Write(make([]byte, fetchBytes+1))
		}), nil, "more than 16 MiB"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := page(t, test.h).Read(t.Context())
			if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

func TestPageThatDoesNotAnswer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	p, err := NewPage(gone.URL + "/?token=secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = p.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	for _, address := range []string{"", "localhost:9090", "ftp://x/", "http://", "http://a b/"} {
		if _, err := NewPage(address); err == nil {
			t.Errorf("%q: no error", address)
		}
	}
}

// FuzzPage demands that no page makes the reader panic, or a meter that is no number.
func FuzzPage(f *testing.F) {
	f.Add("process_cpu_seconds_total 3\nsystem_cpu_count 4\n")
	f.Add("node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 70 5\n")
	f.Add("container_cpu_usage_seconds_total{name=\"a\"} +Inf\nmachine_cpu_cores 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		families, err := parse([]byte(text), "text/plain")
		if err != nil {
			return
		}
		var r Reading
		families.meters(&r)
		for _, m := range r.Meters {
			if !(m.Units > 0) || math.IsNaN(m.InUse) || m.Name == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}
