package cmd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// stub stands for plimsoll in the examples for CI: it notes its arguments, writes what is
// asked for, and ends with $CODE.
const stub = `#!/bin/sh
printf '%s\n' "$@" >args
printf '{\n  "verdict": "regression",\n  "rows": []\n}\n' >"${OUT:-plimsoll-gate}.json"
exit "$CODE"
`

// inCI runs a command of the examples in a directory of its own, and returns its exit code.
func inCI(t *testing.T, c *exec.Cmd, env ...string) (dir string, code int) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plimsoll"), []byte(stub), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	c.Dir = dir
	c.Env = append(append(os.Environ(), "PLIMSOLL="+filepath.Join(dir, "plimsoll")), env...)
	out, err := c.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Skipf("%v: %s", err, out)
	}
	t.Logf("%s", out)
	return dir, c.ProcessState.ExitCode()
}

func exampleForCI(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "examples", "ci", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGateInCIEndsAsPlimsollDoes(t *testing.T) {
	gate := exampleForCI(t, "gate.sh")
	for name, c := range map[string]struct {
		args, env []string
		want      int
	}{
		"no worse passes":                             {env: []string{"CODE=0"}},
		"a regression fails":                          {env: []string{"CODE=98"}, want: 98},
		"a regression is not let through":             {env: []string{"CODE=98", "INCONCLUSIVE=pass"}, want: 98},
		"inconclusive fails":                          {env: []string{"CODE=4"}, want: 4},
		"inconclusive is let through if that is said": {env: []string{"CODE=4", "INCONCLUSIVE=pass"}},
		"no target fails whatever is let through":     {env: []string{"CODE=3", "INCONCLUSIVE=pass"}, want: 3},
		"an argument short is a mistake":              {args: []string{"s.yaml", "http://h"}, env: []string{"CODE=0"}, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			args := c.args
			if args == nil {
				args = []string{"s.yaml", "http://h", "./old --a 'b c'", "--command", "./new $(touch pwned)"}
			}
			dir, code := inCI(t, exec.Command("sh", append([]string{gate}, args...)...), c.env...) //nolint:gosec // the example
			if code != c.want {
				t.Errorf("exit code %d, not %d", code, c.want)
			}
			if isFile(filepath.Join(dir, "pwned")) {
				t.Error("an argument was run")
			}
			if got, err := os.ReadFile(filepath.Join(dir, "args")); c.args == nil && (err != nil || !strings.Contains(string(got), "\n./old --a 'b c'\n") || !strings.HasSuffix(string(got), "\n./new $(touch pwned)\n")) {
				t.Errorf("plimsoll got %q, %v", got, err)
			}
		})
	}
}

func TestActionForCITakesInputsForNoCode(t *testing.T) {
	text, err := os.ReadFile(exampleForCI(t, "action/action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Runs struct {
			Steps []struct{ Run string }
		}
	}
	if err := yaml.Unmarshal(text, &action); err != nil {
		t.Fatal(err)
	}
	script := action.Runs.Steps[0].Run
	if strings.Contains(script, "${{") {
		t.Error("an input stands in the text of the script")
	}
	hostile := `x"; touch pwned; $(touch pwned) ` + "`touch pwned`"
	outputs := filepath.Join(t.TempDir(), "outputs")
	dir, code := inCI(t, exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script), //nolint:gosec // the example
		"SCENARIO="+hostile, "TARGET="+hostile, "COMMAND="+hostile, "AGAINST="+hostile, "FLAGS=--pairs 12 *", "INCONCLUSIVE=fail", "CODE=98",
		"GITHUB_ACTION_PATH="+exampleForCI(t, "action"), "GITHUB_OUTPUT="+outputs, "GITHUB_STEP_SUMMARY="+outputs)
	if code != 98 {
		t.Errorf("exit code %d, not 98", code)
	}
	if isFile(filepath.Join(dir, "pwned")) {
		t.Error("an input was run")
	}
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	if want := "\n--command\n" + hostile + "\n--pairs\n12\n*\n"; !strings.HasSuffix(string(args), want) {
		t.Errorf("plimsoll got %q, which does not end with %q", args, want)
	}
	if said, _ := os.ReadFile(outputs); string(said) != "verdict=regression\n" {
		t.Errorf("the outputs are %q", said)
	}
}

func TestExamplesForCIAreWhole(t *testing.T) {
	for _, name := range []string{"github.yml", "gitlab.yml", "action/action.yml", "scenario.yaml"} {
		text, err := os.ReadFile(exampleForCI(t, name))
		if err == nil {
			err = yaml.Unmarshal(text, &map[string]any{})
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"gate.sh", "false-alarms.sh"} {
		if _, code := inCI(t, exec.Command("sh", "-n", exampleForCI(t, name))); code != 0 { //nolint:gosec // the example
			t.Errorf("%s is no shell script", name)
		}
	}
}
