package history

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/report"
)

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	root := t.TempDir()
	good, err := json.Marshal(madeRun(1, nil))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "a-good", report.RunFile), string(good))
	write(t, filepath.Join(root, "b-cut", report.RunFile), string(good[:len(good)/2]))
	write(t, filepath.Join(root, "c-empty", report.RunFile), "")
	write(t, filepath.Join(root, "d-later", report.RunFile), `{"schema": "plimsoll.run/9"}`)
	write(t, filepath.Join(root, "e-other", report.RunFile), `{"schema": "something/1"}`)
	write(t, filepath.Join(root, "f-types", report.RunFile), `{"schema": "plimsoll.run/1", "loads": 7}`)
	write(t, filepath.Join(root, "g-lost", report.HistogramFile), "")
	write(t, filepath.Join(root, "h-none", "notes.txt"), "no run")
	write(t, filepath.Join(root, "i-hidden", ".git", report.RunFile), "")
	if err := os.Symlink("nowhere", filepath.Join(root, "j-link")); err != nil {
		t.Fatal(err)
	}
	s := opened(t, filepath.Join(root, "history.db"))
	counts, unusable := imported(t, s, root)
	if want := (report.ImportCounts{New: 1, Unusable: 6}); counts != want {
		t.Errorf("%+v, want %+v", counts, want)
	}
	want := map[string]string{"b-cut": "unexpected end", "c-empty": "unexpected end", "d-later": "newer", "e-other": "not that of a run", "f-types": "cannot unmarshal", "g-lost": "no run.json"}
	for _, u := range unusable {
		if word := want[filepath.Base(u.Dir)]; word == "" || !strings.Contains(u.Reason, word) || strings.Contains(u.Reason, root) {
			t.Errorf("%s: %s", u.Dir, u.Reason)
		}
	}
	if _, _, err := s.Import(t.Context(), []string{filepath.Join(root, "nowhere")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func TestRunsThatDoNotCountAreLeftOut(t *testing.T) {
	tests := map[string]struct {
		change func(*report.Run)
		want   string
	}{
		"interrupted":        {func(r *report.Run) { r.Ended = report.Stopped }, "interrupted, or still going"},
		"aborted":            {func(r *report.Run) { r.Ended = report.Aborted }, "ended early: aborted"},
		"not valid":          {func(r *report.Run) { r.Validity = report.Validity{Reasons: []string{"late", "busy"}} }, "not valid: late; busy"},
		"not valid, no idea": {func(r *report.Run) { r.Validity = report.Validity{} }, "not valid"},
		"never answered":     {func(r *report.Run) { r.Verdict = report.Failed }, "the target never answered"},
		"without a load":     {func(r *report.Run) { r.Loads = nil }, "there is no load in it"},
		"without a time":     {func(r *report.Run) { r.Started = time.Time{} }, "it has no start time"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			saveRun(t, filepath.Join(root, "run"), madeRun(1, test.change))
			s := opened(t, filepath.Join(root, "history.db"))
			imported(t, s, root)
			h := shown(t, s, Query{})
			want := []report.LeftOut{{Dir: filepath.Join(root, "run"), Scenario: "shop", Reason: test.want}}
			if diff := cmp.Diff(want, h.LeftOut); diff != "" || len(h.Series) > 0 {
				t.Errorf("%d series, -want +got\n%s", len(h.Series), diff)
			}
		})
	}
}

func TestWhatBelongsInOneSeries(t *testing.T) {
	command := func(args ...string) func(*report.Run) {
		return func(r *report.Run) {
			r.Command, r.Source.Changed = append([]string{"plimsoll", "run", "shop.yaml"}, args...), true
		}
	}
	tests := map[string]struct {
		a, b func(*report.Run)
		same bool
	}{
		"two runs":                           {nil, nil, true},
		"a breach is a run like others":      {func(r *report.Run) { r.Verdict = report.Breach }, nil, true},
		"another version of plimsoll":        {func(r *report.Run) { r.Plimsoll.Version = "2.0" }, nil, true},
		"another place for outputs":          {command("--out", "x", "-o", "json=y", "--seed=7"), command("-q"), true},
		"the same settings in another order": {command("--set", "a=1", "-e", "b=2"), command("-eb=2", "--set=a=1"), true},
		"other settings":                     {command("--set", "a=1"), command("--set", "a=2"), false},
		"another file":                       {func(r *report.Run) { r.Source.SHA256 = "def" }, nil, false},
		"the quick form":                     {func(r *report.Run) { r.Source.Quick = true }, nil, false},
		"another rate":                       {func(r *report.Run) { r.Legend.Loads[0].Stages = []report.StageLegend{{Planned: 5}} }, nil, false},
		"another machine":                    {func(r *report.Run) { r.Plimsoll.CPUs = 8 }, nil, false},
		"another host":                       {func(r *report.Run) { r.Target = "http://a.example" }, func(r *report.Run) { r.Target = "http://b.example" }, false},
		"a local port that was drawn":        {func(r *report.Run) { r.Target = "http://127.0.0.1:40001" }, func(r *report.Run) { r.Target = "http://127.0.0.1:50002" }, true},
		"a local port that was chosen":       {func(r *report.Run) { r.Target = "http://127.0.0.1:8080" }, func(r *report.Run) { r.Target = "http://127.0.0.1:9090" }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			saveRun(t, filepath.Join(root, "a"), madeRun(1, test.a))
			saveRun(t, filepath.Join(root, "b"), madeRun(2, test.b))
			s := opened(t, filepath.Join(root, "history.db"))
			imported(t, s, root)
			if got := len(shown(t, s, Query{All: true}).Series) == 1; got != test.same {
				t.Errorf("one series: %v, want %v", got, test.same)
			}
		})
	}
}

