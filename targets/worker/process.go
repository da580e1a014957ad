package worker

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"plimsoll/targets/cluster"
	"plimsoll/targets/server"
	"plimsoll/targets/topology"
)

// ExitCrash is the exit code of a worker that ended by a fault, Go's own of a panic.
const ExitCrash = 2

// Run is the life of a worker process: it reads from stdin what it is to be, serves until
// it is told to go or its master is gone, lets requests finish, and returns. Exit ends the
// process at once; stderr is where a panic is explained that no layer recovered.
func Run(stdin io.Reader, stderr io.Writer, exit func(code int)) error {
	joined, err := cluster.Join(stdin)
	if err != nil {
		return err
	}
	var boot Boot
	if err := json.Unmarshal(joined.Boot, &boot); err != nil {
		return fmt.Errorf("read what this worker is to be: %w", err)
	}
	boot.ID = joined.ID
	w, err := New(boot, Host{Memory: joined.Shared, Crash: func() { exit(ExitCrash) }, Stderr: stderr})
	if err != nil {
		return err
	}
	defer w.Close()
	s := server.New(w, w.Config().Listen.HeaderTimeout, Settings(w.Config()), cluster.NewDrainer(joined.Counters()))
	w.onApply(func(cfg *topology.Config) { s.Configure(Settings(cfg)) })
	l, err := w.listen(joined.Listener, boot)
	if err != nil {
		return err
	}
	controlled := make(chan error, 1)
	go func() { controlled <- http.Serve(joined.Control, w.Control()) }() //nolint:gosec // the master is the only client
	served := s.Serve(l)
	if err := joined.Ready(); err != nil {
		return fmt.Errorf("tell the master that this worker is ready: %w", err)
	}
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case err := <-controlled:
		return fmt.Errorf("serve the master: %w", err)
	case <-joined.Orphaned():
		return nil
	case <-joined.Retire():
	}
	w.Retire()
	ctx, cancel := context.WithTimeout(context.Background(), joined.Patience())
	defer cancel()
	return s.Drain(ctx)
}

// Settings are how the topology has connections used.
func Settings(cfg *topology.Config) server.Settings {
	l := cfg.Listen
	return server.Settings{Keepalive: l.Keepalive, IdleTimeout: l.IdleTimeout, MaxRequests: l.MaxRequests}
}

// listen puts the network, the faults and TLS around the listener.
func (w *Worker) listen(l net.Listener, boot Boot) (net.Listener, error) {
	l = w.parts.net.Listener(w.parts.faults.Listener(l))
	if !w.Config().Listen.TLS {
		return l, nil
	}
	if boot.Identity == nil {
		return nil, errors.New("listen.tls: the master sent no certificate")
	}
	cfg, err := boot.Identity.Server(true, "h2", "http/1.1")
	if err != nil {
		return nil, fmt.Errorf("listen.tls: %w", err)
	}
	return tls.NewListener(l, cfg), nil
}
