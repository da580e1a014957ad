package alarm

import (
	"context"
	"slices"
	"testing"
	"time"
)

func TestWaitIsNeverTooShortAndEndsWithTheContext(t *testing.T) {
	var a Alarm
	var over []time.Duration
	for range 50 {
		begin := time.Now()
		if err := a.Wait(t.Context(), 300*time.Microsecond); err != nil {
			t.Fatal(err)
		}
		over = append(over, time.Since(begin)-300*time.Microsecond)
	}
	slices.Sort(over)
	if over[0] < 0 {
		t.Errorf("a wait was %v too short", -over[0])
	}
	t.Logf("too long by %v in the middle, %v at most", over[25], over[49])

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	if err := a.Wait(ctx, time.Minute); err == nil {
		t.Error("a wait whose context had ended did not say so")
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("a cancelled wait took %v", took)
	}
}
