//go:build !linux

// Command versus measures plimsoll side by side with wrk and h2load. It pins processes to
// cores and reads /proc, so there is nothing to it but on Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "error: versus measures on Linux only")
	os.Exit(2)
}
