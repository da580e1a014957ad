// Package master is the reference target as one thing: it starts the backends and the
// worker processes of a topology, keeps the settings and the faults, passes changes of
// both on to whom they concern, and gathers what the workers know. It serves no request of
// the data port itself and speaks no HTTP to the outside; package admin does.
package master

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
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

	mu     sync.Mutex
	now    current
	epoch  epoch              // what is measured since
	routes []worker.RouteInfo // the last that were known
	seen   map[string]bool    // every route that there ever was
}

// current is what holds for workers.
type current struct {
	edition int // counts what was sent, see worker.Assignment
	version int
	text    string // the topology, as YAML
	epoch   worker.Epoch
}

// counters is how many named counters the workers share: some thirty for each route.
const counters = 4096

// Start starts a target and returns when every worker is ready.
func Start(ctx context.Context, o Options) (*Master, error) {
	m := &Master{Events: event.NewBus("master"), key: []byte(rand.Text()), seen: map[string]bool{}}
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

// remember keeps the topology for workers, those that start from now on too.
func (m *Master) remember(cfg *topology.Config, version int) error {
	own := knob.Clone(cfg)
	own.Deps.DB.Store = m.backends.Store(cfg.Deps.DB.Store)
	text, err := knob.Encode(own)
	if err != nil {
		return fmt.Errorf("write the topology: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.version, m.now.text = version, string(text)
	if !cfg.Listen.TLS || m.identity != nil {
		return nil
	}
	id, err := netem.NewIdentity(certificateLife, "localhost", "127.0.0.1", "::1")
	if err != nil {
		return fmt.Errorf("listen.tls: make a certificate: %w", err)
	}
	m.identity = &id
	return nil
}

// assignment returns what workers are to be from now on, as a new edition. The caller holds
// mu, so that a later edition never has older faults.
func (m *Master) assignment() worker.Assignment {
	m.now.edition++
	a := worker.Assignment{Edition: m.now.edition, Version: m.now.version, Topology: m.now.text, Epoch: m.now.epoch}
	for _, active := range m.faults.List() {
		a.Faults = append(a.Faults, active.Fault)
	}
	return a
}

// bootOf returns what the worker of a slot begins with.
func (m *Master) bootOf(id int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return json.Marshal(worker.Boot{
		ID: id, Assignment: m.assignment(), Key: m.key, Identity: m.identity, Backends: addresses(m.backends),
	})
}

// assign tells every worker what it is to be from now on.
func (m *Master) assign(ctx context.Context) error {
	m.mu.Lock()
	text, err := json.Marshal(m.assignment())
	m.mu.Unlock()
	if err != nil {
		return fmt.Errorf("write what workers are to be: %w", err)
	}
	return m.each(ctx, http.MethodPut, "/assignment", text, nil)
}

// apply passes a change of the settings on. It is called by Knobs, one change at a time.
func (m *Master) apply(ctx context.Context, cfg *topology.Config, version int, changes []knob.Change) error {
	for _, c := range changes {
		if slices.Contains(startOnly(), c.Path) {
			return knob.Problem{Path: c.Path, Msg: "can be set at the start only", Hint: "start the target with --set " + c.Path + "=" + c.To}
		}
	}
	if err := m.remember(cfg, version); err != nil {
		return err
	}
	m.backends.Configure(cfg)
	if err := m.assign(ctx); err != nil {
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

// startOnly are the settings of what is made when the target starts, and lives as long.
func startOnly() []string { return []string{"seed", "deps.db.kind", "deps.db.url", "deps.db.products"} }

// Certificate returns what proves the data port over TLS (PEM), nil if it never spoke TLS.
func (m *Master) Certificate() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.identity == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.identity.Certificate})
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
		m.mu.Lock()
		text, err := json.Marshal(m.assignment())
		m.mu.Unlock()
		if err != nil {
			return // it could not be written before either
		}
		ctx, cancel := context.WithTimeout(context.Background(), askLimit)
		_, _, err = m.cluster.Call(ctx, id, http.MethodPut, "/assignment", text)
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
