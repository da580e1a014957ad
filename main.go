// Plimsoll finds out how much load a service can safely carry, and keeps it that way.
package main

import (
	"os"

	"plimsoll/cmd"
)

func main() { os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) }
