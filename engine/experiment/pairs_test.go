package experiment_test

import (
	"context"
	"errors"
	"testing"

	"plimsoll/engine/experiment"
)

func TestPairsAreAddedUntilTheyDecide(t *testing.T) {
	tests := []struct {
		name    string
		done    int
		decided int // at this many pairs
		want    int
		looks   int
	}{
		{"the first look decides", 0, 10, 10, 1},
		{"a decision between two looks waits for the next", 0, 11, 15, 2},
		{"nothing decides", 0, 99, 20, 2},
		{"it goes on where it was cut short", 7, 10, 10, 1},
		{"what is decided already needs no run", 15, 12, 15, 1},
		{"between two looks nobody looks", 12, 12, 15, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			runs, looks := tt.done*2, 0
			p := experiment.Pairs{First: 10, More: 5, Most: 20, Seed: 7}
			pairs, err := p.Run(t.Context(), tt.done,
				func(_ context.Context, pair int, _ experiment.Arm) error {
					if pair != runs/2+1 {
						t.Errorf("run %d is of pair %d", runs, pair)
					}
					runs++
					return nil
				},
				func() bool { looks++; return runs/2 >= tt.decided })
			if err != nil || pairs != tt.want || runs != 2*tt.want || looks != tt.looks {
				t.Errorf("%d pairs, %d runs, %d looks, %v; want %d pairs, %d looks", pairs, runs, looks, err, tt.want, tt.looks)
			}
		})
	}
}

func TestChanceSaysWhoGoesFirst(t *testing.T) {
	p := experiment.Pairs{First: 10, More: 5, Most: 30, Seed: 1}
	first := map[experiment.Arm]int{}
	for pair := range 1000 {
		order := p.Order(pair)
		if order[0] == order[1] || order != p.Order(pair) {
			t.Fatalf("pair %d: %v, then %v", pair, order, p.Order(pair))
		}
		first[order[0]]++
	}
	if n := first[experiment.Base]; n < 440 || n > 560 { // four standard deviations
		t.Errorf("the base goes first in %d of 1000 pairs", n)
	}
	if p.Looks() != 5 || (experiment.Pairs{First: 10, More: 5, Most: 8}).Looks() != 1 || (experiment.Pairs{First: 10, More: 5, Most: 11}).Looks() != 2 {
		t.Error("looks are miscounted")
	}
}

func TestARunThatFailsEndsThePairs(t *testing.T) {
	broken := errors.New("no target")
	runs := 0
	pairs, err := experiment.Pairs{First: 2, More: 1, Most: 3}.Run(t.Context(), 0,
		func(context.Context, int, experiment.Arm) error {
			if runs++; runs == 4 {
				return broken
			}
			return nil
		}, func() bool { return false })
	if !errors.Is(err, broken) || pairs != 1 {
		t.Errorf("%d pairs after %d runs: %v", pairs, runs, err)
	}
}

func TestAnInterruptionEndsThePairsBetweenTwoRuns(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	runs := 0
	pairs, err := experiment.Pairs{First: 2, More: 1, Most: 3}.Run(ctx, 0,
		func(context.Context, int, experiment.Arm) error { runs++; cancel(stop); return nil }, func() bool { return false })
	if !errors.Is(err, stop) || runs != 1 || pairs != 0 {
		t.Errorf("%d pairs after %d runs: %v", pairs, runs, err)
	}
}
