//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

// warmUp is how many seconds a server is under load before it is measured.
const warmUp = 1

// compare measures the servers in turns and writes the medians.
func (r *rig) compare(ctx context.Context, out io.Writer, rounds, seconds int) error {
	contenders := r.contenders()
	paces := make([][]float64, len(contenders)) // requests per second of processor time, by round
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "%d/%d", round+1, rounds)
		for i, c := range contenders {
			pace, err := r.measure(ctx, c, seconds)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			paces[i] = append(paces[i], pace)
			fmt.Fprintf(os.Stderr, "  %s %.0f", c.name, pace)
		}
		fmt.Fprintln(os.Stderr)
	}
	return write(out, contenders, paces)
}

// measure starts a server, loads it, and returns how many requests it answered per second
// of processor time.
func (r *rig) measure(ctx context.Context, c contender, seconds int) (pace float64, err error) {
	s, err := r.start(ctx, c)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	if _, err := r.load(ctx, s.url, warmUp); err != nil {
		return 0, err
	}
	before, err := used(s.pid)
	if err != nil {
		return 0, err
	}
	answered, err := r.load(ctx, s.url, seconds)
	if err != nil {
		return 0, err
	}
	after, err := used(s.pid)
	if err != nil {
		return 0, err
	}
	if after <= before {
		return 0, errors.New("it used no processor time: the time of load is too short")
	}
	return answered / (after - before).Seconds(), nil
}

// write writes a table of medians. The ratios are those to the first contender, round by round.
func write(out io.Writer, contenders []contender, paces [][]float64) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "server\trequests per CPU second\tCPU/request µs\tratio to bare\tbound\n")
	for i, c := range contenders {
		pace, ratio := median(paces[i]), ""
		if i > 0 {
			ratio = fmt.Sprintf("%.2f", median(ratios(paces[i], paces[0])))
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.2f\t%s\t%s\n", c.name, pace, 1e6/pace, ratio, c.bound)
	}
	return t.Flush()
}

// ratios divides round by round.
func ratios(of, to []float64) []float64 {
	all := make([]float64, len(of))
	for i := range of {
		all[i] = of[i] / to[i]
	}
	return all
}

// median returns the one in the middle, or between the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
