package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine/latency"
)

// Law is a distribution of service times. Laws are made by [Exponential], [Fixed],
// [Lognormal], [Gamma], [Hyperexponential], [Quantiles], [Recorded] and [ParseLaw]; the zero value is none.
type Law struct {
	kind       lawKind
	mean       float64 // nanoseconds
	scv        float64 // squared coefficient of variation
	a, b       float64 // parameters, see each kind
	quantiles  *table
	conditions string // what it was made of, for String
}

type lawKind uint8

const (
	exponential lawKind = iota
	fixed
	lognormal        // a: mean of the logarithm, b: its standard deviation
	gamma            // a: shape, b: scale
	hyperexponential // a: probability of the first branch; its mean is mean/(2a), that of the other mean/(2(1−a)); b: unused
	empirical
)

// Exponential returns the law of a Poisson server.
func Exponential(mean time.Duration) Law {
	return Law{kind: exponential, mean: float64(mean), scv: 1, conditions: fmt.Sprintf("exp(%s)", mean)}
}

// Fixed returns the law of a service that always takes d.
func Fixed(d time.Duration) Law {
	return Law{kind: fixed, mean: float64(d), conditions: fmt.Sprintf("fixed(%s)", d)}
}

// Lognormal returns a law by its mean and its coefficient of variation, standard deviation
// over mean.
func Lognormal(mean time.Duration, cv float64) Law {
	s2 := math.Log1p(cv * cv)
	return Law{
		kind: lognormal, mean: float64(mean), scv: cv * cv, a: math.Log(float64(mean)) - s2/2, b: math.Sqrt(s2),
		conditions: fmt.Sprintf("lognormal(%s, %g)", mean, cv),
	}
}

// Gamma returns a law by its mean and its coefficient of variation; 1/√k is Erlang's law of
// k stages.
func Gamma(mean time.Duration, cv float64) Law {
	l := Law{kind: gamma, mean: float64(mean), scv: cv * cv, a: 1 / (cv * cv), b: float64(mean) * cv * cv}
	l.conditions = fmt.Sprintf("gamma(%s, %g)", mean, cv)
	return l
}

// Hyperexponential returns the law of two exponential branches with balanced means (each
// carries half of the work) by its mean and its coefficient of variation, at least 1
// (Allen, Probability, Statistics and Queueing Theory, 1990).
func Hyperexponential(mean time.Duration, cv float64) Law {
	scv := cv * cv
	l := Law{kind: hyperexponential, mean: float64(mean), scv: scv, a: (1 + math.Sqrt((scv-1)/(scv+1))) / 2}
	l.conditions = fmt.Sprintf("hyper(%s, %g)", mean, cv)
	return l
}

// Quantiles returns the law of times of which a share of at most shares[i] took at most
// at[i], evenly spread in between. Both rise, and there are two at least. Where the shares
// do not begin at 0 or end at 1, the first and the last time stand for what lies beyond.
func Quantiles(shares []float64, at []time.Duration) (Law, error) {
	if len(shares) != len(at) || len(shares) < 2 {
		return Law{}, fmt.Errorf("%d shares and %d times are no distribution: two or more of each are needed", len(shares), len(at))
	}
	t := &table{}
	for i, s := range shares {
		if !(s >= 0 && s <= 1) || at[i] < 0 || i > 0 && (s < shares[i-1] || at[i] < at[i-1]) {
			return Law{}, fmt.Errorf("share %g at %s: shares are between 0 and 1, and they and the times must not fall", s, at[i])
		}
		t.add(s, float64(at[i]))
	}
	return t.law(fmt.Sprintf("%d measured quantiles", len(shares)))
}

// Recorded returns the law of the values that a histogram counted, evenly spread within its
// buckets.
func Recorded(h *latency.Histogram) (Law, error) {
	if h == nil || h.Count() == 0 {
		return Law{}, fmt.Errorf("no service time was recorded")
	}
	t := &table{}
	var seen uint64
	for highest, n := range h.Buckets {
		low := bottom(highest)
		t.add(float64(seen)/float64(h.Count()), math.Max(low, float64(h.Min())))
		seen += n
		t.add(float64(seen)/float64(h.Count()), math.Min(float64(highest), float64(h.Max())))
	}
	return t.law(fmt.Sprintf("%d recorded service times", h.Count()))
}

// bottom returns the lowest value of a histogram's bucket by its highest one: buckets are
// 2^k wide from 2^(k+10) on (see package latency).
func bottom(highest time.Duration) float64 {
	width := int64(1)
	for int64(highest)/width >= 2048 {
		width *= 2
	}
	return float64(int64(highest) - width + 1)
}

// Mean returns the mean of the law.
func (l Law) Mean() time.Duration { return time.Duration(math.Round(l.mean)) }

