package cmd

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plimsoll/engine/search"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// slowly answers every request well, after 100 ms.
func slowly(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(100 * time.Millisecond) }))
	t.Cleanup(s.Close)
	return s
}

func rigFor(t *testing.T, s *scenarios.Scenario, slo string) *rig {
	t.Helper()
	b, err := budget.Parse(slo)
	if err != nil {
		t.Fatal(err)
	}
	o, err := b.Objective()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Bind(s.Legend()); err != nil {
		t.Fatal(err)
	}
	return &rig{scenario: s, objectives: []*budget.Objective{o}, arrivals: "constant", seed: 1}
}

func hitAt(t *testing.T, url string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Hit{URL: url}.Scenario()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stepAt(rate float64) search.Step {
	return search.Step{Kind: search.Measure, Rate: rate, For: time.Second, Warm: 250 * time.Millisecond}
}

// What this machine cannot have in flight is not the target's failure: it takes 100 ms at
// any rate.
func TestATrialThatFewFilesShapeIsInvalid(t *testing.T) {
	for _, slo := range []string{"p99 < 300ms", "errors < 1%"} {
		r := rigFor(t, hitAt(t, slowly(t).URL), slo)
		r.options.FileLimit = 100
		o, err := r.try(t.Context(), stepAt(2000))
		if err != nil {
			t.Fatal(err)
		}
		late := strings.Contains(o.trial.Reason, "began late") // on a busy machine that comes first
		if o.trial.Verdict != search.Invalid || !late && !strings.Contains(o.trial.Reason, "in flight") {
			t.Errorf("%s: verdict %q, reason %q", slo, o.trial.Verdict, o.trial.Reason)
		}
	}
}

func TestATrialWhoseDataRunOutIsInvalid(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"rows.csv": "id\n" + strings.Repeat("1\n", 500),
		"few.yaml": `scenario: few
target: ` + slowly(t).URL + `
data:
  rows: {csv: rows.csv, pick: once}
flows:
  shop:
    - get: /{{ rows.id }}
load:
  - {name: all, flow: shop, users: 1, for: 1s}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := scenarios.Open(filepath.Join(dir, "few.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := rigFor(t, s, "p99 < 300ms").try(t.Context(), stepAt(800))
	if err != nil {
		t.Fatal(err)
	}
	if o.trial.Verdict != search.Invalid || !strings.Contains(o.trial.Reason, "no more rows") {
		t.Errorf("verdict %q, reason %q", o.trial.Verdict, o.trial.Reason)
	}
}

func TestATargetThatIsGoneEndsTheSearch(t *testing.T) {
	target := slowly(t)
	r := rigFor(t, hitAt(t, target.URL), "p99 < 300ms")
	target.Close()
	_, err := r.try(t.Context(), stepAt(100))
	if err == nil || exitCode(err) != exitUnreachable || !strings.Contains(err.Error(), "at 100/s no request was answered") {
		t.Errorf("got %v, exit code %d", err, exitCode(err))
	}
}
