package cache

import (
	"errors"
	"time"

	"plimsoll/targets/knob"
)

// Config says where entries are kept. How long is said by the Policy of each call.
type Config struct {
	Tiers       []string      `yaml:"tiers" oneof:"l1 l2" about:"where entries are kept: l1 in process, which is asked first, l2 over the Redis protocol; empty: nothing is cached"`
	L1          Memory        `yaml:"l1"`
	L2          Remote        `yaml:"l2"`
	LoadTimeout time.Duration `yaml:"load_timeout" default:"5s" min:"0s" max:"5m" about:"time that a shared or background load may take, whoever still waits for it; 0: no limit"`
	Refreshes   int           `yaml:"refreshes" default:"64" min:"1" max:"65536" about:"background refreshes at once; past it a stale entry stays as it is"`
}

// Memory is the tier in process, l1.
type Memory struct {
	Policy  string     `yaml:"policy" default:"tinylfu" oneof:"tinylfu lru fifo" about:"what goes when it is full: tinylfu what is least often used, lru what was not used for longest, fifo what is oldest"`
	Entries int        `yaml:"entries" default:"10000" min:"0" max:"10000000" about:"entries at most; 0: only bytes bounds them"`
	Bytes   knob.Bytes `yaml:"bytes" default:"64MiB" min:"0B" max:"16GiB" about:"size of keys and bodies at most; 0B: only entries bounds them"`
}

// Remote is the tier over the Redis protocol, l2.
type Remote struct {
	Prefix   string        `yaml:"prefix" default:"cache:" about:"what all keys begin with"`
	Timeout  time.Duration `yaml:"timeout" default:"50ms" min:"0s" max:"10s" about:"time that one command may take; 0: what the client allows"`
	Errors   int           `yaml:"errors" default:"5" min:"1" max:"1000" about:"failed commands in a row after which the tier is left alone for a time"`
	Cooldown time.Duration `yaml:"cooldown" default:"1s" min:"10ms" max:"5m" about:"how long it is left alone before one command probes it"`
	Lock     time.Duration `yaml:"lock" default:"2s" min:"10ms" max:"5m" about:"how long a worker that loads for all may take, or be dead, before another one loads"`
}

// Policy says how long the entries of one kind of key are kept, and how they are renewed.
type Policy struct {
	TTL      time.Duration `yaml:"ttl" default:"1s" min:"0s" max:"8760h" about:"time for which an entry is fresh; 0: it is not cached"`
	SWR      time.Duration `yaml:"swr" default:"0s" min:"0s" max:"8760h" about:"stale-while-revalidate: time past ttl for which the entry still answers while one refresh runs"`
	SIE      time.Duration `yaml:"sie" default:"0s" min:"0s" max:"8760h" about:"stale-if-error: time past ttl for which the entry answers if the origin fails"`
	Negative time.Duration `yaml:"negative_ttl" default:"0s" min:"0s" max:"1h" about:"time for which it is remembered that there is nothing; 0: never"`
	Jitter   float64       `yaml:"ttl_jitter" default:"0" min:"0" max:"1" about:"share of ttl by which each entry lives shorter at random"`
	Adaptive float64       `yaml:"adaptive_ttl" default:"1" min:"1" max:"10" about:"factor on ttl under full load; 1: ttl does not follow the load"`
	XFetch   float64       `yaml:"xfetch" default:"0" min:"0" max:"100" about:"beta of probabilistic early refresh: 1 is optimal, higher is earlier; 0: off"`
	Coalesce string        `yaml:"coalesce" default:"singleflight" oneof:"none singleflight shared" about:"none: each miss loads; singleflight: misses of a worker share a load; shared: those of all workers do, by a lock in l2"`
	Vary     []string      `yaml:"key_vary" about:"what else the key of a request has, besides method and URL: user, segment, locale, or a header's name"`
	MaxBody  knob.Bytes    `yaml:"max_body" default:"1MiB" min:"1kB" max:"64MiB" about:"a longer answer of a route is not cached; in a Policy made by hand 0 is 1MiB"`
}

// Check returns what the fields have wrong together.
func (m Memory) Check() error {
	if m.Entries == 0 && m.Bytes == 0 {
		return errors.New("entries and bytes cannot both be 0: the tier would have no bound")
	}
	return nil
}

// retain returns how long past its ttl an entry may still be of use.
func (p *Policy) retain() time.Duration { return max(p.SWR, p.SIE) }
