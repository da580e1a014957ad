package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"time"
)

// How long a command's target may take to listen, and to end when it is asked to.
const (
	commandStart = 30 * time.Second
	commandEnd   = 10 * time.Second
)

// command is a target that is started for a run and stopped after it: a shell command, with
// the process group that it becomes.
type command struct {
	text    string
	cmd     *exec.Cmd
	log     *os.File
	said    *tail
	release func()        // of what ends the process if this program is killed
	ended   chan struct{} // closed when the process is gone
	err     error         // how it ended; valid once ended is closed
}

// startCommand starts a shell command, and waits until the address of target, a URL, takes
// connections. What the command writes goes into a log file, if one is named. It is an error if somebody
// listens there already: the load would go to the wrong one.
func startCommand(ctx context.Context, text, target, log string) (*command, error) {
	address, err := hostPort(target)
	if err != nil {
		return nil, err
	}
	if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address); err == nil {
		conn.Close()
		return nil, withHint("stop it: the command is to listen there", withCode(exitUsage, fmt.Errorf("something listens at %s already", address)))
	}
	c := &command{text: text, said: &tail{}, ended: make(chan struct{})}
	if c.log, err = os.Create(cmp.Or(log, os.DevNull)); err != nil {
		return nil, err
	}
	// Not bound to ctx: the run still needs the target after the first Ctrl-C.
	c.cmd = exec.CommandContext(context.WithoutCancel(ctx), "sh", "-c", text) //nolint:gosec // the user's own command
	c.cmd.Stdout, c.cmd.Stderr = c.log, io.MultiWriter(c.log, c.said)
	c.cmd.WaitDelay = time.Second // a grandchild may hold the pipe
	ownGroup(c.cmd)
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", text, err), c.log.Close())
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	if c.release, err = watchGroup(c.cmd.Process.Pid); err == nil {
		err = c.await(ctx, address)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// hostPort returns the address that a URL connects to.
func hostPort(target string) (string, error) {
	u, err := url.Parse(target)
	if err != nil || u.Hostname() == "" {
		return "", fmt.Errorf("target %s has no address to wait for", target)
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	return net.JoinHostPort(u.Hostname(), port), nil
}

// await waits until the address takes connections.
func (c *command) await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, commandStart, fmt.Errorf("nothing listens at %s after %v", address, commandStart))
	defer cancel()
	for {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-c.ended:
			return withCode(exitUnreachable, fmt.Errorf("%s ended before it listened at %s: %w", c.text, address, c.reason()))
		case <-ctx.Done():
			return withCode(exitUnreachable, fmt.Errorf("%s: %w", c.text, context.Cause(ctx)))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// gone returns an error if the process has ended.
func (c *command) gone() error {
	select {
	case <-c.ended:
		return withCode(exitUnreachable, fmt.Errorf("%s ended during the run: %w", c.text, c.reason()))
	default:
		return nil
	}
}

func (c *command) reason() error {
	if said := c.said.String(); said != "" {
		return errors.New(said)
	}
	return cmp.Or(c.err, errors.New("it ended by itself"))
}

// stop asks the process group to end, and ends it by force if that takes too long.
func (c *command) stop() error {
	defer c.log.Close()
	if c.release != nil {
		defer c.release()
	}
	endGroup(c.cmd, false)
	select {
	case <-c.ended:
		endGroup(c.cmd, true) // what it started may still be there
		return nil
	case <-time.After(commandEnd):
	}
	endGroup(c.cmd, true)
	<-c.ended
	return fmt.Errorf("%s did not end within %v and was killed", c.text, commandEnd)
}

// end stops a command. That it took force is worth a line, but says nothing about the run.
func (w *world) end(c *command) {
	if err := c.stop(); err != nil {
		w.warn(err)
	}
}
