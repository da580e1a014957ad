package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"plimsoll/targets/cache"
	"plimsoll/targets/executor"
	"plimsoll/targets/fault"
	"plimsoll/targets/idempotency"
	"plimsoll/targets/knob"
	"plimsoll/targets/limiter"
	"plimsoll/targets/netem"
	"plimsoll/targets/shedder"
	"plimsoll/targets/shm"
	"plimsoll/targets/topology"
)

// parts are what a worker is made of. They stay when the topology changes.
type parts struct {
	guards
	machines
	*dependencies
	faults *fault.Registry
	net    *netem.Net
}

// guards are what stands before the handlers.
type guards struct {
	limiter     *limiter.Limiter
	shedders    map[string]*shedder.Shedder // by context; "" for all that are not isolated
	idempotency *idempotency.Guard
	cache       *cache.Cache
	lock        *shm.Mutex // of all workers
}

func newParts(w *Worker, cfg *topology.Config, boot Boot) (*parts, error) {
	p := &parts{net: netem.New(cfg.Listen.Net)}
	p.machines = newMachines(cfg, boot.ID)
	p.lock = w.host.Memory.Mutex("global")
	faults := func(ctx context.Context, target string) error { return p.faults.Before(ctx, target) }
	var err error
	if p.dependencies, err = newDependencies(w, cfg, boot, faults); err != nil {
		return nil, err
	}
	p.newGuards(w, cfg)
	p.faults = fault.New(fault.Options{
		Self: w.instance(), Await: executor.Await,
		Run: map[string]fault.Runner{
			"lock":        fault.Holding(p.lock),
			"crash":       fault.After(func(fault.Fault) { w.host.Crash() }),
			"hang":        func(ctx context.Context, _ fault.Fault) { <-ctx.Done() },              // the master halts the process
			"cache_flush": fault.Every(func(fault.Fault) { p.cache.Flush(context.Background()) }), //nolint:errcheck // l2 says it by its own event
		},
	})
	return p, nil
}

func (p *parts) newGuards(w *Worker, cfg *topology.Config) {
	p.limiter = limiter.New(cfg.Limit, limiter.Parts{
		Cells: records{w.host.Memory}, Redis: p.redis, Workers: func() int { return w.Config().Cluster.Workers }, Saturation: p.saturation,
		OnRate: func(from, to knob.Rate) {
			w.events.Publish("limit.rate", map[string]any{"from_per_s": float64(from), "to_per_s": float64(to)})
		},
		OnStore: func(down bool, err error) { w.told("limit.store", !down, err) },
	})
	p.shedders = map[string]*shedder.Shedder{}
	for _, name := range append(contextNames(), "") {
		s := shedder.New(cfg.Shed)
		s.OnLimit = func(from, to int) {
			w.events.Publish("shed.limit", map[string]any{"context": shownAs(name), "from": from, "to": to})
		}
		p.shedders[name] = s
	}
	p.idempotency = idempotency.New(cfg.Idempotency, p.redis)
	p.cache = cache.New(cfg.Cache, p.redis, cache.Hooks{
		Load: p.saturation,
		OnL2: func(up bool, err error) { w.told("cache.l2", up, err) },
	})
}

// told publishes that something went away or came back.
func (w *Worker) told(what string, up bool, err error) {
	data := map[string]any{}
	if err != nil {
		data["error"] = err.Error()
	}
	kind := what + ".down"
	if up {
		kind = what + ".up"
	}
	w.events.Publish(kind, data)
}

// instance is what the worker is called.
func (w *Worker) instance() string { return "worker:" + strconv.Itoa(w.id) }

// configure changes every part. The routes follow.
func (p *parts) configure(cfg *topology.Config) {
	cfg.Runtime.Apply() // before the executors, which count processors
	p.machines.configure(cfg)
	p.dependencies.configure(cfg)
	p.limiter.Configure(cfg.Limit)
	for _, s := range p.shedders {
		s.Configure(cfg.Shed)
	}
	p.idempotency.Configure(cfg.Idempotency)
	p.cache.Configure(cfg.Cache)
	p.net.Configure(cfg.Listen.Net)
}

func (p *parts) close() {
	p.faults.Close()
	p.cache.Close()
	p.dependencies.close()
	p.machines.close()
}

// fullLag is the lag of the event loop at which a worker counts as saturated.
const fullLag = 50 * time.Millisecond

// saturation tells how near the worker is to its limits, 1 is at them: the lag of its
// loops, the places of the shedder and the database's connections, whichever is worst.
func (p *parts) saturation() float64 {
	worst := float64(p.lag()) / float64(fullLag)
	for _, shed := range p.shedders {
		if s := shed.Stats(); s.Limit > 0 {
			worst = max(worst, float64(s.InFlight+s.QueueLength)/float64(s.Limit))
		}
	}
	return max(worst, p.used())
}

// records are the cells that limiters of all workers share.
type records struct{ memory *shm.Memory }

// Do is shm's, with the error that the limiter knows.
func (r records) Do(key uint64, now int64, fn func(*[shm.Words]int64) int64) error {
	err := r.memory.Do(shm.Key(key), now, fn)
	if errors.Is(err, shm.ErrFull) {
		return fmt.Errorf("%w: %w", limiter.ErrFull, err)
	}
	return err
}

// buffer is the size of both buffers of a connection, of which an overload leaves a hundred
// behind: four times smaller than the client's own choice.
const buffer = 8 << 10

// newRedis returns the client of the shared store. It repeats nothing: that would hide
// faults.
func newRedis(cfg topology.Redis, address string) (*redis.Client, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("deps.redis.url: %w", err)
	}
	options.MaxRetries = -1
	options.ContextTimeoutEnabled = true
	options.PoolSize = cfg.PoolSize
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout
	options.PoolTimeout = cfg.Timeout
	options.ReadBufferSize, options.WriteBufferSize = buffer, buffer
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled} // Redis itself has none
	return redis.NewClient(options), nil
}
