package cmd

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"plimsoll/targets/knob"
	"plimsoll/targets/topology"
)

func newTargetKnobs(w *world) *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "knobs [WORD…]",
		Short: "List the settings of the reference target",
		Long: `List the settings of a topology: path and value, what it may be, and what it is
for. With words, only those whose path or explanation holds all of them. A
setting that says "reload" takes effect in new workers only, after a reload.`,
		Example: `  plimsoll target knobs breaker
  plimsoll target knobs --preset golden deps.pricing
  plimsoll target knobs --json`,
		Annotations: exitTable(exitOK, exitUsage),
		RunE: func(_ *cobra.Command, words []string) error {
			cfg, _, err := f.load(w)
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
	for _, s := range found {
		if _, err := fmt.Fprint(w.stdout, described(s)); err != nil {
			return err
		}
	}
	return nil
}

// described returns a setting on lines that fit on a terminal: "path = value  (what it
// may be)", and below, indented, what it is for.
func described(s knob.Setting) string {
	head, may := s.Path+" = "+shown(s.Value), mayBe(s)
	if s.Restart {
		may += ", reload"
	}
	text := s.About
	if utf8.RuneCountInString(head+may)+len("  ()") <= helpWidth {
		head += "  (" + may + ")"
	} else {
		text = "(" + strings.ReplaceAll(may, "|", " | ") + ") " + text
	}
	const margin = "    "
	return head + "\n" + margin + strings.Join(wrap(text, helpWidth-len(margin)), "\n"+margin) + "\n"
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
	case len(choices(s)) > 0:
		return strings.Join(choices(s), "|")
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
		Args:              oneArg("the name of a preset"),
		ValidArgsFunction: cobra.FixedCompletions(topology.Presets(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := presetText(args[0])
			if err == nil {
				_, err = fmt.Fprint(w.stdout, text)
			}
			return err
		},
	}
}

func presetText(name string) (string, error) {
	text, ok := topology.Preset(name)
	if !ok {
		hint := "the presets are " + strings.Join(topology.Presets(), ", ")
		if best := nearest(name, topology.Presets()); best != "" {
			hint = fmt.Sprintf("did you mean %q?", best)
		}
		return "", usageError(hint, "unknown preset %q", name)
	}
	return text, nil
}

// completeKnobs completes the paths of settings, and their values where they are few.
func completeKnobs(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	cfg, err := topology.Load("golden")
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	path, _, atValue := strings.Cut(typed, "=")
	var found []string
	for _, s := range knob.Settings(cfg) {
		switch {
		case atValue && s.Path == path:
			for _, choice := range choices(s) {
				found = append(found, path+"="+choice)
			}
			return found, cobra.ShellCompDirectiveNoFileComp
		case !atValue && strings.HasPrefix(s.Path, typed):
			found = append(found, s.Path+"=")
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// choices are the words that a setting may be, if it may be few.
func choices(s knob.Setting) []string {
	if s.Kind == "bool" {
		return []string{"true", "false"}
	}
	return s.Choices
}
