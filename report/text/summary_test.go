package text

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestSummaryLooksAsDrawn(t *testing.T) {
	all := runs()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, width := range []int{60, 80, 120} {
			t.Run(fmt.Sprintf("%s at %d columns", name, width), func(t *testing.T) {
				var out bytes.Buffer
				if err := Summary(&out, all[name], Options{Width: width, Dir: "runs/quickstart-20261123-044004"}); err != nil {
					t.Fatal(err)
				}
				golden(t, fmt.Sprintf("%s-%d", name, width), out.String())
			})
		}
	}
}

func TestSummaryIsColoured(t *testing.T) {
	for _, name := range []string{"breach", "quickstart"} {
		var out bytes.Buffer
		if err := Summary(&out, runs()[name], Options{Color: true, Width: 80}); err != nil {
			t.Fatal(err)
		}
		golden(t, name+"-80-colour", out.String())
	}
}

func TestBriefSummaryEndsAfterTheBudgets(t *testing.T) {
	for _, name := range []string{"breach", "inconclusive"} {
		var out bytes.Buffer
		if err := Summary(&out, runs()[name], Options{Width: 80, Dir: "runs/quickstart-20261123-044004", Brief: true}); err != nil {
			t.Fatal(err)
		}
		golden(t, name+"-80-brief", out.String())
	}
}

func TestMarginsBeyondReasonAreNotWrittenOut(t *testing.T) {
	for x, want := range map[float64]string{
		-96: "< -999%", -9.99: "-999%", -0.5: "-50.0%", 0: "0%", 0.5: "+50.0%", 9.99: "+999%", 1e9: "> +999%",
	} {
		if got := margin(&x); got != want {
			t.Errorf("margin(%v) = %q, want %q", x, got, want)
		}
	}
}

func TestNothingIsSaidOfFlightsThatNobodySaw(t *testing.T) {
	run := runs()["closed"]
	run.Validity.InFlight = 0
	var out bytes.Buffer
	if err := Summary(&out, run, Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "most in flight") {
		t.Error("a run too short to be looked at had nothing in flight")
	}
}
