package export

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/snappy"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/report"
	"plimsoll/report/budget"
)

var identity = Identity{Run: "shop-1", Scenario: "shop", Version: "1.2.3"}

// measured returns an interval in which each request was answered n times, and failed once.
func measured(n int, requests ...string) *engine.Snapshot {
	l := &engine.Legend{Loads: []engine.LoadLegend{{Name: "users", Model: "open", Stages: []engine.StageLegend{{Name: "calm", To: time.Second}}}}}
	for _, r := range requests {
		l.Requests = append(l.Requests, engine.RequestLegend{Name: r})
	}
	s := engine.NewSnapshot(l)
	s.To = time.Second
	for r := range requests {
		for i := range n {
			s.Cell(engine.Key{Request: r}).Add(&engine.Sample{
				Request: r, Start: time.Millisecond, End: time.Duration(10+i) * time.Millisecond, Status: 200, BytesIn: 100, BytesOut: 50,
			})
		}
		s.Cell(engine.Key{Request: r, Outcome: engine.Error}).Add(&engine.Sample{Request: r, End: time.Second, Outcome: engine.Error, ErrKind: engine.ErrTimeout})
	}
	s.Tallies[0][0] = engine.Tally{Planned: uint64(n + 2), Sent: uint64(n + 1), Dropped: 1, Completed: uint64(n), Failed: 1}
	s.Health = engine.Health{CPU: time.Second, Capacity: 2 * time.Second, InFlight: 7, Users: 3}
	return s
}

// totals are the values of all series, written as Prometheus does.
func totals(families []*dto.MetricFamily) map[string]float64 {
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				if n := l.GetName(); n != "run" && n != "scenario" {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			all[f.GetName()+"{"+strings.Join(labels, ",")+"}"] += v
		}
	}
	return all
}

func TestMetricsAddUpOverIntervals(t *testing.T) {
	s := measured(10, "home")
	m := newMeter(s.Legend, identity)
	m.observe(s)
	m.observe(s)
	m.budgets([]budget.Result{{Expr: "p99 < 1s", Margin: new(0.5), Observed: new(500.0), Limit: new(1000.0), Unit: "ms", Result: budget.Kept}})
	got := totals(m.families())
	for series, want := range map[string]float64{
		"plimsoll_requests_total{code=200,load=users,outcome=ok,request=home}":  20,
		"plimsoll_requests_total{load=users,outcome=error,request=home}":        2,
		"plimsoll_errors_total{error=timeout,load=users,request=home}":          2,
		"plimsoll_request_duration_seconds{load=users,outcome=ok,request=home}": 20,
		"plimsoll_service_duration_seconds{load=users,outcome=ok,request=home}": 20,
		"plimsoll_lag_seconds{load=users}":                                      22,
		"plimsoll_received_bytes_total{load=users}":                             2000,
		"plimsoll_transmitted_bytes_total{load=users}":                          1000,
		"plimsoll_passes_total{load=users,outcome=completed}":                   20,
		"plimsoll_dropped_total{load=users}":                                    2,
		"plimsoll_in_flight{}":                                                  7,
		"plimsoll_users{}":                                                      3,
		"plimsoll_generator_cpu_ratio{}":                                        0.5,
		"plimsoll_budget_margin_ratio{budget=p99 < 1s}":                         0.5,
		"plimsoll_budget_kept{budget=p99 < 1s}":                                 1,
		"plimsoll_budget_limit{budget=p99 < 1s,unit=ms}":                        1000,
		"plimsoll_run_info{version=1.2.3}":                                      1,
	} {
		if v, there := got[series]; !there || v != want {
			t.Errorf("%s is %v (%v), want %v", series, v, there, want)
		}
	}
	if n := m.notes(); len(n) != 0 {
		t.Errorf("notes %q", n)
	}
}

