package scenarios

import (
	"bytes"
	"math"
	"time"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine/arrivals"
)

// schedule returns when the arrivals of an open load are due.
func (l *loadSpec) schedule(seed uint64) arrivals.Schedule {
	one := l.stages[0]
	switch l.arrivals {
	case "poisson":
		return arrivals.Poisson(seed, l.rateStages())
	case "sine":
		return arrivals.Sine(one.fromRate, l.shape.amplitude, l.shape.period, one.length)
	case "burst":
		return arrivals.Burst(l.shape.burst, l.shape.every, one.length)
	case "replay":
		return until(one.length, l.shape.recorded)
	}
	return arrivals.Even(l.rateStages())
}

func (l *loadSpec) rateStages() (stages []arrivals.Stage) {
	for _, s := range l.stages {
		stages = append(stages, arrivals.Stage{For: s.length, From: s.fromRate, To: s.toRate})
	}
	return stages
}

// expected is how many arrivals a stage has; on average, where chance decides.
func (l *loadSpec) expected(s stageSpec) (n float64) {
	switch l.arrivals {
	case "constant", "poisson":
		return arrivals.Expected([]arrivals.Stage{{For: s.length, From: s.fromRate, To: s.toRate}})
	case "burst":
		if l.shape.every > 0 {
			n = float64((s.length+l.shape.every-1)/l.shape.every) * float64(l.shape.burst)
		}
	case "replay":
		for range until(s.length, l.shape.recorded) {
			n++
		}
	case "sine":
		omega := 2 * math.Pi / l.shape.period.Seconds()
		n = s.fromRate*s.length.Seconds() + l.shape.amplitude/omega*(1-math.Cos(omega*s.length.Seconds()))
	}
	return n
}

// until ends a schedule at d.
func until(d time.Duration, s arrivals.Schedule) arrivals.Schedule {
	return func(yield func(time.Duration) bool) {
		if s == nil {
			return
		}
		for t := range s {
			if t >= d || !yield(t) {
				return
			}
		}
	}
}

// record reads the arrivals that a replay load repeats. The load ends with the last of
// them unless it says so itself.
func (d *decoder) record(l *loadSpec, n *yaml.Node) {
	content := d.read(n)
	if content == nil {
		return
	}
	s, err := arrivals.Replay(bytes.NewReader(content), l.shape.speed)
	if err != nil {
		d.problem(n, "", "%s: %s", quote(l.shape.file), err)
		return
	}
	l.shape.recorded = s
	if l.given["for"] != nil {
		return
	}
	for t := range s {
		l.stages[0].length = min(t, maxLength).Truncate(time.Millisecond) + time.Millisecond
	}
}
