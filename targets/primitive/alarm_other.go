//go:build !linux

package primitive

import "time"

// alarm has nothing better than the runtime's timers here.
type alarm struct{}

func (*alarm) exactly(d time.Duration) { time.Sleep(d) }
