package export

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// end is a remote end: it answers the n-th request, from 0 on.
type end struct {
	answer func(n int, r *http.Request) (*http.Response, error)
	mu     sync.Mutex
	got    []string
	at     []time.Time
}

func (e *end) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	n := len(e.got)
	e.got, e.at = append(e.got, string(body)), append(e.at, time.Now())
	e.mu.Unlock()
	return e.answer(n, r)
}

func answered(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// hang answers when nobody waits any more.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// boxTo returns an outbox to the end, and the warnings that it gives.
func boxTo(e *end, partial func([]byte) error) (*outbox, *[]error) {
	warnings := &[]error{}
	var mu sync.Mutex
	o := newOutbox("otlp", "http://user:pass@end.test/v1", nil, partial, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		*warnings = append(*warnings, err)
	})
	o.client.Transport = e
	return o, warnings
}

func TestOutbox(t *testing.T) {
	const n = 5
	refused := errors.New("connection refused")
	for name, c := range map[string]struct {
		answer   func(n int, r *http.Request) (*http.Response, error)
		partial  func([]byte) error
		requests int // in all
		lasted   time.Duration
		warned   int
		note     string
	}{
		"everything is taken, in order": {
			answer:   func(int, *http.Request) (*http.Response, error) { return answered(200, ""), nil },
			requests: n,
		},
		"what an end cannot take now it is sent again": {
			answer: func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return answered(503, "busy"), nil
				}
				return answered(204, ""), nil
			},
			requests: n + 1, warned: 1, note: "took 5 of 5 messages, after 1 that were sent again (503: busy)",
		},
		"what an end will never take it is not sent again": {
			answer: func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return answered(400, "out of \x1b[31m order\n"), nil
				}
				return answered(204, ""), nil
			},
			requests: n, warned: 1, note: "took 4 of 5 messages; 1 are lost (400: out of \ufffd[31m order)",
		},
		"a redirect is not followed": {
			answer: func(int, *http.Request) (*http.Response, error) {
				return answered(307, "", "Location", "http://elsewhere.test/"), nil
			},
			requests: n, warned: 1, note: "took 0 of 5 messages; 5 are lost (307)",
		},
		"nobody listens, and the end of the run does not wait for it": {
			answer:   func(int, *http.Request) (*http.Response, error) { return nil, refused },
			requests: -1, lasted: time.Second, warned: 1, note: "5 are lost (connection refused)",
		},
		"an end that hangs is waited for some seconds": {
			answer:   func(_ int, r *http.Request) (*http.Response, error) { return hang(r) },
			requests: -1, lasted: 6 * time.Second, warned: 1, note: "took 0 of 5 messages",
		},
		"what was left out of a message is said": {
			answer:   func(int, *http.Request) (*http.Response, error) { return answered(200, "some"), nil },
			partial:  func(b []byte) error { return fmt.Errorf("%s were rejected", b) },
			requests: n, warned: 1, note: "took 5 of 5 messages, 5 of them in part (some were rejected)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &end{answer: c.answer}
				o, warnings := boxTo(e, c.partial)
				for i := range n {
					o.put([]byte{byte('a' + i)})
					time.Sleep(time.Second)
				}
				began := time.Now()
				o.close()
				if took := time.Since(began); took > c.lasted {
					t.Errorf("the end took %v, more than %v", took, c.lasted)
				}
				if c.requests >= 0 && len(e.got) != c.requests {
					t.Errorf("%d requests, want %d", len(e.got), c.requests)
				}
				if !slices.IsSorted(e.got) {
					t.Errorf("sent in the order %v", e.got)
				}
				if len(*warnings) != c.warned {
					t.Errorf("warnings %v, want %d", *warnings, c.warned)
				}
				notes := strings.Join(o.notes(), "\n")
				if c.note == "" && notes != "" || !strings.Contains(notes, c.note) || strings.Contains(notes, "pass") {
					t.Errorf("notes %q, want %q", notes, c.note)
				}
			})
		})
	}
}

func TestAnOutboxWaitsLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &end{answer: func(n int, _ *http.Request) (*http.Response, error) {
			switch {
			case n < 3:
				return answered(500, ""), nil
			case n == 3:
				return answered(429, "", "Retry-After", "20"), nil
			}
			return answered(200, ""), nil
		}}
		o, _ := boxTo(e, nil)
		o.put([]byte("a"))
		time.Sleep(time.Minute)
		o.close()
		for i, least := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 20 * time.Second} {
			if got := e.at[i+1].Sub(e.at[i]); got < least || got > least*5/4 {
				t.Errorf("pause %d is %v, want %v and up to a quarter more", i, got, least)
			}
		}
	})
}

func TestAnOutboxIsBoundedAndLosesTheOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		e := &end{answer: func(_ int, r *http.Request) (*http.Response, error) {
			select {
			case <-open:
				return answered(200, ""), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}}
		o, warnings := boxTo(e, nil)
		const n = mostWaiting + 100
		for i := range n {
			o.put(fmt.Appendf(nil, "%04d", i))
			synctest.Wait()
		}
		if o.size != 4*mostWaiting {
			t.Errorf("%d bytes wait, want those of %d messages", o.size, mostWaiting)
		}
		close(open)
		o.close()
		d := o.tally
		if d.taken+d.lost != n || d.lost != n-mostWaiting-1 || len(*warnings) != 1 {
			t.Errorf("%d taken, %d lost of %d, warnings %v", d.taken, d.lost, n, *warnings)
		}
		if last := e.got[len(e.got)-1]; last != fmt.Sprintf("%04d", n-1) {
			t.Errorf("the last that was sent is %s", last)
		}
	})
}

func TestPartialSuccessSaysWhatWasRejected(t *testing.T) {
	part := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3)
	part = appendMessage(part, 2, []byte("too old"))
	for name, c := range map[string]struct {
		answer []byte
		want   string
	}{
		"nothing":          {nil, ""},
		"an empty part":    {appendMessage(nil, 1, nil), ""},
		"a part":           {appendMessage(nil, 1, part), "3 of a message were rejected: too old"},
		"something broken": {[]byte{0x0a, 0xff}, ""},
		"an unknown field": {appendMessage(appendMessage(nil, 9, []byte("x")), 1, part), "3 of a message were rejected: too old"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := partialSuccess(c.answer); fmt.Sprint(err) != c.want && (err != nil || c.want != "") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func FuzzPartialSuccess(f *testing.F) {
	f.Add(appendMessage(nil, 1, appendMessage(nil, 2, []byte("x"))))
	f.Fuzz(func(_ *testing.T, answer []byte) { _ = partialSuccess(answer) })
}
