package http1

import (
	"errors"
	"fmt"
	"io"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// maxInterim is how many interim answers (1xx) may come before the final one.
const maxInterim = 16

var (
	errHeadLimit = errors.New("head of the answer too long")
	errBodyLimit = errors.New("body of the answer too long")
	errInterim   = errors.New("too many interim answers")
	errSwitched  = errors.New("answer switches protocols though nobody asked for it")
	errLeftover  = errors.New("bytes after the end of the answer")
	errLateBytes = errors.New("bytes arrived before anything was asked")
	errShort     = errors.New("connection closed in the middle of the answer")
	errNoAnswer  = errors.New("connection closed before an answer began")
)

// answer reads one answer from a connection, the first bytes of which are in its buffer.
type answer struct {
	conn     *conn
	resp     *flow.Response
	due      time.Duration
	reads    int // after the first
	head     head
	fields   fields
	chunks   chunks
	wantBody bool
	coded    []byte // a body whose coding is still to be undone
}

func (a *answer) begin(c *conn, req *flow.Request, resp *flow.Response, due time.Duration) {
	a.conn, a.resp, a.due = c, resp, due
	a.reads, a.coded = 0, a.coded[:0]
	a.wantBody = req.Want.Body
	a.fields.all = req.Want.Header
	a.fields.list = resp.Header[:0]
	a.fields.bytes = a.fields.bytes[:0]
}

// end fills in what is known, and lets go of the connection.
func (a *answer) end() {
	a.resp.Header = a.fields.list
	a.resp.BytesIn += int64(a.conn.w)
	a.conn, a.resp = nil, nil
}

// read reads the answer to its end. With bare it has no body, whatever its head says.
func (a *answer) read(bare bool) error {
	if err := a.readHeads(); err != nil {
		return err
	}
	a.resp.Status = a.head.status
	a.conn.ended = a.conn.ended || a.head.close
	rest := a.conn.buf[a.head.at:a.conn.w]
	var err error
	switch {
	case bare || a.head.bodyless():
	case a.head.chunked:
		rest, err = a.chunked(rest)
	case a.head.length >= 0:
		rest, err = a.counted(rest)
	default:
		a.conn.ended = true
		rest, err = nil, a.closed(rest)
	}
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return failed(engine.ErrLeftover, errLeftover)
	}
	return a.decode()
}

// readHeads reads heads up to the first that is final. Bytes of interim ones are counted
// and make room for the next.
func (a *answer) readHeads() error {
	for range maxInterim {
		a.head = head{}
		if err := a.readHead(); err != nil {
			return err
		}
		switch {
		case a.head.status >= 200:
			return nil
		case a.head.status == 101:
			return failed(engine.ErrMalformed, errSwitched)
		}
		a.fields.list, a.fields.bytes = a.fields.list[:0], a.fields.bytes[:0]
		a.resp.BytesIn += int64(a.head.at)
		a.conn.w = copy(a.conn.buf, a.conn.buf[a.head.at:a.conn.w])
	}
	return failed(engine.ErrMalformed, errInterim)
}

func (a *answer) readHead() error {
	c := a.conn
	for {
		whole, err := a.head.parse(c.buf[:c.w], &a.fields)
		switch {
		case err != nil:
			return failed(engine.ErrMalformed, err)
		case a.head.at > c.session.client.limits.HeaderBytes, !whole && c.w >= c.session.client.limits.HeaderBytes:
			return failed(engine.ErrHeaderLimit, errHeadLimit)
		case whole:
			return nil
		}
		if c.w == len(c.buf) {
			c.enlarge()
		}
		if err := a.more(); err != nil {
			return err
		}
	}
}

// more reads on behind what is in the buffer.
func (a *answer) more() error {
	a.reads++
	if a.reads == 1 {
		a.conn.arm(a.conn.session.client.now(), a.due)
	}
	err := a.conn.fill(a.due)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failed(engine.ErrTruncated, fmt.Errorf("%w: %w", errShort, err))
	}
	return failed(openKind(err), err)
}

// again reads on over what is in the buffer, which has been dealt with. A buffer that was
// full is too small for what comes.
func (a *answer) again() ([]byte, error) {
	c := a.conn
	full := c.w == len(c.buf)
	a.resp.BytesIn += int64(c.w)
	c.w = 0
	if full {
		c.enlarge()
	}
	err := a.more()
	return c.buf[:c.w], err
}

// counted reads a body of a known length and returns what follows it.
func (a *answer) counted(p []byte) ([]byte, error) {
	left := a.head.length
	for {
		n := min(left, int64(len(p)))
		if err := a.take(p[:n]); err != nil {
			return nil, err
		}
		p, left = p[n:], left-n
		if left == 0 {
			return p, nil
		}
		var err error
		if p, err = a.again(); err != nil {
			return nil, err
		}
	}
}

// chunked reads a body in chunks and its trailer, and returns what follows it.
func (a *answer) chunked(p []byte) ([]byte, error) {
	a.chunks = chunks{}
	for {
		var data []byte
		var err error
		for len(p) > 0 && !a.chunks.done() {
			if data, p, err = a.chunks.next(p, a.conn.session.client.limits.HeaderBytes); err != nil {
				return nil, failed(engine.ErrMalformed, err)
			}
			if err = a.take(data); err != nil {
				return nil, err
			}
		}
		if a.chunks.done() {
			return p, nil
		}
		if p, err = a.again(); err != nil {
			return nil, err
		}
	}
}

// closed reads a body that ends with the connection.
func (a *answer) closed(p []byte) error {
	for {
		if err := a.take(p); err != nil {
			return err
		}
		var err error
		if p, err = a.again(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// take keeps a part of the body, if somebody wants it.
func (a *answer) take(p []byte) error {
	if !a.wantBody || len(p) == 0 {
		return nil
	}
	kept := &a.resp.Body
	if a.head.coding != identity {
		kept = &a.coded
	}
	if int64(len(*kept)+len(p)) > a.conn.session.client.limits.BodyBytes {
		return failed(engine.ErrBodyLimit, errBodyLimit)
	}
	*kept = append(*kept, p...)
	return nil
}

// decode undoes the content coding of a body that somebody wants.
func (a *answer) decode() error {
	if len(a.coded) == 0 {
		return nil
	}
	body, err := decode(a.resp.Body[:0], a.coded, a.head.coding, a.conn.session.client.limits.BodyBytes)
	a.resp.Body, a.coded = body, a.coded[:0]
	switch {
	case errors.Is(err, errBodyLimit):
		return failed(engine.ErrBodyLimit, err)
	case err != nil:
		return failed(engine.ErrMalformed, fmt.Errorf("undo content coding: %w", err))
	}
	return nil
}
