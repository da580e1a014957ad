//go:build !unix

package event

import "time"

// monotonic returns the wall clock in seconds: no other clock is shared between processes.
func monotonic() float64 { return float64(time.Now().UnixNano()) / 1e9 }
