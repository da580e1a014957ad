package cmd

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"plimsoll/report"
)

// tracedTarget answers after two milliseconds and keeps the traceparents that it is sent.
type tracedTarget struct {
	mu      sync.Mutex
	parents map[string]bool
}

func (t *tracedTarget) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	time.Sleep(2 * time.Millisecond)
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := r.Header.Get("Traceparent"); p != "" {
		t.parents[p] = true
	}
}

// hitFor loads the server in a directory of its own and returns its run.
func hitFor(t *testing.T, server, d string, args ...string) (run *report.Run, dir, said string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run-of-"+strconv.Itoa(os.Getpid())+"-"+strings.ReplaceAll(t.Name(), "/", "-"))
	var stdout, stderr bytes.Buffer
	args = append([]string{"hit", server, "--rate", "50/s", "-d", d, "--out", dir, "--ui", "off"}, args...)
	code := Main(args, strings.NewReader(""), &stdout, &stderr, func(string) string { return "" })
	if code != exitOK && code != exitInconclusive { // a busy machine may be late
		t.Fatalf("exit code %d\n%s%s", code, &stdout, &stderr)
	}
	saved, err := report.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return saved.Run, dir, stdout.String() + stderr.String()
}

func TestWhatIsTracedIsWhatTheTargetIsSentAndTheCollectorTold(t *testing.T) {
	target := &tracedTarget{parents: map[string]bool{}}
	server := httptest.NewServer(target)
	defer server.Close()
	var mu sync.Mutex
	told := map[string]bool{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var data tracepb.TracesData
		if r.URL.Path != "/v1/traces" {
			return
		}
		if err != nil || proto.Unmarshal(body, &data) != nil {
			t.Error("not a message")
		}
		mu.Lock()
		defer mu.Unlock()
		for _, s := range data.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans() {
			if len(s.GetParentSpanId()) > 0 {
				told["00-"+hex.EncodeToString(s.GetTraceId())+"-"+hex.EncodeToString(s.GetSpanId())+"-01"] = true
			}
		}
	}))
	defer collector.Close()
	run, dir, said := hitFor(t, server.URL, "1s", "--trace", "50%", "-o", "otlp="+collector.URL)
	file, err := os.Open(filepath.Join(dir, report.TraceFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := 0
	for scan := bufio.NewScanner(file); scan.Scan(); lines++ {
		var r report.TracedRequest
		if err := json.Unmarshal(scan.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if p := "00-" + r.TraceID + "-" + r.SpanID + "-01"; !target.parents[p] || !told[p] {
			t.Errorf("%s is saved; sent: %v, told: %v", p, target.parents[p], told[p])
		}
	}
	if lines < 5 || lines > 45 || lines != len(target.parents) || lines != len(told) || run.Traces.Requests != uint64(lines) {
		t.Errorf("%d saved, %d sent, %d told, %d in run.json of 50", lines, len(target.parents), len(told), run.Traces.Requests)
	}
	if slowest := run.Traces.Slowest; len(slowest) == 0 || !strings.Contains(said, slowest[0].TraceID) {
		t.Errorf("the slowest is not in\n%s", said)
	}
}

func TestARemoteEndThatIsNotThereDoesNotDisturbARun(t *testing.T) {
	server := httptest.NewServer(&tracedTarget{parents: map[string]bool{}})
	defer server.Close()
	began := time.Now()
	nobody := "http://" + freeAddress(t)
	run, _, said := hitFor(t, server.URL, "1s", "-o", "prometheus="+nobody+"/api/v1/write", "-o", "otlp="+nobody)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	if n := strings.Count(said, "warning: -o"); n != 2 || !strings.Contains(said, "the run goes on") {
		t.Errorf("%d warnings in\n%s", n, said)
	}
	if notes := strings.Join(run.Notes, "\n"); !strings.Contains(notes, "are lost") || run.Loads[0].Completed != 50 {
		t.Errorf("%d completed, notes %s", run.Loads[0].Completed, notes)
	}
}

// freeAddress returns a loopback address where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// database is a Prometheus of its own, which scrapes an address.
type database struct{ url string }

func startPrometheus(t *testing.T, scrape string, flags ...string) database {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("there is no prometheus on this machine")
	}
	dir, address := t.TempDir(), freeAddress(t)
	config := fmt.Sprintf("scrape_configs: [{job_name: plimsoll, scrape_interval: 500ms, scrape_timeout: 500ms, static_configs: [{targets: [%q]}]}]", scrape)
	if err := os.WriteFile(filepath.Join(dir, "p.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{
		"--config.file=" + filepath.Join(dir, "p.yml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + address, "--web.enable-remote-write-receiver",
	}, flags...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	db := database{"http://" + address}
	for range 400 { // it begins to scrape some seconds after it is ready
		if resp, err := http.Get(db.url + "/api/v1/targets"); err == nil {
			said, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if bytes.Contains(said, []byte("connection refused")) {
				return db
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("prometheus does not scrape after twenty seconds")
	return db
}

// value returns the last value that the only series of an expression had in the last ten
// seconds, NaN if there is not exactly one: once a scrape finds nobody, because the run is
// over, it has none now.
func (db database) value(t *testing.T, expr string) float64 {
	t.Helper()
	now := time.Now()
	ask := url.Values{"query": {expr}, "step": {"0.1"}}
	for name, at := range map[string]time.Time{"start": now.Add(-10 * time.Second), "end": now} {
		ask.Set(name, strconv.FormatFloat(float64(at.UnixMilli())/1e3, 'f', 3, 64))
	}
	resp, err := http.Get(db.url + "/api/v1/query_range?" + ask.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct{ Result []struct{ Values [][2]any } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Data.Result) != 1 {
		return math.NaN()
	}
	values := answer.Data.Result[0].Values
	v, _ := strconv.ParseFloat(fmt.Sprint(values[len(values)-1][1]), 64)
	return v
}

// counted holds what the database has against the run.
func (db database) counted(t *testing.T, run *report.Run, which, count, quantile string) {
	t.Helper()
	l := run.Loads[0]
	for expr, want := range map[string]float64{
		"sum(plimsoll_requests_total{" + which + "})":                                 float64(l.Requests[0].Count),
		"plimsoll_requests_total{code=\"200\"," + which + "}":                         float64(l.Requests[0].Codes["200"]),
		"plimsoll_sent_total{" + which + "}":                                          float64(l.Sent),
		"plimsoll_passes_total{outcome=\"completed\"," + which + "}":                  float64(l.Completed),
		"plimsoll_received_bytes_total{" + which + "}":                                float64(l.BytesIn),
		"plimsoll_run_verdict{verdict=\"" + string(run.Verdict) + "\"," + which + "}": 1,
		count: float64(l.Latency.Count),
	} {
		if got := db.value(t, expr); got != want {
			t.Errorf("%s is %v, want %v", expr, got, want)
		}
	}
	if quantile == "" {
		return
	}
	if got, want := db.value(t, quantile)*1e3, l.Latency.P50; !(math.Abs(got-want) < 0.1*want) {
		t.Errorf("%s is %v ms, want about %v", quantile, got, want)
	}
}

func TestPrometheusCountsWhatTheRunCounts(t *testing.T) {
	server := httptest.NewServer(&tracedTarget{parents: map[string]bool{}})
	t.Cleanup(server.Close)
	for name, flags := range map[string][]string{"classic": nil, "native": {"--enable-feature=native-histograms"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scraped := freeAddress(t)
			db := startPrometheus(t, scraped, flags...)
			args := []string{"-o", "prometheus=" + scraped, "-o", "prometheus=" + db.url + "/api/v1/write"}
			count, quantile := "sum(plimsoll_request_duration_seconds_count{%s})", ""
			if flags != nil {
				args = append(args, "--native-histograms")
				count = "histogram_count(plimsoll_request_duration_seconds{outcome=\"ok\",%s})"
				quantile = "histogram_quantile(0.5, plimsoll_request_duration_seconds{outcome=\"ok\",%s})"
			}
			run, _, said := hitFor(t, server.URL, "2s", args...)
			if strings.Contains(said, "warning") || strings.Contains(said, "lost") {
				t.Error(said)
			}
			for _, which := range []string{`instance!=""`, `instance=""`} {
				q := quantile
				if q != "" {
					q = fmt.Sprintf(quantile, which)
				}
				db.counted(t, run, which, fmt.Sprintf(count, which), q)
			}
		})
	}
}
