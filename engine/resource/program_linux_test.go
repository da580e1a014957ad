package resource

import (
	"testing"
	"time"
)

const worked = 200 * time.Millisecond

// work uses some processor time.
func work(*testing.T) { burn(worked) }

// programOf holds what a page says of this process against what it did between the first
// and the last of three readings.
func programOf(t *testing.T, found map[string]Use, elapsed float64) {
	t.Helper()
	cpu := found["cpu"]
	near(t, "processor time", cpu.Utilisation*cpu.Units*elapsed, 2*worked.Seconds(), 2*worked.Seconds()+.1)
	if found["open files"].Units == 0 {
		t.Errorf("no open files in %v", found)
	}
}
