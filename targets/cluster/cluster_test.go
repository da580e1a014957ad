//go:build unix

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// spread sends n requests over clients and returns how many each worker of 1..workers answered.
func spread(t testing.TB, r *rig, workers, clients, n int, keep bool) []float64 {
	t.Helper()
	shares := make([]float64, workers)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			c := &client{address: r.Addr().String(), keep: keep}
			defer c.close()
			for range n / clients {
				text, err := c.get("/")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				shares[text[0]-'1']++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return shares
}

func TestRoundRobinGivesEveryWorkerTheSame(t *testing.T) {
	r := begin(t, settings(4, RoundRobin))
	for _, keep := range []bool{false, true} {
		shares := spread(t, r, 4, 8, 800, keep)
		if !slices.Equal(shares, []float64{200, 200, 200, 200}) {
			t.Errorf("keep-alive %v: %v, want 200 for each", keep, shares)
		}
		if j := jain(shares); j != 1 {
			t.Errorf("Jain's index is %v, want 1", j)
		}
	}
	status := r.Status()
	if status.RequestsTotal != 1600 || len(status.Workers) != 4 {
		t.Errorf("%d workers have counted %d requests, want 4 and 1600", len(status.Workers), status.RequestsTotal)
	}
	for _, w := range status.Workers {
		if w.Requests != 400 || w.State != Ready || w.PID == 0 {
			t.Errorf("worker %+v, want 400 requests", w)
		}
	}
	if hits, _ := r.shared.Counter("hits"); hits.Load() != 1600 {
		t.Errorf("the memory that all share has counted %d, want 1600", hits.Load())
	}
	await(t, "all connections to be closed", func() bool {
		return !slices.ContainsFunc(r.Status().Workers, func(w WorkerStatus) bool { return w.Connections != 0 })
	})
}

func TestTheOtherWaysOfSharingServeAll(t *testing.T) {
	for _, share := range []string{Inherited, ReusePort} {
		t.Run(share, func(t *testing.T) {
			r := begin(t, settings(4, share))
			for _, keep := range []bool{false, true} {
				shares := spread(t, r, 4, 8, 400, keep)
				t.Logf("keep-alive %v: %v, Jain %.2f", keep, shares, jain(shares))
			}
			if got := r.Status().RequestsTotal; got != 800 {
				t.Errorf("%d requests, want 800", got)
			}
		})
	}
}

func TestJainsIndex(t *testing.T) {
	for _, test := range []struct {
		shares []float64
		want   float64
	}{{[]float64{1, 1, 1, 1}, 1}, {[]float64{800, 0, 0, 0}, .25}, {[]float64{200, 400, 200, 0}, 2. / 3}} {
		if got := jain(test.shares); got < test.want-1e-9 || got > test.want+1e-9 {
			t.Errorf("%v: %v, want %v", test.shares, got, test.want)
		}
	}
}

func TestAWorkerThatDiesTakesOnlyWhatItHadWithIt(t *testing.T) {
	for _, share := range []string{RoundRobin, Inherited, ReusePort} {
		t.Run(share, func(t *testing.T) {
			r := begin(t, settings(4, share))
			pids := map[int]int{}
			for _, w := range r.Status().Workers {
				pids[w.ID] = w.PID
			}
			const clients = 8
			l := push(r.Addr().String(), clients, false, "/?ms=2")
			l.more(t, 50)
			if err := r.Kill(2); err != nil {
				t.Fatal(err)
			}
			await(t, "the successor", func() bool { w := r.worker(2); return w.State == Ready && w.PID != pids[2] })
			l.more(t, 50)
			most := clients
			if share == ReusePort {
				most = 3 * clients // what waits in the queue of the dead worker is reset as well
			}
			if failed := l.stop(); len(failed) > most {
				t.Errorf("%d requests failed with %d in flight: %q", len(failed), clients, failed[:3])
			} else {
				t.Logf("%d of %d failed", len(failed), l.ok.Load()+int64(len(failed)))
			}
			for _, w := range r.Status().Workers {
				if w.ID != 2 && w.PID != pids[w.ID] {
					t.Errorf("worker %d was replaced too", w.ID)
				}
			}
			if w := r.worker(2); w.Restarts != 1 || w.LastExit == "" {
				t.Errorf("worker 2: %+v, want one restart and how the last one ended", w)
			}
			if got := r.Status().RequestsTotal; got < uint64(l.ok.Load()) {
				t.Errorf("%d requests in all, want those of the dead worker too, at least %d", got, l.ok.Load())
			}
		})
	}
}

func TestWorkersThatKeepDyingAreHeldBack(t *testing.T) {
	config := settings(2, RoundRobin)
	config.Respawn = Respawn{Backoff: time.Millisecond, Max: time.Hour, Burst: 3}
	r := begin(t, config)
	r.boot.Store("brief")
	if err := r.Kill(1); err != nil {
		t.Fatal(err)
	}
	await(t, "the slot to be held back", func() bool { return r.worker(1).State == Backoff })
	if got := r.worker(1).Restarts; got > 2 {
		t.Errorf("%d restarts before the guard, want at most 2", got)
	}
	// The other goes on, and a reload with workers that are sound ends the wait.
	if shares := spread(t, r, 2, 2, 20, false); shares[1] != 20 {
		t.Errorf("worker 2 answered %v of 20", shares[1])
	}
	r.boot.Store("")
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := r.worker(1); w.State != Ready || w.Generation != 2 {
		t.Errorf("worker 1 after a reload: %+v, want it ready", w)
	}
}

func TestAWorkerThatLivedLongEnoughEndsARowOfDeaths(t *testing.T) {
	config := settings(1, RoundRobin)
	config.Respawn = Respawn{Backoff: time.Millisecond, Max: 50 * time.Millisecond, Burst: 2}
	r := begin(t, config)
	for n := range 3 {
		await(t, "the worker to have lived", func() bool {
			w := r.worker(1)
			return w.State == Ready && w.Restarts == n && time.Since(w.Started) > config.Respawn.Max
		})
		if err := r.Kill(1); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the last one", func() bool { return r.worker(1).Restarts == 3 })
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if strings.Contains(e, "guard:true") {
			t.Errorf("held back although every worker had lived: %s", e)
		}
	}
}

func TestAWorkerThatHangsIsReplaced(t *testing.T) {
	config := settings(2, RoundRobin)
	config.Health = Health{Every: 20 * time.Millisecond, Timeout: 300 * time.Millisecond, Misses: 2}
	r := begin(t, config)
	pid := r.worker(1).PID
	if err := r.Hang(1); err != nil {
		t.Fatal(err)
	}
	await(t, "the successor", func() bool { w := r.worker(1); return w.State == Ready && w.PID != pid })
	if got := r.worker(1).LastExit; !strings.HasPrefix(got, "hung") || r.told("worker.hung") != 1 {
		t.Errorf("the last one ended by %q, told %d times, want that it was hung, once", got, r.told("worker.hung"))
	}
}

func TestAWorkerThatMissesNowAndThenIsLeftAlone(t *testing.T) {
	t.Parallel()
	config := settings(1, RoundRobin)
	config.Health = Health{Every: 10 * time.Millisecond, Timeout: 700 * time.Millisecond, Misses: 2}
	r := prepare(t, config)
	r.boot.Store("forgetful")
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2500 * time.Millisecond) // three misses, each after an answer
	if n := r.told("worker.hung"); n != 0 {
		t.Errorf("it was found hung %d times, and every other question was answered", n)
	}
}

