//go:build !linux

// Command pace measures how much of a bare server's pace the reference target keeps. It
// pins processes to cores and reads /proc, so there is nothing to it but on Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "error: pace measures on Linux only")
	os.Exit(2)
}
