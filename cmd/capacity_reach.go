package cmd

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
	"time"

	"plimsoll/engine"
	"plimsoll/scenarios"
)

// selfTest is what the generator does by itself, against a server that does nothing.
type selfTest struct {
	reach float64       // requests per second
	floor time.Duration // what one request takes by itself
}

// test measures the generator against a server that does nothing, in the same process. The
// target needs processor time, too, so the reach is more than a trial can have beside one
// on the same machine; the trials themselves say when the generator is the limit.
func (r *rig) test(ctx context.Context) (selfTest, error) {
	null, err := listenNull()
	if err != nil {
		return selfTest{}, err
	}
	defer null.close()
	s, err := scenarios.Hit{URL: "http://" + null.addr()}.Scenario()
	if err != nil {
		return selfTest{}, err
	}
	self := &rig{scenario: s, options: scenarios.Options{FileLimit: r.options.FileLimit}}
	alone, err := self.answered(ctx, 1)
	if err != nil {
		return selfTest{}, err
	}
	many, err := self.answered(ctx, 32)
	if err != nil {
		return selfTest{}, err
	}
	return selfTest{reach: float64(many.Count()) / reachTime.Seconds(), floor: alone.Service.Quantile(0.5)}, nil
}

// answered returns the good answers that some users get.
func (r *rig) answered(ctx context.Context, users int) (*engine.Cell, error) {
	p, err := r.plan(scenarios.Substitute{Users: users, For: reachTime})
	if err != nil {
		return nil, err
	}
	defer p.Close() //nolint:errcheck // no data files
	total, err := engine.Run(ctx, p.Plan, func(*engine.Snapshot) {})
	if err != nil {
		return nil, err
	}
	return total.Select(func(k engine.Key) bool { return k.Outcome == engine.OK }), nil
}

const reachTime = 700 * time.Millisecond

// null is a server that answers every request at once and looks at none.
type null struct {
	listener net.Listener
	mu       sync.Mutex
	open     []net.Conn
	serving  sync.WaitGroup
}

func listenNull() (*null, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &null{listener: l}
	n.serving.Go(n.serve)
	return n, nil
}

func (n *null) addr() string { return n.listener.Addr().String() }

func (n *null) serve() {
	for {
		c, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.mu.Lock()
		n.open = append(n.open, c)
		n.mu.Unlock()
		n.serving.Go(func() { answerAll(c) })
	}
}

// answerAll answers requests without a body until the connection ends.
func answerAll(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if len(line) > 2 { // not yet the empty line that ends the head
			continue
		}
		if _, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			return
		}
	}
}

// close ends the server and waits for it.
func (n *null) close() {
	n.listener.Close()
	n.mu.Lock()
	for _, c := range n.open {
		c.Close()
	}
	n.mu.Unlock()
	n.serving.Wait()
}
