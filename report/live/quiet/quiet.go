// Package quiet keeps the dashboard's libraries from questioning the terminal before main
// begins. Bubble Tea v1 asks it for its background colour (OSC 11 and CSI 6n) while packages
// are initialized, in every command of a program that links it, and waits up to five seconds
// where nothing answers; it is only silent where the variable CI is set. So this package
// sets CI while packages are initialized, and live takes that back: as it imports both, its
// variables are initialized after theirs, so no line of main or of a command ever sees the
// change. This package imports os alone and its path comes early, so by the order that the
// Go specification gives it is initialized before Lip Gloss and Bubble Tea; a test on a bare
// terminal notices if that should change. It does nothing else, and nothing may be added:
// every import would move it back in that order.
package quiet

import "os"

const variable = "CI"

// was is the variable as it was before, and had whether it was there.
var was, had = set() //nolint:gochecknoglobals // it has to be done while packages are initialized

func set() (value string, there bool) {
	value, there = os.LookupEnv(variable)
	if value == "" {
		_ = os.Setenv(variable, "plimsoll") // without it there is a question, and no harm besides
	}
	return value, there
}

// Over gives the variable back as it was. It is for live to call, while its own variables are
// initialized; it returns something so that one of them can be made of it.
func Over() bool {
	if had {
		return os.Setenv(variable, was) == nil
	}
	return os.Unsetenv(variable) == nil
}
