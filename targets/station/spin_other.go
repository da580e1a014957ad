//go:build !linux

package station

import "time"

// Burn keeps a processor busy for d. Without a clock of the thread's own processor time
// it goes by what passed, and so gets less done where the processor is shared.
func Burn(d time.Duration) {
	for end := time.Now().Add(d); ; {
		rest := time.Until(end)
		if rest <= 0 {
			return
		}
		churn(int64(rest))
	}
}
