//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const tick = 10 * time.Millisecond // the unit of CPU time in /proc: USER_HZ is 100 wherever Go runs

// stat is what /proc/PID/stat says of a process.
type stat struct {
	pid, parent int
	cpu         time.Duration // user and system
}

// parseStat reads it.
func parseStat(text []byte) (stat, error) {
	begin, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')') // the name between them may contain anything
	if begin < 0 || end < begin {
		return stat{}, fmt.Errorf("not a line of /proc/PID/stat: %q", text)
	}
	fields := append(strings.Fields(string(text[:begin])), strings.Fields(string(text[end+1:]))...)
	if len(fields) < 14 {
		return stat{}, fmt.Errorf("not a line of /proc/PID/stat: %q", text)
	}
	var n [4]int
	for i, at := range []int{0, 2, 12, 13} { // pid, ppid, utime, stime
		var err error
		if n[i], err = strconv.Atoi(fields[at]); err != nil {
			return stat{}, fmt.Errorf("read /proc/PID/stat: %w", err)
		}
	}
	return stat{pid: n[0], parent: n[1], cpu: time.Duration(n[2]+n[3]) * tick}, nil
}

// tree returns a process and those below it, the process first.
func tree(root int) ([]stat, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var all []stat
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		s, err := parseStat(text)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	at := slices.IndexFunc(all, func(s stat) bool { return s.pid == root })
	if at < 0 {
		return nil, fmt.Errorf("process %d is gone", root)
	}
	found := []stat{all[at]}
	for i := 0; i < len(found); i++ {
		for _, s := range all {
			if s.parent == found[i].pid {
				found = append(found, s)
			}
		}
	}
	return found, nil
}

// used returns the processor time of a process and those below it.
func used(root int) (sum time.Duration, err error) {
	processes, err := tree(root)
	for _, s := range processes {
		sum += s.cpu
	}
	return sum, err
}

// memory is what a process holds of the machine's, in MB.
type memory struct{ rss, pss float64 }

func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memory{}, err
	}
	return parseMemory(string(text))
}

// parseMemory reads /proc/PID/smaps_rollup.
func parseMemory(text string) (m memory, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		into := map[string]*float64{"Rss:": &m.rss, "Pss:": &m.pss}[f[0]]
		if into == nil || len(f) < 2 {
			continue
		}
		kib, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			return m, fmt.Errorf("read smaps_rollup: %w", err)
		}
		*into = kib * 1024 / 1e6
	}
	if m.rss == 0 {
		return m, fmt.Errorf("no memory in %q", text)
	}
	return m, nil
}
