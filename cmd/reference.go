package cmd

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// How long the reference target may take to listen, and to end.
const (
	referenceStart = 10 * time.Second
	referenceEnd   = 5 * time.Second
)

// reference is the bundled target in a process of its own: there its processor time and
// its garbage are not counted as the generator's.
type reference struct {
	url    string
	admin  string // URL of its admin API
	cmd    *exec.Cmd
	stdin  io.Closer // open as long as the target shall live
	stderr *tail
	ended  chan struct{} // closed when the process is gone
	err    error         // how it ended; valid once ended is closed
}

// settingsOf returns knobs as "path=value", in order.
func settingsOf(set map[string]string) []string {
	var all []string
	for _, path := range slices.Sorted(maps.Keys(set)) {
		all = append(all, path+"="+set[path])
	}
	return all
}

// startReference starts the target on free loopback ports, with these knobs set, and waits
// until it listens. The target ends with stop, and with this process, however that dies.
func startReference(ctx context.Context, preset string, set map[string]string) (*reference, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	r := &reference{stderr: &tail{}, ended: make(chan struct{})}
	// Not bound to ctx: the run still needs the target after the first Ctrl-C.
	args := []string{"target", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--json", "--end-with-stdin", "--preset", preset}
	for _, setting := range settingsOf(set) {
		args = append(args, "--set", setting)
	}
	r.cmd = exec.CommandContext(context.WithoutCancel(ctx), self, args...)
	r.cmd.Args[0] = "plimsoll"
	r.cmd.Stderr = r.stderr
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the reference target: %w", err)
	}
	said := make(chan string, 1)
	go r.follow(stdout, said)
	return r, r.await(ctx, said)
}

// follow hands on the first line and reads until the process is gone.
func (r *reference) follow(stdout io.Reader, said chan<- string) {
	lines := bufio.NewReader(stdout)
	first, _ := lines.ReadString('\n') // a cut line is no JSON, which await notices
	said <- first
	io.Copy(io.Discard, lines) //nolint:errcheck // Wait tells how the process ended
	r.err = r.cmd.Wait()
	close(r.ended)
}

// await waits for the line that says where the target listens.
func (r *reference) await(ctx context.Context, said <-chan string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, referenceStart, fmt.Errorf("it did not listen within %v", referenceStart))
	defer cancel()
	select {
	case line := <-said:
		var where ready
		if json.Unmarshal([]byte(line), &where) == nil && where.URL != "" {
			r.url, r.admin = where.URL, where.AdminURL
			return nil
		}
	case <-ctx.Done():
	}
	last := r.kill()
	if interrupted(ctx) != nil {
		return context.Cause(ctx)
	}
	code := exitUnreachable
	if r.cmd.ProcessState.ExitCode() == exitUsage { // a knob that is none is the scenario's mistake
		code = exitUsage
	}
	return withCode(code, fmt.Errorf("start the reference target: %w", cmp.Or(context.Cause(ctx), last)))
}

// gone returns an error if the target has died.
func (r *reference) gone() error {
	select {
	case <-r.ended:
		return fmt.Errorf("the reference target died during the run: %w", r.reason())
	default:
		return nil
	}
}

// stop ends the target and returns an error if it died before, or did not end in time.
func (r *reference) stop() error {
	if err := r.gone(); err != nil {
		return err
	}
	r.stdin.Close()
	select {
	case <-r.ended:
		return nil
	case <-time.After(referenceEnd):
		return fmt.Errorf("the reference target did not end within %v and was killed: %w", referenceEnd, r.kill())
	}
}

// kill ends the process at once and returns what it said last.
func (r *reference) kill() error {
	r.cmd.Process.Kill() //nolint:errcheck // gone already is as good
	<-r.ended
	return r.reason()
}

// reason is how the process ended, with what it wrote last.
func (r *reference) reason() error {
	if said := r.stderr.String(); said != "" {
		said = strings.ReplaceAll(strings.TrimPrefix(said, "error: "), "\n", "; ")
		return errors.New(said)
	}
	return cmp.Or(r.err, errors.New("it ended by itself"))
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 2048

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(len(t.kept)-tailBytes, 0):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.kept))
}
