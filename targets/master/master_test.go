package master

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"plimsoll/targets/cluster"
	"plimsoll/targets/fault"
	"plimsoll/targets/knob"
	"plimsoll/targets/topology"
	"plimsoll/targets/worker"
)

// role makes a copy of the test binary a worker.
const role = "PLIMSOLL_TEST_MASTER_ROLE"

// late is the role of a worker that takes its time to begin, by when it was told already
// what it is to be.
const late = "late"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case late:
		time.Sleep(500 * time.Millisecond)
	}
	if err := worker.Run(os.Stdin, os.Stderr, os.Exit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func options(t testing.TB, preset string, settings ...string) Options {
	t.Helper()
	cfg, err := topology.Load(preset, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Topology: cfg, Listen: "127.0.0.1:0", Stderr: io.Discard, Command: func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), role+"=worker", "GORACE=atexit_sleep_ms=0")
		return cmd
	}}
}

func started(t testing.TB, preset string, settings ...string) *Master {
	t.Helper()
	m, err := Start(t.Context(), options(t, preset, settings...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestATargetThatCannotStartSaysWhy(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	for name, test := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"a port that is taken": {func(o *Options) { o.Listen = taken.Addr().String() }, taken.Addr().String()},
		"a database that is not there": {func(o *Options) {
			o.Topology.Deps.DB.Store.Kind, o.Topology.Deps.DB.Store.URL = "postgres", "postgres://127.0.0.1:1/none"
		}, "deps.db"},
		"a file that cannot be made": {func(o *Options) {
			o.Topology.Deps.DB.Store.Kind, o.Topology.Deps.DB.Store.URL = "sqlite", "/no/such/place/shop.db"
		}, "deps.db"},
		"a worker that is no program": {func(o *Options) { o.Command = func() *exec.Cmd { return exec.Command("/no/such/program") } }, "/no/such/program"},
		"a worker that ends at once":  {func(o *Options) { o.Command = func() *exec.Cmd { return exec.Command("false") } }, "worker"},
		"a worker that knows no master": {func(o *Options) {
			o.Command = func() *exec.Cmd { return exec.Command("sh", "-c", "echo it does not fit >&2; exit 3") }
		}, "it does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, "minimal")
			test.change(&o)
			m, err := Start(t.Context(), o)
			if err == nil {
				m.Close(t.Context())
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, which says nothing of %q", err, test.want)
			}
		})
	}
	if _, err := Start(t.Context(), func() Options { o := options(t, "minimal"); o.Listen = taken.Addr().String(); return o }()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("%v is not known as a port that is taken", err)
	}
}

func TestATargetEndsWithAllItsProcesses(t *testing.T) {
	m, err := Start(t.Context(), options(t, "golden", "cluster.workers=2"))
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{}
	for _, w := range m.Cluster().Workers {
		pids = append(pids, w.PID)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is there: %v", pid, err)
		}
	}
	if _, err := m.Knobs.Change(t.Context(), knob.Batch{Set: map[string]any{"shed.queue": "1"}}); !errors.Is(err, knob.ErrClosed) {
		t.Errorf("a change afterwards: %v", err)
	}
	if err := m.Reload(t.Context()); !errors.Is(err, cluster.ErrClosed) {
		t.Errorf("a reload afterwards: %v", err)
	}
	if c, err := net.Dial("tcp", m.Addr().String()); err == nil {
		c.Close()
		t.Error("the port is open")
	}
}

// TestWorkersKnowTheLatestSettings changes a setting again and again while workers die and
// are exchanged. In the end all that are there have the last one.
func TestWorkersKnowTheLatestSettings(t *testing.T) {
	t.Parallel()
	m := started(t, "golden", "cluster.workers=2", "cluster.respawn.backoff=1ms", "cluster.respawn.max=20ms", "cluster.respawn.burst=1000")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 10 {
			m.cluster.Kill(i%2 + 1) // one that is not there need not die
			time.Sleep(20 * time.Millisecond)
			if i == 5 {
				m.Reload(t.Context()) // one that dies meanwhile lets it fail
			}
		}
	}()
	for i, going := 0, true; going; i++ {
		value := strconv.Itoa(100 + i)
		if _, err := m.Knobs.Change(t.Context(), knob.Batch{Set: map[string]any{"shed.queue": value}}); err != nil {
			t.Errorf("change to %s: %v", value, err)
		}
		select {
		case <-done:
			going = false
		default:
		}
	}
	_, version := m.Knobs.Get()
	await(t, "both workers to know the last version", func() bool {
		s, err := m.Stats(t.Context())
		return err == nil && len(s.Workers) == 2 && s.Workers[1].Version == version && s.Workers[2].Version == version
	})
}

