package scenarios_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/scenarios"
)

func parse(t *testing.T, text string, settings ...string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Parse("test.yaml", []byte(text), settings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func plan(t *testing.T, s *scenarios.Scenario, opt scenarios.Options) *scenarios.Plan {
	t.Helper()
	p, err := s.Plan(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, l := range p.Loads {
		if len(l.Flows) == 0 || l.Protocol == nil || (l.Open == nil) == (l.Closed == nil) {
			t.Errorf("load %d is incomplete: %+v", i, l)
		}
		newUser(t, l)
	}
	return p
}

// newUser returns the first user of a load, with a pass begun.
func newUser(t *testing.T, l engine.Load) *flow.User {
	t.Helper()
	u, err := l.NewUser(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Begin(); err != nil {
		t.Fatal(err)
	}
	return u
}

// requests renders the calls of a load's first flow.
func requests(t *testing.T, l engine.Load) (all []*flow.Request) {
	t.Helper()
	u := newUser(t, l)
	for _, s := range l.Flows[0].Flow.Steps {
		if s.Call == nil {
			continue
		}
		r, err := s.Call.Render(u)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

const small = `
scenario: small
target: http://127.0.0.1:8080
flows: [{get: /}]
load: [{name: l, rate: 10/s, for: 2s}]
`

func TestAPlanSaysWhatTheScenarioSays(t *testing.T) {
	s := parse(t, `
scenario: full
target: http://127.0.0.1:8080/base/
vars: {who: world}
defaults:
  headers: {X-A: default, X-B: default}
  timeout: {connect: 1s, total: 5s}
flows:
  main:
    - get: /hello/{{ who }}?a=1
      query: {q: "a b&{{ who }}"}
      headers: {x-a: own}
      redirects: 3
    - think: 1s..2s
    - post: https://other.example/x
      name: elsewhere
      json: {a: [1, 0x10, 1.50, true, null, 2024-01-31, "{{ who }}"]}
      timeout: 2s
  side: [{get: /side}]
load:
  - name: open
    flows: {main: 3, side: 1}
    stages: [{name: one, for: 1s, rate: 0/s..20/s}, {for: 1s, rate: 20/s}]
    max_in_flight: 7
  - {name: closed, flow: side, users: 2..5, for: 3s, pacing: 1s, iterations: 9}
grace: 2s
budgets: [p99(elsewhere) < 1s]
`)
	p := plan(t, s, scenarios.Options{Vars: map[string]string{"who": "moon / sun"}})

	wantLegend := &engine.Legend{
		Loads: []engine.LoadLegend{
			{Name: "open", Model: "open", Stages: []engine.StageLegend{
				{Name: "one", To: time.Second, Planned: 10},
				{Name: "2", From: time.Second, To: 2 * time.Second, Planned: 20},
			}},
			{Name: "closed", Model: "closed", Stages: []engine.StageLegend{{Name: "main", To: 3 * time.Second}}},
		},
		Requests: []engine.RequestLegend{
			{Name: "GET /hello/{{ who }}?a=1"},
			{Name: "GET /hello/{{ who }}?a=1 (redirected)"},
			{Name: "elsewhere"},
			{Name: "GET /side"},
		},
	}
	if diff := cmp.Diff(wantLegend, p.Legend); diff != "" {
		t.Errorf("legend (-want +got):\n%s", diff)
	}
	if p.Grace != 2*time.Second || len(p.Budgets) != 1 || p.Target != "http://127.0.0.1:8080/base/" {
		t.Errorf("got grace %v, %d budgets, target %s", p.Grace, len(p.Budgets), p.Target)
	}
	open, closed := p.Loads[0], p.Loads[1]
	if open.Open.MaxInFlight != 7 || open.Flows[0].Weight != 3 {
		t.Errorf("open load: %+v", open)
	}
	if n := len(slices.Collect(open.Open.Schedule)); n != 30 {
		t.Errorf("%d arrivals, want 30", n)
	}
	wantClosed := &engine.Closed{Users: []engine.UserStage{{From: 2, To: 5}}, Iterations: 9, Pacing: time.Second}
	if diff := cmp.Diff(wantClosed, closed.Closed); diff != "" {
		t.Errorf("closed load (-want +got):\n%s", diff)
	}

	got := requests(t, open)
	if got[0].Host != "127.0.0.1:8080" || got[0].Target != "/base/hello/moon%20%2F%20sun?a=1&q=a+b%26moon%20%2F%20sun" {
		t.Errorf("first request goes to %s %s", got[0].Host, got[0].Target)
	}
	if diff := cmp.Diff([]flow.Field{{Name: "x-a", Value: "own"}, {Name: "X-B", Value: "default"}}, got[0].Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if want := (flow.Timeouts{Connect: time.Second, Total: 5 * time.Second}); got[0].Timeout != want {
		t.Errorf("timeouts %v, want %v", got[0].Timeout, want)
	}
	if got[1].Scheme != "https" || got[1].Host != "other.example" || string(got[1].Body) != `{"a":[1,16,1.5,true,null,"2024-01-31","moon / sun"]}` {
		t.Errorf("second request: %s %s %s", got[1].Scheme, got[1].Host, got[1].Body)
	}
	if got[1].Timeout.Total != 2*time.Second {
		t.Errorf("second request has timeouts %v", got[1].Timeout)
	}
}

func TestTheSameSeedGivesTheSameArrivals(t *testing.T) {
	text := strings.ReplaceAll(small, "rate:", "arrivals: poisson, rate:")
	arrivals := func(opt scenarios.Options) []time.Duration {
		return slices.Collect(plan(t, parse(t, text), opt).Loads[0].Open.Schedule)
	}
	first, second, other := arrivals(scenarios.Options{}), arrivals(scenarios.Options{}), arrivals(scenarios.Options{Seed: new(uint64(2))})
	if !slices.Equal(first, second) {
		t.Error("two plans of one scenario differ")
	}
	if slices.Equal(first, other) {
		t.Error("another seed gives the same arrivals")
	}
}

func TestSettingsReplaceValues(t *testing.T) {
	s := parse(t, small, "load[0].rate=20/s..40/s", "load.l.for=1s", "grace=1s", "load.l.name=other", "http.connections=new", "budgets=[errors < 1%]")
	p := plan(t, s, scenarios.Options{})
	want := engine.LoadLegend{Name: "other", Model: "open", Stages: []engine.StageLegend{{Name: "main", To: time.Second, Planned: 30}}}
	if diff := cmp.Diff(want, p.Legend.Loads[0]); diff != "" {
		t.Errorf("load (-want +got):\n%s", diff)
	}
	if p.Grace != time.Second || len(p.Budgets) != 1 {
		t.Errorf("grace %v, %d budgets", p.Grace, len(p.Budgets))
	}
}

func TestWeakSettingsOnlyFillGaps(t *testing.T) {
	text := strings.ReplaceAll(small, "[{get: /}]", `[{get: "/{{ a }}{{ b }}{{ c }}"}]`) + "vars: {a: 1, b: }"
	s := parse(t, text, "load[0].for?=1s", "grace?=1s", "vars.a?=2", "vars.b?=2", "vars.c?=2", "target?=http://h")
	p := plan(t, s, scenarios.Options{})
	if p.Loads[0].Open == nil || p.Legend.Loads[0].End() != 2*time.Second || p.Target != "http://127.0.0.1:8080" {
		t.Errorf("what the scenario says was replaced: %+v, %s", p.Legend.Loads[0], p.Target)
	}
	if got := requests(t, p.Loads[0])[0].Target; got != "/122" || p.Grace != time.Second {
		t.Errorf("gaps were not filled: %s, %v", got, p.Grace)
	}
}

func TestNoMoreIsInFlightThanFilesCanBeOpened(t *testing.T) {
	text := strings.ReplaceAll(small, "load: [", "load: [{name: modest, rate: 1/s, for: 2s, max_in_flight: 100}, {name: staff, users: 50, for: 2s}, ")
	tests := []struct {
		name         string
		limit        int
		modest, rest int
		notes        int
	}{
		{"an unknown limit bounds nothing", 0, 100, 10_000, 0},
		{"a high limit bounds nothing", 20_000, 100, 10_000, 0},
		{"a modest load keeps what it asks for", 1024, 100, 1024 - 64 - 50 - 100, 1},
		{"a very low limit bounds both, in one note", 64 + 50 + 20, 10, 10, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := plan(t, parse(t, text), scenarios.Options{FileLimit: tt.limit})
			modest, rest := p.Loads[0].Open.MaxInFlight, p.Loads[2].Open.MaxInFlight
			if modest != tt.modest || rest != tt.rest || len(p.Notes) != tt.notes {
				t.Errorf("got %d and %d with notes %q", modest, rest, p.Notes)
			}
		})
	}
	if _, err := parse(t, text).Plan(scenarios.Options{FileLimit: 100}); err == nil {
		t.Error("50 users fit into 100 files, of which 64 are needed otherwise")
	}
}

func TestPlanRefusesWhatOptionsLeaveOpen(t *testing.T) {
	files := t.TempDir()
	write(t, files, "s.yaml", "scenario: s\ntarget: http://h\ndata: {d: {csv: d.csv}}\nflows: [{get: '/{{ d.id }}'}]\n")
	write(t, files, "d.csv", "id\n1\n")
	text, err := os.ReadFile(filepath.Join(files, "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		opt        scenarios.Options
		want       string
	}{
		{"a variable without a value", "scenario: s\ntarget: 'http://{{ h }}'\nvars: {h: }\nflows: [{get: /}]", scenarios.Options{}, `variable "h" has no value`},
		{"a variable that nobody knows", small, scenarios.Options{Vars: map[string]string{"x": "1"}}, `the scenario has no variable "x"`},
		{"a target that a variable spoils", "scenario: s\ntarget: 'http://{{ h }}'\nvars: {h: }\nflows: [{get: /}]", scenarios.Options{Vars: map[string]string{"h": "a b"}}, `target "http://a b" is not a URL`},
		{"a target on the command line that is none", small, scenarios.Options{Target: "localhost"}, `target "localhost" has no scheme`},
		{"the reference target that was not started", "scenario: s\ntarget: {reference: minimal}\nflows: [{get: /}]", scenarios.Options{}, "the reference target is not running"},
		{"files that were not looked at", string(text), scenarios.Options{}, `needs the file "d.csv"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(t, tt.text).Plan(tt.opt)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	s, err := scenarios.Open(filepath.Join(files, "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := requests(t, plan(t, s, scenarios.Options{}).Loads[0]); got[0].Target != "/1" {
		t.Errorf("the request goes to %s", got[0].Target)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMistakesInFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "d.csv", "id,name\n1,a\n")
	write(t, dir, "times", "1s\nsoon\n")
	write(t, dir, "cert.pem", "nothing")
	path := filepath.Join(dir, "s.yaml")
	write(t, dir, "s.yaml", `scenario: s
target: http://h
data:
  people: {csv: d.csv}
  gone: {csv: gone.csv}
http: {tls: {ca: cert.pem}}
flows:
  - get: /{{ people.nam }}/{{ gone.x }}
  - post: /
    file: none.bin
load:
  - {name: a, arrivals: replay, file: times}
  - {name: b, arrivals: replay, file: no-times}
`)
	_, err := scenarios.Open(path)
	if err == nil {
		t.Fatal("no mistakes found")
	}
	golden(t, "testdata/files.txt", strings.ReplaceAll(err.Error(), path, "s.yaml")+"\n")
}

func TestAPreviewSaysWhatEndsALoadOfPasses(t *testing.T) {
	s := parse(t, strings.ReplaceAll(small, "rate: 10/s, for: 2s", "users: 2, iterations: 5000"))
	if got, want := s.Explain(), "5,000 passes in all, or until 10m0s are over"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

func TestAKnobIsSetByItsPath(t *testing.T) {
	const text = "scenario: a\ntarget: {reference: golden, set: {cluster.workers: 2}}\nflows: [{get: /}]\n"
	s, err := scenarios.Parse("a.yaml", []byte(text), "target.set.cluster.workers=4", "target.set.limit.rate=5/s", "target.set.cluster.workers?=9")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"cluster.workers": "4", "limit.rate": "5/s"}
	if diff := cmp.Diff(want, s.Target.Set); diff != "" {
		t.Error(diff)
	}
}
