//go:build linux

package cmd

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadmeCommandsOfTheTargetWork does what README.md shows, in its order, but for the
// ports, which may be taken here.
func TestReadmeCommandsOfTheTargetWork(t *testing.T) {
	_, section, _ := strings.Cut(readmeText(t), "\n## The reference target\n")
	section, _, _ = strings.Cut(section, "\n## ")
	dir := t.TempDir()
	_, where := startTarget(t, "--preset", "golden", "--workers", "2")
	commands, questions := 0, 0
	for line := range strings.Lines(section) {
		args := words(line)
		switch {
		case len(args) > 1 && args[0] == "plimsoll":
			commands++
			typed(t, dir, line, args)
		case len(args) > 1 && args[0] == "curl":
			questions++
			curled(t, where, line, args[1:])
		}
	}
	if commands < 4 || questions < 4 {
		t.Errorf("found %d commands and %d questions, want four of each", commands, questions)
	}
}

// typed runs a command, whose output goes where the line says.
func typed(t *testing.T, dir, line string, args []string) {
	t.Helper()
	listens := !slices.ContainsFunc(args, func(a string) bool { return a == "knobs" || a == "preset" })
	if listens {
		args = append(args, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--end-with-stdin")
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	said, err := cmd.Output()
	if err != nil || len(said) == 0 {
		t.Errorf("%s: %v, said %q", strings.TrimSpace(line), err, said)
	}
	if _, file, redirected := strings.Cut(line, " > "); redirected {
		if err := os.WriteFile(filepath.Join(dir, strings.TrimSpace(file)), said, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// curled asks the admin API what the line has curl ask.
func curled(t *testing.T, where ready, line string, args []string) {
	t.Helper()
	method, url, body := http.MethodGet, "", ""
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-X":
			i++
			method = args[i]
		case "-d":
			i++
			body = args[i]
		default:
			url = args[i]
		}
	}
	_, path, _ := strings.Cut(url, "/")
	var answer any
	if status := ask(t, method, where.AdminURL+"/"+path, body, &answer); status != http.StatusOK {
		t.Errorf("%s: status %d, %v", strings.TrimSpace(line), status, answer)
	}
}
