// Package master is the reference target as one thing: it starts the backends and the
// worker processes of a topology, keeps the settings and the faults, passes changes of
// both on to whom they concern, and gathers what the workers know. It serves no request of
// the data port itself and speaks no HTTP to the outside; package admin does.
package master

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"plimsoll/targets/backend"
	"plimsoll/targets/cluster"
	"plimsoll/targets/event"
	"plimsoll/targets/fault"
	"plimsoll/targets/knob"
	"plimsoll/targets/netem"
	"plimsoll/targets/shm"
	"plimsoll/targets/topology"
	"plimsoll/targets/worker"
)

// Options are what a target is started with.
type Options struct {
	Topology *topology.Config // valid
	Listen   string           // host:port of the data port; port 0 takes a free one
	Command  func() *exec.Cmd // runs this program as a worker, see cluster.Options
	Stderr   io.Writer        // gets what workers write to theirs
}

// Master is a running target. Create it with Start.
type Master struct {
	Events *event.Bus
	Knobs  *knob.Store[topology.Config]

	backends *backend.Backends
	cluster  *cluster.Master
	memory   *shm.Memory
	faults   *fault.Registry
	key      []byte
	identity *netem.Identity

	mu    sync.Mutex
	boot  boot  // what the next worker begins with
	epoch epoch // what is measured since
}

// boot is the topology as workers get it.
type boot struct {
	version int
	edition int // counts what is sent, see worker.Boot
	text    string
}

// counters is how many named counters the workers share: some thirty for each route.
const counters = 4096

// Start starts a target and returns when every worker is ready.
func Start(ctx context.Context, o Options) (*Master, error) {
	m := &Master{Events: event.NewBus("master"), key: []byte(rand.Text())}
	if err := m.prepare(ctx, o); err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	if err := m.cluster.Start(ctx); err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	if err := m.Epoch(ctx, "start"); err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	return m, nil
}

// prepare makes everything but the workers.
func (m *Master) prepare(ctx context.Context, o Options) (err error) {
	if m.memory, err = shm.New(shm.Options{Counters: counters}); err != nil {
		return fmt.Errorf("make memory for the workers: %w", err)
	}
	if o.Topology.Listen.TLS {
		id, err := netem.NewIdentity(certificateLife, "localhost", "127.0.0.1", "::1")
		if err != nil {
			return fmt.Errorf("listen.tls: make a certificate: %w", err)
		}
		m.identity = &id
	}
	if m.backends, err = backend.Start(ctx, o.Topology); err != nil {
		return err
	}
	m.Knobs = knob.NewStore(o.Topology, m.apply)
	if err := m.remember(o.Topology, firstVersion); err != nil {
		return err
	}
	m.faults = fault.New(fault.Options{Self: "master", Targets: m.FaultTargets, OnChange: m.faultChanged})
	m.cluster, err = cluster.New(o.Topology.Cluster, cluster.Options{
		Listen: o.Listen, Command: o.Command, Boot: m.bootOf, Shared: m.memory, Stderr: o.Stderr, Event: m.happened,
	})
	return err
}

const (
	certificateLife = 30 * 24 * time.Hour
	firstVersion    = 1
)

// Addr returns the address of the data port.
func (m *Master) Addr() net.Addr { return m.cluster.Addr() }

// Close lets requests finish, as the topology allows, and ends everything. When ctx ends
// it waits no longer.
func (m *Master) Close(ctx context.Context) error {
	var all []error
	if m.Knobs != nil {
		m.Knobs.Close()
	}
	if m.faults != nil {
		m.faults.Close()
	}
	if m.cluster != nil {
		all = append(all, m.cluster.Close(ctx))
	}
	if m.backends != nil {
		all = append(all, m.backends.Close())
	}
	if m.memory != nil {
		all = append(all, m.memory.Close())
	}
	return errors.Join(all...)
}

// remember keeps the topology for workers that start from now on.
func (m *Master) remember(cfg *topology.Config, version int) error {
	own := knob.Clone(cfg)
	own.Deps.DB.Store = m.backends.Store(cfg.Deps.DB.Store)
	text, err := knob.Encode(own)
	if err != nil {
		return fmt.Errorf("write the topology: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boot = boot{version: version, edition: m.boot.edition + 1, text: string(text)}
	return nil
}

// bootOf returns what the worker of a slot begins with.
func (m *Master) bootOf(id int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := worker.Boot{
		ID: id, Version: m.boot.version, Edition: m.boot.edition, Topology: m.boot.text, Key: m.key, Identity: m.identity,
		Backends: addresses(m.backends),
	}
	for _, active := range m.faults.List() {
		b.Faults = append(b.Faults, active.Fault)
	}
	return json.Marshal(b)
}

// apply passes a change of the settings on. It is called by Knobs, one change at a time.
func (m *Master) apply(ctx context.Context, cfg *topology.Config, version int, changes []knob.Change) error {
	if err := m.remember(cfg, version); err != nil {
		return err
	}
	m.backends.Configure(cfg)
	path, text := m.current()
	if err := m.each(ctx, http.MethodPut, path, text, nil); err != nil {
		return err
	}
	m.cluster.Configure(cfg.Cluster)
	shown := map[string]string{}
	for _, c := range changes {
		shown[c.Path] = c.To
	}
	m.Events.Publish("knob.change", map[string]any{"version": version, "set": shown})
	return nil
}

// current returns the question that tells a worker the topology, and its body.
func (m *Master) current() (path string, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprintf("/topology?version=%d&edition=%d", m.boot.version, m.boot.edition), []byte(m.boot.text)
}

// happened is told by the cluster what happens to workers.
func (m *Master) happened(kind string, data map[string]any) {
	m.Events.Publish(kind, data)
	if id, ok := data["id"].(int); ok && kind == "worker.ready" {
		go m.follow(id)
		go m.catchUp(id)
	}
}

// catchUp tells a worker what has changed since it was told what to begin with, or since it
// did not answer. It gives up when there is no such worker any more: the next begins with
// what holds then.
func (m *Master) catchUp(id int) {
	for range catchUpTries {
		path, text := m.current()
		ctx, cancel := context.WithTimeout(context.Background(), askLimit)
		_, _, err := m.cluster.Call(ctx, id, http.MethodPut, path, text)
		cancel()
		if err == nil || errors.Is(err, cluster.ErrNoWorker) || errors.Is(err, cluster.ErrClosed) {
			return
		}
		time.Sleep(time.Second)
	}
}

// catchUpTries is how often a worker that does not answer is told; by then it counts as
// hung, unless nobody looks.
const catchUpTries = 60

// follow hands on the events of a worker until it ends.
func (m *Master) follow(id int) {
	answer, err := m.get(context.Background(), id, "/events")
	if err != nil {
		return // it has ended already
	}
	defer answer.Body.Close()
	worker.Forward(answer.Body, m.Events) //nolint:errcheck // it ends with the worker
}