// TestAWorkerThatBeginsLateIsToldWhatChangedMeanwhile has settings, faults and epoch change
// between what a worker was told and its being ready.
func TestAWorkerThatBeginsLateIsToldWhatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	o := options(t, "minimal", "cluster.respawn.backoff=1ms")
	prompt, first := o.Command, true
	o.Command = func() *exec.Cmd {
		cmd := prompt()
		if !first {
			cmd.Env = append(cmd.Env, role+"="+late)
		}
		first = false
		return cmd
	}
	m, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	before, err := m.AddFault(t.Context(), fault.Fault{Target: "svc:x", Kind: "latency", Value: "1ms", For: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	old := m.Cluster().Workers[0].PID
	if err := m.Act(t.Context(), 1, "kill", 0); err != nil {
		t.Fatal(err)
	}
	await(t, "the next process", func() bool { // by then it was told
		return slices.ContainsFunc(m.Cluster().Workers, func(w cluster.WorkerStatus) bool {
			return w.State == cluster.Starting && w.PID != 0 && w.PID != old
		})
	})
	m.RemoveFault(t.Context(), before.ID)
	if _, err := m.AddFault(t.Context(), fault.Fault{ID: "meanwhile", Target: "svc:x", Kind: "latency", Value: "1ms", For: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Knobs.Change(t.Context(), knob.Batch{Set: map[string]any{"shed.queue": "7"}}); err != nil {
		t.Fatal(err)
	}
	await(t, "it to know", func() bool {
		s, err := m.Stats(t.Context())
		if err != nil || len(s.Workers) == 0 {
			return false
		}
		faults := s.Workers[1].Faults
		return s.Workers[1].Version == 2 && len(faults) == 1 && faults[0].Fault.ID == "meanwhile"
	})
}

// TestTheTruthIsToldWithoutAWorker asks for it when the only one is gone.
func TestTheTruthIsToldWithoutAWorker(t *testing.T) {
	t.Parallel()
	m := started(t, "minimal", "cluster.respawn.backoff=30s", "cluster.respawn.max=30s")
	answer, err := http.Get("http://" + m.Addr().String() + "/x/ok")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if err := m.Act(t.Context(), 1, "kill", 0); err != nil {
		t.Fatal(err)
	}
	await(t, "the worker to be gone", func() bool { return m.Cluster().Workers[0].PID == 0 })
	truth, err := m.Truth(t.Context(), false, false)
	if err != nil || truth.Requests["/x/ok"].Answered["200"] != 1 {
		t.Errorf("%+v, %v", truth, err)
	}
	if _, err := m.Stats(t.Context()); err != nil {
		t.Errorf("figures: %v", err)
	}
}

// TestASettingThatNeedsNewWorkersHoldsAfterAReload turns on TLS.
func TestASettingThatNeedsNewWorkersHoldsAfterAReload(t *testing.T) {
	t.Parallel()
	m := started(t, "minimal")
	plain := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	encrypted := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	get := func(c *http.Client, scheme string) (string, *tls.ConnectionState) {
		a, err := c.Get(scheme + "://" + m.Addr().String() + "/x/ok")
		if err != nil {
			return "", nil
		}
		defer a.Body.Close()
		return a.Proto, a.TLS
	}
	change := func(value string, pending int) {
		t.Helper()
		r, err := m.Knobs.Change(t.Context(), knob.Batch{Set: map[string]any{"listen.tls": value}})
		if err != nil || len(r.RestartPending) != pending {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	change("true", 1)
	if proto, _ := get(plain, "http"); proto != "HTTP/1.1" {
		t.Errorf("before the reload: %q", proto)
	}
	if err := m.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	proto, state := get(encrypted, "https")
	if proto != "HTTP/2.0" || state == nil {
		t.Fatalf("after the reload: %q", proto)
	}
	if names := state.PeerCertificates[0]; names.VerifyHostname("127.0.0.1") != nil || names.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		t.Errorf("the certificate is for %v %v", names.DNSNames, names.IPAddresses)
	}
	before := state.PeerCertificates[0].SerialNumber
	if err := m.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, state := get(encrypted, "https"); state == nil || state.PeerCertificates[0].SerialNumber.Cmp(before) != 0 {
		t.Error("another reload brought another certificate")
	}
	change("false", 1)
	if err := m.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if proto, _ := get(plain, "http"); proto != "HTTP/1.1" {
		t.Errorf("without TLS again: %q", proto)
	}
}

// TestASilentWorkerHoldsNobodyUp halts a worker: what concerns all is done without it, and
// it hears of it when it goes on.
func TestASilentWorkerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	m := started(t, "golden", "cluster.workers=2", "cluster.health.misses=0")
	if err := m.Act(t.Context(), 1, "pause", time.Minute); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err := m.Knobs.Change(t.Context(), knob.Batch{Set: map[string]any{"shed.queue": "7"}}); err != nil {
		t.Errorf("a change: %v", err)
	}
	if s, err := m.Stats(t.Context()); err != nil || len(s.Workers) != 1 {
		t.Errorf("figures of %d workers, %v", len(s.Workers), err)
	}
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	if err := m.cluster.Resume(1); err != nil {
		t.Fatal(err)
	}
	await(t, "the worker to know", func() bool {
		s, err := m.Stats(t.Context())
		return err == nil && s.Workers[1].Version == 2
	})
}

func TestWhatCannotBeDoneIsRefused(t *testing.T) {
	m := started(t, "minimal")
	for name, err := range map[string]error{
		"an action": m.Act(t.Context(), 1, "tickle", 0),
		"a number":  m.Scale(t.Context(), 0),
		"a service": func() error { _, err := m.Swap(t.Context(), "basket", "2"); return err }(),
		"a kind": func() error {
			_, err := m.Knobs.Change(t.Context(), knob.Batch{Set: map[string]any{"deps.db.kind": "sqlite"}})
			return err
		}(),
		"a database": func() error {
			_, err := m.Knobs.Change(t.Context(), knob.Batch{Set: map[string]any{"deps.db.products": "7"}})
			return err
		}(),
	} {
		_, one := errors.AsType[knob.Problem](err)
		_, pointed := errors.AsType[*knob.Problem](err)
		_, many := errors.AsType[knob.Problems](err)
		if !one && !pointed && !many {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := m.Act(t.Context(), 2, "kill", 0); !errors.Is(err, cluster.ErrNoWorker) {
		t.Errorf("a worker that there is not: %v", err)
	}
	if cfg, version := m.Knobs.Get(); version != 1 || cfg.Cluster.Workers != 1 {
		t.Errorf("version %d has %d workers", version, cfg.Cluster.Workers)
	}
}