func TestAWorkerThatHangsGoesOnWhenItIsResumed(t *testing.T) {
	r := begin(t, settings(1, RoundRobin))
	pid := r.worker(1).PID
	if err := r.Hang(1); err != nil {
		t.Fatal(err)
	}
	if err := r.Resume(1); err != nil {
		t.Fatal(err)
	}
	c := &client{address: r.Addr().String()}
	if _, err := c.get("/"); err != nil || r.worker(1).PID != pid {
		t.Errorf("after it was resumed: %v, process %d, want %d", err, r.worker(1).PID, pid)
	}
}

func TestAWorkerThatPausesComesBack(t *testing.T) {
	r := begin(t, settings(1, RoundRobin))
	pid := r.worker(1).PID
	const pause = 300 * time.Millisecond
	begin := time.Now()
	if err := r.Pause(1, pause); err != nil {
		t.Fatal(err)
	}
	c := &client{address: r.Addr().String()}
	var longest time.Duration
	for time.Since(begin) < pause { // the first may still be answered before the signal has reached every thread
		at := time.Now()
		if _, err := c.get("/"); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(at))
	}
	if longest < pause*2/3 {
		t.Errorf("the longest answer in a pause of %v took %v", pause, longest)
	}
	if got := r.worker(1).PID; got != pid {
		t.Error("the worker was replaced")
	}
}

