package export

import (
	"strings"

	"plimsoll/report/budget"
)

// Lines returns on which line of a scenario's text, from 1 on, each budget and claim is
// written, by their texts in run.json. One that is written over several lines, or put
// together from variables, is not found.
func Lines(scenario string) map[string]int {
	lines := map[string]int{}
	n := 0
	for text := range strings.Lines(scenario) {
		n++
		text, ok := strings.CutPrefix(strings.TrimSpace(text), "- ")
		if !ok {
			continue
		}
		text, _, _ = strings.Cut(text, " #")
		text = strings.Trim(strings.TrimSpace(text), `"'`)
		expr := strings.Join(strings.Fields(text), " ") // a claim needs its variants to be parsed
		if b, err := budget.Parse(text); err == nil {
			expr = b.String()
		}
		if _, known := lines[expr]; !known {
			lines[expr] = n
		}
	}
	return lines
}
