package cmd

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"plimsoll/targets/knob"
	"plimsoll/targets/topology"
)

func newTargetKnobs(w *world) *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "knobs [WORD…]",
		Short: "List the settings of the reference target",
		Long: `List the settings of a topology: path, value, what it may be, and what it is
for. With words, only those whose path or explanation holds all of them.
Settings marked with * take effect in new workers only, after a reload.`,
		Example: `  plimsoll target knobs breaker
  plimsoll target knobs --preset golden deps.pricing
  plimsoll target knobs --json`,
		Annotations: exitTable(exitOK, exitUsage),
		RunE: func(_ *cobra.Command, words []string) error {
			cfg, _, err := f.load()
			if err != nil {
				return err
			}
			return w.listKnobs(knob.Settings(cfg), words)
		},
	}
	f.topology(cmd)
	w.jsonFlag(cmd)
	return cmd
}

func (w *world) listKnobs(all []knob.Setting, words []string) error {
	found := []knob.Setting{}
	for _, s := range all {
		if holdsAll(s, words) {
			found = append(found, s)
		}
	}
	if w.json {
		return json.NewEncoder(w.stdout).Encode(found)
	}
	if len(found) == 0 {
		return usageError("plimsoll target knobs  lists all", "no setting holds %s", strings.Join(words, " and "))
	}
	t := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	for _, s := range found {
		mark := ""
		if s.Restart {
			mark = "*"
		}
		fmt.Fprintf(t, "%s%s\t%s\t%s\t%s\n", s.Path, mark, shown(s.Value), mayBe(s), s.About)
	}
	return t.Flush()
}

func holdsAll(s knob.Setting, words []string) bool {
	for _, word := range words {
		if !strings.Contains(strings.ToLower(s.Path+" "+s.About), strings.ToLower(word)) {
			return false
		}
	}
	return true
}

func shown(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

// mayBe says what a setting may be.
func mayBe(s knob.Setting) string {
	switch {
	case len(s.Choices) > 0 && s.Kind == "list":
		return "list of " + strings.Join(s.Choices, "|")
	case len(s.Choices) > 0:
		return strings.Join(s.Choices, "|")
	case s.Kind == "bool":
		return "true|false"
	case s.Min != "" && s.Max != "" && s.Kind != "text":
		return s.Min + "…" + s.Max
	}
	return s.Kind
}

func newTargetPreset(w *world) *cobra.Command {
	return &cobra.Command{
		Use:   "preset NAME",
		Short: "Write a ready-made topology, to start one's own from",
		Long: `Write a preset as the YAML that --config reads. What it leaves out has the
defaults that plimsoll target knobs shows.

  minimal    the primitives under /x/ and nothing around them
  golden     a shop of five services behind every layer of protection
  bare       the same shop without protection
  cluster    golden with four workers
  eventloop  handlers on one event loop, as in Node
  queueing   stations only, to hold models against`,
		Example:           `  plimsoll target preset golden > shop.yaml`,
		Annotations:       exitTable(exitOK, exitUsage),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(topology.Presets(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			text, ok := topology.Preset(args[0])
			if !ok {
				return usageError("the presets are "+strings.Join(topology.Presets(), ", "), "unknown preset %q", args[0])
			}
			_, err := fmt.Fprint(w.stdout, text)
			return err
		},
	}
}

// completeKnobs completes the paths of settings.
func completeKnobs(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, err := topology.Load("golden")
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var paths []string
	for _, s := range knob.Settings(cfg) {
		paths = append(paths, s.Path+"=")
	}
	return paths, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
