package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Options say what is compared and what matters.
type Options struct {
	Rule
	Judge          []string           // the metrics that count for the verdict; the others are shown
	MinEffect      map[string]float64 // by metric: a share, for errors of all requests, otherwise of the base
	Stage          string             // compare only this stage
	AllowDifferent bool               // compare runs of different tests, too
	Calibration    *Calibrated        // of the environment; nil: none is known
}

// DefaultOptions judge the median, the 99th percentile, errors and goodput.
func DefaultOptions() Options {
	return Options{
		Rule:  DefaultRule(),
		Judge: []string{"p50", "p99", "errors", "goodput"},
		MinEffect: map[string]float64{
			"p50": 0.03, "mean": 0.03, "p90": 0.05, "p95": 0.05, "p99": 0.05, "p99.9": 0.10,
			"errors": 0.001, "goodput": 0.03,
		},
	}
}

// Metrics returns the names of all metrics.
func Metrics() []string {
	var names []string
	for _, m := range metrics() {
		names = append(names, m.name)
	}
	return names
}

// check refuses options that make no sense.
func (o Options) check() error {
	known := func(name string) error {
		if !slices.Contains(Metrics(), name) {
			return fmt.Errorf("there is no metric %q: they are %s", name, strings.Join(Metrics(), ", "))
		}
		return nil
	}
	for _, name := range o.Judge {
		if err := known(name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.MinEffect)) {
		if err := known(name); err != nil {
			return err
		}
		if e := o.MinEffect[name]; !(e > 0 && e < 10) {
			return fmt.Errorf("the least effect on %s is %v: it has to be above 0, or no number of runs could show that nothing changed", name, e)
		}
	}
	switch {
	case len(o.Judge) == 0:
		return fmt.Errorf("no metric is to be judged")
	case !(o.Alpha > 0 && o.Alpha < 1):
		return fmt.Errorf("alpha is %v, not between 0 and 1", o.Alpha)
	case !(o.Confidence >= 0.5 && o.Confidence < 1):
		return fmt.Errorf("the confidence is %v, not between 0.5 and 1", o.Confidence)
	}
	return nil
}
