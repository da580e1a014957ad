package cmd

import "io"

// foreground reports whether this process may change the terminal.
func foreground(io.Writer) bool { return true }
