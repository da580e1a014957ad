package arrivals

import (
	"math"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// pacerHolds tells whether vegeta's SinePacer keeps its own sine. It does, to a thousandth
// of an arrival, if the trough is not deep and a period has many arrivals. Elsewhere its
// iteration gives up after five steps, an arrival comes too early, and the error feeds the
// next step: at an amplitude of 0.95 of the mean and 30 arrivals a period the waits shrink
// to nothing within the first trough and arrivals come without end. An amplitude equal to
// the mean it refuses.
func pacerHolds(mean, amplitude float64, period time.Duration) bool {
	return amplitude <= 0.7*mean && mean*period.Seconds() >= 100 && mean < 1e9
}

// pacedSine is the sine as vegeta's SinePacer paces it. The pacer is asked for the time of
// each hit by its number, so what it rounds does not add up.
func pacedSine(mean, amplitude float64, period, d time.Duration) Schedule {
	pacer := vegeta.SinePacer{Period: period, Mean: pacerRate(mean), Amp: pacerRate(amplitude)}
	return func(yield func(time.Duration) bool) {
		var t time.Duration
		for k := uint64(0); t < d && yield(t); k++ {
			wait, stop := pacer.Pace(t, k)
			if stop {
				return
			}
			t += wait
		}
	}
}

// pacerRate is a rate per second in whole hits, to a billionth of a hit per second.
func pacerRate(perSecond float64) vegeta.Rate {
	const span = 1e9
	return vegeta.Rate{Freq: int(math.Round(perSecond * span)), Per: span * time.Second}
}