func TestTheNumberOfSeriesIsBoundedAndSaid(t *testing.T) {
	var names []string
	for i := range 3 * mostPairs {
		names = append(names, fmt.Sprintf("request %d", i))
	}
	s := measured(2, names...)
	c := s.Cell(engine.Key{Outcome: engine.Failed})
	for code := range 200 {
		c.Add(&engine.Sample{Status: 300 + code})
		c.Add(&engine.Sample{ErrKind: fmt.Sprintf("trouble %d", code)})
	}
	m := newMeter(s.Legend, identity)
	m.observe(s)
	m.budgets(make([]budget.Result, mostBudgets+3))
	perPair := 4*(mostCodes+2) + mostKinds + 1 + 2*4
	series, requests := 0, 0.0
	for name, v := range totals(m.families()) {
		series++
		if strings.HasPrefix(name, "plimsoll_requests_total") {
			requests += v
		}
	}
	if series > (mostPairs+1)*perPair {
		t.Errorf("%d series", series)
	}
	if want := 3.0*float64(len(names)) + 400; requests != want {
		t.Errorf("%v requests in all series, want %v", requests, want)
	}
	notes := strings.Join(m.notes(), "\n")
	for _, want := range []string{"requests after the first 100 are counted together", "status codes after the first 20", "kinds of errors after the first 20", "3 budgets after the first 50 were not sent"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
}

func TestNamesAreMadeHarmless(t *testing.T) {
	hostile := "a\"b\\c\nd\u202ee\x00f\xff" + strings.Repeat("x", 10_000)
	s := measured(1, hostile)
	m := newMeter(s.Legend, Identity{Run: hostile, Scenario: hostile, Version: hostile})
	m.observe(s)
	var page bytes.Buffer
	if err := encode(&page, m.families(), expfmt.NewFormat(expfmt.TypeTextPlain)); err != nil {
		t.Fatal(err)
	}
	if !utf8.ValidString(page.String()) || strings.ContainsAny(page.String(), "\x00\u202e") || strings.Contains(page.String(), strings.Repeat("x", limitedName+1)) {
		t.Errorf("%.2000s", page.String())
	}
	var data metricspb.MetricsData
	if err := proto.Unmarshal(newResource(identity).metrics(m, time.Now()), &data); err != nil || len(data.GetResourceMetrics()) != 1 {
		t.Errorf("%v", err)
	}
}

// collector takes OTLP and remote write and keeps what it got.
type collector struct {
	mu      sync.Mutex
	metrics []*metricspb.MetricsData
	traces  []*tracepb.TracesData
	written [][]byte
	headers http.Header
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = r.Header
	switch r.URL.Path {
	case "/v1/metrics":
		m := new(metricspb.MetricsData)
		err = proto.Unmarshal(body, m)
		c.metrics = append(c.metrics, m)
	case "/v1/traces":
		m := new(tracepb.TracesData)
		err = proto.Unmarshal(body, m)
		c.traces = append(c.traces, m)
	case "/write":
		body, err = snappy.Decode(nil, body)
		c.written = append(c.written, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func TestAStreamReachesEverybody(t *testing.T) {
	c := &collector{}
	server := httptest.NewServer(c)
	defer server.Close()
	s := measured(10, "home")
	started := time.Unix(1_800_000_000, 0)
	s.Spans = []engine.Span{
		{Trace: [16]byte{1}, ID: [8]byte{2}, Flow: "shopping", Sample: engine.Sample{Request: -1, Due: time.Second, Start: 2 * time.Second, End: 4 * time.Second, Outcome: engine.Failed}},
		{
			Trace: [16]byte{1}, ID: [8]byte{3}, Parent: [8]byte{2}, Method: "GET", URL: "http://me:secret@shop.test/home?token=x",
			Sample: engine.Sample{
				Due: time.Second, Start: 2 * time.Second, End: 4 * time.Second, Status: 503, Outcome: engine.Failed,
				Phases: flow.Phases{flow.Connect: time.Second, flow.FirstByte: 500 * time.Millisecond, flow.Body: 500 * time.Millisecond},
			},
		},
		{Trace: [16]byte{9}, ID: [8]byte{9}, Own: true, Method: "GET", URL: "http://shop.test/"},
	}
	stream, err := Live{
		Scrape: []string{"127.0.0.1:0"}, Remote: []string{server.URL + "/write"}, OTLP: []string{server.URL + "/"},
		Headers: []Header{{"Authorization", "Bearer x"}}, Warn: func(err error) { t.Error(err) },
	}.Open(s.Legend, identity)
	if err != nil {
		t.Fatal(err)
	}
	stream.Begin(started)
	stream.Observe(s, nil)
	page := get(t, "http://"+stream.scrapes[0].address+"/metrics")
	done := make(chan []string)
	go func() { done <- stream.Finish(&report.Run{Verdict: report.Pass, DurationS: 1}) }()
	for !strings.Contains(page, `plimsoll_run_verdict{run="shop-1",scenario="shop",verdict="pass"} 1`) {
		page = get(t, "http://"+stream.scrapes[0].address+"/metrics")
	}
	if notes := <-done; len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
	if !strings.Contains(page, `plimsoll_requests_total{code="200",load="users",outcome="ok",request="home",run="shop-1",scenario="shop"} 10`) {
		t.Errorf("%s", page)
	}
	if c.headers.Get("Content-Type") != "application/x-protobuf" || len(c.written) != 2 || len(c.metrics) != 2 || len(c.traces) != 1 {
		t.Fatalf("%d, %d and %d messages", len(c.written), len(c.metrics), len(c.traces))
	}
	checkMetrics(t, c.metrics[1], started)
	checkSpans(t, c.traces[0], started)
	checkWritten(t, c.written[1])
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func checkMetrics(t *testing.T, data *metricspb.MetricsData, started time.Time) {
	t.Helper()
	r := data.GetResourceMetrics()[0]
	if a := r.GetResource().GetAttributes()[0]; a.GetKey() != "service.name" || a.GetValue().GetStringValue() != "plimsoll" {
		t.Errorf("resource %v", r.GetResource())
	}
	for _, m := range r.GetScopeMetrics()[0].GetMetrics() {
		switch m.GetName() {
		case "plimsoll.requests":
			p := m.GetSum().GetDataPoints()[0]
			if p.GetAsInt() != 10 || !m.GetSum().GetIsMonotonic() || p.GetStartTimeUnixNano() != nanos(started) {
				t.Errorf("%v", m)
			}
			if a := p.GetAttributes()[3]; a.GetKey() != "http.response.status_code" || a.GetValue().GetIntValue() != 200 {
				t.Errorf("%v", a)
			}
		case "plimsoll.request.duration":
			p := m.GetExponentialHistogram().GetDataPoints()[0]
			sum := p.GetZeroCount()
			for _, n := range p.GetPositive().GetBucketCounts() {
				sum += n
			}
			if p.GetCount() != 10 || sum != 10 || m.GetUnit() != "s" {
				t.Errorf("%v", m)
			}
		}
	}
}

func checkSpans(t *testing.T, data *tracepb.TracesData, started time.Time) {
	t.Helper()
	spans := data.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
	if len(spans) != 2 {
		t.Fatalf("%d spans, want a pass and a request", len(spans))
	}
	pass, request := spans[0], spans[1]
	if pass.GetName() != "shopping" || pass.GetStartTimeUnixNano() != nanos(started.Add(time.Second)) || len(pass.GetParentSpanId()) != 0 {
		t.Errorf("pass %v", pass)
	}
	if !bytes.Equal(request.GetParentSpanId(), pass.GetSpanId()) || !bytes.Equal(request.GetTraceId(), pass.GetTraceId()) || request.GetKind() != tracepb.Span_SPAN_KIND_CLIENT {
		t.Errorf("request %v", request)
	}
	if request.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR || request.GetStartTimeUnixNano() != nanos(started.Add(2*time.Second)) {
		t.Errorf("request %v", request)
	}
	text := request.String()
	for _, want := range []string{"http.request.method", "shop.test", "http.response.status_code", "error.type", "first_byte", "connect"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "token=x") {
		t.Errorf("a secret in %s", text)
	}
}

// checkWritten reads a WriteRequest: labels are sorted and every series has one sample.
func checkWritten(t *testing.T, b []byte) {
	t.Helper()
	n := 0
	for len(b) > 0 {
		num, kind, tag := protowire.ConsumeTag(b)
		if num != 1 || kind != protowire.BytesType {
			t.Fatalf("field %d of kind %d", num, kind)
		}
		series, size := protowire.ConsumeBytes(b[tag:])
		b = b[tag+size:]
		var names []string
		samples := 0
		for len(series) > 0 {
			num, _, tag := protowire.ConsumeTag(series)
			part, size := protowire.ConsumeBytes(series[tag:])
			series = series[tag+size:]
			if num == 1 {
				names = append(names, string(field(part, 1)))
			} else {
				samples++
			}
		}
		if !slices.IsSorted(names) || names[0] != "__name__" || !slices.Contains(names, "job") || !slices.Contains(names, "run") || samples != 1 {
			t.Errorf("labels %v with %d samples", names, samples)
		}
		n++
	}
	if n < 50 {
		t.Errorf("%d series", n)
	}
}

func TestWhoScrapedIsGivenTimeToFetchTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		before, after bool
		least, most   time.Duration
		note          string
	}{
		"nobody came, so nobody is waited for":  {false, false, 0, 100 * time.Millisecond, "nobody scraped it"},
		"who does not come again is waited for": {true, false, 200 * time.Millisecond, time.Second, "the last figures are missing there"},
		"who came again ends the wait":          {true, true, 0, 5 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := listen("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if c.before {
				get(t, "http://"+e.address+"/metrics")
			}
			e.publish(nil)
			limit := 200 * time.Millisecond
			if c.after {
				limit = time.Minute
			}
			began, done := time.Now(), make(chan bool)
			go func() {
				e.close(limit)
				close(done)
			}()
			for c.after {
				if resp, err := http.Get("http://" + e.address + "/metrics"); err == nil {
					_ = resp.Body.Close()
				}
				select {
				case <-done:
					c.after = false
				default:
				}
			}
			<-done
			if took := time.Since(began); took < c.least || took > c.most {
				t.Errorf("closed after %v", took)
			}
			if notes := strings.Join(e.notes(), ""); c.note == "" && notes != "" || !strings.Contains(notes, c.note) {
				t.Errorf("notes %q", notes)
			}
		})
	}
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	e, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer e.stop()
	if _, err := (Live{Scrape: []string{"127.0.0.1:0", e.address}}).Open(measured(1, "a").Legend, identity); err == nil {
		t.Error("it was listened on twice")
	}
}
