package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"plimsoll/targets/cluster"
	"plimsoll/targets/master"
	"plimsoll/targets/topology"
	"plimsoll/targets/worker"
)

// role makes a copy of the test binary a worker.
const role = "PLIMSOLL_TEST_ADMIN_ROLE"

func TestMain(m *testing.M) {
	logging.Disable()
	if os.Getenv(role) == "" {
		code := m.Run()
		database.Stop()
		os.Exit(code)
	}
	if err := worker.Run(os.Stdin, os.Stderr, os.Exit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// rig is a target under test: real processes, a data port and an admin port.
type rig struct {
	*master.Master
	t      testing.TB
	admin  string // http://…/admin/v1
	root   string // of the admin port
	data   string // http://… of the data port
	stderr *lockedBuffer
}

// start starts a preset with settings changed. Whatever the test does, in the end no worker
// may have raced.
func start(t testing.TB, preset string, settings ...string) *rig {
	t.Helper()
	cfg, err := topology.Load(preset, settings...)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, stderr: &lockedBuffer{}}
	r.Master, err = master.Start(t.Context(), master.Options{
		Topology: cfg, Listen: "127.0.0.1:0", Stderr: r.stderr, Command: func() *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), role+"=worker", "GOTRACEBACK=single", "GORACE=atexit_sleep_ms=0")
			return cmd
		},
	})
	if err != nil {
		t.Fatalf("start %s %v: %v\n%s", preset, settings, err, r.stderr)
	}
	api := httptest.NewServer(Handler(r.Master, ""))
	r.root, r.admin, r.data = api.URL, api.URL+"/admin/v1", "http://"+r.Addr().String()
	t.Cleanup(func() {
		api.CloseClientConnections()
		api.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if text := r.stderr.String(); strings.Contains(text, "DATA RACE") || t.Failed() && text != "" {
			t.Errorf("workers wrote:\n%.6000s", text)
		}
	})
	return r
}

// answer is what came back, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem reads a problem document.
func (a answer) problem() (p struct {
	Type, Path, Hint, Detail string
	Status                   int
},
) {
	json.Unmarshal([]byte(a.body), &p)
	return p
}

// plain makes requests and never tries one twice; connections are not kept, so that they
// go round all workers.
var plain = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// try makes a request; headers are names and values in turn.
func try(method, url, body string, headers ...string) (answer, error) {
	q, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	got, err := plain.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return answer{got.StatusCode, got.Header, string(text)}, err
}

// send is try for a request that has to be answered.
func send(t testing.TB, method, url, body string, headers ...string) answer {
	t.Helper()
	a, err := try(method, url, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

// get asks the data port.
func (r *rig) get(path string, headers ...string) answer {
	r.t.Helper()
	return send(r.t, "GET", r.data+path, "", headers...)
}

// ask asks the admin API, and reads what it answers into value unless that is nil.
func (r *rig) ask(method, path, body string, value any) {
	r.t.Helper()
	a := send(r.t, method, r.admin+path, body)
	if a.status != http.StatusOK {
		r.t.Fatalf("%s %s %s: status %d: %s", method, path, body, a.status, a.body)
	}
	if value == nil {
		return
	}
	if err := json.Unmarshal([]byte(a.body), value); err != nil {
		r.t.Fatalf("%s %s: %v in %s", method, path, err, a.body)
	}
}

// set changes settings, path and value in turn.
func (r *rig) set(pairs ...string) {
	r.t.Helper()
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	text, err := json.Marshal(map[string]any{"set": values})
	if err != nil {
		r.t.Fatal(err)
	}
	r.ask("PATCH", "/knobs", string(text), nil)
}

// setting returns the value of a setting.
func (r *rig) setting(path string) string {
	r.t.Helper()
	var s struct{ Value string }
	r.ask("GET", "/knobs/"+path, "", &s)
	return s.Value
}

// fault begins a fault that lasts for d, and returns its id.
func (r *rig) fault(target, kind, value, d string) string {
	r.t.Helper()
	text, err := json.Marshal(map[string]string{"target": target, "kind": kind, "value": value, "for": d})
	if err != nil {
		r.t.Fatal(err)
	}
	var f struct{ ID string }
	r.ask("POST", "/faults", string(text), &f)
	return f.ID
}

// end ends a fault.
func (r *rig) end(id string) {
	r.t.Helper()
	r.ask("DELETE", "/faults/"+id, "", nil)
}

// workers returns the workers there are.
func (r *rig) workers() []cluster.WorkerStatus {
	r.t.Helper()
	var status cluster.Status
	r.ask("GET", "/cluster", "", &status)
	return status.Workers
}

// worker returns the worker of a slot.
func (r *rig) worker(id int) cluster.WorkerStatus {
	r.t.Helper()
	for _, w := range r.workers() {
		if w.ID == id && w.State != cluster.Draining {
			return w
		}
	}
	return cluster.WorkerStatus{}
}

// stats returns the figures of the whole target.
func (r *rig) stats() (s master.Stats) {
	r.t.Helper()
	r.ask("GET", "/stats", "", &s)
	return s
}

// truth returns what happened since the epoch; query may be "".
func (r *rig) truth(query string) (t master.Truth) {
	r.t.Helper()
	r.ask("GET", "/truth"+query, "", &t)
	return t
}

// await waits until something is so.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
