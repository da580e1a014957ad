package shedder

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"plimsoll/targets/middleware"
)

// tier is a service that calls the next, up to four times, and answers what that answered
// last. It heeds X-No-Retry.
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
		if !refused(w.Code) || w.Header().Get("X-No-Retry") != "" || try == 4 {
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
