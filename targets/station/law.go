package station

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// MostDemand is the longest service that a law draws. It cuts heavy tails where they
// would hold a server longer than any run lasts.
const MostDemand = 10 * time.Minute

// Law is how service times are distributed. Every law has exactly the mean, and the
// coefficient of variation where it has one to set.
type Law struct {
	Law     string        `yaml:"law" default:"constant" oneof:"constant exponential lognormal pareto hyperexponential recorded held" about:"the distribution; recorded draws from samples, held is as long as the caller's own work"`
	Mean    time.Duration `yaml:"mean" default:"0s" min:"0s" max:"1m" about:"the mean service time; not for recorded and held"`
	CV      float64       `yaml:"cv" default:"1" min:"0" max:"100" about:"standard deviation over mean, for lognormal, hyperexponential (at least 1), and pareto without a shape"`
	Shape   float64       `yaml:"shape" default:"0" min:"0" max:"100" about:"the exponent of pareto's tail, more than 1; 0: what gives the cv"`
	Samples []string      `yaml:"samples" about:"durations that recorded draws from, each as likely"`
}

// Check tells what is wrong with the fields taken together. The error names the field.
func (l Law) Check() error {
	switch l.Law {
	case "", "constant", "exponential", "lognormal", "held":
	case "pareto":
		if l.Shape == 0 && l.CV <= 0 {
			return fmt.Errorf("shape is missing: pareto has a shape or a cv")
		}
		if l.Shape != 0 && l.Shape <= 1 {
			return fmt.Errorf("shape is %v, and has to be more than 1: there is no mean otherwise", l.Shape)
		}
	case "hyperexponential":
		if l.CV < 1 {
			return fmt.Errorf("cv is %v, and hyperexponential has at least 1", l.CV)
		}
	case "recorded":
		if len(l.Samples) == 0 {
			return fmt.Errorf("samples are missing: recorded draws from them")
		}
		for i, text := range l.Samples {
			if d, err := time.ParseDuration(text); err != nil || d < 0 {
				return fmt.Errorf("samples[%d] is %q, and no duration like 12ms", i, text)
			}
		}
	default:
		return fmt.Errorf("law is %q, and none that is known", l.Law)
	}
	if l.Mean < 0 || l.CV < 0 || math.IsNaN(l.CV) || math.IsNaN(l.Shape) {
		return fmt.Errorf("mean and cv have to be at least 0")
	}
	return nil
}

// Moments returns the mean and the coefficient of variation of the law, which is infinite
// for a pareto of a shape up to 2. It knows nothing of MostDemand. Held has none: 0, 0.
func (l Law) Moments() (mean time.Duration, cv float64) {
	switch l.Law {
	case "exponential":
		return l.Mean, 1
	case "lognormal", "hyperexponential":
		return l.Mean, l.CV
	case "pareto":
		if a := l.alpha(); a > 2 {
			return l.Mean, 1 / math.Sqrt(a*(a-2))
		}
		return l.Mean, math.Inf(1)
	case "recorded":
		var sum, squares float64
		samples := l.samples()
		for _, d := range samples {
			sum += float64(d)
		}
		m := sum / float64(max(1, len(samples)))
		for _, d := range samples {
			squares += (float64(d) - m) * (float64(d) - m)
		}
		if m == 0 {
			return 0, 0
		}
		return time.Duration(m), math.Sqrt(squares/float64(len(samples))) / m
	case "held":
		return 0, 0
	}
	return l.Mean, 0
}

// alpha returns the shape of a Pareto: as set, or that which gives the cv, by
// cv² = 1/(α(α−2)).
func (l Law) alpha() float64 {
	if l.Shape > 0 {
		return l.Shape
	}
	return 1 + math.Sqrt(1+1/(l.CV*l.CV))
}

// samples returns the recorded durations, without those that are none.
func (l Law) samples() []time.Duration {
	all := make([]time.Duration, 0, len(l.Samples))
	for _, text := range l.Samples {
		if d, err := time.ParseDuration(text); err == nil && d >= 0 {
			all = append(all, d)
		}
	}
	return all
}

// drawer returns the function that draws service times.
func (l Law) drawer() func(*rand.Rand) time.Duration {
	mean := float64(l.Mean)
	switch l.Law {
	case "exponential":
		return func(r *rand.Rand) time.Duration { return bounded(r.ExpFloat64() * mean) }
	case "lognormal":
		// E = exp(μ+σ²/2) and cv² = exp(σ²)−1
		variance := math.Log1p(l.CV * l.CV)
		sigma, scale := math.Sqrt(variance), mean*math.Exp(-variance/2)
		return func(r *rand.Rand) time.Duration { return bounded(scale * math.Exp(sigma*r.NormFloat64())) }
	case "pareto":
		// type I with the least value m(α−1)/α, by inversion
		alpha := l.alpha()
		least := mean * (alpha - 1) / alpha
		return func(r *rand.Rand) time.Duration { return bounded(least * math.Pow(1-r.Float64(), -1/alpha)) }
	case "hyperexponential":
		// two phases of balanced means: p₁/μ₁ = p₂/μ₂ = m/2
		square := l.CV * l.CV
		p := (1 + math.Sqrt(max(0, square-1)/(square+1))) / 2
		return func(r *rand.Rand) time.Duration {
			phase := p
			if r.Float64() >= p {
				phase = 1 - p
			}
			return bounded(r.ExpFloat64() * mean / (2 * phase))
		}
	case "recorded":
		if samples := l.samples(); len(samples) > 0 {
			return func(r *rand.Rand) time.Duration { return bounded(float64(samples[r.IntN(len(samples))])) }
		}
	}
	return func(*rand.Rand) time.Duration { return bounded(mean) }
}

// bounded rounds to nanoseconds, up to MostDemand.
func bounded(ns float64) time.Duration {
	return time.Duration(math.Round(min(ns, float64(MostDemand))))
}
