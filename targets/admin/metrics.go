package admin

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"plimsoll/targets/master"
	"plimsoll/targets/worker"
)

// metrics answers in the text format of Prometheus. Workers are added up, or each has a
// label of its own with per_worker.
func (a *api) metrics(w http.ResponseWriter, r *http.Request) {
	stats, err := a.target.Stats(r.Context())
	if err != nil {
		explain(err).Write(w, r)
		return
	}
	all := &samples{perWorker: wish(r, "per_worker"), found: map[string]*sample{}}
	all.of(stats)
	registry := prometheus.NewRegistry()
	registry.MustRegister(all)
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// samples is a collector of figures that were gathered already.
type samples struct {
	perWorker bool
	found     map[string]*sample
}

// sample is one figure.
type sample struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string // names and values in turn
	value      float64
}

// Describe says nothing: which figures there are depends on the topology.
func (*samples) Describe(chan<- *prometheus.Desc) {}

// Collect hands over the figures, in order.
func (s *samples) Collect(to chan<- prometheus.Metric) {
	for _, key := range slices.Sorted(maps.Keys(s.found)) {
		m := s.found[key]
		var names, values []string
		for i := 0; i < len(m.labels); i += 2 {
			names, values = append(names, m.labels[i]), append(values, m.labels[i+1])
		}
		desc := prometheus.NewDesc("plimsoll_target_"+m.name, m.help, names, nil)
		to <- prometheus.MustNewConstMetric(desc, m.kind, m.value, values...)
	}
}

// at returns the place of a figure, made if it is new.
func (s *samples) at(kind prometheus.ValueType, name, help string, labels []string) *sample {
	key := name + "\x00" + strings.Join(labels, "\x00")
	if s.found[key] == nil {
		s.found[key] = &sample{name: name, help: help, kind: kind, labels: labels}
	}
	return s.found[key]
}

// count adds to a counter.
func (s *samples) count(name, help string, value float64, labels ...string) {
	s.at(prometheus.CounterValue, name, help, labels).value += value
}

// sum adds to a gauge.
func (s *samples) sum(name, help string, value float64, labels ...string) {
	s.at(prometheus.GaugeValue, name, help, labels).value += value
}

// most sets a gauge to the larger of its value and this.
func (s *samples) most(name, help string, value float64, labels ...string) {
	m := s.at(prometheus.GaugeValue, name, help, labels)
	m.value = max(m.value, value)
}

// of takes the figures of a whole target.
func (s *samples) of(stats *master.Stats) {
	s.sum("topology_version", "Version of the settings.", float64(stats.Version))
	for route, c := range stats.Requests {
		s.count("requests_begun_total", "Requests that reached a route.", float64(c.Begun), "route", route)
		s.count("requests_aborted_total", "Requests that ended without an answer.", float64(c.Aborted), "route", route)
		for status, n := range c.Answered {
			s.count("requests_total", "Requests answered.", float64(n), "route", route, "status", status)
		}
	}
	for _, w := range stats.Cluster.Workers {
		id := []string{"worker", strconv.Itoa(w.ID)}
		s.sum("workers", "Worker processes by state.", 1, "state", string(w.State))
		if !s.perWorker {
			id = nil
		}
		s.count("worker_requests_total", "Requests begun by worker processes that are there now.", float64(w.Requests), id...)
		s.sum("worker_connections", "Open connections.", float64(w.Connections), id...)
		s.sum("worker_resident_memory_bytes", "Resident memory.", float64(w.RSS), id...)
		s.count("worker_cpu_seconds_total", "Processor time.", w.CPU, id...)
		s.count("worker_restarts_total", "Workers started for one that had died.", float64(w.Restarts), id...)
	}
	for name, at := range stats.Backends.Stations {
		s.sum("station_in_service", "Jobs being served.", float64(at.InService), "station", name)
		s.sum("station_waiting", "Jobs that wait.", float64(at.Waiting), "station", name)
		s.sum("station_utilisation", "Busy time over elapsed time and servers, since the epoch.", at.Utilisation, "station", name)
	}
	for id, w := range stats.Workers {
		var label []string
		if s.perWorker {
			label = []string{"worker", strconv.Itoa(id)}
		}
		s.ofLayers(&w.Layers, label)
		s.ofParts(&w, label)
	}
}

