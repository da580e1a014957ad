//go:build linux

package cmd

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"plimsoll/report"
	"plimsoll/targets/cluster"
	"plimsoll/targets/fault"
	"plimsoll/targets/master"
)

var soakFor = flag.Duration("soak", 8*time.Second, "how long TestSoak keeps a target under load")

// The load of a soak, and the database that bounds how much there can be.
const (
	soakServers = 2   // of the database, 5 ms each
	soakLoad    = 0.7 // of what the database can do
	soakFirst   = 60  // flows per second, to find out how much that is
	soakEvery   = 20 * time.Second
)

// soakScenario is the shop of golden with keys so many that few answers come from a cache.
const soakScenario = `scenario: soak
seed: 1
defaults: {timeout: 30s}
flows:
  look:
    - {get: "/v1/products/{{ random 1 2000 }}", name: "GET /v1/products/{id}"}
  find:
    - {get: "/v1/search?q=gold&limit={{ random 1 100 }}", name: GET /v1/search}
  buy:
    - post: /v1/orders
      name: POST /v1/orders
      headers: {Idempotency-Key: "{{ uuid }}"}
      json: {customer: "c{{ random 1 100 }}", items: [{product: "{{ random 1 2000 | number }}", quantity: 1}]}
      check: status == 201
      extract: {order: json $.id}
    - {get: "/v1/orders/{{ order }}", name: "GET /v1/orders/{id}"}
load:
  - {name: shoppers, flows: {look: 6, find: 2, buy: 2}, arrivals: poisson, rate: %.1f/s, for: %s}
`

// act is one thing that is done to the target; in JSON a fault, else a POST.
type act string

// gentle are acts under which no request may be lost, restless those that end a process or
// cut what has not been read. %s is how long they last.
var (
	gentle = []act{
		`{"target": "dep:db", "kind": "latency", "value": "20ms..80ms", "for": "%s"}`,
		`{"target": "dep:pricing", "kind": "error", "value": "503", "for": "%s"}`,
		`{"target": "worker:2", "kind": "hang", "for": "%s"}`,
		"/cluster/reload",
		`{"target": "svc:catalog", "kind": "reset", "match": {"percent": 5}, "for": "%s"}`,
		`{"target": "store:redis", "kind": "conn_refuse", "for": "%s"}`,
		`{"target": "svc:search", "kind": "slow_body", "value": "100kB/s", "for": "%s"}`,
		`{"target": "*", "kind": "cache_flush", "value": "100ms", "for": "%s"}`,
		`{"target": "worker:1", "kind": "gc_storm", "value": "10/s", "for": "%s"}`,
		`{"target": "worker:2", "kind": "leak", "value": "1MiB/s", "for": "%s"}`,
		`{"target": "svc:orders", "kind": "abort", "match": {"percent": 20}, "for": "%s"}`,
		`{"target": "dep:db", "kind": "pool_exhausted", "value": "50ms", "for": "%s"}`,
		`{"target": "route:GET /v1/search", "kind": "truncate", "value": "20B", "for": "%s"}`,
	}
	restless = []act{
		`{"target": "worker:1", "kind": "crash", "for": "%s"}`,
		`{"target": "listener", "kind": "conn_refuse", "for": "%s"}`,
		"/cluster/workers/2/kill",
		"/cluster/reload",
		`{"target": "*", "kind": "crash", "for": "%s"}`,
	}
)

