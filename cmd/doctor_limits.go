package cmd

import (
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"plimsoll/report"
)

// The looks at what the machine allows. All of them are pure: they take what was read, or
// the file system to read it from, and say what it means.

func lookAtProcessors(cpus, used int) finding {
	f := finding{
		Check: "processors", Level: fit, Found: fmt.Sprintf("%d, of which %d may be used", cpus, used),
		Figures: map[string]float64{"cpus": float64(cpus), "used": float64(used)},
	}
	switch {
	case used < cpus:
		f.Level, f.Advice = warning, "GOMAXPROCS or a quota of the container holds the generator back"
	case cpus == 1:
		f.Level, f.Advice = warning, "whatever else runs here delays the generator; do not run the target on it"
	}
	return f
}

func lookAtLoad(root fs.FS, cpus int) finding {
	words := readWords(root, "proc/loadavg")
	if len(words) == 0 {
		return unknown("load", "the load average")
	}
	load, err := strconv.ParseFloat(words[0], 64)
	if err != nil {
		return unknown("load", "the load average")
	}
	f := finding{
		Check: "load", Level: fit, Found: fmt.Sprintf("%s busy or waiting on average over the last minute", words[0]),
		Figures: map[string]float64{"load1": load},
	}
	if load > float64(cpus)/2 {
		f.Level, f.Advice = warning, "something else is working here: wait for it or stop it"
	}
	return f
}

func lookAtMemory(root fs.FS) finding {
	free, ok := availableMemory(root)
	if !ok {
		return unknown("memory", "how much memory is free")
	}
	f := finding{
		Check: "memory", Level: fit, Found: fmt.Sprintf("%s MiB available", report.FormatCount(free>>20)),
		Figures: map[string]float64{"available_bytes": float64(free)},
	}
	switch {
	case free < 128<<20:
		f.Level, f.Advice = unfit, "the generator may be killed in mid-run: free some memory"
	case free < 512<<20:
		f.Level, f.Advice = warning, "enough for some thousand connections only"
	}
	return f
}

// availableMemory returns the bytes that can be had without swapping, within the limit of
// the control group if there is one.
func availableMemory(root fs.FS) (uint64, bool) {
	words := readWords(root, "proc/meminfo")
	free, found := uint64(math.MaxUint64), false
	for i := 0; i+1 < len(words); i++ {
		if words[i] == "MemAvailable:" {
			if kib, err := strconv.ParseUint(words[i+1], 10, 64); err == nil {
				free, found = kib<<10, true
			}
		}
	}
	limit, hasLimit := readNumber(root, "sys/fs/cgroup/memory.max")
	used, hasUsed := readNumber(root, "sys/fs/cgroup/memory.current")
	if hasLimit && hasUsed {
		free, found = min(free, limit-min(used, limit)), true
	}
	return free, found
}

// spareFiles is what a run needs besides its connections: its own files, the poller,
// timers, data.
const spareFiles = 100

func lookAtFiles(soft, hard uint64, connections int) finding {
	if soft == 0 {
		return unknown("files", "how many files may be open")
	}
	need := uint64(connections) + spareFiles
	f := finding{
		Check: "files", Level: fit,
		Found: fmt.Sprintf("%s may be open (hard limit %s); %s connections need %s",
			limitCount(soft), limitCount(hard), report.FormatCount(uint64(connections)), report.FormatCount(need)),
		Figures: map[string]float64{"soft": float64(soft), "hard": float64(hard), "need": float64(need)},
	}
	if soft >= need {
		return f
	}
	f.Level = unfit
	f.Advice = fmt.Sprintf("ulimit -n %d, or raise the hard limit in /etc/security/limits.conf or the unit's LimitNOFILE", need)
	return f
}

func limitCount(n uint64) string {
	if n >= 1<<31 {
		return "any number"
	}
	return report.FormatCount(n)
}

// timeWait is how long Linux keeps the port of a connection it closed.
const timeWait = 60 * time.Second

func lookAtPorts(root fs.FS, connections int) finding {
	words := readWords(root, "proc/sys/net/ipv4/ip_local_port_range")
	if len(words) != 2 {
		return unknown("ports", "which local ports connections may use")
	}
	from, err1 := strconv.Atoi(words[0])
	to, err2 := strconv.Atoi(words[1])
	if err1 != nil || err2 != nil || to < from {
		return unknown("ports", "which local ports connections may use")
	}
	ports := to - from + 1
	reuse, _ := readNumber(root, "proc/sys/net/ipv4/tcp_tw_reuse")
	f := finding{
		Check: "ports", Level: fit,
		Found:   fmt.Sprintf("%s for connections to one address; %s", report.FormatCount(uint64(ports)), newConnections(ports, reuse)),
		Figures: map[string]float64{"ports": float64(ports), "tcp_tw_reuse": float64(reuse)},
	}
	const wider = "sysctl -w net.ipv4.ip_local_port_range='1024 65535' gives more"
	switch {
	case ports < connections:
		f.Level, f.Advice = unfit, wider+"; so do several source addresses"
	case ports < 2*connections || ports < 10_000:
		f.Level, f.Advice = warning, wider
	}
	return f
}

// newConnections says how fast connections can be opened one after the other.
func newConnections(ports int, reuse uint64) string {
	limit := fmt.Sprintf("%s new ones a second", report.FormatCount(uint64(float64(ports)/timeWait.Seconds())))
	switch reuse {
	case 1:
		return "closed ones are used again after a second"
	case 2:
		return limit + ", more on loopback"
	}
	return limit
}

func lookAtClock(root fs.FS, cost time.Duration) finding {
	source := "unknown"
	if words := readWords(root, "sys/devices/system/clocksource/clocksource0/current_clocksource"); len(words) > 0 {
		source = words[0]
	}
	f := finding{
		Check: "clock", Level: fit, Found: fmt.Sprintf("source %s, read in %v", source, cost),
		Figures: map[string]float64{"read_ns": float64(cost)},
	}
	if cost > 250*time.Nanosecond {
		f.Level, f.Advice = warning, "the time is read through the kernel; a source like tsc or kvm-clock costs a tenth"
	}
	return f
}

func unknown(check, what string) finding {
	return finding{Check: check, Level: fit, Found: "this system does not say " + what}
}

// readWords returns the words of a small file, none if it cannot be read.
func readWords(root fs.FS, path string) []string {
	text, err := fs.ReadFile(root, path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

func readNumber(root fs.FS, path string) (uint64, bool) {
	words := readWords(root, path)
	if len(words) == 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(words[0], 10, 64)
	return n, err == nil
}
