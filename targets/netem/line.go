package netem

import (
	"sync"
	"time"
)

// window is how many bytes a line holds before whoever fills it has to wait.
const window = 1 << 20

// line is one direction of a connection: what is put in can be taken out later, in order.
type line struct {
	filled chan struct{} // there may be something to take
	taken  chan struct{} // there may be room

	mu    sync.Mutex
	queue []segment
	bytes int
	free  time.Time // when all that was put in has been transmitted
	last  time.Time // when the newest segment arrives
	end   error     // what comes after the last segment
}

type segment struct {
	data []byte
	due  time.Time
	end  bool // no data, but the line's end
}

func newLine(free time.Time) *line {
	return &line{filled: make(chan struct{}, 1), taken: make(chan struct{}, 1), free: free}
}

// put sends data, which the line keeps, over the network.
func (l *line) put(cfg *Config, data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.send(cfg, segment{data: data})
	l.bytes += len(data)
}

// finish sends the end, and returns when it arrives.
func (l *line) finish(cfg *Config, err error) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil {
		l.end = err
		l.send(cfg, segment{end: true})
	}
	return l.last
}

func (l *line) send(cfg *Config, s segment) {
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(cfg.transmission(len(s.data)))
	s.due = l.free.Add(cfg.oneWay())
	if s.due.Before(l.last) {
		s.due = l.last
	}
	l.last = s.due
	l.queue = append(l.queue, s)
	notify(l.filled)
}

// head returns how long it takes until the oldest segment arrives; there may be none.
func (l *line) head() (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return 0, false
	}
	return time.Until(l.queue[0].due), true
}

// take copies from the oldest segment, or returns what the line ended with.
func (l *line) take(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.queue[0]
	if s.end {
		return 0, l.end
	}
	n := copy(b, s.data)
	l.used(n)
	return n, nil
}

// next returns the oldest segment as a whole, or what the line ended with.
func (l *line) next() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.queue[0]
	if s.end {
		return nil, l.end
	}
	l.used(len(s.data))
	return s.data, nil
}

func (l *line) used(n int) {
	s := &l.queue[0]
	s.data = s.data[n:]
	l.bytes -= n
	if len(s.data) == 0 {
		l.queue[0] = segment{}
		if l.queue = l.queue[1:]; len(l.queue) == 0 {
			l.queue = nil
		}
	}
	notify(l.taken)
}

func (l *line) full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes >= window
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// deadline is a time at which waiting ends, and which may change while somebody waits.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{} // closed when the time has come
}

func newDeadline() *deadline { return &deadline{over: make(chan struct{})} }

// set changes the time; the zero time is never.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if isClosed(d.over) {
		d.over = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		close(d.over)
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer == timer { // it has not been set anew in the meantime
			close(d.over)
			d.timer = nil
		}
	})
	d.timer = timer
}

func (d *deadline) done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