func TestAPortThatIsTakenIsAClearError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first := begin(t, settings(1, ReusePort))
	for _, address := range []string{l.Addr().String(), first.Addr().String()} {
		for _, share := range []string{RoundRobin, Inherited, ReusePort} {
			r := prepare(t, settings(1, share))
			r.options.Listen = address
			if err := r.Start(t.Context()); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), address) {
				t.Errorf("%s: %v, want that %s is in use", share, err, address)
			}
		}
	}
}

func TestAWorkerThatDoesNotStartIsAClearError(t *testing.T) {
	r := prepare(t, settings(3, RoundRobin))
	r.boot.Store("fail")
	err := r.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "this worker does not want to") {
		t.Errorf("got %v, want what the worker wrote", err)
	}
	select {
	case <-r.Done():
	default:
		t.Error("the cluster has not ended")
	}
	if err := r.Reload(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("reload: %v, want ErrClosed", err)
	}
}

func TestTheMasterAsksOneWorker(t *testing.T) {
	r := prepare(t, settings(2, Inherited))
	r.boot.Store("a payload")
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, reply, err := r.Call(t.Context(), 2, "GET", "/boot", nil)
	if err != nil || status != 200 || string(reply) != "a payload" {
		t.Errorf("got %d %q, %v, want what it began with", status, reply, err)
	}
	if status, _, err := r.Call(t.Context(), 1, "GET", "/nothing", nil); err != nil || status != 404 {
		t.Errorf("got %d, %v, want 404", status, err)
	}
	if _, _, err := r.Call(t.Context(), 3, "GET", "/", nil); !errors.Is(err, ErrNoWorker) {
		t.Errorf("got %v, want ErrNoWorker", err)
	}
}

func TestNoWorkerOutlivesItsMaster(t *testing.T) {
	cases := []string{"", "_PAUSE=1"}
	if runtime.GOOS == "linux" {
		cases = append(cases, "_BOOT=deaf") // does not heed the end of its standard input
	}
	for _, set := range cases {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), role+"=master", role+set)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var status Status
		if err := json.NewDecoder(out).Decode(&status); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		begin := time.Now()
		for _, w := range status.Workers {
			await(t, "the end of a worker", func() bool { return ended(w.PID) })
		}
		if took := time.Since(begin); len(status.Workers) != 3 || took > 2*time.Second {
			t.Errorf("%d workers were gone after %v", len(status.Workers), took)
		}
	}
}

// ended tells whether a process that is not our child is gone, or waits for whoever
// inherited it to take note.
func ended(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil {
		return true
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ")
	return err == nil && strings.HasPrefix(after, "Z")
}

func TestAWorkerEndsWithItsStandardInput(t *testing.T) {
	cmd := workerCommand()
	cmd.Stdin = strings.NewReader("")
	text, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(text), ErrNotWorker.Error()) {
		t.Errorf("%q, %v, want that it is no worker", text, err)
	}
	// A worker of a real master, whose pipe ends while the master lives.
	config := settings(1, RoundRobin)
	r := begin(t, config)
	p, err := r.serving(1)
	if err != nil {
		t.Fatal(err)
	}
	p.stdin.Close()
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		t.Error("a worker goes on without a master")
	}
}

func TestNothingCanBeDoneBeforeTheStart(t *testing.T) {
	r := prepare(t, settings(1, RoundRobin))
	if err := r.Reload(t.Context()); err == nil {
		t.Error("a reload before the start succeeded")
	}
	if r.Addr() != nil || len(r.Status().Workers) != 0 {
		t.Errorf("address %v, %+v before the start", r.Addr(), r.Status())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a start whose context has ended: %v", err)
	}
}