// TestSoak keeps a target at 70 % of what its database can do while one thing after the
// other goes wrong in it, and looks at what is left behind: nothing. make soak takes five
// minutes.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds and more")
	}
	s := newSoak(t)
	per := min(soakEvery, *soakFor/8)
	s.drive("warm-up", soakFirst, max(*soakFor/10, 2*time.Second), 0, nil)
	if s.load == 0 {
		t.Fatal("the database had nothing to do")
	}
	rate := soakFirst * soakLoad / s.load
	t.Logf("at %d flows/s the database is busy for %.0f %%: %.0f flows/s are %.0f %%", soakFirst, 100*s.load, rate, 100*soakLoad)
	s.drive("fill", rate, max(*soakFor/10, 2*time.Second), 0, nil)
	rate *= soakLoad / s.load // the more there are, the more answers come from a cache
	before := s.settled(nil)

	run, truth := s.drive("gentle", rate, *soakFor*2/3, per, gentle)
	s.everythingCounted(run, truth)
	run, truth = s.drive("restless", rate, *soakFor/3, per, restless)
	s.nothingForgotten(run, truth)

	s.flat(before, s.settled(before))
	var faults []fault.Active
	ask(t, http.MethodGet, s.where.AdminURL+"/admin/v1/faults", "", &faults)
	if len(faults) > 0 {
		t.Errorf("faults that should have ended: %+v", faults)
	}
	all := below(s.cmd.Process.Pid)
	if len(living(all)) != 2 {
		t.Errorf("the target has the processes %d, want two workers", living(all))
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	if code, _ := ended(s.cmd); code != exitOK || len(living(all)) > 0 {
		t.Errorf("exit code %d, and %d live on", code, living(all))
	}
}

// soak is a target under load for long.
type soak struct {
	*testing.T
	cmd   *exec.Cmd
	where ready
	load  float64 // share of the time that the database was busy during the last drive
}

func newSoak(t *testing.T) *soak {
	cmd, where := startTarget(t, "--preset", "golden", "--workers", "2",
		"--set", fmt.Sprintf("deps.db.station.servers=%d", soakServers),
		"--set", "deps.db.keep=500", "--set", "idempotency.ttl=5s", "--set", "services.catalog.cache.sie=5s") // so that all is full soon
	return &soak{T: t, cmd: cmd, where: where}
}

// drive keeps the target under load while acts happen to it, and returns what both sides
// counted.
func (s *soak) drive(name string, rate float64, d, per time.Duration, acts []act) (*report.Run, *master.Truth) {
	s.Helper()
	ask(s.T, http.MethodPost, s.where.AdminURL+"/admin/v1/epoch?name="+name, "", nil)
	file := filepath.Join(s.TempDir(), name+".yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, soakScenario, rate, d.Round(time.Millisecond)), 0o600); err != nil {
		s.Fatal(err)
	}
	c := start(s.T, "run", file, "--target", s.where.URL)
	s.disturb(name, d, per, acts)
	_, run := c.end(s.T)
	if len(run.Loads) == 0 {
		s.Fatalf("%s: the run has no result: %s", name, c.stderr.String())
	}
	truth := s.truth()
	for _, at := range truth.Stations {
		if at.Name == "db" {
			s.load = at.Busy / d.Seconds() / float64(at.Servers)
		}
	}
	l := run.Loads[0]
	s.Logf("%s: planned %d, sent %d, dropped %d, failed %d; database busy for %.0f %%; requests %d, %d not answered; p99 %.0f ms",
		name, l.Planned, l.Sent, l.Dropped, l.Failed, 100*s.load, truth.Begun, truth.Begun-truth.Answered, l.Latency.P99)
	return run, truth
}

// disturb does one act after the other, each at the begin of a span of its own, of which
// it takes up half.
func (s *soak) disturb(name string, d, per time.Duration, acts []act) {
	if len(acts) == 0 {
		return
	}
	begin := time.Now()
	for i := 0; ; i++ {
		next := begin.Add(per/4 + time.Duration(i)*per)
		if next.Add(per / 2).After(begin.Add(d)) {
			return
		}
		time.Sleep(time.Until(next))
		do := acts[i%len(acts)]
		lasts := per / 2
		if strings.Contains(string(do), `"hang"`) {
			lasts = min(lasts, 3*time.Second) // longer, and it counts as dead
		}
		path, body := string(do), ""
		if do[0] == '{' {
			path, body = "/faults", fmt.Sprintf(string(do), lasts)
		}
		var answer map[string]any
		if status := ask(s.T, http.MethodPost, s.where.AdminURL+"/admin/v1"+path, body, &answer); status != http.StatusOK {
			s.Errorf("%s: %s %s: status %d, %v", name, path, body, status, answer)
		}
		s.Logf("%s, %.0f s, %s: %s %s", name, time.Since(begin).Seconds(), s.resident(), path, body)
	}
}

