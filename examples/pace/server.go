//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// contender is one of the servers that are compared.
type contender struct {
	name    string
	command []string
	bound   string // that its ratio is held to
}

// contenders returns the servers in the order of their turns. The first is the measure of
// the others.
func (r *rig) contenders() []contender {
	target := func(preset string, settings ...string) []string {
		command := []string{
			r.plimsoll, "target", "--json", "--end-with-stdin", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
			"--preset", preset, "--workers", "1",
		}
		for _, s := range settings {
			command = append(command, "--set", s)
		}
		return command
	}
	return []contender{
		{name: "bare", command: []string{r.self, "--bare"}},
		{name: "minimal", command: target("minimal"), bound: ">= 0.7"},
		{name: "golden", command: target("golden", "limit.rate=1M/s", "limit.burst=1000000"), bound: ">= 0.4"},
	}
}

// server is a contender that runs.
type server struct {
	url   string
	pid   int
	cmd   *exec.Cmd
	stdin io.Closer // it ends when this does
}

// ready is the line of JSON by which a server says where it listens.
type ready struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

// start starts a contender and waits until it listens.
func (r *rig) start(ctx context.Context, c contender) (*server, error) {
	// It lives until stop, also when ctx ends.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "taskset", append([]string{"-c", serverCore}, c.command...)...)
	cmd.Dir, cmd.Stderr = r.dir, os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{pid: cmd.Process.Pid, cmd: cmd, stdin: stdin}
	var said ready
	if err := json.NewDecoder(stdout).Decode(&said); err != nil {
		s.stop()
		return nil, fmt.Errorf("%s does not say where it listens: %w", c.name, err)
	}
	s.url, s.pid = said.URL+"/x/ok", said.PID
	return s, nil
}

// stop lets the server end, and kills it if it does not.
func (s *server) stop() {
	kill := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	_ = s.stdin.Close()
	_ = s.cmd.Wait() // however it ended, it ended
}

// serveBare is what the target is held against: net/http with a handler and nothing else,
// no mux and no limits on time, until in ends.
func serveBare(ctx context.Context, in io.Reader, out io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "ok\n") //nolint:errcheck // the client is gone
	})
	go http.Serve(l, handler) //nolint:errcheck // it ends with the process
	if err := json.NewEncoder(out).Encode(ready{URL: "http://" + l.Addr().String(), PID: os.Getpid()}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}
