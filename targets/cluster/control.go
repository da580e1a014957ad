package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// mostReply is the longest answer that Call reads.
const mostReply = 64 << 20

// serving returns the process that serves in the slot.
func (m *Master) serving(id int) (*process, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id < 1 || id > len(m.house.slots) || m.house.slots[id-1].current == nil {
		return nil, ErrNoWorker
	}
	return m.house.slots[id-1].current, nil
}

// Call asks the worker of the slot over its control listener and returns the answer whole,
// whatever its status. The error is ErrNoWorker if none is ready there.
func (m *Master) Call(ctx context.Context, id int, method, path string, body []byte) (status int, reply []byte, err error) {
	p, err := m.serving(id)
	if err == nil {
		status, reply, err = p.call(ctx, method, path, body)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("worker %d: %w", id, err)
	}
	return status, reply, nil
}

// RoundTripper returns a transport to the control listener of whichever worker is in the
// slot at the time of a request, for answers that go on for long.
func (m *Master) RoundTripper(id int) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		p, err := m.serving(id)
		if err != nil {
			return nil, fmt.Errorf("worker %d: %w", id, err)
		}
		return p.client.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip sends the request.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// dial makes a connection and hands the other end to the worker. It does not wait: a worker
// that takes none leaves them lying.
func (p *process) dial() (net.Conn, error) {
	conn, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	if err := send(p.control, int(theirs.Fd())); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("hand over a control connection: %w", err)
	}
	return conn, nil
}

func (p *process) call(ctx context.Context, method, path string, body []byte) (status int, reply []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://worker"+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	answer, err := p.client.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	reply, err = io.ReadAll(io.LimitReader(answer.Body, mostReply+1))
	if err == nil && len(reply) > mostReply {
		err = fmt.Errorf("the answer is longer than %d bytes", mostReply)
	}
	return answer.StatusCode, reply, err
}
