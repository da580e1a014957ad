//go:build linux

// Command pace measures how much of a bare net/http server's pace the reference target
// keeps, and what memory idle connections cost it.
//
//	go run ./examples/pace [--rounds 5] [--seconds 4] [--idle 10000]
//
// In each round a bare server, the target's preset minimal and its preset golden are
// started one after another on core 0, the targets with one worker, and /x/ok is asked for
// over 64 kept connections from core 1: by wrk where it is installed, else by plimsoll hit.
// What is printed is the median of requests per second of processor time, that of the
// server's whole tree of processes as /proc has it, and the median of the ratios to the
// bare server of the same round. In golden the rate limit is raised so that it refuses
// nothing: limit.rate=1M/s, limit.burst=1000000.
//
// With --idle it opens so many connections instead, makes one request on each, leaves them
// open, and prints the resident memory of master and worker before and after, shared pages
// counted in full (RSS) and in part (PSS).
//
// It needs Linux with taskset and two cores. It exits with 2 if it cannot begin and with 1
// if a measurement could not be made. It does not judge what it found, and it sends
// nothing beyond loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(pace())
}

// pace returns the exit code.
func pace() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	rounds := flag.Int("rounds", 5, "how often each server is measured")
	seconds := flag.Int("seconds", 4, "how long each is under load")
	idle := flag.Int("idle", 0, "measure the memory of so many idle connections instead")
	bare := flag.Bool("bare", false, "be the bare server until standard input ends")
	flag.Parse()

	if *bare {
		return complain(1, serveBare(ctx, os.Stdin, os.Stdout))
	}
	if *rounds < 1 || *seconds < 1 || *idle < 0 || flag.NArg() > 0 {
		return complain(2, errors.New("--rounds and --seconds are at least 1, --idle is not negative, and nothing else is said"))
	}
	r, err := newRig(ctx)
	if err != nil {
		return complain(2, err)
	}
	defer r.close()
	if *idle > 0 {
		return complain(1, r.idle(ctx, os.Stdout, *idle))
	}
	return complain(1, r.compare(ctx, os.Stdout, *rounds, *seconds))
}

// complain writes the error, if it is one, and returns the exit code.
func complain(code int, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "error: %v\n", err)
	return code
}
