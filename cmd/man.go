package cmd

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan(w *world) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:     "man [COMMAND]",
		GroupID: groupAbout,
		Short:   "Write manual pages",
		Long:    "Write the manual page of a command to standard output, or those of all commands\ninto a directory.",
		Example: `  plimsoll man target | man -l -
  plimsoll man --dir /usr/local/share/man/man1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), strings.Join(args, " "))
			}
			describeExits(cmd.Root())
			if dir == "" {
				return doc.GenMan(about, manHeader(), w.stdout)
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			return doc.GenManTree(about, manHeader(), dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write one file per command into `DIR`")
	return cmd
}

// manHeader dates the pages like the source they describe, so that two builds of the same
// source write the same pages.
func manHeader() *doc.GenManHeader {
	b := readBuild()
	header := &doc.GenManHeader{Section: "1", Source: "plimsoll " + b.Version, Manual: "Plimsoll"}
	if at, err := time.Parse(time.RFC3339, b.Time); err == nil {
		header.Date = &at
	}
	return header
}

// describeExits puts the exit codes, which only our own help knows, into the text.
func describeExits(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	if codes := cmd.Annotations[exitAnnotation]; codes != "" {
		cmd.Long = firstOf(cmd.Long, cmd.Short) + "\n\nExit codes:\n\n" + strings.ReplaceAll(codes, "  ", "    ")
	}
	for _, sub := range cmd.Commands() {
		describeExits(sub)
	}
}
