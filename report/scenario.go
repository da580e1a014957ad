package report

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// ScenarioFile is the scenario as its author wrote it, in the directory of a run, through
// RedactScenario. Runs that were made of flags alone have none.
const ScenarioFile = "scenario.yaml"

// SaveScenario keeps the text of a scenario in the directory of a run, which must be there.
func SaveScenario(dir string, text []byte) error {
	if err := os.WriteFile(filepath.Join(dir, ScenarioFile), RedactScenario(text), 0o644); err != nil {
		return fmt.Errorf("save scenario: %w", err)
	}
	return nil
}

// RedactScenario returns the text of a scenario fit to be saved and shown: values of keys
// that are secret by their name, and passwords and secret parameters of URLs, are replaced.
// A value that only refers to a variable stays. What hides under a key that does not sound
// secret is not found.
func RedactScenario(text []byte) []byte {
	lines := strings.Split(string(text), "\n")
	under := -1 // indent of a secret key whose value stands on the lines below it
	for i, line := range lines {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if under >= 0 && (indent > under || strings.TrimSpace(line) == "") {
			if strings.TrimSpace(line) != "" {
				lines[i] = line[:indent] + secret
			}
			continue
		}
		lines[i] = redactLine(line)
		if under = -1; opensSecret(line) {
			under = indent
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// blockPair is a key of a block mapping: its value goes on to a comment or the end of the
// line. flowPair is one within braces: its value ends at a comma or the brace.
const (
	blockPair = `^(\s*(?:-\s+)*["']?([A-Za-z0-9_.-]+)["']?\s*:[ \t]+)(.*?)([ \t]+#.*|\s*)$`
	flowPair  = `(["']?([A-Za-z0-9_.-]+)["']?\s*:[ \t]+)("(?:[^"\\]|\\.)*"|'[^']*'|\[[^\]]*\]|(?:\$\{[^}]*\}|\{\{[^}]*\}\}|[^,{}])(?:\$\{[^}]*\}|\{\{[^}]*\}\}|[^,}])*)`
)

func redactLine(line string) string {
	if m := regexp.MustCompile(blockPair).FindStringSubmatch(line); m != nil && soundsSecret(m[2]) && !refers(m[3]) {
		return m[1] + `"` + secret + `"` + m[4]
	}
	pair := regexp.MustCompile(flowPair)
	if from := strings.IndexByte(line, '{'); from >= 0 {
		line = line[:from] + pair.ReplaceAllStringFunc(line[from:], func(s string) string {
			if m := pair.FindStringSubmatch(s); soundsSecret(m[2]) && !refers(m[3]) {
				return m[1] + `"` + secret + `"`
			}
			return s
		})
	}
	return regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^\s"'<>]+`).ReplaceAllStringFunc(line, RedactURL)
}

// refers reports whether a value is no more than a reference, or opens a block.
func refers(value string) bool {
	bare := strings.TrimSpace(strings.Trim(value, `"'`))
	return regexp.MustCompile(`^(\$\{[^}]*\}|\{\{[^}]*\}\}|[|>][0-9+-]*|[\[{]?)$`).MatchString(bare)
}

// opensSecret reports whether a line ends with a secret key whose value follows below.
func opensSecret(line string) bool {
	m := regexp.MustCompile(`([A-Za-z0-9_.-]+)["']?\s*:\s*(?:[|>][0-9+-]*)?\s*(?:#.*)?$`).FindStringSubmatch(line)
	return m != nil && soundsSecret(m[1])
}
