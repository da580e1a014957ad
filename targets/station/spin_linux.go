package station

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Burn uses d of processor time on one thread, to some microseconds, however long that
// takes when the processor is shared: it counts what the thread got, not what passed.
func Burn(d time.Duration) {
	if d <= 0 {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var at unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at) != nil {
		return
	}
	end := at.Nano() + int64(d)
	for at.Nano() < end {
		churn(end - at.Nano())
		if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at) != nil {
			return
		}
	}
}
