package executor

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlowClientsDoNotHoldTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(config(eventLoop))
		defer e.Close()
		handler := e.Layer()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/quick" {
				return
			}
			text, err := io.ReadAll(r.Body)
			if err != nil || len(text) != 5 {
				t.Errorf("read %q: %v", text, err)
			}
			if n, err := w.Write(make([]byte, buffered)); err != nil || n != buffered {
				t.Errorf("wrote %d: %v", n, err)
			}
			if n, err := w.Write([]byte("end")); err != nil || n != 3 {
				t.Errorf("wrote %d: %v", n, err)
			}
			http.NewResponseController(w).Flush()
		}))
		slow := &slowClient{ResponseRecorder: httptest.NewRecorder()}
		var wg sync.WaitGroup
		wg.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/slow", slowBody{strings.NewReader("12345")})
			handler.ServeHTTP(slow, r)
		})
		for range 20 {
			time.Sleep(50 * ms)
			begin := time.Now()
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/quick", http.NoBody))
			if took := time.Since(begin); took > 0 {
				t.Errorf("the loop was held for %v", took)
			}
		}
		wg.Wait()
		if slow.Body.Len() != buffered+3 || !slow.Flushed {
			t.Errorf("%d bytes, flushed %v", slow.Body.Len(), slow.Flushed)
		}
	})
}

type slowClient struct{ *httptest.ResponseRecorder }

func (s *slowClient) Write(p []byte) (int, error) {
	if len(p) > 100 {
		time.Sleep(200*ms + 1)
	}
	return s.ResponseRecorder.Write(p)
}

func (s *slowClient) Flush() {
	time.Sleep(100*ms + 1)
	s.ResponseRecorder.Flush()
}

type slowBody struct{ io.Reader }

func (s slowBody) Read(p []byte) (int, error) {
	time.Sleep(20*ms + 1)
	return s.Reader.Read(p[:1])
}

func (slowBody) Close() error { return nil }
