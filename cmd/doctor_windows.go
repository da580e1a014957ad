package cmd

// fileLimits returns 0: Windows has no limit on open sockets to speak of.
func fileLimits() (soft, hard uint64) { return 0, 0 }
