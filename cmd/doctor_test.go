package cmd

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"plimsoll/engine/latency"
)

// machine returns a file system that says path holds text.
func machine(pathsAndTexts ...string) fs.FS {
	m := fstest.MapFS{}
	for i := 0; i+1 < len(pathsAndTexts); i += 2 {
		m[pathsAndTexts[i]] = &fstest.MapFile{Data: []byte(pathsAndTexts[i+1])}
	}
	return m
}

func all(d time.Duration) *latency.Histogram {
	h := &latency.Histogram{}
	h.RecordN(d, 1000)
	return h
}

func TestFindings(t *testing.T) {
	const ports = "proc/sys/net/ipv4/ip_local_port_range"
	const reuse = "proc/sys/net/ipv4/tcp_tw_reuse"
	const memory = "proc/meminfo"
	for _, test := range []struct {
		name  string
		got   finding
		level string
		found string
	}{
		{"all processors may be used", lookAtProcessors(8, 8), fit, "8, of which 8 may be used"},
		{"a quota holds back", lookAtProcessors(8, 2), warning, "8, of which 2"},
		{"a single processor is shared with everything", lookAtProcessors(1, 1), warning, "1"},
		{"a quiet machine", lookAtLoad(machine("proc/loadavg", "0.52 0.58 0.59 1/467 1"), 2), fit, "0.52 busy"},
		{"a busy machine", lookAtLoad(machine("proc/loadavg", "3.10 0.58 0.59 1/467 1"), 2), warning, "3.10 busy"},
		{"no load average", lookAtLoad(machine(), 2), fit, "does not say"},
		{"a garbled load average", lookAtLoad(machine("proc/loadavg", "much"), 2), fit, "does not say"},
		{"memory enough", lookAtMemory(machine(memory, "MemTotal: 9999999 kB\nMemAvailable: 2097152 kB\n")), fit, "2,048 MiB"},
		{"memory scarce", lookAtMemory(machine(memory, "MemAvailable: 204800 kB\n")), warning, "200 MiB"},
		{"memory out", lookAtMemory(machine(memory, "MemAvailable: 10240 kB\n")), unfit, "10 MiB"},
		{"the control group's limit counts", lookAtMemory(machine(memory, "MemAvailable: 2097152 kB\n",
			"sys/fs/cgroup/memory.max", "314572800\n", "sys/fs/cgroup/memory.current", "209715200\n")), unfit, "100 MiB"},
		{"a control group without limit", lookAtMemory(machine(memory, "MemAvailable: 2097152 kB\n",
			"sys/fs/cgroup/memory.max", "max\n", "sys/fs/cgroup/memory.current", "209715200\n")), fit, "2,048 MiB"},
		{"files enough", lookAtFiles(1100, 4096, 1000), fit, "1,100 may be open (hard limit 4,096)"},
		{"files too few", lookAtFiles(1024, 4096, 1000), unfit, "1,000 connections need 1,100"},
		{"files without limit", lookAtFiles(1<<63, 1<<63, 1000), fit, "any number"},
		{"files unknown", lookAtFiles(0, 0, 1000), fit, "does not say"},
		{"ports enough", lookAtPorts(machine(ports, "32768\t60999\n", reuse, "2"), 1000), fit, "28,232 for connections to one address; 470 new ones a second, more on loopback"},
		{"ports used again", lookAtPorts(machine(ports, "32768\t60999\n", reuse, "1"), 1000), fit, "used again"},
		{"ports scarce", lookAtPorts(machine(ports, "32768 60999"), 20_000), warning, "470 new ones a second"},
		{"ports too few", lookAtPorts(machine(ports, "32768 60999"), 30_000), unfit, "28,232"},
		{"ports garbled", lookAtPorts(machine(ports, "60999 32768"), 1000), fit, "does not say"},
		{"a fast clock", lookAtClock(machine("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"), 40), fit, "source tsc, read in 40ns"},
		{"a slow clock", lookAtClock(machine(), 900), warning, "source unknown"},
		{"exact timers", lookAtTimers(all(50*time.Microsecond), "timerfd"), fit, "timerfd late by 50"},
		{"coarse timers", lookAtTimers(all(3*time.Millisecond), "timerfd"), warning, "3.00ms"},
		{"useless timers", lookAtTimers(all(20*time.Millisecond), "timerfd"), unfit, "20.0ms"},
		{"no noise", lookAtNoise(stolen{}, time.Second), fit, "no break"},
		{"little noise", lookAtNoise(stolen{1, 2 * time.Millisecond, 2 * time.Millisecond}, time.Second), fit, "1 break"},
		{"noise", lookAtNoise(stolen{20, 50 * time.Millisecond, 4 * time.Millisecond}, time.Second), warning, "20 breaks"},
		{"one long break", lookAtNoise(stolen{1, 30 * time.Millisecond, 30 * time.Millisecond}, 10*time.Second), warning, "1 break"},
		{"a processor half gone", lookAtNoise(stolen{200, 500 * time.Millisecond, 4 * time.Millisecond}, time.Second), unfit, "50.0% of the time"},
		{"a quick loopback", func() finding { return lookAtLoopback(all(30*time.Microsecond), nil) }(), fit, "30"},
		{"a slow loopback", lookAtLoopback(all(5*time.Millisecond), nil), warning, "5.00ms"},
		{"no loopback", lookAtLoopback(nil, errors.New("no network")), unfit, "no network"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.got.Level != test.level || !strings.Contains(test.got.Found, test.found) {
				t.Errorf("got %s: %s\nwant %s: …%s…", test.got.Level, test.got.Found, test.level, test.found)
			}
			if (test.got.Level != fit) != (test.got.Advice != "") {
				t.Errorf("%s with advice %q", test.got.Level, test.got.Advice)
			}
		})
	}
}

func TestMeasuringTakesItsTimeAndFindsSomething(t *testing.T) {
	const span = 20 * time.Millisecond
	if late, name := lateness(span); late.Count() == 0 || name == "" {
		t.Errorf("%d naps on %q", late.Count(), name)
	}
	if s := gaps(span); s.longest > s.total || (s.gaps == 0) != (s.total == 0) {
		t.Errorf("gaps do not add up: %+v", s)
	}
	trips, err := roundTrips(t.Context(), span)
	if err != nil || trips.Count() == 0 || trips.Min() <= 0 {
		t.Errorf("round trips: %v, %v", trips, err)
	}
	if cost := clockCost(); cost <= 0 || cost > time.Millisecond {
		t.Errorf("reading the clock takes %v", cost)
	}
}

func TestRoundTripsEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := roundTrips(ctx, time.Millisecond); err == nil {
		t.Error("no error")
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		name, text string
		width      int
		want       string
	}{
		{"text that fits stays", "a bc", 4, "a bc"},
		{"it breaks between words", "a bc d", 4, "a bc|d"},
		{"a word longer than a line stays whole", "a abcdef b", 3, "a|abcdef|b"},
		{"no words are one empty line", "", 4, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(wrap(test.text, test.width), "|"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
