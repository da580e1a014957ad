package history

import (
	"math"
	"slices"
)

// The rules of detection. They are those of Hunter (Fleming et al., "Hunter: using change
// point detection to hunt for performance regressions", ICPE 2023), with the variance over
// n-1, a least number of runs on each side, and windows from both ends.
const (
	alpha     = 0.001      // p of a change point at the most
	weakAlpha = 10 * alpha // of a candidate: later ones may make it stronger
	window    = 50         // runs that are looked at together
	fewest    = 3          // runs on each side of a change point
	Fewest    = 2 * fewest // Fewest is how many runs a trend needs before a change point can be looked for.
)

// scale says how values of a metric are compared.
type scale struct {
	ratio      bool    // by their logarithms; else as they are
	resolution float64 // the least standard deviation of a value, as it is compared
	least      float64 // difference of a change point, as it is compared
}

// leastEffect is the relative change that a change point has at the least.
const leastEffect = 0.05

// ratios is for what is larger than 0 and changes in proportion, as times and rates. The
// histograms of a run keep three digits, so a value may be off by 0.1 %, evenly spread.
func ratios() scale {
	return scale{ratio: true, resolution: 0.001 / math.Sqrt(12), least: math.Log1p(leastEffect)}
}

// shares is for shares of 0 to 1, which are often 0. Less than a tenth of a percentage
// point is not a change.
func shares() scale { return scale{resolution: 0.0001, least: 0.001} }

// of returns values as they are compared.
func (s scale) of(values []float64) []float64 {
	if !s.ratio {
		return values
	}
	logs := make([]float64, len(values))
	for i, v := range values {
		logs[i] = math.Log(v)
	}
	return logs
}

// back returns a value as it was before of.
func (s scale) back(x float64) float64 {
	if s.ratio {
		return math.Exp(x)
	}
	return x
}

// small reports whether the two sides differ by less than a change point does.
func (s scale) small(c comparison) bool {
	difference := math.Abs(c.after - c.before)
	if difference < s.least {
		return true
	}
	return !s.ratio && difference < leastEffect*min(math.Abs(c.before), math.Abs(c.after))
}

// split is a change point: x[at] is the first value after it. The comparison is with the
// values up to the change points on either side.
type split struct {
	at int
	comparison
}

// changes returns the change points of x, in order. It is a pure function of x: nothing in
// it is drawn by lot, and x backwards has the same change points.
func (s scale) changes(x []float64) []split {
	candidates := s.candidates(x)
	if len(x) > window { // one window is the same from both ends
		backwards := slices.Clone(x)
		slices.Reverse(backwards)
		for _, at := range s.candidates(backwards) {
			candidates = append(candidates, len(x)-at)
		}
		slices.Sort(candidates)
	}
	return s.settled(x, s.merge(x, slices.Compact(candidates)))
}

// settled leaves out a change point near an end that only stands in for one still nearer to
// it, which would have fewer runs on one side than it takes: its place would be wrong.
func (s scale) settled(x []float64, splits []split) []split {
	if len(splits) == 0 {
		return nil
	}
	from, to := max(0, len(x)-window), min(window, len(x))
	if n := len(splits); n > 1 {
		from, to = max(from, splits[n-2].at), min(to, splits[1].at)
	}
	first, last := splits[0].at, splits[len(splits)-1].at
	early := first < to && farthest(x[:to]) < fewest
	late := last > from && farthest(x[from:]) > len(x)-from-fewest
	if !early && !late {
		return splits
	}
	var candidates []int
	for _, c := range splits {
		if early && c.at == first || late && c.at == last {
			continue
		}
		candidates = append(candidates, c.at)
	}
	return s.merge(x, candidates)
}

// farthest returns where x would be split if every split were allowed.
func farthest(x []float64) int {
	at := 0
	q := energy(x)
	for t := range q {
		if q[t] > q[at] {
			at = t
		}
	}
	return at + 1
}

// candidates goes through x in windows that overlap and returns where it may change.
func (s scale) candidates(x []float64) []int {
	var found []int
	for start := 0; len(x)-start >= Fewest; {
		end := min(start+window, len(x))
		next := start + window/2
		for _, at := range s.divide(x[start:end], start) {
			found = append(found, at)
			next = max(next, at)
		}
		if end == len(x) {
			break
		}
		start = next
	}
	return found
}

// divide splits x where its sides differ most, and again each side, as long as they differ
// at weakAlpha. The x begins at offset.
func (s scale) divide(x []float64, offset int) []int {
	if len(x) < Fewest {
		return nil
	}
	q := energy(x)
	at := fewest
	for t := fewest; t <= len(x)-fewest; t++ {
		if q[t-1] > q[at-1] {
			at = t
		}
	}
	if student(x[:at], x[at:], s.resolution).p > weakAlpha {
		return nil
	}
	found := append(s.divide(x[:at], offset), offset+at)
	return append(found, s.divide(x[at:], offset+at)...)
}

// merge takes away the weakest candidate until all are significant and large enough. With
// every one that goes its neighbours are compared over more values.
func (s scale) merge(x []float64, candidates []int) []split {
	for {
		splits := s.compare(x, candidates)
		weakest := s.weakest(splits)
		if weakest < 0 {
			return splits
		}
		candidates = slices.Delete(candidates, weakest, weakest+1)
	}
}

func (s scale) compare(x []float64, candidates []int) []split {
	ends := append(append([]int{0}, candidates...), len(x))
	var splits []split
	for i, at := range candidates {
		from, to := ends[i], ends[i+2]
		c := student(x[from:at], x[at:to], s.resolution)
		if min(at-from, to-at) < fewest {
			c.p = 1
		}
		splits = append(splits, split{at, c})
	}
	return splits
}

// weakest returns the split that is the least significant, of equals the smaller one; if all
// are significant, the smallest, if it is too small; else -1.
func (s scale) weakest(splits []split) int {
	worst := -1
	size := func(i int) float64 { return math.Abs(splits[i].after - splits[i].before) }
	for i, c := range splits {
		if c.p > alpha && (worst < 0 || c.p > splits[worst].p || c.p == splits[worst].p && size(i) < size(worst)) {
			worst = i
		}
	}
	if worst >= 0 {
		return worst
	}
	for i, c := range splits {
		if s.small(c.comparison) && (worst < 0 || size(i) < size(worst)) {
			worst = i
		}
	}
	return worst
}

// noise returns the standard deviation of x around the means between its change points.
func noise(x []float64, splits []split) float64 {
	from, sum, freedom := 0, 0.0, 0
	for i := range len(splits) + 1 {
		to := len(x)
		if i < len(splits) {
			to = splits[i].at
		}
		_, squares := moments(x[from:to])
		sum += squares
		freedom += to - from - 1
		from = to
	}
	if freedom <= 0 {
		return math.NaN()
	}
	return math.Sqrt(sum / float64(freedom))
}
