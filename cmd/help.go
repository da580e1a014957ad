package cmd

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const helpWidth = 80

// exitAnnotation is the key under which a command keeps its table of exit codes.
const exitAnnotation = "exit codes"

// exitTable returns the annotation that makes help and manual show these exit codes.
func exitTable(codes ...int) map[string]string {
	var b strings.Builder
	for _, code := range codes {
		fmt.Fprintf(&b, "  %-4d %s\n", code, exitMeaning(code))
	}
	return map[string]string{exitAnnotation: b.String()}
}

// writeHelp writes the help of cmd. It stands here instead of in a template because
// text/template would cost every start of the program time and memory.
func writeHelp(out io.Writer, cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag() // cobra does it only for the command that runs
	fmt.Fprintln(out, firstOf(cmd.Long, cmd.Short))
	if cmd.Runnable() || cmd.HasAvailableSubCommands() {
		writeUsage(out, cmd)
	}
	if cmd.Example != "" {
		fmt.Fprintf(out, "\nExamples:\n%s\n", cmd.Example)
	}
	writeCommands(out, cmd)
	writeFlags(out, "Flags:", cmd.LocalFlags())
	writeFlags(out, "Flags of every command:", cmd.InheritedFlags())
	if codes := cmd.Annotations[exitAnnotation]; codes != "" {
		fmt.Fprintf(out, "\nExit codes:\n%s", codes)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(out, "\n%s COMMAND --help says more about a command.\n", cmd.CommandPath())
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func writeUsage(out io.Writer, cmd *cobra.Command) {
	lines := []string{cmd.UseLine()}
	if cmd.HasAvailableSubCommands() {
		lines = append(lines, cmd.CommandPath()+" COMMAND [flags]")
	}
	if len(lines) > 1 && cmd.Annotations[exitAnnotation] == "" {
		lines = lines[1:] // without a way of its own to end, it is there for its commands only
	}
	fmt.Fprintf(out, "\nUsage:\n  %s\n", strings.Join(lines, "\n  "))
}

func writeCommands(out io.Writer, cmd *cobra.Command) {
	for _, group := range cmd.Groups() {
		writeGroup(out, group.Title, cmd, group.ID)
	}
	writeGroup(out, "Commands:", cmd, "")
}

func writeGroup(out io.Writer, title string, cmd *cobra.Command, group string) {
	for _, sub := range cmd.Commands() {
		if sub.GroupID != group || sub.Hidden {
			continue
		}
		if title != "" {
			fmt.Fprintf(out, "\n%s\n", title)
			title = ""
		}
		fmt.Fprintf(out, "  %-12s %s\n", sub.Name(), sub.Short)
	}
}

func writeFlags(out io.Writer, title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		fmt.Fprintf(out, "\n%s\n%s", title, flags.FlagUsagesWrapped(helpWidth))
	}
}

func newHelp(w *world) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND|TOPIC]",
		Short: "Explain a command or a topic",
		Example: `  plimsoll help target
  plimsoll help environment`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			parent, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return commandNames(parent), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), strings.Join(args, " "))
			}
			writeHelp(w.stdout, about)
			return nil
		},
	}
}

// unknownCommand is the error for a command that parent does not have.
func unknownCommand(parent *cobra.Command, name string) error {
	hint := fmt.Sprintf("%s --help lists the commands", parent.CommandPath())
	if best := nearest(name, commandNames(parent)); best != "" {
		hint = fmt.Sprintf("did you mean %s %s?", parent.CommandPath(), best)
	}
	return usageError(hint, "unknown command %q", name)
}

func commandNames(parent *cobra.Command) []string {
	var names []string
	for _, c := range parent.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return names
}

// subcommandsOnly is for a command that does nothing but hold others.
func subcommandsOnly(w *world) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		writeHelp(w.stdout, cmd)
		return nil
	}
}

// flagError turns a mistake in the flags into a usage error with a hint.
func flagError(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " --help lists the flags"
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usageError(unitHint(invalid.GetFlag(), invalid.GetValue()), "--%s %s: %w", invalid.GetFlag().Name, invalid.GetValue(), reason(err))
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if best := nearest(unknown.GetSpecifiedName(), flagNames(cmd)); best != "" {
			hint = fmt.Sprintf("did you mean --%s?", best)
		}
	}
	return usageError(hint, "%w", err)
}

// unitHint helps those who wrote a time without a unit.
func unitHint(f *pflag.Flag, value string) string {
	if _, err := strconv.ParseFloat(value, 64); err == nil && f.Value.Type() == "duration" {
		return fmt.Sprintf("write %ss or %sms", value, value)
	}
	return ""
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// nearest returns the candidate that name was most likely meant to be: at most a third of
// its letters differ. It returns "" if there is none.
func nearest(name string, candidates []string) string {
	best, least := "", len(name)/3+1
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(name, c); d <= least && d < len(c) {
			best, least = c, d-1
		}
	}
	return best
}