func TestRunsOfAnExperimentAndOfAComparisonStandApart(t *testing.T) {
	root := t.TempDir()
	e := madeRun(0, func(r *report.Run) {
		r.Experiment = &report.Experiment{Variants: []report.Variant{
			{Name: "off", Runs: []report.VariantRun{{Dir: "01-off"}, {Dir: "03-off"}}}, {Name: "on/1", Runs: []report.VariantRun{{Dir: "02-on-1"}}},
		}}
	})
	saveRun(t, filepath.Join(root, "exp"), e)
	for i, name := range []string{"01-off", "02-on-1", "03-off"} {
		saveRun(t, filepath.Join(root, "exp", name), madeRun(i+1, nil))
		saveRun(t, filepath.Join(root, "torn", name), madeRun(i+11, nil))
	}
	write(t, filepath.Join(root, "torn", report.RunFile), "{")
	against := func(r *report.Run) { r.Command = []string{"plimsoll", "run", "shop", "--against", "http://a"} }
	saveRun(t, filepath.Join(root, "duel", "base", "01"), madeRun(21, against))
	saveRun(t, filepath.Join(root, "duel", "new", "01"), madeRun(22, against))
	saveRun(t, filepath.Join(root, "duel", "void", "new-02"), madeRun(23, against))
	saveRun(t, filepath.Join(root, "alone"), madeRun(24, nil))
	s := opened(t, filepath.Join(root, "history.db"))
	imported(t, s, filepath.Join(root, "exp", "01-off")) // one of them, by itself
	counts, _ := imported(t, s, root)
	if want := (report.ImportCounts{New: 9, Known: 1, Unusable: 1, Experiments: 1}); counts != want {
		t.Errorf("%+v, want %+v", counts, want)
	}
	got := map[string]int{}
	for _, series := range shown(t, s, Query{}).Series {
		got[series.Part] = len(series.Runs)
	}
	want := map[string]int{"": 1, "off": 4, "on/1": 1, "on-1": 1, "comparison: base": 1, "comparison: new": 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
