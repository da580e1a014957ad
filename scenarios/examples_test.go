package scenarios_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/scenarios"
)

// examples returns the paths of the scenarios in the examples folder.
func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	return files
}

func TestEveryExampleCanBePlanned(t *testing.T) {
	vars := map[string]map[string]string{"api": {"host": "localhost:9", "token": "t"}}
	for _, file := range examples(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			opt := scenarios.Options{Vars: vars[name]}
			if s.Target.Reference != "" {
				opt.Target = "http://127.0.0.1:9"
			}
			plan(t, s, opt)
		})
	}
}

// TestExplainShowsWhatWillHappen holds the previews of all that comes along; of the
// experiments one stands for all.
func TestExplainShowsWhatWillHappen(t *testing.T) {
	for _, source := range append(examples(t), scenarios.List()...) {
		name := strings.TrimSuffix(filepath.Base(source), ".yaml")
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Open(source)
			if err != nil {
				t.Fatal(err)
			}
			if s.Experiment == nil || name == "crash" {
				golden(t, filepath.Join("testdata", "explain", name+".txt"), s.Explain())
			}
		})
	}
}

// golden compares got with the file, or rewrites it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
