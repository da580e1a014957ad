package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// State is how a worker is, as Status shows it.
type State string

// The states of a worker. A slot that waits for its next worker is dead, or in backoff when
// its workers died too often in a row.
const (
	Starting State = "starting"
	Ready    State = "ready"
	Draining State = "draining"
	Backoff  State = "backoff"
	Dead     State = "dead"
)

// process is one worker process, from its start to its end.
type process struct {
	hello
	ties
	cmd      *exec.Cmd
	counters Counters
	words    *words
	started  time.Time
	ready    chan struct{} // closed when it says so
	exited   chan struct{} // closed when it has ended and everything of it is cleared away

	state State  // under Master.mu
	cause string // why we ended it, "" if we did not; under Master.mu
}

// ties are what connects the master with a worker.
type ties struct {
	stdin   *os.File      // commands go here
	control *net.UnixConn // control connections are handed over here
	client  *http.Transport
	in      *entrance
	entry   entry
}

// launch starts a worker and waits until it is ready and answers. If it does not come so
// far it is ended, and the error says what it wrote last.
func (m *Master) launch(ctx context.Context, id, generation int, in *entrance) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, m.options.StartLimit)
	defer cancel()
	boot, err := m.options.Boot(id)
	if err != nil {
		return nil, fmt.Errorf("worker %d: boot: %w", id, err)
	}
	p, err := m.spawn(id, generation, in)
	if err != nil {
		return nil, fmt.Errorf("worker %d: %w", id, err)
	}
	if err := m.awaken(ctx, p, boot); err != nil {
		m.kill(p, "not ready")
		<-p.exited
		if said := strings.TrimSpace(p.words.String()); said != "" {
			err = fmt.Errorf("%w; it wrote: %s", err, said)
		}
		return nil, fmt.Errorf("worker %d: %w", id, err)
	}
	return p, nil
}

// spawn starts a process.
func (m *Master) spawn(id, generation int, in *entrance) (*process, error) {
	place, err := m.sit()
	if err != nil {
		return nil, err
	}
	p := &process{
		hello: hello{
			ID: id, Generation: generation, Seat: place, Share: in.share,
			Address: m.port.address.String(), Shared: m.options.Shared != nil,
		},
		words: &words{to: m.options.Stderr, turn: &m.stderr},
		ready: make(chan struct{}), exited: make(chan struct{}), state: Starting,
	}
	if p.counters, err = place.counters(m.stats); err == nil {
		err = m.begin(p, in)
	}
	if err != nil {
		p.cut()
		m.rise(p)
		return nil, err
	}
	return p, nil
}

// begin makes the ties and starts the command.
func (m *Master) begin(p *process, in *entrance) error {
	files, err := p.tie(in)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return err
	}
	cmd := m.options.Command()
	cmd.Stdin, cmd.Stderr = files[0], p.words
	cmd.ExtraFiles = []*os.File{files[1], m.stats.File(), files[2]}
	if p.Shared {
		cmd.ExtraFiles = append(cmd.ExtraFiles, m.options.Shared.File())
	}
	cmd.SysProcAttr = bound(cmd.SysProcAttr)
	cmd.WaitDelay = time.Second // something that it started may still hold its stderr
	p.cmd, p.started = cmd, time.Now()
	if err := m.spawner.start(cmd); err != nil {
		return err
	}
	m.mu.Lock()
	m.house.processes[p] = struct{}{}
	m.mu.Unlock()
	go m.reap(p)
	go p.hear()
	return nil
}

// tie makes the ties and returns what the worker inherits of them: standard input, the
// control socket, and what it accepts from.
func (p *process) tie(in *entrance) (files []*os.File, err error) {
	stdin, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.stdin = ours
	files = append(files, stdin)
	control, theirs, err := pair()
	if err != nil {
		return files, err
	}
	p.control = control
	files = append(files, theirs)
	entry, file, err := in.offer(p.ID)
	p.in, p.entry = in, entry
	if err != nil {
		return files, err
	}
	p.client = &http.Transport{
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return p.dial() },
		IdleConnTimeout: time.Minute, DisableCompression: true,
	}
	return append(files, file), nil
}

