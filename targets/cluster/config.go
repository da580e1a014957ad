package cluster

import (
	"fmt"
	"time"

	"plimsoll/targets/knob"
)

// The ways to share the port, as Config.Share names them.
const (
	RoundRobin = "rr"        // the master accepts and hands connections round in turn
	Inherited  = "fd"        // all workers accept from the one socket that they inherited
	ReusePort  = "reuseport" // every worker has a socket, and so an accept queue, of its own
)

// Config says how many workers there are and how they come and go.
type Config struct {
	Workers int           `yaml:"workers" default:"1" min:"1" max:"64" about:"worker processes that share the port"`
	Share   string        `yaml:"share" default:"rr" oneof:"rr fd reuseport" restart:"true" about:"rr: the master accepts and hands on in turn; fd: all accept from one socket; reuseport: a socket for each"`
	Drain   time.Duration `yaml:"drain" default:"10s" min:"0s" max:"5m" about:"longest time that a worker which is told to go may finish its requests; 0: they are cut off"`
	Respawn Respawn       `yaml:"respawn"`
	Recycle Recycle       `yaml:"recycle"`
	Health  Health        `yaml:"health"`
}

// Respawn says how soon a worker that died is replaced. The n-th death in a row waits
// backoff·2ⁿ⁻¹, at most max, and from the burst-th on max. A worker that lived for max
// ends the row.
type Respawn struct {
	Backoff time.Duration `yaml:"backoff" default:"100ms" min:"1ms" max:"1m" about:"wait before the first new worker; doubles with every death in a row"`
	Max     time.Duration `yaml:"max" default:"5s" min:"10ms" max:"10m" about:"longest wait, and how long a worker has to live to count as sound"`
	Burst   int           `yaml:"burst" default:"5" min:"1" max:"1000" about:"deaths in a row from which on a slot waits the longest time"`
}

// Recycle says when a worker is replaced by a new one because of its age in work or its size.
// One worker is replaced at a time, gracefully, and none that is younger than respawn.max.
type Recycle struct {
	Requests int        `yaml:"requests" default:"0" min:"0" about:"requests after which a worker is replaced; 0: never"`
	RSS      knob.Bytes `yaml:"rss" default:"0B" min:"0B" about:"resident memory from which on a worker is replaced; 0: never"`
}

// Health says when a worker that lives but does not answer is killed and replaced.
type Health struct {
	Every   time.Duration `yaml:"every" default:"1s" min:"10ms" max:"1m" about:"time between two questions to a worker"`
	Timeout time.Duration `yaml:"timeout" default:"1s" min:"10ms" max:"1m" about:"longest wait for an answer"`
	Misses  int           `yaml:"misses" default:"5" min:"0" max:"1000" about:"unanswered questions in a row after which a worker is hung; 0: never"`
}

// Check tells what does not fit together.
func (c Config) Check() error {
	switch c.Share {
	case RoundRobin, Inherited, ReusePort:
	default:
		return fmt.Errorf("share %q is none of rr, fd and reuseport", c.Share)
	}
	if c.Workers < 1 || c.Workers > mostWorkers {
		return fmt.Errorf("workers is %d, not 1 to %d", c.Workers, mostWorkers)
	}
	if c.Respawn.Backoff > c.Respawn.Max {
		return fmt.Errorf("respawn.backoff %v is longer than respawn.max %v", c.Respawn.Backoff, c.Respawn.Max)
	}
	if c.Respawn.Backoff <= 0 || c.Respawn.Burst < 1 || c.Health.Every <= 0 || c.Health.Timeout <= 0 {
		return fmt.Errorf("respawn.backoff, respawn.burst, health.every and health.timeout have to be more than 0")
	}
	return nil
}

// wait is how long a slot waits after the n-th death in a row, and whether that is the
// guard against crash loops.
func (r Respawn) wait(n int) (delay time.Duration, guard bool) {
	if n >= r.Burst {
		return r.Max, true
	}
	delay = r.Backoff
	for range n - 1 {
		if delay *= 2; delay >= r.Max {
			return r.Max, false
		}
	}
	return delay, false
}
