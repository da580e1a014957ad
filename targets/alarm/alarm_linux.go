package alarm

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Alarm waits on timerfds, which wake the runtime's poller to the microsecond. The pool
// keeps those not in use; its size follows how many waits end at the same time.
type Alarm struct{ idle sync.Pool }

type timer struct {
	fd   int
	file *os.File // the same descriptor, known to the runtime's poller
}

// exactly waits d > 0. Without a descriptor to spare it is as exact as time.Sleep.
func (a *Alarm) exactly(d time.Duration) {
	t, _ := a.idle.Get().(*timer)
	if t == nil {
		fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
		if err != nil {
			time.Sleep(d)
			return
		}
		t = &timer{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	var expirations [8]byte
	if err := unix.TimerfdSettime(t.fd, 0, &spec, nil); err != nil {
		time.Sleep(d)
	} else if _, err := t.file.Read(expirations[:]); err != nil {
		time.Sleep(d)
	}
	a.idle.Put(t)
}
