package search

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Verdict is what a trial, or all that is known of a load, says about the promises.
type Verdict string

// The verdicts. An invalid trial measured the generator and not the target: it is repeated
// and never counts as a failure.
const (
	Pass      Verdict = "pass"
	Fail      Verdict = "fail"
	Undecided Verdict = "undecided"
	Invalid   Verdict = "invalid"
)

// Evidence is what was seen of a promise about single requests: that no more than a share
// of them break it. p99 < 200 ms is one, as no more than 1 % take longer; errors < 0.1 %
// is another.
type Evidence struct {
	Promise string  `json:"promise"`
	Allowed float64 `json:"allowed"` // share of requests that may break it, above 0 and below 1
	Batches []Batch `json:"batches"` // in order of time

	n, bad            float64 // sums over the batches
	squares, expected float64 // how far the batches lie from their mean, squared, and how far independent requests would
}

// Batch counts the requests of a short part of a trial.
type Batch struct {
	N   uint64 `json:"n"`
	Bad uint64 `json:"bad"` // of them broke the promise
}

// Estimate is a share with the interval in which it lies with a confidence of 95 %.
type Estimate struct {
	Share, Low, High float64
	Samples          uint64
	Effective        float64 // independent samples that would tell as much
}

// confidence of the interval of one trial, two-sided.
const confidence = 0.95

// groups is in about how many batches a trial is parted to see how they differ: with fewer
// the variance says little, with more they are so short that neighbours share their queue
// and look too much alike. With less than fewest there is nothing to see.
const (
	groups = 20
	fewest = 5
)

// sum joins the batches to about as many as groups, and adds them up.
func (e *Evidence) sum() {
	e.Batches = grouped(e.Batches)
	e.n, e.bad, e.squares, e.expected = 0, 0, 0, 0
	for _, b := range e.Batches {
		e.n += float64(b.N)
		e.bad += float64(b.Bad)
	}
	k := float64(len(e.Batches))
	if k < fewest || e.bad == 0 || e.bad == e.n {
		return
	}
	p := e.bad / e.n
	for _, b := range e.Batches {
		d := float64(b.Bad) - p*float64(b.N)
		e.squares += d * d * k / (k - 1)
	}
	e.expected = e.n * p * (1 - p)
}

func grouped(batches []Batch) (joined []Batch) {
	size := (len(batches) + groups - 1) / groups
	for i, b := range batches {
		if i%size == 0 {
			joined = append(joined, Batch{})
		}
		last := &joined[len(joined)-1]
		last.N, last.Bad = last.N+b.N, last.Bad+b.Bad
	}
	return joined
}

// Estimate returns the share of requests that broke the promise. Its interval is the exact
// binomial one (Clopper and Pearson 1934), which for a percentile says the same as the
// order-statistic interval. Requests that share a queue are not independent, so it rests
// on the effective number of samples: n divided by the design effect, the variance of the
// share between batches over that of a binomial share.
func (e Evidence) Estimate() Estimate {
	e.sum()
	return e.estimate(1)
}

// estimate is Estimate with a design effect of at least unrest.
func (e Evidence) estimate(unrest float64) Estimate {
	if e.n == 0 {
		return Estimate{High: 1}
	}
	if e.expected > 0 {
		unrest = max(unrest, e.squares/e.expected)
	}
	x := Estimate{Share: e.bad / e.n, Samples: uint64(e.n), Effective: e.n / unrest}
	x.Low, x.High = binomial(x.Share*x.Effective, x.Effective)
	return x
}

// binomial returns the interval of a share of which x of n were seen; neither need be whole.
func binomial(x, n float64) (low, high float64) {
	const tail = (1 - confidence) / 2
	high = 1
	if x > 0 {
		low = mathext.InvRegIncBeta(x, n-x+1, tail)
	}
	if x < n {
		high = mathext.InvRegIncBeta(x+1, n-x, 1-tail)
	}
	return low, high
}

// verdict says whether the promise was kept, broken, or the evidence leaves both open.
func (e Evidence) verdict(unrest float64) Verdict {
	switch x := e.estimate(unrest); {
	case x.Samples == 0:
		return Undecided
	case x.High <= e.Allowed:
		return Pass
	case x.Low > e.Allowed:
		return Fail
	}
	return Undecided
}

// Hopeless reports whether so many requests broke the promise that the rest of a trial
// would not change its verdict. It is what lets a trial far above the line end early.
func (e Evidence) Hopeless() bool {
	x := e.Estimate()
	return x.Effective > 30 && x.Low > min(5*e.Allowed, (1+e.Allowed)/2)
}

// Needs returns how many requests it takes before a promise of which a share may break it
// can be seen to hold, even if none does: 368 for a p99.
func Needs(allowed float64) int {
	return int(math.Ceil(math.Log((1-confidence)/2)/math.Log1p(-allowed) - 1e-9))
}

// Conclude returns what a trial says of all its promises by itself: one that is broken
// fails it, and all have to be kept to pass.
func Conclude(all []Evidence) Verdict {
	unrest := make([]float64, len(all))
	for i := range all {
		all[i].sum()
		unrest[i] = 1
	}
	return conclude(all, unrest)
}

// conclude is Conclude with the design effects of the promises at least unrest.
func conclude(all []Evidence, unrest []float64) Verdict {
	if len(all) == 0 {
		return Undecided
	}
	verdict := Pass
	for i, e := range all {
		switch e.verdict(unrest[i]) {
		case Fail:
			return Fail
		case Undecided:
			verdict = Undecided
		}
	}
	return verdict
}

// pool joins the evidence of several trials as if they were one.
func pool(trials []Trial) (all []Evidence) {
	for _, t := range trials {
		for i, e := range t.Evidence {
			if i == len(all) {
				all = append(all, Evidence{Promise: e.Promise, Allowed: e.Allowed})
			}
			p := &all[i]
			p.n, p.bad, p.squares, p.expected = p.n+e.n, p.bad+e.bad, p.squares+e.squares, p.expected+e.expected
		}
	}
	for i := range all {
		all[i].spread(trials, i)
	}
	return all
}

// spread takes into account that trials may differ by more than their batches do: then as
// many trials, and not as many batches, tell how sure the share is (clusters; Kish 1965,
// §5.4). Otherwise one trial that was disturbed would decide against all the others.
func (e *Evidence) spread(trials []Trial, i int) {
	p, k := e.bad/e.n, float64(len(trials))
	if k < 2 || !(p > 0 && p < 1) {
		return
	}
	var squares float64
	for _, t := range trials {
		if i < len(t.Evidence) {
			d := t.Evidence[i].bad - p*t.Evidence[i].n
			squares += d * d * k / (k - 1)
		}
	}
	expected := e.n * p * (1 - p)
	if e.expected == 0 || squares/expected > e.squares/e.expected {
		e.squares, e.expected = squares, expected
	}
}
