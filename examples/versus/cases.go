//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// reading is what one run of a generator showed: figures by name, and the verdict of a run
// of plimsoll.
type reading struct {
	figures map[string]float64
	verdict string
	foreign float64 // CPU used by others, in cores
}

// generator makes load for some seconds, or measures something else.
type generator func(ctx context.Context, r *rig, seconds int) (reading, error)

// benchmark is one case: plimsoll, its peer if it has one, and the bounds that plimsoll is
// held to, by the name of a figure.
type benchmark struct {
	name   string
	tools  []string // programs it needs
	ours   generator
	peer   string
	theirs generator
	bounds map[string]string
	once   bool // one run tells it all
}

func benchmarks() []benchmark {
	return []benchmark{
		closed("closed1", 1, nil),
		closed("closed64", 64, map[string]string{cpuPerRequest: "<= 1.0 x wrk"}),
		closed("closed1000", 1000, map[string]string{cpuPerRequest: "<= 1.2 x wrk"}),
		open("open5k", 5000, map[string]string{latencyP50: "<= 120 µs", lagP99: "<= 150 µs"}),
		open("open50k", 50_000, map[string]string{
			cpuPerRequest: "<= 1.7 x h2load", rateError: "within 0.1 %", latencyP50: "<= 100 µs", lagP99: "<= 300 µs",
		}),
		{
			name: "open100k", tools: []string{"nginx"}, ours: hit(100_000, "--rate", "100000/s"),
			bounds: map[string]string{rateError: "holds", dropped: "0"},
		},
		{
			name: "users10k", tools: []string{"nginx"}, ours: thinkers(10_000),
			bounds: map[string]string{resident: "< 250 MB", allStarted: "< 2 s"},
		},
		{name: "start", ours: starts(20), once: true, bounds: map[string]string{wallTime: "< 30 ms"}},
		{name: "size", ours: size, once: true, bounds: map[string]string{binarySize: "< 30 MB"}},
	}
}

func closed(name string, users int, bounds map[string]string) benchmark {
	return benchmark{
		name: name, tools: []string{"nginx", "wrk"}, bounds: bounds,
		ours: hit(0, "--users", strconv.Itoa(users)), peer: "wrk", theirs: wrk(users),
	}
}

func open(name string, rate int, bounds map[string]string) benchmark {
	return benchmark{
		name: name, tools: []string{"nginx", "h2load"}, bounds: bounds,
		ours: hit(rate, "--rate", fmt.Sprintf("%d/s", rate)), peer: "h2load", theirs: h2load(64, rate),
	}
}

// hit is plimsoll with one address. An open load opens as many connections as it needs;
// how many that were is shown. The rate is what was asked for, 0 in a closed loop.
func hit(rate int, load ...string) generator {
	return func(ctx context.Context, r *rig, seconds int) (reading, error) {
		return r.drive(ctx, seconds, rate, slices.Concat([]string{"hit", r.url, "-d", fmt.Sprintf("%ds", seconds)}, load)...)
	}
}

// savedRun is what is read from run.json.
type savedRun struct {
	Verdict string `json:"verdict"`
	Loads   []struct {
		Completed, Dropped float64
		Achieved           float64 `json:"achieved_per_s"`
		Connected          float64 `json:"new_connections"`
		Latency            spread  `json:"latency_ms"`
		Lag                spread  `json:"lag_ms"`
	} `json:"loads"`
}

type spread struct{ Mean, P50, P99 float64 }

// drive runs plimsoll and reads the run it saved.
func (r *rig) drive(ctx context.Context, seconds, rate int, command ...string) (reading, error) {
	out := filepath.Join(r.dir, "run")
	defer os.RemoveAll(out) //nolint:errcheck // the rig removes what is left
	args := slices.Concat([]string{r.plimsoll}, command, []string{"--ui", "off", "--out", out})
	done, err := r.run(ctx, seconds, args...)
	if err != nil {
		return reading{}, err
	}
	text, err := os.ReadFile(filepath.Join(out, "run.json"))
	if err != nil {
		return reading{}, fmt.Errorf("plimsoll saved no run: %w\n%s", err, done.output)
	}
	var saved savedRun
	if err := json.Unmarshal(text, &saved); err != nil {
		return reading{}, fmt.Errorf("read run.json: %w", err)
	}
	if len(saved.Loads) != 1 {
		return reading{}, fmt.Errorf("run.json holds %d loads instead of one", len(saved.Loads))
	}
	load := saved.Loads[0]
	figures := map[string]float64{
		cpuPerRequest: micros(done.cpu) / max(load.Completed, 1), achieved: load.Achieved, connections: load.Connected,
		latencyMean: load.Latency.Mean * 1e3, latencyP50: load.Latency.P50 * 1e3, latencyP99: load.Latency.P99 * 1e3,
		resident: done.rss,
	}
	if rate > 0 {
		figures[rateError] = 100 * (load.Achieved/float64(rate) - 1)
		figures[dropped] = load.Dropped
		figures[lagP50], figures[lagP99] = load.Lag.P50*1e3, load.Lag.P99*1e3
	}
	return reading{figures: figures, verdict: saved.Verdict}, nil
}

