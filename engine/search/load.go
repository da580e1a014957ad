package search

import "math"

// load is what is known of one rate.
type load struct {
	rate    float64
	verdict Verdict
	leans   bool // the evidence leaves both open, and the verdict is the likelier one
	probed  bool // on the way up
	valid   int  // trials that vote
	rising  int  // of them, those in which latency still rose
	tired   bool // the generator could not make it so often that it is not worth another trial
	soaked  bool
	rose    bool // latency did in a soak
	held    bool // in its soak the promises were kept, and latency did not rise
}

// sure reports whether the load's verdict is v beyond doubt.
func (l load) sure(v Verdict) bool { return l.verdict == v && !l.leans }

// invalids is how often a load is tried that the generator cannot make, for each time that
// it could and once more.
const invalids = 3

// judge returns what is known of a rate. Its trials vote, and more than three quarters of
// them decide (RFC 9971 with an exceed ratio of one half), so that a single outlier does
// not. Without a majority it is the evidence of all of them together, then that of the
// loads around, and last what is likelier. A soak that fails outweighs the rest, as do two
// in which latency rises. A load that was probed on the way up counts as passed, unless it
// failed, until it has had its trials: this is enough to climb, and never enough for a
// bound.
func (s *Search) judge(rate float64) load {
	l := load{rate: rate, verdict: Undecided}
	votes := map[Verdict]int{}
	var kept []Trial
	trials := s.at(rate)
	for _, t := range trials {
		if t.Verdict == Invalid {
			continue
		}
		kept = append(kept, t)
		switch t.Kind {
		case Probe:
			l.probed = true
		case Measure:
			l.valid++
			votes[t.Verdict]++
			if t.Rising {
				l.rising++
			}
		case Soak:
			l.soak(t)
		}
	}
	unrest := s.unrest(rate)
	l.tired = len(trials)-len(kept) >= invalids*(len(kept)+1)
	switch {
	case l.verdict == Fail: // in soaks
	case l.valid < s.goal.Trials:
		if l.probed {
			l.verdict = Pass
		}
		if l.tired {
			l.verdict = Invalid
		}
		if l.probed && conclude(pool(kept), unrest) == Fail {
			l.verdict = Fail
		}
	default:
		l.decide(s, votes, kept, unrest)
	}
	return l
}

// soak takes what became of a soak.
func (l *load) soak(t Trial) {
	if t.Verdict == Fail || t.Rising && l.rose {
		l.verdict = Fail
	}
	l.soaked, l.rose, l.held = l.soaked || !t.Rising, l.rose || t.Rising, t.holds()
}

// decide judges a load that has had its trials.
func (l *load) decide(s *Search, votes map[Verdict]int, trials []Trial, unrest []float64) {
	all := pool(trials)
	ayes, noes := votes[Pass], votes[Fail]
	switch {
	case ayes > 0 && noes > 0: // which of them are the outliers, more trials will show
		l.verdict, l.leans = Pass, 4*max(ayes, noes) <= 3*l.valid
		if noes > ayes {
			l.verdict = Fail
		}
		return
	case 4*noes > 3*l.valid:
		l.verdict = Fail
		return
	case 4*ayes > 3*l.valid:
		l.verdict = Pass
		return
	}
	// What was kept while a queue still grew says nothing of what comes after: a load above
	// what the target can do keeps a promise of seconds for as long as the queue takes to get
	// there.
	steady := 2*l.rising < l.valid
	decides := func(v Verdict) bool { return v == Fail || v == Pass && steady }
	if l.verdict = conclude(all, unrest); decides(l.verdict) {
		return
	}
	if l.verdict = s.neighbours(l.rate, all, unrest); decides(l.verdict) {
		return
	}
	l.verdict = Pass
	for _, e := range all {
		if !steady || e.estimate(1).Share > e.Allowed {
			l.verdict = Fail
		}
	}
	l.leans = 2*votes[l.verdict] <= l.valid
}

// holds reports whether a soak speaks for its load: no more requests broke a promise than
// may, and latency did not rise. It may be too short for more certainty.
func (t Trial) holds() bool {
	for _, e := range t.Evidence {
		if e.n == 0 || e.bad > e.Allowed*e.n {
			return false
		}
	}
	return t.Verdict != Fail && !t.Rising
}

// neighbours lets the trials at the loads around decide, if they can.
func (s *Search) neighbours(rate float64, all []Evidence, unrest []float64) Verdict {
	verdict := Pass
	for i, e := range all {
		j, ok := fit(s.trials, i, rate, unrest[i])
		if !ok {
			return Undecided
		}
		low, high := j.interval(rate)
		switch {
		case low > e.Allowed:
			return Fail
		case high > e.Allowed:
			verdict = Undecided
		}
	}
	return verdict
}

// reach is how far, as a share of the rate, loads count as neighbours: beyond it the curve
// of a queue is not straight any more.
const reach = 0.07

// around reports whether a trial can say something about loads near a rate.
func (t Trial) around(rate float64) bool {
	return t.Kind != Probe && t.Verdict != Invalid && math.Abs(math.Log(t.Rate/rate)) <= reach
}

// unrest returns, for each promise, by how much the batches of the trials around a rate
// differ more than independent requests would: the design effect (Kish 1965, §8.2). A quiet
// trial would by itself look surer than it is, as that nothing happened in four seconds
// says little when what happens comes in bursts. So the trials around lend it their unrest.
func (s *Search) unrest(rate float64) []float64 {
	var squares, expected []float64
	for _, t := range s.trials {
		for i, e := range t.Evidence {
			if i == len(squares) {
				squares, expected = append(squares, 0), append(expected, 0)
			}
			if t.around(rate) {
				squares[i] += e.squares
				expected[i] += e.expected
			}
		}
	}
	unrest := make([]float64, len(squares))
	for i := range unrest {
		unrest[i] = 1
		if expected[i] > 0 {
			unrest[i] = max(1, squares[i]/expected[i])
		}
	}
	return unrest
}
