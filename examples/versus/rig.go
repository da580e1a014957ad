//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	serverCore, generatorCore = "0", "1"

	tick = 10 * time.Millisecond // the unit of CPU time in /proc: USER_HZ is 100 wherever Go runs
)

const nginxConf = `daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log crit;
events { worker_connections 30000; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  server {
    listen %[2]s backlog=16384;
    location / { return 200 "%[3]s"; }
    location = /status { stub_status; }
  }
}
`

// rig is where everything is measured: a plimsoll built for it and, if need be, nginx.
type rig struct {
	dir      string // temporary
	plimsoll string // path of the binary
	url      string // of nginx, with a slash at the end
	nginx    *exec.Cmd
	children time.Duration // CPU of all generators so far
}

func newRig(ctx context.Context, withServer bool) (r *rig, err error) {
	if runtime.NumCPU() < 2 {
		return nil, errors.New("two cores are needed, one for the server and one for the generators")
	}
	if err := raiseFileLimit(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "versus-")
	if err != nil {
		return nil, err
	}
	r = &rig{dir: dir, plimsoll: filepath.Join(dir, "plimsoll")}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	out, err := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", r.plimsoll, "plimsoll").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("build plimsoll: %w\n%s", err, out)
	}
	if withServer {
		err = r.serve(ctx)
	}
	return r, err
}

// raiseFileLimit lets children open as many files as they may. The runtime raises the
// limit for itself alone, until a program sets it.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// serve starts nginx and waits until it answers.
func (r *rig) serve(ctx context.Context) error {
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := free.Addr().String()
	free.Close()
	r.url = "http://" + address + "/"
	conf, log := filepath.Join(r.dir, "nginx.conf"), filepath.Join(r.dir, "error.log")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, r.dir, address, strings.Repeat("x", 128)), 0o600); err != nil {
		return err
	}
	// It lives until close, which comes after the last generator even when ctx ends.
	nginx := exec.CommandContext(context.WithoutCancel(ctx), "taskset", "-c", serverCore, find("nginx"), "-p", r.dir, "-c", conf, "-e", log)
	nginx.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is not for it
	if err := nginx.Start(); err != nil {
		return err
	}
	r.nginx = nginx
	for range 50 {
		if _, err = r.get(ctx, ""); err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(100 * time.Millisecond)
	}
	said, _ := os.ReadFile(log) // without it the error alone has to do
	return fmt.Errorf("nginx does not answer: %w\n%s", err, said)
}

// get returns what nginx answers under the path.
func (r *rig) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// close ends nginx and removes the files. What it cannot undo is nothing to act upon.
func (r *rig) close() {
	if r.nginx != nil {
		kill := time.AfterFunc(3*time.Second, func() { _ = r.nginx.Process.Kill() })
		_ = r.nginx.Process.Signal(syscall.SIGTERM)
		_ = r.nginx.Wait()
		kill.Stop()
	}
	_ = os.RemoveAll(r.dir)
}

// finished is the kernel's account of a process.
type finished struct {
	output    string // both streams
	wall, cpu time.Duration
	rss       float64 // peak of resident memory, MB; never less than that of versus itself
}

// run lets a generator that works for some seconds do so on its core, and ends it half a
// minute later at the latest. An exit code is not an error.
func (r *rig) run(ctx context.Context, seconds int, command ...string) (finished, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds+30)*time.Second)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", generatorCore}, command...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = r.dir, &out, &out, time.Second
	began := time.Now()
	err := cmd.Run()
	wall := time.Since(began)
	if ctx.Err() != nil {
		return finished{}, fmt.Errorf("%s was ended after %v: %w", filepath.Base(command[0]), wall.Round(time.Second), context.Cause(ctx))
	}
	if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && !isExit {
		return finished{}, err
	}
	f := finished{output: out.String(), wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.rss = float64(usage.Maxrss) * 1024 / 1e6
	}
	r.children += f.cpu
	return f, nil
}

// foreign returns the CPU time that others than nginx and the generators have used on the
// two cores since the machine came up. Only differences make sense.
func (r *rig) foreign() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	others := -r.children
	for line := range strings.Lines(string(stat)) {
		if f := strings.Fields(line); f[0] == "cpu"+serverCore || f[0] == "cpu"+generatorCore {
			others += ticks(f[1], f[2], f[3], f[6], f[7], f[8]) // user nice system irq softirq steal
		}
	}
	if r.nginx == nil {
		return others, nil
	}
	stat, err = os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.nginx.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("nginx is gone: %w", err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name before may contain spaces
	f := strings.Fields(string(rest))
	return others - ticks(f[11], f[12]), nil // user system
}

func ticks(fields ...string) (sum time.Duration) {
	for _, f := range fields {
		n, _ := strconv.ParseInt(f, 10, 64) // the kernel writes numbers
		sum += time.Duration(n) * tick
	}
	return sum
}
