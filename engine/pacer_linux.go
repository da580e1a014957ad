package engine

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// fdSleeper sleeps on a timerfd read through the runtime's poller: the kernel wakes the
// poller itself, so a sleep ends some 30 µs after it should instead of up to a millisecond.
type fdSleeper struct {
	fd     int // owned by file; kept because file.Fd would make it blocking
	file   *os.File
	detach func() bool
	buf    [8]byte
}

func newSleeper(ctx context.Context) sleeper {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return newTimerSleeper(ctx)
	}
	s := &fdSleeper{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}
	s.detach = context.AfterFunc(ctx, func() { _ = s.file.SetReadDeadline(time.Unix(1, 0)) })
	return s
}

func (s *fdSleeper) Sleep(d time.Duration) bool {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))}
	if unix.TimerfdSettime(s.fd, 0, &spec, nil) != nil {
		return false
	}
	_, err := s.file.Read(s.buf[:])
	return err == nil
}

func (s *fdSleeper) Grain() time.Duration { return 0 }

func (s *fdSleeper) Close() error {
	s.detach()
	return s.file.Close()
}
