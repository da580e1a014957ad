package executor

import (
	"math"
	"runtime"
	"runtime/debug"

	"plimsoll/targets/knob"
)

// Runtime is how the Go runtime of a worker is tuned.
type Runtime struct {
	GOGC       int        `yaml:"gogc" default:"100" min:"-1" max:"10000" about:"garbage before a collection, in percent of what lives; 0: 100, as Go has it, -1: off"`
	MemLimit   knob.Bytes `yaml:"memlimit" default:"0B" min:"0B" max:"64GiB" about:"memory that the collector tries to stay within; 0B: off"`
	GOMAXPROCS int        `yaml:"gomaxprocs" default:"0" min:"0" max:"1024" about:"threads that run Go code at a time; 0: as many as the host and its limits give"`
}

// Apply tunes the process. It overrides GOGC, GOMEMLIMIT and GOMAXPROCS of the
// environment for good.
func (r Runtime) Apply() {
	percent := r.GOGC
	if percent == 0 {
		percent = 100
	}
	debug.SetGCPercent(max(-1, percent))
	limit := int64(r.MemLimit)
	if limit <= 0 {
		limit = math.MaxInt64
	}
	debug.SetMemoryLimit(limit)
	if r.GOMAXPROCS > 0 {
		runtime.GOMAXPROCS(r.GOMAXPROCS)
	} else {
		runtime.SetDefaultGOMAXPROCS()
	}
}
