//go:build unix

package cmd

import "syscall"

// fileLimits returns how many files this process may open, and how many it could be
// allowed; 0 if that is unknown. (The Go runtime raises the soft limit at the start.)
func fileLimits() (soft, hard uint64) {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0, 0
	}
	return uint64(l.Cur), uint64(l.Max) //nolint:unconvert // signed on some systems
}
