//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"text/tabwriter"
	"time"
)

const (
	openers = 64              // that open connections at the same time
	settled = 2 * time.Second // after which the memory of a server is looked at
)

// idle opens so many connections to each of the servers and writes what that does to their
// memory.
func (r *rig) idle(ctx context.Context, out io.Writer, count int) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "server\tprocess\tRSS MB\tPSS MB\tRSS MB with %d idle\tPSS MB\tKB per connection\n", count)
	for _, c := range r.contenders() {
		if err := r.hold(ctx, t, c, count); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return t.Flush()
}

func (r *rig) hold(ctx context.Context, out io.Writer, c contender, count int) error {
	s, err := r.start(ctx, c)
	if err != nil {
		return err
	}
	defer s.stop()
	before, err := holdings(ctx, s.pid)
	if err != nil {
		return err
	}
	conns, err := openAll(ctx, s.url, count)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	if err != nil {
		return err
	}
	after, err := holdings(ctx, s.pid)
	if err != nil {
		return err
	}
	if len(before) != len(after) {
		return fmt.Errorf("there were %d processes, and now there are %d", len(before), len(after))
	}
	names := []string{"server", "", "", "both"}
	if len(before) > 1 {
		names = []string{"master", "worker", "worker", "both"}
	}
	name := c.name
	line := func(process string, before, after memory) {
		fmt.Fprintf(out, "%s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\n", name, process, before.rss, before.pss, after.rss, after.pss,
			(after.pss-before.pss)*1e3/float64(count))
		name = ""
	}
	var was, is memory
	for i := range before {
		line(names[min(i, 1)], before[i], after[i])
		was, is = was.plus(before[i]), is.plus(after[i])
	}
	if len(before) > 1 {
		line(names[3], was, is)
	}
	return nil
}

func (m memory) plus(other memory) memory { return memory{m.rss + other.rss, m.pss + other.pss} }

// holdings returns the memory of a process and those below it, a while later.
func holdings(ctx context.Context, root int) ([]memory, error) {
	select {
	case <-time.After(settled):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	processes, err := tree(root)
	if err != nil {
		return nil, err
	}
	var all []memory
	for _, p := range processes {
		m, err := memoryOf(p.pid)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// openAll opens connections and makes a request on each. It returns those that it opened,
// also with an error.
func openAll(ctx context.Context, address string, count int) ([]net.Conn, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var conns []net.Conn
	var first error
	var group sync.WaitGroup
	for i := range openers {
		group.Go(func() {
			for n := i; n < count; n += openers {
				c, err := open(ctx, at)
				mu.Lock()
				if err == nil {
					conns = append(conns, c)
				} else if first == nil {
					first = err
				}
				failed := first != nil
				mu.Unlock()
				if failed {
					return
				}
			}
		})
	}
	group.Wait()
	return conns, first
}

// open opens a connection and makes a request on it.
func open(ctx context.Context, at *url.URL) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.Host)
	if err != nil {
		return nil, err
	}
	if err := ask(c, at); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// ask makes a request and reads the answer.
func ask(c net.Conn, at *url.URL) error {
	c.SetDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // the read would say so
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", at.Path, at.Host); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || answer.Close {
		return fmt.Errorf("answered %s, keeps the connection: %t", answer.Status, !answer.Close)
	}
	return nil
}
