package export

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// endpoint lets Prometheus scrape the run under way.
type endpoint struct {
	address string
	server  *http.Server

	mu       sync.Mutex // guards what follows
	families []*dto.MetricFamily
	asked    uint64
	fetched  chan struct{} // closed when families were fetched
}

// mostScrapes is how many answers are made at a time; who comes beside is turned away.
const mostScrapes = 2

// listen opens the endpoint. An address without a host, like :9464, is open to the network.
func listen(address string) (*endpoint, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for Prometheus: %w", err)
	}
	e := &endpoint{address: l.Addr().String(), fetched: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", bounded(mostScrapes, http.HandlerFunc(e.serve)))
	e.server = &http.Server{Handler: mux, ReadTimeout: farewell, WriteTimeout: farewell, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	go e.server.Serve(l) //nolint:errcheck // it ends when the endpoint is closed
	return e, nil
}

// bounded serves so many requests at a time and refuses the others.
func bounded(most int, h http.Handler) http.Handler {
	places := make(chan struct{}, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			h.ServeHTTP(w, r)
		default:
			http.Error(w, "too many scrapes at a time", http.StatusServiceUnavailable)
		}
	})
}

// publish replaces what is scraped. It must not be changed afterwards.
func (e *endpoint) publish(families []*dto.MetricFamily) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.families, e.fetched = families, make(chan struct{})
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	families, fetched := e.families, e.fetched
	e.mu.Unlock()
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	var page bytes.Buffer
	if err := encode(&page, families, format); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", string(format))
	if _, err := w.Write(page.Bytes()); err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if !isClosed(fetched) {
		close(fetched)
	}
}

// encode writes the page that a scraper asked for.
func encode(page *bytes.Buffer, families []*dto.MetricFamily, format expfmt.Format) error {
	enc := expfmt.NewEncoder(page, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return fmt.Errorf("encode %s: %w", f.GetName(), err)
		}
	}
	if c, ok := enc.(expfmt.Closer); ok {
		return c.Close()
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// close ends the endpoint, when the final figures were fetched or after so long. Where
// nobody has asked so far, nobody is waited for.
func (e *endpoint) close(limit time.Duration) {
	e.mu.Lock()
	asked, fetched := e.asked, e.fetched
	e.mu.Unlock()
	if asked > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case <-fetched:
		case <-timer.C:
		}
	}
	e.stop()
}

func (e *endpoint) stop() {
	_ = e.server.Close() // nothing is lost
}

// notes says whether somebody has fetched the figures of the whole run.
func (e *endpoint) notes() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.asked == 0:
		return []string{fmt.Sprintf("prometheus %s: nobody scraped it", e.address)}
	case !isClosed(e.fetched):
		return []string{fmt.Sprintf("prometheus %s: it was not scraped within %v of the end of the run: the last figures are missing there", e.address, farewell)}
	}
	return nil
}
