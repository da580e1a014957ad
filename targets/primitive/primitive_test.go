package primitive

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func call(t *testing.T, s *httptest.Server, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-test")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(got)
}

// handler is all paths.
func handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range Routes(nil) {
		mux.Handle(pattern, h)
	}
	return mux
}

func TestAnswers(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"ok answers ok", "GET", "/x/ok", "", 200, "ok\n"},
		{"io answers ok after its time", "GET", "/x/io?ms=0.5", "", 200, "ok\n"},
		{"stall answers at once outside of its freeze", "GET", "/x/stall?every_s=60&for_s=0", "", 200, "ok\n"},
		{"bytes answers so many bytes", "GET", "/x/bytes/3", "", 200, "xxx"},
		{"bytes answers none", "GET", "/x/bytes/0", "", 200, ""},
		{"bytes answers more than a block", "GET", "/x/bytes/10000", "", 200, strings.Repeat("x", 10000)},
		{"status answers the status", "GET", "/x/status/503", "", 503, "503 Service Unavailable\n"},
		{"status without a body", "GET", "/x/status/204", "", 204, ""},
		{"echo answers the body", "POST", "/x/echo", "hello", 200, "hello"},
		{"sse sends its events", "GET", "/x/sse?n=2&every_ms=1", "", 200, "id: 0\ndata: tick\n\nid: 1\ndata: tick\n\n"},
		{"sse of too many events", "GET", "/x/sse?n=10001", "", 400, "/x/sse: n: 10001 is not between 1 and 10000\n"},
		{"an unknown path is not found", "GET", "/x/nothing", "", 404, "404 page not found\n"},
		{"ms that is no number", "GET", "/x/io?ms=fast", "", 400, "/x/io: ms=\"fast\" is not a number\n"},
		{"ms below zero", "GET", "/x/io?ms=-1", "", 400, "/x/io: ms=-1 is not between 0 and 60000\n"},
		{"ms past the limit", "GET", "/x/io?ms=60001", "", 400, "/x/io: ms=60001 is not between 0 and 60000\n"},
		{"ms that is not even a number of a kind", "GET", "/x/io?ms=NaN", "", 400, "/x/io: ms=NaN is not between 0 and 60000\n"},
		{"a freeze longer than its period", "GET", "/x/stall?every_s=1&for_s=2", "", 400, "/x/stall: for_s has to be less than every_s\n"},
		{"a period of nothing", "GET", "/x/stall?every_s=0&for_s=0", "", 400, "/x/stall: for_s has to be less than every_s\n"},
		{"bytes past the limit", "GET", "/x/bytes/67108865", "", 400, "/x/bytes/67108865: 67108865 is not between 0 and 67108864\n"},
		{"bytes that are no number", "GET", "/x/bytes/1e3", "", 400, "/x/bytes/1e3: \"1e3\" is not a whole number\n"},
		{"an informational status", "GET", "/x/status/100", "", 400, "/x/status/100: 100 is not between 200 and 599\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, got := call(t, s, test.method, test.path, test.body)
			if resp.StatusCode != test.status || got != test.want {
				t.Errorf("got %d %.60q, want %d %.60q", resp.StatusCode, got, test.status, test.want)
			}
		})
	}
}

func TestEchoKeepsTheContentType(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	resp, _ := call(t, s, "PUT", "/x/echo", "{}")
	if got := resp.Header.Get("Content-Type"); got != "application/x-test" {
		t.Errorf("content type %q", got)
	}
}

func TestEchoTakesBodiesUpToItsLimit(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	resp, got := call(t, s, "POST", "/x/echo", strings.Repeat("e", MaxEcho))
	if resp.StatusCode != 200 || len(got) != MaxEcho {
		t.Errorf("at the limit: status %d, %d bytes", resp.StatusCode, len(got))
	}
	resp, got = call(t, s, "POST", "/x/echo", strings.Repeat("e", MaxEcho+1))
	if want := "/x/echo: read the body: http: request body too large\n"; resp.StatusCode != 400 || got != want {
		t.Errorf("past the limit: status %d, %.80q", resp.StatusCode, got)
	}
}

func TestStallFreezesTheEndOfEveryPeriodForAll(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	const every, frozen = 200 * time.Millisecond, 100 * time.Millisecond
	var longest time.Duration
	for begin := time.Now(); time.Since(begin) < every; {
		at := time.Now()
		call(t, s, "GET", "/x/stall?every_s=0.2&for_s=0.1", "")
		longest = max(longest, time.Since(at))
	}
	// One call after the other meets the freeze near its beginning.
	if longest < frozen*8/10 {
		t.Errorf("longest answer took %v, want about %v", longest, frozen)
	}
}
