//go:build unix

package event

import "golang.org/x/sys/unix"

// monotonic returns the machine's monotonic clock in seconds, which all its processes share.
func monotonic() float64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return float64(t.Nano()) / 1e9
}
