package station

import "runtime"

// churn computes for some microseconds at the most, for less if little is left: about a
// round a nanosecond.
func churn(left int64) {
	x := uint64(left) | 1
	for range min(left/2+1, 4000) {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	runtime.KeepAlive(x)
}
