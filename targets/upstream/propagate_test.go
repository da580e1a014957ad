package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"plimsoll/targets/middleware"
)

func TestTheRequestsFieldsGoOn(t *testing.T) {
	request := &middleware.Request{
		ID: "abc-1", Priority: middleware.Batch, Attempt: 1,
		Trace: middleware.Trace{
			Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", State: "foo=1",
			Baggage: "tenant=a, secret=b, plan=c",
		},
	}
	ctx := middleware.WithAttempt(middleware.With(t.Context(), request), 2)
	given := http.Header{"Accept": {"text/plain"}, "X-Priority": {"critical"}, "Baggage": {"secret=b"}, "Priority": {"u=0"}, "X-Retry-Attempt": {"7"}}
	cfg := defaults()

	got := onward(ctx, given, &cfg)
	want := map[string]string{
		"Accept": "text/plain", "X-Request-Id": "abc-1", "X-Priority": "batch", "X-Retry-Attempt": "3",
		"Traceparent": request.Trace.Parent, "Tracestate": "foo=1", "Baggage": "tenant=a,plan=c",
	}
	compare(t, "on", got, want)

	cfg.Propagate = false
	compare(t, "off", onward(ctx, given, &cfg), map[string]string{"Accept": "text/plain"})

	cfg.Propagate = true
	compare(t, "outside of a request", onward(t.Context(), given, &cfg), map[string]string{"Accept": "text/plain"})
	if len(given) != 5 || given.Get("X-Priority") != "critical" {
		t.Errorf("the call's own header is %v now", given)
	}
}

func compare(t *testing.T, what string, got http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s: %s is %q, want %q", what, name, got.Get(name), value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestTheTimeLeftGoesOn(t *testing.T) {
	cfg := defaults()
	left := func(ctx context.Context) int {
		n, _ := strconv.Atoi(onward(ctx, nil, &cfg).Get("X-Timeout-Ms"))
		return n
	}
	if n := left(t.Context()); n != 0 {
		t.Errorf("%d ms without a deadline", n)
	}
	ctx := middleware.With(t.Context(), &middleware.Request{Deadline: time.Now().Add(time.Hour)})
	if n := left(ctx); n < 3_590_000 || n > 3_600_000 {
		t.Errorf("%d ms of the client's hour", n)
	}
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if n := left(limited); n < 50_000 || n > 60_000 {
		t.Errorf("%d ms of the minute that the call may take", n)
	}
}

func TestThereIsNoCallWhenNobodyWaitsForItAnyMore(t *testing.T) {
	s := start(t, func(http.ResponseWriter, *http.Request) { t.Error("it was made") })
	u := open(t, defaults())
	ctx := middleware.With(t.Context(), &middleware.Request{Deadline: time.Now().Add(-time.Millisecond)})
	if _, err := get(ctx, u, s.URL); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if got := u.Stats(); got.Errors != 1 || got.Dials != 0 {
		t.Errorf("%+v", got)
	}
}

// Three tiers: every hop has the trace and the id of the first, and a span of its own.
func TestEveryHopIsInOneTrace(t *testing.T) {
	for _, propagate := range []bool{true, false} {
		var hops []middleware.Request
		cfg := defaults()
		cfg.Propagate = propagate
		u := open(t, cfg)
		next := ""
		for range 3 {
			below := next
			s := start(t, middleware.Identify("GET /", "tier", false)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hops = append(hops, *middleware.From(r.Context()))
				if below == "" {
					return
				}
				if _, err := get(r.Context(), u, below); err != nil {
					t.Error(err)
				}
			})).ServeHTTP)
			next = s.URL
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, next, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		r.Header.Set("X-Timeout-Ms", "60000")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if timing := resp.Header.Get("Server-Timing"); !strings.Contains(timing, "pool;dur=") {
			t.Errorf("Server-Timing %q", timing)
		}
		spans := map[string]bool{"00f067aa0ba902b7": true}
		for i, hop := range hops {
			same := hop.Trace.ID() == "4bf92f3577b34da6a3ce929d0e0e4736" && hop.ID == hops[0].ID && !hop.Deadline.IsZero()
			if same != (propagate || i == 0) {
				t.Errorf("propagate %v, hop %d: %+v", propagate, i, hop)
			}
			spans[hop.Trace.Span()] = true
		}
		if len(hops) != 3 || len(spans) != 4 {
			t.Errorf("%d hops, %d spans", len(hops), len(spans))
		}
	}
}

func TestAnErrorAnswerSaysWhetherToAskAgain(t *testing.T) {
	tests := map[string]struct {
		status int
		header map[string]string
		want   *StatusError
	}{
		"fine":          {200, nil, nil},
		"moved":         {302, nil, nil},
		"not found":     {404, nil, &StatusError{Status: 404}},
		"failed":        {500, nil, &StatusError{Status: 500}},
		"busy":          {503, map[string]string{"Retry-After": "120"}, &StatusError{Status: 503, after: 2 * time.Minute}},
		"busy, go away": {429, map[string]string{"X-No-Retry": "1"}, &StatusError{Status: 429, never: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			for name, value := range test.header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(test.status)
			io.WriteString(w, "text")
			resp := w.Result()
			err := CheckStatus(resp)
			if test.want == nil {
				if text, _ := io.ReadAll(resp.Body); err != nil || string(text) != "text" {
					t.Errorf("%v, body %q", err, text)
				}
				return
			}
			got, is := errors.AsType[*StatusError](err)
			if !is || *got != *test.want || got.HTTPStatus() != test.status || got.RetryAfter() != test.want.after || got.NoRetry() != test.want.never {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	now := time.Date(1999, 12, 31, 23, 58, 59, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"120":                           2 * time.Minute,
		"0":                             0,
		"Fri, 31 Dec 1999 23:59:59 GMT": time.Minute,
		"Fri, 31 Dec 1999 23:00:00 GMT": 0,
		"-5":                            0,
		"+5":                            0,
		"1.5":                           0,
		"soon":                          0,
		"":                              0,
		"4294967295":                    24 * time.Hour,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q is %v, want %v", value, got, want)
		}
	}
}
