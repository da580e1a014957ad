package capacity

import "slices"

// What makes a utilisation one of load, and not of something that goes on anyway.
const (
	growthTrials = 3   // fewer tell nothing
	growthRange  = 1.5 // the highest rate over the lowest
	growthShare  = 0.5 // of the utilisation at the highest rate that has to come from load
	growthFit    = 0.5 // of its variance that a straight line has to explain
)

// Grows reports whether a resource is used more the higher the rate is, by a straight line
// through utilisations of 0 to 1 at these rates. Of one that does not grow, as a file that is
// always open, Demand would make a bottleneck. It is false where there are too few trials,
// or too much alike, to tell.
func Grows(rates, utilisations []float64) bool {
	n := float64(len(rates))
	if len(rates) < growthTrials || len(rates) != len(utilisations) || slices.Max(rates) < growthRange*slices.Min(rates) {
		return false
	}
	var x, u, xx, xu, uu float64
	for i := range rates {
		x += rates[i] / n
		u += utilisations[i] / n
	}
	for i := range rates {
		dx, du := rates[i]-x, utilisations[i]-u
		xx += dx * dx
		xu += dx * du
		uu += du * du
	}
	if !(xx > 0 && uu > 0 && xu > 0) {
		return false
	}
	slope, highest := xu/xx, slices.Max(rates)
	at := u + slope*(highest-x)
	return slope*highest >= growthShare*at && xu*xu/(xx*uu) >= growthFit
}
