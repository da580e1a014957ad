//go:build linux

// Command versus measures plimsoll side by side with wrk and h2load on the same nginx and
// prints the ratios beside the bounds that plimsoll is held to.
//
//	go run ./examples/versus [--pairs 5] [--seconds 4] [--json] [CASE…]
//
// One nginx process answers 128 bytes on core 0; the generators take turns on core 1,
// plimsoll, peer, plimsoll, peer, so that a drift of the machine's speed touches both. CPU
// and memory are the kernel's account of the finished process. What is printed is the
// median of the runs, and as ratio the median of the ratios of each pair. CPU that somebody
// else used on the two cores meanwhile is foreign; a pair that saw much of it is noisy.
// Cases that have no peer run alone. It needs Linux with taskset, two cores, and nginx, wrk
// and h2load (in Debian nginx-light, wrk, nghttp2-client). It exits with 2 if it cannot
// begin and with 1 if a measurement could not be made. It does not judge what it found, and
// it sends nothing beyond loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	os.Exit(versus())
}

// versus returns the exit code.
func versus() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	pairs := flag.Int("pairs", 5, "how often each case is measured")
	seconds := flag.Int("seconds", 4, "how long each generator works")
	asJSON := flag.Bool("json", false, "write the result as JSON")
	flag.Parse()

	cases, err := choose(flag.Args())
	if err == nil && (*pairs < 1 || *seconds < 1) {
		err = errors.New("--pairs and --seconds are at least 1")
	}
	if err != nil {
		return complain(2, err)
	}
	r, err := newRig(ctx, slices.ContainsFunc(cases, func(b benchmark) bool { return slices.Contains(b.tools, "nginx") }))
	if err != nil {
		return complain(2, err)
	}
	defer r.close()
	var results []result
	for _, b := range cases {
		var found result
		if found, err = b.compare(ctx, r, *pairs, *seconds); err != nil {
			err = fmt.Errorf("%s: %w", b.name, err)
			break
		}
		results = append(results, found)
	}
	if err := errors.Join(write(os.Stdout, results, *asJSON), err); err != nil {
		return complain(1, err)
	}
	return 0
}

func complain(code int, err error) int {
	fmt.Fprintf(os.Stderr, "error: %v\n", err)
	return code
}

// choose returns the cases of these names, without names all, if the machine has what
// they need.
func choose(names []string) ([]benchmark, error) {
	var chosen []benchmark
	var known, missing []string
	for _, b := range benchmarks() {
		known = append(known, b.name)
		if len(names) > 0 && !slices.Contains(names, b.name) {
			continue
		}
		chosen = append(chosen, b)
		for _, tool := range b.tools {
			if find(tool) == "" && !slices.Contains(missing, tool) {
				missing = append(missing, tool)
			}
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("no case %q; flags come first, the cases are %s", name, strings.Join(known, " "))
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s not found; in Debian: apt-get install nginx-light wrk nghttp2-client", strings.Join(missing, ", "))
	}
	return chosen, nil
}

// find returns the path of a program, "" if there is none. Debian keeps nginx where only
// root looks for programs.
func find(program string) string {
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