// ofLayers takes the figures of one worker's layers.
func (s *samples) ofLayers(l *worker.Layers, label []string) {
	with := func(labels ...string) []string { return append(slices.Clone(label), labels...) }
	s.count("limit_allowed_total", "Requests within their limits.", float64(l.Limit.Allowed), label...)
	s.count("limit_refused_total", "Requests past their limits.", float64(l.Limit.Refused), label...)
	s.most("limit_rate_per_second", "Rate of the default policy.", l.Limit.Rate, label...)
	for name, shed := range l.Shed {
		of := with("context", name)
		s.count("shed_admitted_total", "Requests that got a place.", float64(shed.Admitted), of...)
		for reason, n := range shed.Shed {
			s.count("shed_total", "Requests shed.", float64(n), with("context", name, "reason", string(reason))...)
		}
		s.sum("shed_limit", "Requests that may be under way; 0 is any number.", float64(shed.Limit), of...)
		s.sum("shed_in_flight", "Requests under way.", float64(shed.InFlight), of...)
		s.sum("shed_queue_length", "Requests that wait.", float64(shed.QueueLength), of...)
	}
	for tier, t := range map[string]struct{ hits, stale, misses uint64 }{
		"l1": {l.Cache.L1.Hits, l.Cache.L1.Stale, l.Cache.L1.Misses},
		"l2": {l.Cache.L2.Hits, l.Cache.L2.Stale, l.Cache.L2.Misses},
	} {
		const help = "Look-ups in a tier of the cache."
		s.count("cache_lookups_total", help, float64(t.hits), with("tier", tier, "result", "hit")...)
		s.count("cache_lookups_total", help, float64(t.stale), with("tier", tier, "result", "stale")...)
		s.count("cache_lookups_total", help, float64(t.misses), with("tier", tier, "result", "miss")...)
	}
	s.count("cache_loads_total", "Calls of the origin.", float64(l.Cache.Loads), label...)
	s.count("cache_coalesced_total", "Calls that shared another's load.", float64(l.Cache.Coalesced), label...)
	s.count("idempotency_executed_total", "Requests with a key that were carried out.", float64(l.Idempotency.Executed), label...)
	s.count("idempotency_replayed_total", "Answers given again.", float64(l.Idempotency.Replayed), label...)
}

// ofParts takes the figures of what one worker runs on and depends on.
func (s *samples) ofParts(w *worker.Stats, label []string) {
	with := func(labels ...string) []string { return append(slices.Clone(label), labels...) }
	for name, e := range w.Executors {
		of := with("context", name)
		s.most("loop_lag_p99_seconds", "How late tasks of the event loop begin, since the epoch.", e.Loop.Lag.P99/1e3, of...)
		s.most("loop_utilisation", "Busy time of the event loop over elapsed time, since the epoch.", e.Loop.Utilisation, of...)
		s.sum("loop_queue_length", "Tasks that wait for the event loop.", float64(e.Loop.Queue), of...)
		s.sum("cpu_pool_waiting", "Tasks that wait for the cpu pool.", float64(e.CPU.Waiting), of...)
		s.sum("blocking_pool_waiting", "Calls that wait for the blocking pool.", float64(e.Blocking.Waiting), of...)
	}
	for name, d := range w.Dependencies {
		of := with("dependency", name)
		s.count("dependency_calls_total", "Calls of a dependency.", float64(d.Calls), of...)
		s.count("dependency_failed_total", "Calls that failed.", float64(d.Failed), of...)
		s.count("dependency_refused_total", "Calls refused by breaker, bulkhead or budget.", float64(d.Refused), of...)
		s.count("dependency_timeouts_total", "Calls not answered in time.", float64(d.Timeouts), of...)
		s.count("dependency_repeats_total", "Repeats of calls.", float64(d.Retry.Repeats), of...)
		s.most("dep_budget_used", "Share of a dependency's budget that is used.", d.BudgetUsed, of...)
		s.sum("breaker_state", "Breakers by state.", 1, append(of, "state", fmt.Sprint(d.Breaker.State))...)
		s.sum("bulkhead_in_use", "Calls under way.", float64(d.Bulkhead.InUse), of...)
	}
	for name, at := range w.Stores {
		of := with("context", name)
		s.sum("db_pool_in_use", "Database connections in use.", float64(at.Pool.InUse), of...)
		s.sum("db_pool_waiting", "Calls that wait for a connection.", float64(at.Pool.Waiting), of...)
		s.count("db_pool_wait_seconds_total", "Time that calls waited for connections.", at.Pool.Wait, of...)
	}
	s.count("upstream_dials_total", "Connections made to upstreams.", float64(w.Upstream.Dials), label...)
	s.count("gc_cycles_total", "Garbage collections since the epoch.", float64(w.Runtime.Cycles), label...)
	s.most("gc_cpu_share", "Share of the processors that the collector used, since the epoch.", w.Runtime.Share, label...)
	s.most("saturation", "How near workers are to their limits, 1 is at them.", w.Saturation, label...)
}
