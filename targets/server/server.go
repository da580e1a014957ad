// Package server puts the handlers of the reference target on a port: on loopback unless
// the user allows more, because a target stalls and fails on request, and with a graceful
// end. It answers /healthz itself. It prints nothing and knows no other path.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// ErrPublic is the error of Listen for an address that other machines can reach.
var ErrPublic = errors.New("address is not on loopback")

// Listen opens the TCP address (host:port; port 0 takes a free one). Unless public is
// true the host has to be on loopback, else the error is ErrPublic.
func Listen(ctx context.Context, address string, public bool) (net.Listener, error) {
	if !public {
		if err := loopback(ctx, address); err != nil {
			return nil, err
		}
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}

// loopback returns an error unless every address of the host is on loopback.
func loopback(ctx context.Context, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if host == "" {
		return fmt.Errorf("%s: %w", address, ErrPublic) // all interfaces
	}
	addresses, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if !a.IP.IsLoopback() {
			return fmt.Errorf("%s: %w", address, ErrPublic)
		}
	}
	return nil
}

// Serve answers on l until ctx ends. Then it accepts no more, lets requests that are
// under way finish for at most drain, and returns nil; after drain it cuts them off and
// returns an error.
func Serve(ctx context.Context, l net.Listener, h http.Handler, drain time.Duration) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", healthy)
	mux.Handle("/", h)
	s := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // hang-ups of clients, which a load test is full of
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if s.Shutdown(limit) == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("cut off requests still under way after %v", drain), s.Close())
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n") //nolint:errcheck // the client is gone; there is nobody to tell
}
