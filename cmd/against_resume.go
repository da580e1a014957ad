package cmd

import (
	"slices"
	"strings"

	"plimsoll/engine/experiment"
	"plimsoll/report"
)

// sameAsBefore refuses to add pairs to those of another comparison: half of the runs would
// be of one candidate, and half of another.
func (d *duel) sameAsBefore() error {
	saved, err := report.Open(d.runDir(1, experiment.Base))
	if err != nil {
		return err
	}
	if saved.Run.Source.SHA256 != d.scenario.Digest() {
		return usageError("choose another --out", "%s holds runs of another version of the scenario", d.dir)
	}
	now := report.Redact(d.m.w.args)
	for _, names := range [][]string{{"--against"}, {"--command"}, {"--target"}, {"--set"}, {"--var", "-e"}} {
		before, after := flagValues(saved.Run.Command, names), flagValues(now, names)
		if slices.Equal(names, []string{"--against"}) && len(before) == 0 {
			continue // pairs of a calibration
		}
		if !slices.Equal(before, after) {
			return usageError("choose another --out, or go on with what it was:  "+report.Again(saved.Run.Command, 0),
				"%s holds pairs with another %s", d.dir, names[0])
		}
	}
	return nil
}

// flagValues returns the values that a command line gives to a flag, by any of its names.
func flagValues(args, names []string) (values []string) {
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		switch {
		case slices.Contains(names, arg) && i+1 < len(args):
			values = append(values, args[i+1])
		case joined && strings.HasPrefix(name, "--") && slices.Contains(names, name):
			values = append(values, value)
		}
	}
	return values
}
