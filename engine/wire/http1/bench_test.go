package http1_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"plimsoll/engine/flow"
	"plimsoll/engine/wire/http1"
)

// answerer serves one fixed answer to whatever arrives in one piece, as cheaply as it can.
func answerer(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Type: text/plain\r\nContent-Length: 128\r\nConnection: keep-alive\r\n\r\n" + strings.Repeat("x", 128))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				buf := make([]byte, 4096)
				for {
					if _, err := c.Read(buf); err != nil {
						_ = c.Close()
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// closedLoop lets users take turns until b has had enough, and reports the processor time
// of a request, server included.
func closedLoop(b *testing.B, users int, do func() func() error) {
	b.Helper()
	var wg sync.WaitGroup
	turns := make(chan int, users)
	for range users {
		call := do()
		wg.Go(func() {
			for n := range turns {
				for range n {
					if err := call(); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime()
	for left := b.N; left > 0; left -= 1000 {
		turns <- min(left, 1000)
	}
	close(turns)
	wg.Wait()
	b.ReportMetric(float64((processorTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkClosedLoop(b *testing.B) {
	for _, users := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("http1/%d", users), func(b *testing.B) { benchmarkHTTP1(b, users) })
		b.Run(fmt.Sprintf("nethttp/%d", users), func(b *testing.B) { benchmarkNetHTTP(b, users) })
	}
}

func benchmarkHTTP1(b *testing.B, users int) {
	b.Helper()
	req := &flow.Request{Method: "GET", Scheme: "http", Host: answerer(b), Target: "/", Fixed: true, Timeout: flow.Timeouts{Total: 30 * time.Second}}
	client, err := http1.New(http1.Config{})
	if err != nil {
		b.Fatal(err)
	}
	closedLoop(b, users, func() func() error {
		s, err := client.Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = s.Close() })
		resp := new(flow.Response)
		return func() error { return s.Do(req, resp) }
	})
}

func benchmarkNetHTTP(b *testing.B, users int) {
	b.Helper()
	url := "http://" + answerer(b) + "/"
	transport := &http.Transport{MaxIdleConnsPerHost: users, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	closedLoop(b, users, func() func() error {
		return func() error {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			resp, err := transport.RoundTrip(req)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			return errorsFirst(err, resp.Body.Close())
		}
	})
}

func errorsFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
