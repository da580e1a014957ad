package scenarios_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"plimsoll/scenarios"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each archive holds a scenario, perhaps settings, and the mistakes that are in them.
func TestMistakesAreNamedWithPlaceAndHint(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var text []byte
			var settings []string
			var want *txtar.File
			for i := range a.Files {
				switch f := &a.Files[i]; f.Name {
				case "settings":
					settings = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
				case "scenario.yaml":
					text = f.Data
				case "want":
					want = f
				}
			}
			_, err = scenarios.Parse("scenario.yaml", text, settings...)
			if _, ok := errors.AsType[scenarios.Problems](err); !ok {
				t.Fatalf("got %v, want problems", err)
			}
			got := err.Error() + "\n"
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}
