package compare

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// noise is what pairs of the same thing differ by, on the scale of a question.
type noise struct {
	question    Question
	differences []float64
}

func newNoise(q Question) noise { return noise{q, differences(q.Base, q.New)} }

// spread is the standard deviation from run to run, of both sides together.
func (n noise) spread() float64 {
	return deviation(slices.Concat(n.question.Base, n.question.New))
}

// mostByChance is the p-value below which a trend is one.
const mostByChance = 0.01

// drift returns by how much the pairs changed from the first to the last (Theil and Sen's
// slope of their means), and whether that is more than chance (Mann and Kendall's test, by
// the normal distribution). Pairs cancel a drift: it says how the machine is.
func (n noise) drift() (change float64, shown bool) {
	var slopes []float64
	rising, count := 0.0, float64(len(n.differences))
	for j := range n.differences {
		for i := range j {
			d := (n.question.Base[j] + n.question.New[j] - n.question.Base[i] - n.question.New[i]) / 2
			slopes = append(slopes, d/float64(j-i))
			switch {
			case d > 0:
				rising++
			case d < 0:
				rising--
			}
		}
	}
	if len(slopes) == 0 {
		return 0, false
	}
	slices.Sort(slopes)
	deviates := max(math.Abs(rising)-1, 0) / math.Sqrt(count*(count-1)*(2*count+5)/18)
	return median(slopes) * (count - 1), deviates > z(1-mostByChance)
}

// What is drawn to find what can be told: as many samples, seeded alike every time, and how
// often an effect is to be found.
const (
	effectDraws = 1000
	power       = 0.8
)

// effects returns the least true change that a look after so many pairs finds with the
// power, among family rows: with the least effect of the question, and told from nothing
// with none. It is infinite if so few pairs find nothing at all.
//
// Samples of the differences are drawn with replacement and signs by chance. In each the
// decision of Rule turns at one size of the change, which follows from the means of any two
// differences (Walsh averages). The jointly adjusted p-value is taken for significant where
// the signed-rank test alone is and Student's t is for the whole family.
func (n noise) effects(pairs, family int, rule Rule) (detects, tells float64) {
	rng := rand.New(rand.NewPCG(uint64(pairs), 1)) //nolint:gosec // the same every time, so that a calibration can be repeated
	turn := newTurning(pairs, family, rule)
	floor := n.question.MinEffect
	var with, without []float64
	sample := make([]float64, pairs)
	for range effectDraws {
		for i := range sample {
			sample[i] = n.differences[rng.IntN(len(n.differences))]
			if rng.IntN(2) == 0 {
				sample[i] = -sample[i]
			}
		}
		for range 2 { // and its mirror image, so that neither side is preferred
			averages, mean, sd := walsh(sample)
			with = append(with, turn.at(averages, mean, sd, floor))
			without = append(without, turn.at(averages, mean, sd, 0))
			for i := range sample {
				sample[i] = -sample[i]
			}
		}
	}
	return quantile(with, power), quantile(without, power)
}

// turning says where the decision on a sample turns.
type turning struct {
	alone, holm, all int     // Walsh averages to leave out; −1: so few pairs never decide it
	student          float64 // bound on t, over √n
}

func newTurning(pairs, family int, rule Rule) turning {
	looks, rows := float64(max(rule.Looks, 1)), float64(max(family, 1))
	alpha, doubt := rule.Alpha/looks, (1-rule.Confidence)/looks
	weights := subsetSums(ranksUpTo(pairs))
	order := func(doubt float64) int {
		k, really := cut(weights, 1-doubt)
		if really < 1-doubt-1e-9 {
			return -1
		}
		return k
	}
	return turning{order(alpha), order(alpha / rows), order(doubt / rows), jointStudent(pairs, alpha, rows)}
}

// jointStudent is the bound on t that stands for Joint, over √n. Joint counts ways to swap
// pairs, of which as many as fit below alpha may do as well as what was measured; a bound
// half a way lower is as often too strict as too lax.
func jointStudent(pairs int, alpha, rows float64) float64 {
	ways := math.Min(math.Ldexp(1, pairs-1), mostFlips)
	fit := math.Floor(alpha * ways)
	if fit < 1 {
		return math.Inf(1)
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(pairs - 1)}.Quantile(1 - (fit-0.5)/ways/rows/2)
	return t / math.Sqrt(float64(pairs))
}

// at returns the least change that makes a difference of more than floor of the sample.
func (t turning) at(averages []float64, mean, sd, floor float64) float64 {
	beyond := func(k int, than float64) float64 { // the change with which the interval lies beyond
		if k < 0 {
			return math.Inf(1)
		}
		return than - averages[k]
	}
	joint := max(beyond(t.alone, 0), t.joint(mean, sd))
	return max(floor-median(averages), min(joint, beyond(t.holm, 0), beyond(t.all, floor)), 0)
}

func (t turning) joint(mean, sd float64) float64 {
	if math.IsInf(t.student, 1) {
		return t.student // and not 0 × ∞
	}
	return t.student*sd - mean
}

// walsh returns the means of any two values in order, and mean and deviation of all.
func walsh(values []float64) (averages []float64, mean, sd float64) {
	averages = make([]float64, 0, len(values)*(len(values)+1)/2)
	for i, x := range values {
		mean += x / float64(len(values))
		for _, y := range values[i:] {
			averages = append(averages, (x+y)/2)
		}
	}
	slices.Sort(averages)
	return averages, mean, deviation(values)
}

// quantile returns the value that the share of values does not exceed.
func quantile(values []float64, share float64) float64 {
	slices.Sort(values)
	return values[max(int(math.Ceil(share*float64(len(values))))-1, 0)]
}
