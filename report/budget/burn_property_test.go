package budget

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"plimsoll/engine"
)

// draw makes intervals of a second with some requests each, of which a share is bad.
func draw(rng *rand.Rand, seconds int) (all []burnt) {
	for i := range seconds {
		from := time.Duration(i) * time.Second
		e := events{all: uint64(rng.IntN(60))}
		e.bad = min(uint64(float64(e.all)*rng.Float64()*rng.Float64()), e.all)
		all = append(all, burnt{span{from, from + time.Second}, e})
	}
	return all
}

func replay(t *testing.T, s *SLO, intervals []burnt) ErrorBudget {
	t.Helper()
	l := legend()
	var snapshots []*engine.Snapshot
	for _, x := range intervals {
		share := 0.0
		if x.all > 0 {
			share = x.ratio()
		}
		snapshots = append(snapshots, stretch(l, x.from, x.to, x.all, share))
	}
	return spend(t, s, snapshots).ErrorBudgets()[0]
}

func randomSLO(t *testing.T, rng *rand.Rand) *SLO {
	t.Helper()
	s := shopSLO(t, pick(rng, 0.8, 0.95, 0.99), pick(rng, "2/10s+1s", "1/5s+5s", "4/1m+3s"), "1/run")
	s.Window = pick(rng, 20*time.Second, time.Hour)
	return s
}

func TestMoreErrorsNeverLowerTheBurn(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		s, intervals := randomSLO(t, rng), draw(rng, 1+rng.IntN(30))
		less := replay(t, s, intervals)
		for range 1 + rng.IntN(3) {
			if x := &intervals[rng.IntN(len(intervals))]; x.bad < x.all {
				x.bad += 1 + rng.Uint64N(x.all-x.bad)
			}
		}
		more := replay(t, s, intervals)
		if less.Events == 0 {
			continue
		}
		if *more.Burn < *less.Burn || more.Consumed < less.Consumed {
			t.Errorf("burn %g became %g, consumed %g became %g", *less.Burn, *more.Burn, less.Consumed, more.Consumed)
		}
		if less.Forecast != nil && (more.Forecast == nil || *more.Forecast > *less.Forecast) {
			t.Errorf("forecast %v became %v", less.Forecast, more.Forecast)
		}
		for i, g := range less.Gates {
			h := more.Gates[i]
			if h.Worst < g.Worst || g.Result == Broken && h.Result != Broken || g.Fired > 0 && h.Fired > g.Fired || h.Result == Kept && g.Result != Kept {
				t.Errorf("gate %+v became %+v", g, h)
			}
		}
	}
}

func TestNoRequestsNeverKeepAGate(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		s := randomSLO(t, rng)
		intervals := draw(rng, rng.IntN(31))
		for i := range intervals {
			intervals[i].events = events{}
		}
		for _, g := range replay(t, s, intervals).Gates {
			if g.Result != Inconclusive || g.Reason == "" {
				t.Errorf("%+v", g)
			}
		}
	}
}

func TestAWindowIsTheSumOfItsIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		r := reach{length: time.Duration(1+rng.IntN(20)) * time.Second}
		var all []burnt
		var at time.Duration
		for range 40 {
			step := time.Duration(200+rng.IntN(1500)) * ms
			all = append(all, burnt{span{at, at + step}, events{uint64(rng.IntN(9)), uint64(rng.IntN(3))}})
			at += step
			r.push(all)
			want, seen := events{}, time.Duration(0)
			for i := len(all) - 1; i >= 0 && !r.complete(seen); i-- {
				want.add(all[i].events)
				seen += all[i].length()
			}
			if r.events != want || r.seen != seen || r.full() != (at >= r.length-r.length/100) {
				t.Fatalf("%v after %v: %+v, want %+v in %v", r.length, at, r, want, seen)
			}
		}
	}
}

func TestTheBurnOfTwoWindowsIsThatOfTheirRequestsTogether(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 300 {
		s, intervals := randomSLO(t, rng), draw(rng, 30)
		cut := 1 + rng.IntN(28)
		whole := replay(t, s, intervals)
		left, right := replay(t, s, intervals[:cut]), replay(t, s, intervals[cut:])
		if left.Burn == nil || right.Burn == nil {
			continue
		}
		weight := float64(left.Events) / float64(whole.Events)
		if got, want := *whole.Burn, weight**left.Burn+(1-weight)**right.Burn; math.Abs(got-want) > 1e-9*want {
			t.Errorf("burn %g, want %g", got, want)
		}
	}
}
