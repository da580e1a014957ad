package scenarios_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/scenarios"
)

func hit(t *testing.T, h scenarios.Hit) *scenarios.Plan {
	t.Helper()
	s, err := h.Scenario()
	if err != nil {
		t.Fatal(err)
	}
	return plan(t, s, scenarios.Options{})
}

func TestAHitIsAScenarioOfOneRequest(t *testing.T) {
	p := hit(t, scenarios.Hit{
		URL: "http://ada:pw@127.0.0.1:80/a/{{b}}?c=%20d#part", Rate: "20/s", Arrivals: "poisson", For: "2s",
		Headers: []string{"X-A: b {{ c }}", "Accept:*/*"},
		Load:    map[string]string{"max_in_flight": "3"},
		Budgets: []string{"p99 < 1s"},
	})
	if got := p.Legend.Loads[0]; got.Model != "open" || got.End() != 2*time.Second || p.Loads[0].Open.MaxInFlight != 3 {
		t.Errorf("load: %+v", got)
	}
	want := &flow.Request{
		Method: "GET", Scheme: "http", Host: "127.0.0.1:80", Target: "/a/%7B%7Bb%7D%7D?c=%20d", Fixed: true,
		Header: []flow.Field{
			{Name: "Authorization", Value: "Basic YWRhOnB3"},
			{Name: "X-A", Value: "b {{ c }}"},
			{Name: "Accept", Value: "*/*"},
		},
		Timeout: flow.Timeouts{Connect: 10 * time.Second, Total: 30 * time.Second},
	}
	if diff := cmp.Diff(want, requests(t, p.Loads[0])[0]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestAHitWithABodyIsPosted(t *testing.T) {
	p := hit(t, scenarios.Hit{URL: "http://h", Body: []byte("a={{1}}\x00"), Users: "5", Requests: "100"})
	got := requests(t, p.Loads[0])[0]
	if got.Method != "POST" || string(got.Body) != "a={{1}}\x00" || got.Target != "/" {
		t.Errorf("request: %+v", got)
	}
	typed := func(f flow.Field) bool {
		return f == flow.Field{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}
	}
	if !slices.ContainsFunc(got.Header, typed) {
		t.Errorf("header: %v", got.Header)
	}
	want := &engine.Closed{Users: []engine.UserStage{{From: 5, To: 5}}, Iterations: 100}
	if diff := cmp.Diff(want, p.Loads[0].Closed); diff != "" {
		t.Errorf("load (-want +got):\n%s", diff)
	}
}

func TestAVeryLongAddressIsShortenedInReports(t *testing.T) {
	p := hit(t, scenarios.Hit{URL: "http://h/" + strings.Repeat("ä", 300)})
	if name := p.Legend.Requests[0].Name; len([]rune(name)) != 200 || !strings.HasSuffix(name, "…") {
		t.Errorf("name %q", name)
	}
}

func TestAHeaderWithoutAValueIsNotSent(t *testing.T) {
	p := hit(t, scenarios.Hit{URL: "http://h", Headers: []string{"Expect:", "X-A: 1"}})
	want := []flow.Field{{Name: "X-A", Value: "1"}}
	if diff := cmp.Diff(want, requests(t, p.Loads[0])[0].Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestMistakesInAHitNameTheirKey(t *testing.T) {
	tests := []struct {
		name string
		hit  scenarios.Hit
		want string
	}{
		{"an address without a scheme", scenarios.Hit{URL: "localhost:80/x"}, `target "localhost:80/x" has no scheme`},
		{"an address of another scheme", scenarios.Hit{URL: "ftp://h/x"}, `target "ftp://h" has the unknown scheme "ftp"`},
		{"a rate without a unit", scenarios.Hit{URL: "http://h", Rate: "5"}, `rate: rate "5" has no unit`},
		{"a rate and users", scenarios.Hit{URL: "http://h", Rate: "5/s", Users: "5"}, "mixes open (rate) and closed (users)"},
		{"a method that is none", scenarios.Hit{URL: "http://h", Method: "GTE"}, `unknown method "GTE"`},
		{"a header without a colon", scenarios.Hit{URL: "http://h", Headers: []string{"nothing here"}}, `header "nothing here" has no colon`},
		{"a header without a name", scenarios.Hit{URL: "http://h", Headers: []string{"a b: c"}}, `headers: "a b" is not a header name`},
		{"a port that is none", scenarios.Hit{URL: "http://h:99999/x"}, `target: target "http://h:99999" has the bad port 99999`},
		{"a key without a certificate", scenarios.Hit{URL: "https://h", Transport: &scenarios.Transport{Key: "hit_test.go"}}, "key: a client certificate has cert and key"},
		{"a certificate that is none", scenarios.Hit{URL: "https://h", Transport: &scenarios.Transport{Cert: "hit_test.go"}}, "cert: read client certificate"},
		{"authorities that are none", scenarios.Hit{URL: "https://h", Transport: &scenarios.Transport{CA: "hit_test.go"}}, "ca: read certificate authorities"},
		{"a number that is none", scenarios.Hit{URL: "http://h", Users: "1", Requests: "x"}, "iterations: iterations must be a whole number, at least 1"},
		{"a certificate that is not there", scenarios.Hit{URL: "http://h", Transport: &scenarios.Transport{CA: "gone.pem"}}, `ca: open "gone.pem"`},
		{"a budget that means nothing", scenarios.Hit{URL: "http://h", Budgets: []string{"p99 < 5"}}, "budgets: p99 needs a unit"},
		{"a rule of curl's that means nothing", scenarios.Hit{URL: "http://h", Transport: &scenarios.Transport{Resolve: []string{"x"}}}, "resolve: resolve rule"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.hit.Scenario()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
