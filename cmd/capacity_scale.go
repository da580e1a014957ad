package cmd

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/report"
	"plimsoll/scenarios"
)

// variation is a knob of the reference target with the values to search for.
type variation struct {
	knob   string
	values []string
}

func parseVary(text string, s *scenarios.Scenario, target string) (*variation, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // nothing varies
	}
	knob, list, ok := strings.Cut(text, "=")
	if !ok || knob == "" || list == "" {
		return nil, usageError("write it as cluster.workers=1,2,4", "--vary %s: no values", text)
	}
	if s.Target.Reference == "" || target != "" {
		return nil, usageError("other targets are changed between two calls", "--vary sets knobs of the reference target, and %s does not use it", s.Name)
	}
	v := &variation{knob: knob}
	for value := range strings.SplitSeq(list, ",") {
		v.values = append(v.values, strings.TrimSpace(value))
	}
	return v, nil
}

// checkVary opens the scenario with each of the values, so that a mistake in the last is not
// found after the searches with all the others. It parts --within among them.
func (f *capacityFlags) checkVary(w *world, m *measurement, arg string, v *variation) error {
	for i, value := range v.values {
		if slices.Contains(v.values[:i], value) {
			return usageError("", "--vary %s: %s is there twice", f.vary, value)
		}
		settings := append(slices.Concat(m.gaps, f.settings), "target.set."+v.knob+"="+value)
		if _, err := w.openScenario(arg, false, settings...); err != nil {
			return fmt.Errorf("--vary %s=%s: %w", v.knob, value, err)
		}
	}
	if f.goal.within /= time.Duration(len(v.values)); f.goal.within < leastWithin {
		return usageError("each value has its share of the time", "--within is too short for %d values", len(v.values))
	}
	return nil
}

// scale searches once for each value, and shows how the line scales.
func (x *exploration) scale(ctx context.Context, dir string) error {
	var sum *report.Capacity
	var points []report.ScalePoint
	var failed error
	for _, value := range x.vary.values {
		set := maps.Clone(x.scenario.Target.Set)
		if set == nil {
			set = map[string]string{}
		}
		set[x.vary.knob] = value
		x.w.note("%s = %s", x.vary.knob, value)
		out, err := x.surveyOnce(ctx, filepath.Join(dir, report.FileName(x.vary.knob+"="+value)), set)
		if out != nil {
			points = append(points, scalePoint(x.vary.knob, value, &out.LoadLine, points))
			sum = out
		}
		if failed = err; failed != nil {
			break
		}
	}
	if sum == nil {
		return failed
	}
	sum.Scale = points
	if err := report.SaveCapacity(dir, sum); err != nil {
		return err
	}
	return x.finish(ctx, sum, dir, failed)
}

// surveyOnce is survey, but leaves alone what an earlier part of the search has finished.
func (x *exploration) surveyOnce(ctx context.Context, dir string, set map[string]string) (*report.Capacity, error) {
	if saved, err := report.OpenCapacity(dir); err == nil && x.flags.resume && saved.Finished {
		if err := sameSearch(saved, x.blank()); err != nil {
			return nil, err
		}
		return saved, nil
	}
	return x.survey(ctx, dir, set, x.flags.goal.within)
}

// scalePoint relates the line to the value, if that is a number, and to the first point.
func scalePoint(knob, value string, l *report.LoadLine, before []report.ScalePoint) report.ScalePoint {
	p := report.ScalePoint{Setting: knob, Value: value, Lower: l.Lower, Upper: l.Upper, Limit: l.Limit}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n <= 0 || l.Lower == nil {
		return p
	}
	each := *l.Lower / n
	p.Each = &each
	first := p
	if len(before) > 0 {
		first = before[0]
	}
	if first.Each != nil && *first.Each > 0 && !math.IsInf(*first.Each, 0) {
		efficiency := each / *first.Each
		p.Efficiency = &efficiency
	}
	return p
}
