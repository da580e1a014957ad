package cmd

import (
	"github.com/spf13/cobra"
)

// noArgs is for commands that take no arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(seeHelp(cmd), "%s takes no argument, not %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// oneArg is for commands that take exactly one argument; what names it.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageError(seeHelp(cmd), "%s needs %s", cmd.CommandPath(), what)
		case len(args) > 1:
			return usageError(seeHelp(cmd), "%s takes one argument, not %q as well", cmd.CommandPath(), args[1])
		}
		return nil
	}
}

// someArgs is for commands that take one argument or more.
func someArgs(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError(seeHelp(cmd), "%s needs %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

func seeHelp(cmd *cobra.Command) string { return cmd.CommandPath() + " --help shows how" }
