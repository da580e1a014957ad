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

// yamlPair is a key with a value on its line, in block or flow style.
var yamlPair = `(["']?)([A-Za-z0-9_.-]+)(["']?\s*:[ \t]+)("(?:[^"\\]|\\.)*"|'[^']*'|\[[^\]]*\]|\{\{[^}]*\}\}|[^,}\s#][^,}#]*)`

func redactLine(line string) string {
	pair := regexp.MustCompile(yamlPair)
	line = pair.ReplaceAllStringFunc(line, func(s string) string {
		m := pair.FindStringSubmatch(s)
		value := strings.TrimSpace(m[4])
		if !soundsSecret(m[2]) || refers(value) {
			return s
		}
		rest := m[4][len(strings.TrimRight(m[4], " ")):]
		return m[1] + m[2] + m[3] + `"` + secret + `"` + rest
	})
	return regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^\s"'<>]+`).ReplaceAllStringFunc(line, RedactURL)
}

// refers reports whether a value is no more than a reference, or opens a block.
func refers(value string) bool {
	bare := strings.TrimSpace(strings.Trim(value, `"'`))
	return strings.HasPrefix(bare, "${") && strings.HasSuffix(bare, "}") || strings.HasPrefix(bare, "{{") ||
		strings.HasPrefix(value, "|") || strings.HasPrefix(value, ">") || strings.HasPrefix(value, "{") || value == "["
}

// opensSecret reports whether a line ends with a secret key whose value follows below.
func opensSecret(line string) bool {
	m := regexp.MustCompile(`([A-Za-z0-9_.-]+)["']?\s*:\s*(?:[|>][0-9+-]*)?\s*(?:#.*)?$`).FindStringSubmatch(line)
	return m != nil && soundsSecret(m[1])
}
