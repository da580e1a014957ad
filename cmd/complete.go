package cmd

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plimsoll/report"
	"plimsoll/scenarios"
)

// completeScenarios offers the bundled scenarios and the YAML files at hand.
func completeScenarios(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	files, _ := filepath.Glob("*.yaml") // the pattern is a constant
	names := append(scenarios.List(), files...)
	if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, typed) }) {
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeRuns offers the saved runs below runs/, the newest first, else directories.
func completeRuns(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	files, _ := filepath.Glob(filepath.Join("runs", "*", report.RunFile)) // the pattern is a constant
	var dirs []string
	for _, f := range files {
		if dir := filepath.Dir(f); strings.HasPrefix(dir, typed) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(started(b), started(a)) })
	return dirs, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// started returns the time in the name of a run's directory, which sorts as text.
func started(dir string) string {
	parts := strings.Split(filepath.Base(dir), "-")
	return strings.Join(parts[max(len(parts)-2, 0):], "-")
}
