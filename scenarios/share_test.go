package scenarios_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/scenarios"
)

func TestLoadsMakeConnectionsAsTheySay(t *testing.T) {
	var made atomic.Int64
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	s := parse(t, `
scenario: s
target: `+server.URL+`
http: {connections: new}
flows: [{get: /}]
load:
  - {name: as-all, users: 1, for: 1s}
  - {name: keeps, users: 1, for: 1s, connections: keep}
`)
	p := plan(t, s, scenarios.Options{})
	for i, want := range []int64{3, 1} {
		made.Store(0)
		session, err := p.Loads[i].Protocol.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := session.Do(requests(t, p.Loads[i])[0], &flow.Response{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := session.Close(); err != nil {
			t.Fatal(err)
		}
		if got := made.Load(); got != want {
			t.Errorf("load %s made %d connections, want %d", p.Legend.Loads[i].Name, got, want)
		}
	}
}

func TestALoadTakesRowsOnlyFromTheDataItUses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one.csv", "id\n7\n")
	write(t, dir, "s.yaml", `
scenario: s
target: http://h
data: {rows: {csv: one.csv, pick: once}}
flows:
  with: [{get: "/{{ rows.id }}"}]
  without: [{get: /plain}]
load:
  - {name: a, flow: without, users: 1, for: 1s}
  - {name: b, flow: with, users: 1, for: 1s}
`)
	s, err := scenarios.Open(filepath.Join(dir, "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(scenarios.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 3 {
		newUser(t, p.Loads[0])
	}
	newUser(t, p.Loads[1])
	u, err := p.Loads[1].NewUser(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Begin(); err == nil {
		t.Error("the only row was given out twice")
	}
}

func TestOneNameInTwoFlowsIsOneRequest(t *testing.T) {
	s := parse(t, `
scenario: s
target: http://h
flows:
  a: [{get: /first, redirects: 1}, {get: /same, name: same}]
  b: [{get: /same, name: same}, {post: /own, body: x, headers: {content-type: text/x}}]
load: {flows: [a, b], rate: 1/s, for: 1s}
`)
	p := plan(t, s, scenarios.Options{})
	var names []string
	for _, r := range p.Legend.Requests {
		names = append(names, r.Name)
	}
	if want := []string{"GET /first", "GET /first (redirected)", "same", "POST /own"}; !slices.Equal(names, want) {
		t.Errorf("requests %q, want %q", names, want)
	}
	flows := p.Loads[0].Flows
	if i, j := flows[0].Flow.Steps[1].Call.Index, flows[1].Flow.Steps[0].Call.Index; i != 2 || j != 2 {
		t.Errorf("the shared request has the indices %d and %d, want 2", i, j)
	}
	if c := flows[0].Flow.Steps[0].Call; c.HopIndex != 1 || c.Redirects != 1 {
		t.Errorf("hops count under %d, want 1", c.HopIndex)
	}
	own, err := flows[1].Flow.Steps[1].Call.Render(newUser(t, p.Loads[0]))
	if err != nil {
		t.Fatal(err)
	}
	if want := []flow.Field{{Name: "content-type", Value: "text/x"}}; !slices.Equal(own.Header, want) {
		t.Errorf("header %v, want %v", own.Header, want)
	}
}

func TestARecordingCanBeCutShort(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "times", "0s\n1s\n2s\n3s\n")
	for want, text := range map[int]string{
		4: "load: {arrivals: replay, file: times, speed: 2}",
		2: "load: {arrivals: replay, file: times, speed: 2, for: 1s}",
	} {
		write(t, dir, "s.yaml", "scenario: s\ntarget: http://h\nflows: [{get: /}]\n"+text)
		s, err := scenarios.Open(filepath.Join(dir, "s.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		p := plan(t, s, scenarios.Options{})
		due := slices.Collect(p.Loads[0].Open.Schedule)
		if len(due) != want || due[1] != time.Second/2 || due[len(due)-1] >= p.Legend.Loads[0].End() {
			t.Errorf("%s: due at %v, the load ends at %v", text, due, p.Legend.Loads[0].End())
		}
	}
}

func TestWhatStandsThereWinsOverWhatIsMerged(t *testing.T) {
	s := parse(t, `
scenario: s
target: http://h
x-load: &first {rate: 1/s, for: 1s}
x-more: &second {rate: 2/s, max_in_flight: 9}
flows: [{get: /}]
load:
  - {<<: [*first, *second], for: 2s}
`)
	p := plan(t, s, scenarios.Options{})
	want := engine.StageLegend{Name: "main", To: 2 * time.Second, Planned: 1}
	if got := p.Legend.Loads[0].Stages[0]; got != want || p.Loads[0].Open.MaxInFlight != 9 {
		t.Errorf("got %+v, %d in flight", got, p.Loads[0].Open.MaxInFlight)
	}
}
