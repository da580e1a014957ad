package master

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"plimsoll/targets/backend"
	"plimsoll/targets/cluster"
	"plimsoll/targets/knob"
	"plimsoll/targets/server"
	"plimsoll/targets/shm"
	"plimsoll/targets/worker"
)

// Solo is a target in one process, for systems where processes cannot share a port: one
// worker, without the admin API. A fault that ends the process ends all of it.
type Solo struct {
	backends *backend.Backends
	memory   *shm.Memory
	worker   *worker.Worker
	server   *server.Server
	listener net.Listener
}

// StartSolo starts a target in this process. Of the options it does without the command.
// Exit ends the process at once.
func StartSolo(ctx context.Context, o Options, exit func(code int)) (*Solo, error) {
	s := &Solo{}
	err := s.start(ctx, o, exit)
	if err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	s.server.Serve(s.listener)
	return s, nil
}

func (s *Solo) start(ctx context.Context, o Options, exit func(code int)) (err error) {
	if o.Topology.Listen.TLS {
		return errors.New("listen.tls: not supported without worker processes")
	}
	if s.memory, err = shm.New(shm.Options{Counters: counters}); err != nil {
		return fmt.Errorf("make memory for the counts: %w", err)
	}
	if s.backends, err = backend.Start(ctx, o.Topology); err != nil {
		return err
	}
	own := knob.Clone(o.Topology)
	own.Deps.DB.Store = s.backends.Store(own.Deps.DB.Store)
	text, err := knob.Encode(own)
	if err != nil {
		return fmt.Errorf("write the topology: %w", err)
	}
	boot := worker.Boot{
		ID: 1, Assignment: worker.Assignment{Edition: 1, Version: firstVersion, Topology: string(text)},
		Key: []byte(rand.Text()), Backends: addresses(s.backends),
	}
	if s.worker, err = worker.New(boot, worker.Host{Memory: s.memory, Crash: func() { exit(worker.ExitCrash) }, Stderr: o.Stderr}); err != nil {
		return err
	}
	s.server = server.New(s.worker, o.Topology.Listen.HeaderTimeout, worker.Settings(o.Topology), cluster.NewDrainer(nil))
	s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	return err
}

// Addr returns the address of the data port.
func (s *Solo) Addr() net.Addr { return s.listener.Addr() }

// Close lets requests finish until ctx ends, and ends everything.
func (s *Solo) Close(ctx context.Context) error {
	var all []error
	if s.listener != nil {
		all = append(all, s.server.Drain(ctx))
	}
	if s.worker != nil {
		s.worker.Close()
	}
	if s.backends != nil {
		all = append(all, s.backends.Close())
	}
	if s.memory != nil {
		all = append(all, s.memory.Close())
	}
	return errors.Join(all...)
}

func addresses(b *backend.Backends) worker.Backends {
	return worker.Backends{Redis: b.Redis, Database: b.Database, Pricing: b.Pricing}
}
