package html

import (
	"os"
	"path/filepath"

	"plimsoll/report"
)

// scenarioBlocks show the scenario that was kept in dir, if there is one, behind a note.
func scenarioBlocks(dir, note string) []Block {
	if dir == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(dir, report.ScenarioFile))
	if err != nil || len(text) == 0 {
		return nil
	}
	blocks := []Block{{Pre: string(text)}}
	if note != "" {
		blocks = append([]Block{{Note: &Note{Plain, note}}}, blocks...)
	}
	return blocks
}

// noteOf says of a scenario that its run had other values.
func noteOf(s report.Source) string {
	if s.Changed {
		return "Values in it were replaced for this run; the command under Environment says which."
	}
	return ""
}