// cut ends all ties. The process has ended or was never there.
func (p *process) cut() {
	if p.stdin != nil {
		p.stdin.Close()
	}
	if p.control != nil {
		_ = p.control.Close()
	}
	if p.client != nil {
		p.client.CloseIdleConnections()
	}
	if p.entry != nil {
		p.entry.dismiss(false)
	}
}

// awaken tells a process what it is, and waits until it is ready and answers well.
func (m *Master) awaken(ctx context.Context, p *process, boot []byte) error {
	// A worker that does not read must not hold us up.
	stop := context.AfterFunc(ctx, func() { p.stdin.SetWriteDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a closed pipe needs none
	err := p.greet(p.stdin, boot)
	stop()
	select {
	case <-p.ready:
	case <-p.exited:
		return errors.New("ended before it was ready")
	case <-m.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("not ready in time: %w", errors.Join(ctx.Err(), err))
	}
	said := "does not answer"
	for pause := time.Millisecond; ; pause *= 2 {
		status, _, err := p.call(ctx, http.MethodGet, m.options.Probe, nil)
		switch {
		case err == nil && status/100 == 2:
			return nil
		case err == nil:
			said = fmt.Sprintf("answers with status %d", status)
		}
		select {
		case <-p.exited:
			return errors.New("ended before it was ready")
		case <-m.closing:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("%s on its control listener %s: %w", m.options.Probe, said, ctx.Err())
		case <-time.After(min(pause, 100*time.Millisecond)):
		}
	}
}

// hear waits for the worker's word that it is ready, and then for its end, which shows here
// before the process is reaped: until it is dismissed, connections may come to a dead one.
func (p *process) hear() {
	var word [1]byte
	for said := false; ; {
		if _, err := p.control.Read(word[:]); err != nil {
			p.entry.dismiss(false)
			return
		}
		if word[0] == readySignal && !said {
			said = true
			close(p.ready)
		}
	}
}

// tell gives a command. A worker that does not listen any more will be ended otherwise.
func (p *process) tell(command []byte) {
	p.stdin.SetWriteDeadline(time.Now().Add(time.Second)) //nolint:errcheck // said above
	p.stdin.Write(command)                                //nolint:errcheck // said above
}

// reap waits for the end of a process and clears up after it.
func (m *Master) reap(p *process) {
	err := p.cmd.Wait()
	how := "exit status 0"
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		how = exit.String()
	} else if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		how = err.Error()
	}
	p.cut()
	m.exited(p, how)
	close(p.exited)
	m.rise(p)
}

// kill ends a process at once.
func (m *Master) kill(p *process, cause string) {
	m.mu.Lock()
	if p.cause == "" {
		p.cause = cause
	}
	m.mu.Unlock()
	p.signal(syscall.SIGKILL)
}

// signal sends a signal. To a process that has ended it does nothing.
func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// lastDrain is how much longer than told a worker may take to go, and how long it has
// once it is asked by signal.
const lastDrain = time.Second

// retire lets a worker finish what is under way for the time of drain, and then ends it. It
// returns when the process has ended; when ctx ends it kills it.
func (m *Master) retire(ctx context.Context, p *process, drain time.Duration) {
	m.mu.Lock()
	p.state = Draining
	m.mu.Unlock()
	m.tellOf("worker.drain", p, nil)
	if ctx.Err() == nil {
		p.entry.dismiss(true)
		p.tell(bye(drain))
	}
	step := func(longest time.Duration) bool {
		select {
		case <-p.exited:
			return true
		case <-ctx.Done():
		case <-time.After(longest):
		}
		return false
	}
	inTime := step(drain + lastDrain)
	if !inTime {
		p.signal(syscall.SIGTERM)
		if !step(lastDrain) {
			m.kill(p, "not gone in time")
			<-p.exited
		}
	}
	m.tellOf("worker.drained", p, map[string]any{"in_time": inTime})
}

// tellOf tells of something that happened to a process.
func (m *Master) tellOf(kind string, p *process, more map[string]any) {
	data := map[string]any{"id": p.ID, "pid": p.cmd.Process.Pid, "generation": p.Generation}
	maps.Copy(data, more)
	m.options.Event(kind, data)
}
