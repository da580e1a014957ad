package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"plimsoll/report"
)

// What an outbox may hold, and how it tries again.
const (
	mostWaiting = 600     // messages, which is ten minutes of them
	mostBytes   = 8 << 20 // of all that wait
	firstPause  = 500 * time.Millisecond
	longPause   = 30 * time.Second
	lastPause   = 250 * time.Millisecond // once the run is over
	patience    = 10 * time.Second       // for one answer
	mostSaid    = 4 << 10                // bytes of an answer that are read
)

// outbox sends messages to one remote end, in order, one at a time. What it does not take
// is tried again if that can help; when there is no more room, the oldest goes.
type outbox struct {
	kind, url string
	headers   []Header
	partial   func(answer []byte) error // what an end that said yes did not take; may be nil
	warn      func(error)
	client    *http.Client
	ctx       context.Context //nolint:containedctx // an outbox is a scope: ends when nobody waits for it any more
	cancel    context.CancelFunc
	wake      chan struct{} // something to send, or the end
	closing   chan struct{}
	done      chan struct{}

	mu      sync.Mutex // guards what follows
	waiting [][]byte
	size    int
	tally   deliveries
}

// deliveries counts what became of messages.
type deliveries struct {
	taken, again, partly, lost uint64
	trouble                    error // the last
	warned                     bool
}

func newOutbox(kind, url string, headers []Header, partial func([]byte) error, warn func(error)) *outbox {
	o := &outbox{
		kind: kind, url: url, headers: headers, partial: partial, warn: warn,
		wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
		client: &http.Client{
			Timeout:       patience,
			Transport:     &http.Transport{MaxIdleConns: 1, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	go o.run()
	return o
}

// put gives a message to be sent. It does not wait.
func (o *outbox) put(message []byte) {
	o.mu.Lock()
	o.waiting = append(o.waiting, message)
	o.size += len(message)
	var full bool
	for len(o.waiting) > mostWaiting || o.size > mostBytes && len(o.waiting) > 1 {
		o.size -= len(o.waiting[0])
		o.waiting[0] = nil
		o.waiting = o.waiting[1:]
		o.tally.lost++
		full = true
	}
	o.mu.Unlock()
	if full {
		o.complain(errNoRoom)
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run sends until the outbox is closed and empty.
func (o *outbox) run() {
	defer close(o.done)
	for {
		for message := o.take(); message != nil; message = o.take() {
			if !o.deliver(message) {
				o.abandon()
				return
			}
		}
		select {
		case <-o.wake:
		case <-o.closing:
			if o.empty() {
				return
			}
		}
	}
}

func (o *outbox) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		return nil
	}
	first := o.waiting[0]
	o.waiting[0], o.waiting = nil, o.waiting[1:]
	o.size -= len(first)
	return first
}

func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting) == 0
}

// abandon counts what nobody will send any more.
func (o *outbox) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tally.lost += uint64(len(o.waiting))
	o.waiting, o.size = nil, 0
}

// deliver sends one message, more than once if need be. It returns false when the run is
// over and it is no use to go on.
func (o *outbox) deliver(message []byte) bool {
	pause, late := firstPause, 0
	for {
		again, after, err := o.post(message)
		if err == nil {
			o.count(func(d *deliveries) { d.taken++ })
			return true
		}
		if !again {
			o.count(func(d *deliveries) { d.lost++ })
			o.complain(err)
			return true
		}
		o.complain(err)
		if o.over() {
			late++
		}
		if o.ctx.Err() != nil || late > 1 {
			o.count(func(d *deliveries) { d.lost++ })
			return false
		}
		o.count(func(d *deliveries) { d.again++ })
		o.pause(max(pause, after))
		pause = min(2*pause, longPause)
	}
}

// over reports whether the run has ended.
func (o *outbox) over() bool {
	select {
	case <-o.closing:
		return true
	default:
		return false
	}
}

// pause waits before a message is sent again: at most a moment once the run is over.
func (o *outbox) pause(d time.Duration) {
	if !o.over() {
		timer := time.NewTimer(d + time.Duration(rand.Int64N(int64(d/4)+1)))
		defer timer.Stop()
		select {
		case <-timer.C:
			return
		case <-o.closing:
		}
	}
	timer := time.NewTimer(lastPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.ctx.Done():
	}
}

// post sends a message once. again tells whether it may be taken another time, and after
// which time the end wants it.
func (o *outbox) post(message []byte) (again bool, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(o.ctx, http.MethodPost, o.url, bytes.NewReader(message))
	if err != nil {
		return false, 0, err
	}
	for _, h := range o.headers {
		req.Header.Set(h.Name, h.Value)
	}
	resp, err := o.client.Do(req)
	if err != nil && o.ctx.Err() != nil {
		return true, 0, errNoAnswer
	}
	if err != nil {
		return true, 0, withoutURL(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, mostSaid))
	switch {
	case err != nil:
		return true, 0, fmt.Errorf("read the answer: %w", err)
	case resp.StatusCode/100 == 2:
		if o.partial != nil {
			if err := o.partial(said); err != nil {
				o.count(func(d *deliveries) { d.partly++ })
				o.complain(err)
			}
		}
		return false, 0, nil
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		s, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		after = min(max(time.Duration(s)*time.Second, 0), longPause)
		return true, after, errStatus(resp.Status, said)
	}
	return false, 0, errStatus(resp.Status, said)
}

// withoutURL takes off what the warning says anyhow.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func (o *outbox) count(add func(*deliveries)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	add(&o.tally)
}

// complain keeps why something was not taken, and warns the first time.
func (o *outbox) complain(err error) {
	o.mu.Lock()
	first := !o.tally.warned
	o.tally.warned, o.tally.trouble = true, err
	o.mu.Unlock()
	if first && o.warn != nil {
		o.warn(fmt.Errorf("-o %s: %s: %w; the run goes on", o.kind, report.RedactURL(o.url), err))
	}
}

// close waits until everything was sent, at most farewell, and drops the rest.
func (o *outbox) close() {
	close(o.closing)
	timer := time.NewTimer(farewell)
	defer timer.Stop()
	select {
	case <-o.done:
	case <-timer.C:
		o.cancel()
		<-o.done
	}
	o.cancel()
	o.client.CloseIdleConnections()
}

// notes says what was not taken, nothing if all was.
func (o *outbox) notes() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	d := &o.tally
	if d.lost == 0 && d.partly == 0 && d.again == 0 {
		return nil
	}
	text := fmt.Sprintf("%s %s took %d of %d messages", o.kind, report.RedactURL(o.url), d.taken, d.taken+d.lost)
	if d.again > 0 {
		text += fmt.Sprintf(", after %d that were sent again", d.again)
	}
	if d.partly > 0 {
		text += fmt.Sprintf(", %d of them in part", d.partly)
	}
	if d.lost > 0 {
		text += fmt.Sprintf("; %d are lost", d.lost)
	}
	return []string{text + " (" + strings.TrimSuffix(d.trouble.Error(), ".") + ")"}
}

// under returns the URL of a path below a base.
func under(base, path string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.JoinPath(path).String()
}
