//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	serverCore, generatorCore = "0", "1"

	connections = 64 // that requests come over
)

// rig is where everything is measured: a plimsoll built for it, and this program itself.
type rig struct {
	dir      string // temporary
	plimsoll string // path of the binary
	self     string // path of this one
	wrk      string // path, "" if it is not installed
}

func newRig(ctx context.Context) (r *rig, err error) {
	if runtime.NumCPU() < 2 {
		return nil, errors.New("two cores are needed, one for the server and one for the generator")
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		return nil, errors.New("taskset not found; in Debian: apt-get install util-linux")
	}
	if err := raiseFileLimit(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pace-")
	if err != nil {
		return nil, err
	}
	r = &rig{dir: dir, plimsoll: filepath.Join(dir, "plimsoll"), self: self}
	r.wrk, _ = exec.LookPath("wrk") // there is another generator
	out, err := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", r.plimsoll, "plimsoll").CombinedOutput()
	if err != nil {
		r.close()
		return nil, fmt.Errorf("build plimsoll: %w\n%s", err, out)
	}
	return r, nil
}

// raiseFileLimit lets this process and its children open as many files as they may. The
// runtime raises the limit for itself alone, until a program sets it.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// close removes the files. What it cannot remove is nothing to act upon.
func (r *rig) close() { _ = os.RemoveAll(r.dir) }

// load asks for the address over many connections for some seconds, and returns how often
// it was answered as it should be.
func (r *rig) load(ctx context.Context, url string, seconds int) (answered float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds+30)*time.Second)
	defer cancel()
	if r.wrk != "" {
		out, err := r.generate(ctx, r.wrk, "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", seconds), url)
		if err != nil {
			return 0, err
		}
		return countOfWrk(out)
	}
	saved := filepath.Join(r.dir, "run")
	defer os.RemoveAll(saved) //nolint:errcheck // the rig removes what is left
	out, err := r.generate(ctx, r.plimsoll, "hit", url, "--users", strconv.Itoa(connections),
		"-d", fmt.Sprintf("%ds", seconds), "--ui", "off", "--out", saved)
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(saved, "run.json"))
	if err != nil {
		return 0, fmt.Errorf("plimsoll saved no run: %w\n%s", err, out)
	}
	return countOfHit(text)
}

func (r *rig) generate(ctx context.Context, command ...string) (output string, err error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", generatorCore}, command...)...)
	cmd.Dir, cmd.WaitDelay = r.dir, time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w", filepath.Base(command[0]), err)
	}
	return string(out), err
}

var errRefused = errors.New("some requests were not answered with 200: the figures would not compare")

// countOfWrk reads the count of requests from what wrk prints.
func countOfWrk(said string) (float64, error) {
	if regexp.MustCompile(`Non-2xx or 3xx responses|Socket errors`).MatchString(said) {
		return 0, fmt.Errorf("%w\n%s", errRefused, said)
	}
	m := regexp.MustCompile(`(\d+) requests in`).FindStringSubmatch(said)
	if m == nil || m[1] == "0" {
		return 0, fmt.Errorf("wrk had no requests answered:\n%s", said)
	}
	return strconv.ParseFloat(m[1], 64)
}

// countOfHit reads it from run.json.
func countOfHit(text []byte) (float64, error) {
	var saved struct {
		Loads []struct{ Completed, Failed float64 } `json:"loads"`
	}
	if err := json.Unmarshal(text, &saved); err != nil {
		return 0, fmt.Errorf("read run.json: %w", err)
	}
	if len(saved.Loads) != 1 || saved.Loads[0].Completed == 0 {
		return 0, errors.New("plimsoll had no requests answered")
	}
	if saved.Loads[0].Failed > 0 {
		return 0, errRefused
	}
	return saved.Loads[0].Completed, nil
}
