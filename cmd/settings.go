package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

const settingsFile = "plimsoll.yaml"

// notFromEnvironment marks a flag --config that does not name a settings file: its variable
// still does.
const notFromEnvironment = "not-from-environment"

func newEnvironment() *cobra.Command {
	return &cobra.Command{
		Use:     "environment",
		GroupID: groupAbout,
		Short:   "Settings in the environment and in files",
		Long: `Every flag can also be set by a variable of the environment or in a file.

The variable of --max-in-flight is PLIMSOLL_MAX_IN_FLIGHT, and so on: capital
letters, underscores for hyphens. An empty variable counts as not set. A flag
that may be repeated takes one value from its variable.

A settings file maps the names of flags to values, lists for repeatable flags:

  no-color: true
  ui: plain
  header: ["Accept: application/json"]

Settings are read from plimsoll.yaml in the working directory, and what that
leaves open from $XDG_CONFIG_HOME/plimsoll/config.yaml (~/.config without the
variable); or only from the file that --config or PLIMSOLL_CONFIG names. A name
that is no flag of any command is an error.

What counts, from weakest to strongest: the default, a settings file, the
scenario, the environment, the flag. NO_COLOR (with any value) and TERM=dumb
turn colours off.`,
	}
}

// configure gives the flags of cmd that were not on the command line their values from
// the environment and from settings files. A flag set by the environment counts as
// changed and so beats the scenario; one set by a file only has another default.
func (w *world) configure(cmd *cobra.Command) error {
	if err := w.fromEnvironment(cmd.Flags()); err != nil {
		return err
	}
	done := map[string]bool{}
	for _, path := range w.settingsFiles() {
		if err := fromFile(cmd, path, done); err != nil {
			if w.config == "" && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return err
		}
	}
	return nil
}

// variable returns the environment's name of a flag.
func variable(flag string) string {
	return "PLIMSOLL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func (w *world) fromEnvironment(flags *pflag.FlagSet) error {
	var problems []error
	flags.VisitAll(func(f *pflag.Flag) {
		value := w.env(variable(f.Name))
		if value == "" || f.Changed || f.Name == "help" {
			return
		}
		if _, other := f.Annotations[notFromEnvironment]; other {
			w.config = value
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			err = reason(err)
			problems = append(problems, usageError("", "%s=%s: %w", variable(f.Name), value, err))
		}
	})
	return errors.Join(problems...)
}

// reason returns what is wrong with a flag's value, without the name of the flag and of
// the function that found out.
func reason(err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		err = errors.Unwrap(invalid)
	}
	if number, ok := errors.AsType[*strconv.NumError](err); ok {
		return number.Err
	}
	return errors.New(strings.TrimPrefix(err.Error(), "time: "))
}

// settingsFiles returns where to look, the most important first.
func (w *world) settingsFiles() []string {
	if w.config != "" {
		return []string{w.config}
	}
	files := []string{settingsFile}
	switch home, user := w.env("XDG_CONFIG_HOME"), w.env("HOME"); {
	case home != "":
		files = append(files, filepath.Join(home, "plimsoll", "config.yaml"))
	case user != "":
		files = append(files, filepath.Join(user, ".config", "plimsoll", "config.yaml"))
	}
	return files
}

// fromFile sets the flags of cmd that path speaks of, unless they are set or done.
func fromFile(cmd *cobra.Command, path string, done map[string]bool) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return usageError("", "read settings: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return usageError("", "%s: %w", path, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return usageError("write one setting a line, like `no-color: true`", "%s:%d:%d: not a mapping of settings", path, top.Line, top.Column)
	}
	known := settings(cmd.Root())
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		if err := fromSetting(cmd.Flags(), known, key, value, done); err != nil {
			return fmt.Errorf("%s:%w", path, err)
		}
	}
	return nil
}

func fromSetting(flags *pflag.FlagSet, known []string, key, value *yaml.Node, done map[string]bool) error {
	name := key.Value
	flag := flags.Lookup(name)
	if flag == nil && !slices.Contains(known, name) || name == "config" || name == "help" {
		hint := "plimsoll help environment says what may stand there"
		if best := nearest(name, known); best != "" {
			hint = "did you mean " + best + "?"
		}
		return usageError(hint, "%d:%d: unknown setting %q", key.Line, key.Column, name)
	}
	if flag == nil || flag.Changed || done[name] {
		return nil
	}
	done[name] = true
	values := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		values = value.Content
	}
	for _, v := range values {
		if v.Kind != yaml.ScalarNode {
			return usageError("", "%d:%d: %s takes a plain value or a list of them", v.Line, v.Column, name)
		}
		if err := flag.Value.Set(v.Value); err != nil {
			return usageError("", "%d:%d: %s: %w", v.Line, v.Column, name, reason(err))
		}
	}
	return nil
}

// settings returns the names of the flags of all commands.
func settings(cmd *cobra.Command) []string {
	names := flagNames(cmd)
	cmd.PersistentFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	for _, sub := range cmd.Commands() {
		names = append(names, settings(sub)...)
	}
	return names
}
