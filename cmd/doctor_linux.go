package cmd

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// newNap returns a sleep on a timerfd, which the generator paces with on Linux, its name,
// and a function that gives it back.
func newNap() (sleep func(time.Duration), name string, release func()) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return time.Sleep, "the runtime's timer", func() {}
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	var expirations [8]byte
	sleep = func(d time.Duration) {
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
		if unix.TimerfdSettime(fd, 0, &spec, nil) == nil {
			file.Read(expirations[:]) //nolint:errcheck // a sleep that fails is too short, which the clock shows
		}
	}
	return sleep, "timerfd", func() { file.Close() }
}
