package arrivals_test

import (
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine/arrivals"
)

const ms = time.Millisecond

// at is a schedule of the given milliseconds.
func at(milliseconds ...int) arrivals.Schedule {
	return func(yield func(time.Duration) bool) {
		for _, t := range milliseconds {
			if !yield(time.Duration(t) * ms) {
				return
			}
		}
	}
}

func TestSchedules(t *testing.T) {
	tests := map[string]struct{ got, want arrivals.Schedule }{
		"a slice takes every n-th arrival":             {arrivals.Slice(at(0, 1, 2, 3, 4, 5, 6), 1, 3), at(1, 4)},
		"the first slice begins with the first":        {arrivals.Slice(at(0, 1, 2, 3, 4, 5, 6), 0, 3), at(0, 3, 6)},
		"one slice of one is the whole":                {arrivals.Slice(at(0, 1, 2), 0, 1), at(0, 1, 2)},
		"a slice past the last arrival is empty":       {arrivals.Slice(at(0, 1), 2, 3), at()},
		"after moves every arrival":                    {arrivals.After(10*ms, at(0, 5)), at(10, 15)},
		"concat puts one after the other":              {arrivals.Concat(at(0, 5), at(), at(10)), at(0, 5, 10)},
		"concat of nothing is empty":                   {arrivals.Concat(), at()},
		"bursts come at once, from the start":          {arrivals.Burst(2, 10*ms, 25*ms), at(0, 0, 10, 10, 20, 20)},
		"a burst at the end is not due":                {arrivals.Burst(1, 10*ms, 20*ms), at(0, 10)},
		"a burst without a period comes once":          {arrivals.Burst(3, 0, 20*ms), at(0, 0, 0)},
		"a burst of nobody is empty":                   {arrivals.Burst(0, 10*ms, 20*ms), at()},
		"a burst in no time is empty":                  {arrivals.Burst(1, 10*ms, 0), at()},
		"a burst with an endless period comes once":    {arrivals.Burst(1, 1<<62, 1<<62+1), arrivals.Concat(at(0), only(1<<62))},
		"a constant load is due from its start":        {arrivals.Even(constant(100, 40*ms)), at(0, 10, 20, 30)},
		"no rate, no arrivals":                         {arrivals.Even(constant(0, time.Second)), at()},
		"no stages, no arrivals":                       {arrivals.Even(nil), at()},
		"no time, no arrivals":                         {arrivals.Even(constant(100, 0)), at()},
		"random arrivals at no rate are none":          {arrivals.Poisson(1, constant(0, time.Second)), at()},
		"nothing is due that rounds to the end":        {arrivals.Even(constant(2.0000000006, time.Second)), at(0, 500)},
		"less than one arrival is one, at the start":   {arrivals.Even(constant(0.001, time.Second)), at(0)},
		"a pause moves what comes after it":            {arrivals.Even([]arrivals.Stage{{For: time.Second}, {For: 30 * ms, From: 100, To: 100}}), at(1000, 1010, 1020)},
		"a pause within holds back a begun arrival":    {arrivals.Even([]arrivals.Stage{{For: 15 * ms, From: 100, To: 100}, {For: 100 * ms}, {For: 15 * ms, From: 100, To: 100}}), at(0, 10, 120)},
		"a fraction goes on in the next stage":         {arrivals.Even([]arrivals.Stage{{For: 15 * ms, From: 100, To: 100}, {For: 25 * ms, From: 200, To: 200}}), arrivals.Concat(at(0, 10), only(17500*time.Microsecond), only(22500*time.Microsecond), only(27500*time.Microsecond), only(32500*time.Microsecond), only(37500*time.Microsecond))},
		"a ramp from nothing starts at its start":      {arrivals.Even([]arrivals.Stage{{For: time.Second, From: 0, To: 8}}), at(0, 500, 707, 866)},
		"a ramp to nothing keeps its last arrivals":    {arrivals.Even([]arrivals.Stage{{For: time.Second, From: 8, To: 0}}), at(0, 134, 293, 500)},
		"a ramp through its own end belongs elsewhere": {arrivals.Even([]arrivals.Stage{{For: time.Second, From: 0, To: 8}, {For: 250 * ms, From: 8, To: 8}}), at(0, 500, 707, 866, 1000, 1125)},
		"a sine without a swing is constant":           {arrivals.Sine(100, 0, time.Second, 30*ms), at(0, 10, 20)},
		"a sine without a period is constant":          {arrivals.Sine(100, 50, 0, 30*ms), at(0, 10, 20)},
		"a sine without a mean is empty":               {arrivals.Sine(0, 1, time.Second, time.Second), at()},
		"a sine in no time is empty":                   {arrivals.Sine(1000, 500, time.Second, 0), at()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, want := slices.Collect(test.got), slices.Collect(test.want)
			for i := range got {
				if i < len(want) && want[i]%ms == 0 {
					got[i] = got[i].Round(ms)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func constant(rate float64, d time.Duration) []arrivals.Stage {
	return []arrivals.Stage{{For: d, From: rate, To: rate}}
}

func only(t time.Duration) arrivals.Schedule { return slices.Values([]time.Duration{t}) }

// every returns one schedule of each kind.
func every(rng *rand.Rand) map[string]arrivals.Schedule {
	stages := randomStages(rng)
	mean := 1 + rng.Float64()*1000
	return map[string]arrivals.Schedule{
		"even":    arrivals.Even(stages),
		"poisson": arrivals.Poisson(rng.Uint64(), stages),
		"sine":    arrivals.Sine(mean, mean*rng.Float64(), time.Duration(1+rng.IntN(3000))*ms, 5*time.Second),
		"burst":   arrivals.Burst(rng.IntN(100), time.Duration(1+rng.IntN(1000))*ms, 5*time.Second),
	}
}

func randomStages(rng *rand.Rand) []arrivals.Stage {
	stages := make([]arrivals.Stage, 1+rng.IntN(5))
	for i := range stages {
		s := arrivals.Stage{For: time.Duration(rng.Int64N(int64(3 * time.Second))), From: rng.Float64() * 1000}
		switch rng.IntN(4) {
		case 0:
			s.To = s.From
		case 1:
			s.To = s.From * (1 + 1e-12*rng.Float64())
		case 2:
			s.From, s.To = s.From*float64(rng.IntN(2)), s.From*float64(rng.IntN(2))
		default:
			s.To = rng.Float64() * 1000
		}
		stages[i] = s
	}
	return stages
}

func TestEverySchedule(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		for kind, s := range every(rng) {
			whole := slices.Collect(s)
			if !slices.IsSorted(whole) {
				t.Fatalf("seed %d: %s is not in order", seed, kind)
			}
			if len(whole) > 0 && whole[0] < 0 {
				t.Fatalf("seed %d: %s begins at %v", seed, kind, whole[0])
			}
			if !slices.Equal(whole, slices.Collect(s)) {
				t.Fatalf("seed %d: %s is another one when it is walked again", seed, kind)
			}
			var sum []time.Duration
			for n, i := 1+rng.IntN(7), 0; i < n; i++ {
				sum = append(sum, slices.Collect(arrivals.Slice(s, i, n))...)
			}
			slices.Sort(sum)
			if !slices.Equal(whole, sum) {
				t.Fatalf("seed %d: slices of %s do not add up to it", seed, kind)
			}
			stopsEarly(t, kind, s, whole)
		}
	}
}

// stopsEarly panics inside s if s goes on after the loop over it was left.
func stopsEarly(t *testing.T, kind string, s arrivals.Schedule, whole []time.Duration) {
	t.Helper()
	for _, s := range []arrivals.Schedule{s, arrivals.Slice(s, 0, 1), arrivals.After(0, s), arrivals.Concat(s, s)} {
		next, stop := iter.Pull(s)
		for i := range min(3, len(whole)) {
			if got, ok := next(); !ok || got != whole[i] {
				t.Fatalf("%s pulled: number %d is %v, %v, want %v", kind, i, got, ok, whole[i])
			}
		}
		stop()
	}
}

func BenchmarkNext(b *testing.B) {
	const long = 1 << 60
	ramp := []arrivals.Stage{{For: long, From: 1000, To: 2000}}
	for name, s := range map[string]arrivals.Schedule{
		"even":       arrivals.Even(constant(1000, long)),
		"ramp":       arrivals.Even(ramp),
		"poisson":    arrivals.Poisson(1, constant(1000, long)),
		"sine":       arrivals.Sine(1000, 990, time.Hour, long),
		"sine paced": arrivals.Sine(1000, 500, time.Hour, long),
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for range s {
				if n++; n >= b.N {
					break
				}
			}
		})
		b.Run(name+" pulled", func(b *testing.B) {
			next, stop := iter.Pull(s)
			defer stop()
			for b.Loop() {
				next()
			}
		})
	}
}