func wrk(users int) generator {
	return func(ctx context.Context, r *rig, seconds int) (reading, error) {
		done, err := r.run(ctx, seconds, "wrk", "-t1", fmt.Sprintf("-c%d", users), fmt.Sprintf("-d%ds", seconds), "--latency", r.url)
		if err != nil {
			return reading{}, err
		}
		return wrkFormat().read(done, seconds)
	}
}

func h2load(users, rate int) generator {
	return func(ctx context.Context, r *rig, seconds int) (reading, error) {
		each := strconv.FormatFloat(float64(rate)/float64(users), 'f', -1, 64)
		done, err := r.run(ctx, seconds, "h2load", "--h1", "-t1", fmt.Sprintf("-c%d", users), fmt.Sprintf("-D%d", seconds), "--rps="+each, r.url)
		if err != nil {
			return reading{}, err
		}
		return h2loadFormat().read(done, seconds)
	}
}

// format says by regular expressions where a peer prints its count of requests, and times
// by the names of figures.
type format struct {
	count string
	times map[string]string
}

func wrkFormat() format {
	return format{`(\d+) requests in`, map[string]string{latencyMean: `Latency +(\S+)`, latencyP50: `\s50% +(\S+)`, latencyP99: `\s99% +(\S+)`}}
}

func h2loadFormat() format {
	return format{`(\d+) succeeded`, map[string]string{latencyMean: `time for request: +\S+ +\S+ +(\S+)`}}
}

func (f format) read(done finished, seconds int) (reading, error) {
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(done.output)
		return append(m, "", "")[min(len(m), 1)]
	}
	n, err := strconv.ParseFloat(find(f.count), 64)
	if err != nil || n == 0 {
		return reading{}, fmt.Errorf("the peer had no requests answered:\n%s", done.output)
	}
	figures := map[string]float64{cpuPerRequest: micros(done.cpu) / n, achieved: n / float64(seconds)}
	for name, pattern := range f.times {
		d, err := time.ParseDuration(find(pattern))
		if err != nil {
			return reading{}, fmt.Errorf("%s of the peer: %w\n%s", name, err, done.output)
		}
		figures[name] = micros(d)
	}
	return reading{figures: figures}, nil
}

// thinkers are users who wait for a second after each answer. They have started when nginx
// holds a connection for each.
func thinkers(users int) generator {
	const scenario = "scenario: thinkers\ntarget: %s\nflows: [{get: /}, {think: 1s}]\nload: [{users: %d, for: %ds}]\n"
	return func(ctx context.Context, r *rig, seconds int) (reading, error) {
		seconds = max(seconds, 5)
		file := filepath.Join(r.dir, "thinkers.yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, scenario, r.url, users, seconds), 0o600); err != nil {
			return reading{}, err
		}
		watching, cancel := context.WithCancel(ctx)
		defer cancel()
		started := make(chan time.Duration, 1)
		go func() { started <- r.connected(watching, users) }()
		found, err := r.drive(ctx, seconds, 0, "run", file)
		cancel()
		if took := <-started; err == nil && took > 0 {
			found.figures[allStarted] = took.Seconds()
		}
		return found, err
	}
}

// connected returns how long it takes until nginx has so many connections besides the one
// that asks, 0 if ctx ends first.
func (r *rig) connected(ctx context.Context, n int) time.Duration {
	began := time.Now()
	for ctx.Err() == nil {
		status, _ := r.get(ctx, "status")
		var active int
		if _, err := fmt.Sscanf(status, "Active connections: %d", &active); err == nil && active > n {
			return time.Since(began)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0
}

// starts is the wall time of plimsoll version, and of taskset before it.
func starts(times int) generator {
	return func(ctx context.Context, r *rig, _ int) (reading, error) {
		var walls []float64
		for range times {
			done, err := r.run(ctx, 0, r.plimsoll, "version")
			if err != nil {
				return reading{}, err
			}
			walls = append(walls, micros(done.wall)/1e3)
		}
		return reading{figures: map[string]float64{wallTime: median(walls)}}, nil
	}
}

func size(_ context.Context, r *rig, _ int) (reading, error) {
	info, err := os.Stat(r.plimsoll)
	if err != nil {
		return reading{}, err
	}
	return reading{figures: map[string]float64{binarySize: float64(info.Size()) / 1e6}}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
