package cmd

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"plimsoll/scenarios"
)

// TestExamplesAreCommands holds that what help and README show can be typed: the command
// is there, and takes these flags and so many arguments.
func TestExamplesAreCommands(t *testing.T) {
	readme := readmeText(t)
	texts := map[string]string{"README.md": readme}
	for cmd := range commands(newRoot(&world{})) {
		texts[cmd.CommandPath()] = cmd.Long + "\n" + cmd.Example
	}
	shown := 0
	for where, text := range texts {
		for line := range strings.Lines(text) {
			args := words(line)
			if len(args) < 2 || args[0] != "plimsoll" {
				continue
			}
			shown++
			cmd, rest, err := newRoot(&world{}).Find(args[1:])
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %s: %v", where, strings.TrimSpace(line), err)
			}
		}
	}
	if shown < 20 {
		t.Errorf("only %d examples found", shown)
	}
}

// words splits a line as a shell does, up to a pipe, a redirection, the end of the line or, after two
// spaces, an explanation.
func words(line string) []string {
	line, _, _ = strings.Cut(strings.TrimSpace(line), "  ")
	var args []string
	for _, word := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1) {
		if strings.Contains(`|>\\`, word) {
			break
		}
		args = append(args, strings.Trim(word, "'"))
	}
	return args
}

func readmeText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmeScenarioIsValid(t *testing.T) {
	_, rest, _ := strings.Cut(readmeText(t), "```yaml\n")
	scenario, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("README.md shows no scenario")
	}
	if _, err := scenarios.Parse("README.md", []byte(scenario)); err != nil {
		t.Error(err)
	}
}

// TestReadmeHasTheExitCodes compares the table with what the commands say.
func TestReadmeHasTheExitCodes(t *testing.T) {
	for _, code := range []string{"0", "1", "2", "3", "4", "98", "99", "130, 143"} {
		if !strings.Contains(readmeText(t), "\n| "+code+" | ") {
			t.Errorf("README.md has no exit code %s", code)
		}
	}
}

// TestTheReadmeShowsWhatIsCovered holds the table of experiments against the files that it
// comes from; `plimsoll scenarios coverage --markdown` writes it.
func TestTheReadmeShowsWhatIsCovered(t *testing.T) {
	all, err := coverage(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := writeCoverageTable(&table, all); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(readmeText(t), table.String()) {
		t.Errorf("the README has another table than\n%s", &table)
	}
}
