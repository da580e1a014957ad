package http1

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"plimsoll/engine/flow"
)

// prompt is a connection on which each message is answered at once.
type prompt struct {
	net.Conn
	answer []byte
}

func (p *prompt) Read(b []byte) (int, error)  { return copy(b, p.answer), nil }
func (*prompt) Write(b []byte) (int, error)   { return len(b), nil }
func (*prompt) Close() error                  { return nil }
func (*prompt) SetDeadline(_ time.Time) error { return nil }

// BenchmarkCodec is what a call costs without the network.
func BenchmarkCodec(b *testing.B) {
	client, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	opened, err := client.Open(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	s := opened.(*session)
	answer := "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Type: application/octet-stream\r\nContent-Length: 128\r\nConnection: keep-alive\r\n\r\n" + strings.Repeat("x", 128)
	c := &conn{Conn: &prompt{answer: []byte(answer)}, session: s, origin: origin{"http", "h"}, armed: never}
	c.buffers.own = make([]byte, smallBuffer)
	c.buf = c.buffers.own
	s.conns = append(s.conns, c)
	req := &flow.Request{Method: "GET", Scheme: "http", Host: "h", Target: "/", Fixed: true, Timeout: flow.Timeouts{Total: 30 * time.Second}}
	resp := new(flow.Response)
	c.lastUsed = never / 2
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Do(req, resp); err != nil {
			b.Fatal(err)
		}
		c.lastUsed = never / 2
	}
}
