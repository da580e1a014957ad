package shedder

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"plimsoll/targets/middleware"
)

func TestParseRefusal(t *testing.T) {
	now := time.Date(1999, 12, 31, 23, 59, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		status int
		fields http.Header
		want   Refusal
		ok     bool
	}{
		{"seconds", 503, http.Header{"Retry-After": {"120"}}, Refusal{RetryAfter: 2 * time.Minute}, true},
		{"a date", 503, http.Header{"Retry-After": {"Fri, 31 Dec 1999 23:59:59 GMT"}}, Refusal{RetryAfter: 59 * time.Second}, true},
		{"a date in the past", 503, http.Header{"Retry-After": {"Fri, 31 Dec 1999 23:58:59 GMT"}}, Refusal{}, true},
		{"a negative number", 503, http.Header{"Retry-After": {"-1"}}, Refusal{}, true},
		{"a fraction", 503, http.Header{"Retry-After": {"1.5"}}, Refusal{}, true},
		{"garbage", 503, http.Header{"Retry-After": {"soon"}}, Refusal{}, true},
		{"nothing", 503, http.Header{}, Refusal{}, true},
		{"too much", 503, http.Header{"Retry-After": {"99999999999999999999"}}, Refusal{RetryAfter: (1<<31 - 1) * time.Second}, true},
		{"no retry", 429, http.Header{"X-No-Retry": {"1"}, "Retry-After": {"0"}}, Refusal{NoRetry: true}, true},
		{"an answer", 200, http.Header{"Retry-After": {"120"}}, Refusal{}, false},
		{"an error", 500, http.Header{}, Refusal{}, false},
	} {
		got, ok := ParseRefusal(test.status, test.fields, now)
		if got != test.want || ok != test.ok {
			t.Errorf("%s: got %+v %v, want %+v %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func FuzzParseRefusal(f *testing.F) {
	for _, text := range []string{"120", "-1", "", "Fri, 31 Dec 1999 23:59:59 GMT", "99999999999999999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, _ := ParseRefusal(503, http.Header{"Retry-After": {text}}, time.Unix(0, 0)); r.RetryAfter < 0 {
			t.Errorf("%q is %v", text, r.RetryAfter)
		}
	})
}

func TestParsePriority(t *testing.T) {
	for _, test := range []struct {
		field string
		want  middleware.Priority
		ok    bool
	}{
		{"u=0", middleware.Critical, true},
		{"u=2, i", middleware.Critical, true},
		{"u=3", middleware.Normal, true},
		{"i, u=4", middleware.Normal, true},
		{"u=5", middleware.Batch, true},
		{"u=7;x=1, i=?0", middleware.Batch, true},
		{"u=1, u=7", middleware.Batch, true}, // the last of a key stands (RFC 9651)
		{"i", middleware.Normal, false},
		{"", middleware.Normal, false},
		{"u=8", middleware.Normal, false},
		{"u=-1", middleware.Normal, false},
		{"u=1.5", middleware.Normal, false},
		{"u", middleware.Normal, false},
		{"u=(1 2)", middleware.Normal, false},
		{"&&&", middleware.Normal, false},
	} {
		if got, ok := ParsePriority(test.field); got != test.want || ok != test.ok {
			t.Errorf("%q: got %v %v, want %v %v", test.field, got, ok, test.want, test.ok)
		}
	}
}

// tier is a service that calls the next, up to four times, and answers what that answered
// last. It heeds what a refusal says.
func tier(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp := call4(next, r)
		w.WriteHeader(resp.Code)
	})
}

func call4(next http.Handler, r *http.Request) *httptest.ResponseRecorder {
	for try := 1; ; try++ {
		w := httptest.NewRecorder()
		next.ServeHTTP(w, r)
		refusal, refused := ParseRefusal(w.Code, w.Header(), time.Now())
		if !refused || refusal.NoRetry || try == 4 {
			return w
		}
	}
}

func TestPropagationEndsTheAmplificationByRetries(t *testing.T) {
	for _, propagate := range []bool{false, true} {
		change := func(c *Config) { c.Propagate = propagate }
		overloaded := New(settings(t, one, room(0), change))
		if _, err := overloaded.Acquire(t.Context(), middleware.Normal, time.Time{}); err != nil {
			t.Fatal(err)
		}
		bottom := overloaded.Layer()(answer(200, 0))
		middle := New(settings(t, change)).Layer()(tier(bottom))
		top := New(settings(t, change)).Layer()(tier(middle))
		const users = 10
		for range users {
			if w := call4(top, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)); w.Code != 503 {
				t.Fatalf("status %d", w.Code)
			}
		}
		want := uint64(64) // the client, the top and the middle call four times each
		if propagate {
			want = 1
		}
		if got := overloaded.Stats().Shed[QueueFull]; got != want*users {
			t.Errorf("propagate %v: %d calls of %d users reach the bottom, want %d for each", propagate, got, users, want)
		}
	}
}
