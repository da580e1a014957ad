//go:build !linux

package engine

import "context"

func newSleeper(ctx context.Context) sleeper { return newTimerSleeper(ctx) }
