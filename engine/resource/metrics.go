package resource

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Understood are the metrics that say how busy something is, for messages.
const Understood = "process_cpu_seconds_total with go_sched_gomaxprocs_threads, node_cpu_seconds_total, container_cpu_usage_seconds_total, " +
	"go_sql_in_use_connections, hikaricp_connections_active, tomcat_threads_busy_threads, process_open_fds"

// meters finds the resources of a page.
func (f families) meters(r *Reading) {
	for _, s := range f.named("process_start_time_seconds") {
		r.Origin += s.key() + "@" + strconv.FormatFloat(s.value, 'g', -1, 64) + "\n"
	}
	f.processes(r)
	f.machines(r)
	f.containers(r)
	f.pools(r)
	r.Meters = slices.DeleteFunc(r.Meters, func(m Meter) bool { return !m.sound() })
}

// sound reports whether all of a meter are numbers.
func (m Meter) sound() bool {
	sum := m.Units + m.InUse
	for _, c := range m.Busy {
		sum += c.Busy + c.Whole
	}
	return m.Units > 0 && !math.IsNaN(sum) && !math.IsInf(sum, 0)
}

// processes finds the processor time of programs.
func (f families) processes(r *Reading) {
	for _, s := range f.named("process_cpu_seconds_total") {
		name := titled("cpu", s.key())
		units := f.processors(s)
		if units == 0 {
			r.Notes = append(r.Notes, name+": the page does not say how many processors it may use, as go_sched_gomaxprocs_threads does")
			continue
		}
		r.Meters = append(r.Meters, Meter{Name: name, Units: units, Busy: s.count(s.value, units)})
	}
}

// processors returns how many processors a program uses at the most, 0 if that is unknown.
// A program of Node.js or Python runs its code on one thread.
func (f families) processors(s series) float64 {
	for _, name := range []string{"go_sched_gomaxprocs_threads", "system_cpu_count"} {
		if n := f.beside(s, name); n > 0 {
			return n
		}
	}
	for _, name := range []string{"nodejs_version_info", "python_info"} {
		if len(f.named(name)) > 0 {
			return 1
		}
	}
	return 0
}

// count is the count of a figure. If the page says when it was taken, that is the clock.
func (s series) count(busy, units float64) map[string]Count { return one(busy, s.at*units) }

// machines finds the processors of machines, as the node exporter counts them: all seconds
// by what they were spent on, for each processor.
func (f families) machines(r *Reading) {
	found := map[string]map[string]Count{} // by labels of the machine, then by processor
	for _, s := range f.named("node_cpu_seconds_total") {
		machine, cpu := s.key("cpu", "mode"), s.labels["cpu"]
		if found[machine] == nil {
			found[machine] = map[string]Count{}
		}
		c := found[machine][cpu]
		if mode := s.labels["mode"]; mode != "idle" && mode != "iowait" {
			c.Busy += s.value
		}
		c.Whole += s.value
		found[machine][cpu] = c
	}
	for _, machine := range slices.Sorted(maps.Keys(found)) {
		r.Meters = append(r.Meters, Meter{Name: titled("node cpu", machine), Units: float64(len(found[machine])), Busy: found[machine]})
	}
}

// containers finds the processor time of containers, as cAdvisor counts it. Series of no
// container are those of the groups around them, which would count twice.
func (f families) containers(r *Reading) {
	for _, s := range f.named("container_cpu_usage_seconds_total") {
		who := s.labels["container"]
		if pod := s.labels["pod"]; pod != "" && who != "" {
			who = pod + "/" + who
		} else if who == "" {
			who = s.labels["name"]
		}
		if who == "" || s.labels["container"] == "POD" || s.labels["cpu"] != "" && s.labels["cpu"] != "total" {
			continue
		}
		units := f.beside(s, "machine_cpu_cores", "cpu")
		quota, period := f.beside(s, "container_spec_cpu_quota", "cpu"), f.beside(s, "container_spec_cpu_period", "cpu")
		if quota > 0 && period > 0 {
			units = quota / period
		}
		name := "cpu of container " + who
		if units == 0 {
			r.Notes = append(r.Notes, name+": the page does not say how many processors it may use, as machine_cpu_cores does")
			continue
		}
		r.Meters = append(r.Meters, Meter{Name: name, Units: units, Busy: s.count(s.value, units)})
	}
}

// pools finds what is in use of what there is at most.
func (f families) pools(r *Reading) {
	for _, pool := range []struct{ name, used, total string }{
		{"db connections", "go_sql_in_use_connections", "go_sql_max_open_connections"},
		{"db connections", "hikaricp_connections_active", "hikaricp_connections_max"},
		{"server threads", "tomcat_threads_busy_threads", "tomcat_threads_config_max_threads"},
		{"open files", "process_open_fds", "process_max_fds"},
	} {
		for _, s := range f.named(pool.used) {
			name := titled(pool.name, s.key())
			total := f.beside(s, pool.total)
			if total > 0 {
				r.Meters = append(r.Meters, Meter{Name: name, Units: total, InUse: s.value})
			} else if !strings.HasPrefix(pool.used, "process_") {
				r.Notes = append(r.Notes, fmt.Sprintf("%s: there is no bound to them in %s", name, pool.total))
			}
		}
	}
}
