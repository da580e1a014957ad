package cmd

import (
	"context"
	"maps"
	"math"
	"path/filepath"
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

// scale searches once for each value, and shows how the line scales.
func (x *exploration) scale(ctx context.Context, dir string) error {
	var sum *report.Capacity
	var points []report.ScalePoint
	within := x.flags.goal.within / time.Duration(len(x.vary.values))
	for _, value := range x.vary.values {
		set := maps.Clone(x.scenario.Target.Set)
		if set == nil {
			set = map[string]string{}
		}
		set[x.vary.knob] = value
		x.w.note("%s = %s", x.vary.knob, value)
		out, err := x.survey(ctx, filepath.Join(dir, report.FileName(x.vary.knob+"="+value)), set, within)
		if out == nil || err != nil && interrupted(ctx) == nil {
			return err
		}
		points = append(points, scalePoint(x.vary.knob, value, &out.LoadLine, points))
		sum = out
		if interrupted(ctx) != nil {
			break
		}
	}
	sum.Scale = points
	if err := report.SaveCapacity(dir, sum); err != nil {
		return err
	}
	return x.finish(ctx, sum, dir, nil)
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