// SCV returns the squared coefficient of variation: variance over squared mean.
func (l Law) SCV() float64 { return l.scv }

// String returns the law as it was given.
func (l Law) String() string { return l.conditions }

// draw returns the next service time, in nanoseconds.
func (l *Law) draw(r *rand.PCG) int64 {
	switch l.kind {
	case exponential:
		return int64(l.mean * unitExp(r))
	case fixed:
		return int64(l.mean)
	case lognormal:
		return int64(math.Exp(l.a + l.b*unitNormal(r)))
	case gamma:
		return int64(l.b * unitGamma(r, l.a))
	case hyperexponential:
		p := l.a
		if uniform(r) >= p {
			p = 1 - p
		}
		return int64(l.mean / (2 * p) * unitExp(r))
	default:
		return int64(l.quantiles.at(uniform(r)))
	}
}

// uniform returns a number of [0, 1).
func uniform(r *rand.PCG) float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// unitExp inverts the distribution, so that the same stream gives times in the same order
// whatever their mean.
func unitExp(r *rand.PCG) float64 { return -math.Log1p(-uniform(r)) }

func unitNormal(r *rand.PCG) float64 {
	return math.Sqrt2 * math.Erfinv(2*(float64(r.Uint64()>>12)+0.5)/(1<<52)-1)
}

// unitGamma draws from the gamma law of a shape and scale 1 (Marsaglia and Tsang 2000).
func unitGamma(r *rand.PCG, shape float64) float64 {
	boost := 1.0
	if shape < 1 {
		boost = math.Pow(1-uniform(r), 1/shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := unitNormal(r)
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-uniform(r)) < x*x/2+d-d*v+d*math.Log(v) {
			return boost * d * v
		}
	}
}

// LawError is a law that cannot be understood, with a hint.
type LawError struct{ Msg, Hint string }

func (e *LawError) Error() string { return e.Msg }

// lawHint shows all that ParseLaw reads.
const lawHint = "write exp(10ms), fixed(5ms), lognormal(5ms, 0.5), gamma(10ms, 0.5) or hyper(10ms, 2); the second number is standard deviation over mean (scv=0.25: its square)"

// ParseLaw reads a law as it is written on a command line: exp(10ms), fixed(5ms),
// lognormal(5ms, 0.5), gamma(10ms, 0.5), hyper(10ms, 2). The first number is the mean, the
// second the coefficient of variation, or with scv= before it its square. The error is a
// *LawError.
func ParseLaw(s string) (Law, error) {
	name, rest, found := strings.Cut(strings.TrimSpace(s), "(")
	inside, closed := strings.CutSuffix(rest, ")")
	if !found || !closed {
		return Law{}, &LawError{fmt.Sprintf("%q is not a law of service times", s), lawHint}
	}
	args := strings.Split(inside, ",")
	mean, err := parseMean(args[0])
	if err != nil {
		return Law{}, err
	}
	switch name {
	case "exp", "exponential", "fixed", "constant":
		if len(args) > 1 {
			return Law{}, &LawError{fmt.Sprintf("%s takes one time", name), lawHint}
		}
		if name[0] == 'e' {
			return Exponential(mean), nil
		}
		return Fixed(mean), nil
	case "lognormal", "gamma", "hyper":
		return spread(name, mean, args[1:])
	}
	return Law{}, &LawError{fmt.Sprintf("there is no law %q", name), lawHint}
}

func parseMean(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	mean, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, &LawError{fmt.Sprintf("%q is not a time", s), "times look like 500µs, 5ms, 1.5s"}
	case mean <= 0 || mean > 24*time.Hour:
		return 0, &LawError{fmt.Sprintf("a mean of %s is not more than 0 and at most a day", s), ""}
	}
	return mean, nil
}

// spread returns a law with a mean and a coefficient of variation.
func spread(name string, mean time.Duration, args []string) (Law, error) {
	if len(args) != 1 {
		return Law{}, &LawError{fmt.Sprintf("%s takes a mean and a coefficient of variation", name), lawHint}
	}
	text, squared := strings.CutPrefix(strings.TrimSpace(args[0]), "scv=")
	cv, err := strconv.ParseFloat(text, 64)
	if squared {
		cv = math.Sqrt(cv)
	}
	least := 0.001
	if name == "hyper" {
		least = 1
	}
	if err != nil || !(cv >= least && cv <= 100) {
		return Law{}, &LawError{fmt.Sprintf("%s: %q is not a coefficient of variation between %g and 100", name, strings.TrimSpace(args[0]), least), lawHint}
	}
	switch name {
	case "lognormal":
		return Lognormal(mean, cv), nil
	case "gamma":
		return Gamma(mean, cv), nil
	default:
		return Hyperexponential(mean, cv), nil
	}
}
