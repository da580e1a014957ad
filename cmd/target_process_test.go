//go:build linux

package cmd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"plimsoll/targets/cluster"
)

// startTarget starts a target in processes of its own, which the test ends if it has not
// ended them itself.
func startTarget(t *testing.T, flags ...string) (*exec.Cmd, ready) {
	t.Helper()
	cmd := exec.Command("plimsoll", append([]string{"target", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--json"}, flags...)...)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C goes to a group
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the target said nothing: %v", err)
	}
	var where ready
	if err := json.Unmarshal(line, &where); err != nil {
		t.Fatal(err)
	}
	return cmd, where
}

// ask sends a question to the admin API and reads the answer's JSON into it.
func ask(t *testing.T, method, url, body string, into any) (status int) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s %s: %v in %s", method, url, err, text)
		}
	}
	return answer.StatusCode
}

func workersOf(t *testing.T, where ready) (pids []int) {
	t.Helper()
	var status cluster.Status
	ask(t, http.MethodGet, where.AdminURL+"/admin/v1/cluster", "", &status)
	for _, w := range status.Workers {
		pids = append(pids, w.PID)
	}
	return pids
}

// living returns those of the processes that have not ended.
func living(pids []int) []int {
	return slices.DeleteFunc(slices.Clone(pids), func(pid int) bool {
		state, _ := stateOf(pid)
		return state == "" || state == "Z"
	})
}

// stateOf returns the state of a process and its parent; "" of one that is gone.
func stateOf(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}

// below returns the processes that a process has started, and what these have.
func below(pid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if _, parent := stateOf(child); parent == pid {
			pids = append(append(pids, child), below(child)...)
		}
	}
	return pids
}

// gone demands that the processes end within three seconds.
func gone(t *testing.T, pids []int) {
	t.Helper()
	for limit := time.Now().Add(3 * time.Second); len(living(pids)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("of the processes %d, %d live on", pids, living(pids))
		}
	}
}

func TestATargetThatIsToldToEndsWithAllItsProcesses(t *testing.T) {
	cmd, where := startTarget(t, "--preset", "golden", "--workers", "2")
	workers := workersOf(t, where)
	if len(living(workers)) != 2 {
		t.Fatalf("workers %d: two should live", workers)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if code, _ := ended(cmd); code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
	if left := living(workers); len(left) > 0 {
		t.Errorf("the workers %d live on", left)
	}
}

func TestNoWorkerOutlivesAMasterThatWasKilled(t *testing.T) {
	for name, flags := range map[string][]string{
		"idle":    {"--workers", "3"},
		"a shop":  {"--preset", "golden", "--workers", "2"},
		"by fd":   {"--workers", "2", "--set", "cluster.share=fd"},
		"by port": {"--workers", "2", "--set", "cluster.share=reuseport"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, where := startTarget(t, flags...)
			workers := workersOf(t, where)
			ask(t, http.MethodPost, where.AdminURL+"/admin/v1/cluster/workers/1/pause?for=1m", "", nil) // one that cannot notice
			cmd.Process.Kill()
			cmd.Wait()
			gone(t, workers)
		})
	}
}

func TestNoTargetOutlivesARunThatWasKilled(t *testing.T) {
	dir := t.TempDir()
	scenario := filepath.Join(dir, "long.yaml")
	err := os.WriteFile(scenario, []byte(`scenario: long
target: {reference: golden, set: {cluster.workers: 2}}
flows: [{get: /x/ok}]
load: [{rate: 20/s, for: 60s}]
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("plimsoll", "run", scenario, "--ui", "off", "--out", filepath.Join(dir, "saved"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	var all []int
	await(t, func() bool {
		all = below(cmd.Process.Pid)
		return len(all) == 3 && workIs(all)
	})
	cmd.Process.Kill()
	cmd.Wait()
	gone(t, all)
}

// workIs tells whether all of the processes have become what they were started as.
func workIs(pids []int) bool {
	return !slices.ContainsFunc(pids, func(pid int) bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return !strings.HasPrefix(string(text), "plimsoll\x00target")
	})
}

// TestCtrlCOnATerminalLetsRequestsFinish sends the signal to the whole group, as a
// terminal does: the workers get none of their own, or leave it to the master.
func TestCtrlCOnATerminalLetsRequestsFinish(t *testing.T) {
	cmd, where := startTarget(t, "--workers", "2")
	answered := make(chan error, 1)
	go func() { answered <- get(t, where.URL+"/x/io?ms=800") }()
	await(t, func() bool {
		var truth struct{ Begun uint64 }
		ask(t, http.MethodGet, where.AdminURL+"/admin/v1/truth", "", &truth)
		return truth.Begun == 1
	})
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if code, _ := ended(cmd); code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
}

func TestATargetThatIsInterruptedWhileItStartsLeavesNothing(t *testing.T) {
	cmd := exec.Command("plimsoll", "target", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--workers", "8")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	await(t, func() bool { return len(below(cmd.Process.Pid)) > 0 })
	cmd.Process.Signal(syscall.SIGINT)
	begun := below(cmd.Process.Pid)
	if code, _ := ended(cmd); code != exitInterrupted && code != exitOK { // it may have been ready just then
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	gone(t, begun)
}

func TestWhatTheAdminAPIIsAskedWrongItSays(t *testing.T) {
	_, where := startTarget(t, "--preset", "golden")
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		detail, hint       string
	}{
		"a fault's unknown target": {
			"POST", "/faults", `{"target": "dep:oracle", "kind": "latency", "value": "5ms", "for": "1s"}`, 400,
			`target: there is no "dep:oracle"`, "known: dep:db, dep:pricing",
		},
		"a fault's unknown kind": {
			"POST", "/faults", `{"target": "dep:db", "kind": "latncy", "value": "5ms", "for": "1s"}`, 400,
			`kind: unknown kind "latncy"`, `did you mean "latency"?`,
		},
		"a fault without an end": {"POST", "/faults", `{"target": "dep:db", "kind": "latency", "value": "5ms"}`, 400, "for: ", ""},
		"a fault's unknown field": {
			"POST", "/faults", `{"tarrget": "dep:db", "kind": "latency", "for": "1s"}`, 400, "tarrget: no such field", `did you mean "target"?`,
		},
		"an unknown knob": {
			"PUT", "/knobs/deps.pricing.braker.mode", `"off"`, 400,
			"deps.pricing.braker.mode: no such setting", `did you mean "deps.pricing.breaker.mode"?`,
		},
		"a value out of range":  {"PATCH", "/knobs", `{"set": {"shed.queue": -5}}`, 400, "shed.queue: ", "from -1 to 1000000"},
		"a worker there is not": {"POST", "/cluster/workers/9/crash", "", 404, "9", ""},
		"too many workers":      {"POST", "/cluster/scale?n=65", "", 400, "cluster.workers: 65 is more than 64", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var problem struct{ Detail, Hint string }
			status := ask(t, test.method, where.AdminURL+"/admin/v1"+test.path, test.body, &problem)
			if status != test.status || !strings.Contains(problem.Detail, test.detail) || !strings.Contains(problem.Hint, test.hint) {
				t.Errorf("got %d %+v\nwant %d %q, hint %q", status, problem, test.status, test.detail, test.hint)
			}
		})
	}
}
