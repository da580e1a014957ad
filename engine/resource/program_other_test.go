//go:build !linux

package resource

import (
	"testing"
	"time"
)

func work(*testing.T) { time.Sleep(10 * time.Millisecond) }

// programOf has nothing to hold: only on Linux every page tells of its own process.
func programOf(*testing.T, map[string]Use, float64) {}
