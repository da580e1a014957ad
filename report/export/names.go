package export

import (
	"fmt"
	"unicode/utf8"

	"plimsoll/engine"
	"plimsoll/report"
)

// mostName is how many characters of a name are shown.
const mostName = 200

// tame makes text that others wrote harmless: control characters, marks that turn the
// direction of writing, and what is no text at all, show as a replacement; white space is
// a blank; and what is longer than mostName loses its end.
func tame(s string) string { return shorten(plain(s), mostName) }

// plain is tame without a bound.
func plain(s string) string { return report.Printable(s) }

// shorten cuts the end off what is longer than so many characters.
func shorten(s string, most int) string {
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:lastStart(s, i)] + "…"
		}
	}
	return s
}

// lastStart returns where the character before position i starts.
func lastStart(s string, i int) int {
	_, size := utf8.DecodeLastRuneInString(s[:i])
	return i - size
}

// distinct returns the names tamed; of those that are equal then, the second is written
// with "#2" behind it, and so on.
func distinct(names []string) []string {
	taken := map[string]bool{}
	for _, name := range names {
		taken[tame(name)] = true
	}
	seen := map[string]bool{}
	out := make([]string, 0, len(names))
	for _, name := range names {
		base := tame(name)
		own := base
		for n := 2; seen[own] || own != base && taken[own]; n++ {
			own = fmt.Sprintf("%s#%d", base, n)
		}
		seen[own] = true
		out = append(out, own)
	}
	return out
}

// names are what the indices of a legend are called in an export.
type names struct {
	loads, requests []string
	stages          [][]string
}

func namesOf(l *engine.Legend) names {
	var n names
	var loads, requests []string
	for _, load := range l.Loads {
		loads = append(loads, load.Name)
		var stages []string
		for _, g := range load.Stages {
			stages = append(stages, g.Name)
		}
		if len(stages) == 0 {
			stages = []string{""} // a snapshot counts it as stage 0 all the same
		}
		n.stages = append(n.stages, distinct(stages))
	}
	for _, r := range l.Requests {
		requests = append(requests, r.Name)
	}
	n.loads, n.requests = distinct(loads), distinct(requests)
	return n
}
