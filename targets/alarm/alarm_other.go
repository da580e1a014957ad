//go:build !linux

package alarm

import "time"

// Alarm has nothing better than the runtime's timers here.
type Alarm struct{}

func (*Alarm) exactly(d time.Duration) { time.Sleep(d) }
