package compare

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mathext"

	"plimsoll/report"
)

// alarmDraws is how many comparisons are put together from pairs of the same thing, and as
// many mirror images.
const alarmDraws = 500

// blockOf returns how many neighbours of so many pairs stay together, as what one run leaves
// behind may meet the next: the usual cube root. Longer blocks would see more, but few long
// ones differ from each other by chance alone.
func blockOf(pairs int) int { return int(math.Round(math.Cbrt(float64(pairs)))) }

// falseAlarms says how often the rule finds a regression in pairs of the same thing.
//
// Base and candidate go first by chance, so in pairs of the same thing they could as well
// have changed places: that makes the test exact, whatever drifts. What it cannot know is
// whether neighbouring pairs lean to the same side, for instance because one side keeps
// something from run to run. So comparisons are drawn block by block with replacement, and
// the sides of a whole block change places by chance; if pairs are independent that is as
// if each did. Each comparison is looked at as the gate does, to the end, where the gate
// would have stopped at "same" before: the rate is rather too high. A mirror image has its
// improvements for regressions.
func falseAlarms(noises []noise, rule Rule, gate Gate, draws int) report.FalseAlarms {
	looks := gate.looks()
	rng := rand.New(rand.NewPCG(uint64(len(noises[0].differences)), 2)) //nolint:gosec // the same every time, so that a calibration can be repeated
	out := report.FalseAlarms{Drawn: 2 * draws}
	for range draws {
		worse, better := rule.finds(drawn(noises, gate.Most, rng), looks)
		out.Alarms += count(worse) + count(better)
	}
	pairs := len(noises[0].differences)
	for from := 0; from+gate.First <= pairs; from += gate.First {
		out.Independent++
		var questions []Question
		for _, n := range noises {
			questions = append(questions, n.pairs(n.differences[from:from+gate.First]))
		}
		worse, better := rule.finds(questions, []int{gate.First})
		out.IndependentAlarms += count(worse || better)
	}
	out.Rate = float64(out.Alarms) / float64(out.Drawn)
	out.Bound = tidy(upperBound(out.Alarms, out.Drawn))
	out.IndependentBound = tidy(upperBound(out.IndependentAlarms, out.Independent))
	return out
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// pairs asks the question of these differences.
func (n noise) pairs(differences []float64) Question {
	q := n.question
	q.Base, q.New, q.Paired = make([]float64, len(differences)), differences, true
	return q
}

// drawn puts a comparison of so many pairs together, all rows from the same pairs.
func drawn(noises []noise, pairs int, rng *rand.Rand) []Question {
	rows, block := make([][]float64, len(noises)), blockOf(len(noises[0].differences))
	for len(rows[0]) < pairs {
		from, swap := rng.IntN(len(noises[0].differences)), rng.IntN(2) == 0
		for k := 0; k < block && len(rows[0]) < pairs; k++ {
			for i, n := range noises {
				d := n.differences[(from+k)%len(n.differences)]
				if swap {
					d = -d
				}
				rows[i] = append(rows[i], d)
			}
		}
	}
	var questions []Question
	for i, n := range noises {
		questions = append(questions, n.pairs(rows[i]))
	}
	return questions
}

// finds reports whether any look at the growing pairs finds a row worse, or better.
func (r Rule) finds(questions []Question, looks []int) (worse, better bool) {
	for _, pairs := range looks {
		now := make([]Question, len(questions))
		for i, q := range questions {
			now[i] = q
			now[i].Base, now[i].New = q.Base[:pairs], q.New[:pairs]
		}
		if !r.possible(now) {
			continue
		}
		answers, _ := r.Judge(now)
		for i := range answers {
			worse = worse || answers[i].Verdict == report.Worse
			better = better || answers[i].Verdict == report.Better
		}
	}
	return worse, better
}

// roomForP is by how many times the p-value of the signed-rank test may exceed that of the
// other tests of Rule which come to a finding.
const roomForP = 10

// possible reports whether a finding is possible at all, without the work of Judge: there
// has to be a row with a difference of more than its least effect, which by itself is not
// much more likely than the bounds.
func (r Rule) possible(questions []Question) bool {
	bound := max(roomForP*r.Alpha, 2*(1-r.Confidence)) / float64(max(r.Looks, 1))
	for _, q := range questions {
		p, _ := signedRank(q.New)
		if p > bound {
			continue
		}
		averages, _, _ := walsh(q.New)
		if math.Abs(median(averages)) > q.MinEffect {
			return true
		}
	}
	return false
}

// upperBound is the share of alarms that so many comparisons do not rule out with a
// confidence of 95 % (Clopper and Pearson 1934, one-sided): none in 59 rule out 5 %, none
// in 299 rule out 1 %.
func upperBound(alarms, of int) float64 {
	if alarms >= of {
		return 1
	}
	return mathext.InvRegIncBeta(float64(alarms+1), float64(of-alarms), 0.95)
}
