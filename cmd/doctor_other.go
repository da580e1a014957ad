//go:build !linux

package cmd

import "time"

// newNap returns what the generator paces with where there is no timerfd.
func newNap() (sleep func(time.Duration), name string, release func()) {
	return time.Sleep, "the runtime's timer", func() {}
}
