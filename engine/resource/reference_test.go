package resource

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// target answers as the admin API of the reference target does, in as much as is read.
func target(t *testing.T, truth, cluster string) *Reference {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/v1/truth", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, truth) })
	mux.HandleFunc("GET /admin/v1/cluster", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, cluster) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return NewReference(s.URL + "/")
}

const (
	someTruth   = `{"epoch": "start", "restarts": 0, "missing": [], "stations": [{"name": "db", "servers": 4, "busy_s": 3, "capacity_s": 40}]}`
	someCluster = `{"workers": [{"pid": 7}]}`
)

func TestReference(t *testing.T) {
	all, r := meters(t, target(t, someTruth, someCluster))
	if m := all["db"]; len(all) != 1 || m.Units != 4 || m.Busy[""] != (Count{3, 40}) {
		t.Errorf("got %+v", all)
	}
	for name, other := range map[string]*Reference{
		"another epoch":  target(t, strings.Replace(someTruth, "start", "new", 1), someCluster),
		"a restart":      target(t, strings.Replace(someTruth, `"restarts": 0`, `"restarts": 1`, 1), someCluster),
		"another worker": target(t, someTruth, strings.Replace(someCluster, "7", "8", 1)),
	} {
		if _, o := meters(t, other); o.Origin == r.Origin {
			t.Errorf("%s has the same origin, %q", name, o.Origin)
		}
	}
}

func TestReferenceThatCannotTell(t *testing.T) {
	for says, truth := range map[string]string{
		"1 of its workers did not answer": strings.Replace(someTruth, "[]", "[2]", 1),
		"read /truth":                     "oops",
	} {
		if _, err := target(t, truth, someCluster).Read(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}