// resident says how much memory the processes take up.
func (s *soak) resident() string {
	s.Helper()
	text := fmt.Sprintf("resident %d", usage{}.resident(s.T, s.where.PID).rss>>20)
	var status cluster.Status
	ask(s.T, http.MethodGet, s.where.AdminURL+"/admin/v1/cluster", "", &status)
	for _, w := range status.Workers {
		text += fmt.Sprintf(" + %d", w.RSS>>20)
	}
	return text + " MiB"
}

// truth returns what the target counted, once no request is under way any more but for
// those that died with their worker.
func (s *soak) truth() *master.Truth {
	s.Helper()
	before := &master.Truth{}
	for {
		now := &master.Truth{}
		ask(s.T, http.MethodGet, s.where.AdminURL+"/admin/v1/truth", "", now)
		if before.Begun == now.Begun && before.Answered == now.Answered && now.Begun > 0 {
			return now
		}
		before = now
		time.Sleep(300 * time.Millisecond)
	}
}

// everythingCounted holds that of every route client and target tell the same story:
//
//	sent         = begun
//	got status s = answered with s, but for answers that were truncated, which are 200
//	errors       = aborted + truncated
func (s *soak) everythingCounted(run *report.Run, truth *master.Truth) {
	s.Helper()
	for _, r := range run.Loads[0].Requests {
		at := truth.Requests[r.Name]
		heard := maps.Clone(r.Codes)
		if n := r.Errors["truncated"]; n > 0 {
			heard["200"] += n
		}
		broken := r.Errors["reset"] + r.Errors["closed"]
		if r.Count != at.Begun || !maps.Equal(heard, at.Answered) || broken != at.Aborted || sum(r.Errors) != broken+r.Errors["truncated"] {
			s.Errorf("%s: the client sent %d, got %v and the errors %v;\nthe target began %d, answered %v and aborted %d",
				r.Name, r.Count, r.Codes, r.Errors, at.Begun, at.Answered, at.Aborted)
		}
	}
	s.Logf("gentle: sent = begun = %d, each status alike, errors = aborted + truncated", truth.Begun)
}

// fate says where the requests of one route are that the client got no answer to.
type fate struct {
	unseen  uint64 // never reached a route: refused, or lost in a connection to a worker that died
	aborted uint64 // a fault ended them
	lost    uint64 // died with their worker
	unheard uint64 // were answered, but the answer never arrived whole
}

// nothingForgotten holds that of every route each request has one fate:
//
//	sent   = begun + unseen
//	begun  = answered + aborted + lost
//	errors = unseen + aborted + lost + unheard
//
// where no number is below zero, each status reached the client at most as often as it was
// sent, and each error cost a connection.
func (s *soak) nothingForgotten(run *report.Run, truth *master.Truth) {
	s.Helper()
	errors := uint64(0)
	for _, r := range run.Loads[0].Requests {
		at := truth.Requests[r.Name]
		f := fate{unseen: r.Count - at.Begun, aborted: at.Aborted, lost: at.Begun - at.Total() - at.Aborted, unheard: at.Total() - sum(r.Codes)}
		good := r.Count >= at.Begun && at.Begun >= at.Total()+at.Aborted && sum(r.Errors) == f.unseen+f.aborted+f.lost+f.unheard
		for status, n := range r.Codes {
			good = good && n <= at.Answered[status]
		}
		if !good {
			s.Errorf("%s: the client sent %d, got %v and the errors %v;\nthe target began %d, answered %v and aborted %d: %+v",
				r.Name, r.Count, r.Codes, r.Errors, at.Begun, at.Answered, at.Aborted, f)
		}
		errors += sum(r.Errors)
		s.Logf("restless: %s: sent %d, begun %d, errors %v: %+v", r.Name, r.Count, at.Begun, r.Errors, f)
	}
	if l := run.Loads[0]; errors > l.Connected {
		s.Errorf("%d errors on %d connections", errors, l.Connected)
	}
}

func sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// usage is what a process takes up when nobody asks anything of it.
type usage struct {
	heap, rss  uint64 // bytes; the heap after a collection
	goroutines int    // but for those that serve a connection or keep one for later
	stacks     string // of the goroutines
}

// more tells whether a process takes up more than it did, beyond what a pool that was empty
// then and a collector that takes its time explain.
func (u usage) more(than usage) bool {
	const mib = 1 << 20
	resident := u.rss > than.rss*5/4+16*mib && !raced() // the race detector remembers everything
	return u.heap > than.heap*5/4+8*mib || resident || u.goroutines > than.goroutines
}

// settled returns what each process takes up: as soon as it is no more than before, or at
// the end of a minute.
func (s *soak) settled(before map[string]usage) map[string]usage {
	s.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) {
		now := map[string]usage{"master": s.usage("")}
		var status cluster.Status
		ask(s.T, http.MethodGet, s.where.AdminURL+"/admin/v1/cluster", "", &status)
		now["master"] = now["master"].resident(s.T, s.where.PID)
		for _, w := range status.Workers {
			if w.State == cluster.Ready {
				now[fmt.Sprintf("worker %d", w.ID)] = s.usage(fmt.Sprintf("worker=%d", w.ID)).resident(s.T, w.PID)
			}
		}
		more := len(now) != 3
		for name, u := range before {
			more = more || now[name].more(u)
		}
		if !more && before != nil || time.Now().After(limit) || before == nil && !more && s.calm(now) {
			return now
		}
	}
}

// calm tells whether a second later there are as many goroutines.
func (s *soak) calm(now map[string]usage) bool {
	time.Sleep(time.Second)
	return s.usage("").goroutines == now["master"].goroutines && s.usage("worker=1").goroutines == now["worker 1"].goroutines
}

func (u usage) resident(t *testing.T, pid int) usage {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	u.rss = figure(t, string(text), `VmRSS:\s+(\d+) kB`) << 10
	return u
}

func (s *soak) usage(of string) usage {
	s.Helper()
	heap := s.profile("heap?debug=1&gc=1&" + of)
	u := usage{heap: figure(s.T, heap, `# HeapAlloc = (\d+)`)}
	for group := range strings.SplitSeq(s.profile("goroutine?debug=1&"+of), "\n\n") {
		if regexp.MustCompile(`redcon\.handle|http\.\(\*(conn|persistConn|connReader)\)`).MatchString(group) {
			continue
		}
		if regexp.MustCompile(`(?m)^\d+ @ .*\n#`).MatchString(group) { // one that has not begun yet has no stack
			u.goroutines += int(figure(s.T, group, `(?m)^(\d+) @ `))
			u.stacks += group + "\n\n"
		}
	}
	return u
}

func (s *soak) profile(query string) string {
	s.Helper()
	answer, err := http.Get(s.where.AdminURL + "/debug/pprof/" + query)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

func figure(t *testing.T, text, pattern string) uint64 {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no %s in %.200s", pattern, text)
	}
	n, err := strconv.ParseUint(found[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// flat holds that each process takes up about what it did before.
func (s *soak) flat(before, after map[string]usage) {
	s.Helper()
	const mib = 1 << 20
	for _, name := range slices.Sorted(maps.Keys(before)) {
		b, a := before[name], after[name]
		s.Logf("%s: heap %.1f to %.1f MiB, resident %.1f to %.1f MiB, goroutines %d to %d",
			name, float64(b.heap)/mib, float64(a.heap)/mib, float64(b.rss)/mib, float64(a.rss)/mib, b.goroutines, a.goroutines)
		if a.more(b) {
			s.Errorf("%s: takes up more than before; its goroutines are\n%s", name, a.stacks)
		}
	}
}
