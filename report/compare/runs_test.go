package compare_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plimsoll/engine"
	"plimsoll/report"
	"plimsoll/report/compare"
)

func held(t testing.TB, base, other string, options compare.Options) (*report.Comparison, error) {
	t.Helper()
	a, err := compare.Open(base)
	if err != nil {
		return nil, err
	}
	b, err := compare.Open(other)
	if err != nil {
		return nil, err
	}
	return compare.Runs(a, b, options)
}

func compared(t testing.TB, base, other string) *report.Comparison {
	t.Helper()
	c, err := held(t, base, other, compare.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func row(t testing.TB, c *report.Comparison, request, metric string) *report.ComparisonRow {
	t.Helper()
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Request == request && r.Metric == metric {
			return r
		}
	}
	t.Fatalf("there is no row for %s of %q", metric, request)
	return nil
}

func TestPairsFindWhatWasPlanted(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 10, true, func(r *recipe) { r.median *= 1.10 })
	c := compared(t, base, other)
	if c.Verdict != report.Worse || c.Method != report.ByPairs || c.Pairs != 10 {
		t.Fatalf("%s, %s, %d pairs: %s", c.Verdict, c.Method, c.Pairs, c.Why)
	}
	r := row(t, c, "home", "p50")
	if r.Verdict != report.Worse || math.Abs(*r.Change-0.10) > 0.02 || !(*r.Low < 0.10 && 0.10 < *r.High) {
		t.Errorf("p50 of home: %s %+.3f (%+.3f to %+.3f): %s", r.Verdict, *r.Change, *r.Low, *r.High, r.Reason)
	}
	if r := row(t, c, "", "goodput"); r.Verdict != report.Same || *r.Change != 0 {
		t.Errorf("goodput: %s %v", r.Verdict, *r.Change)
	}
	if len(c.Shifts) != 3 || len(c.Shifts[0].Points) != 11 || c.Shifts[0].Points[4].Low == nil {
		t.Errorf("shifts: %+v", c.Shifts)
	}
	back := compared(t, other, base)
	if r := row(t, back, "home", "p50"); r.Verdict != report.Better {
		t.Errorf("the other way round: %s", r.Verdict)
	}
	for i := range c.Rows {
		x, y := c.Rows[i], back.Rows[i]
		if math.Abs(x.MinEffect-y.MinEffect) > 0 || math.Abs(*x.P-*y.P) > 1e-12 || (x.Metric != "errors" && math.Abs((1+*x.Change)*(1+*y.Change)-1) > 1e-9) {
			t.Errorf("%s of %s is not mirrored: %+v, %+v", x.Metric, x.Request, x, y)
		}
	}
}

func TestQuietPairsOfEqualRunsAreTheSame(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 10, true, nil)
	options := compare.DefaultOptions()
	options.MinEffect["p50"], options.MinEffect["p99"] = 0.05, 0.3
	c, err := held(t, base, other, options)
	if err != nil || c.Verdict != report.Same {
		t.Fatalf("%v, %+v", err, c)
	}
}

func TestErrorsAloneAreARegression(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 10, true, func(r *recipe) { r.errors = 0.02 })
	c := compared(t, base, other)
	if r := row(t, c, "home", "errors"); c.Verdict != report.Worse || r.Verdict != report.Worse || math.Abs(*r.Change-0.02) > 0.005 {
		t.Errorf("%s; errors of home: %s %v", c.Verdict, r.Verdict, *r.Change)
	}
	if r := row(t, c, "list", "errors"); r.Verdict != report.Same {
		t.Errorf("errors of list: %s", r.Verdict)
	}
}

func TestRunsThatDidNotTakeTurnsAreNoPairs(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 8, false, func(r *recipe) { r.median *= 1.3 })
	c := compared(t, base, other)
	if c.Method != report.ByRanks || c.Verdict != report.Worse || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "did not take turns") {
		t.Errorf("%s, %s, %q", c.Method, c.Verdict, c.Warnings)
	}
}

func TestARunWithoutAPartnerIsLeftOut(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 10, true, nil)
	plain(100, 99).save(t, other, "z")
	c := compared(t, base, other)
	if c.Method != report.ByPairs || c.Pairs != 10 || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "1 run without a partner") {
		t.Errorf("%s, %d pairs, %q", c.Method, c.Pairs, c.Notes)
	}
}

func TestFewRunsDecideNothing(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 5, true, func(r *recipe) { r.median *= 3 })
	c := compared(t, base, other)
	r := row(t, c, "home", "p50")
	if c.Verdict != report.Unsure || r.Needs < 6 || r.Confidence > 0.94 || c.Decide == "" {
		t.Errorf("%s; needs %d, confidence %g, %q", c.Verdict, r.Needs, r.Confidence, c.Decide)
	}
}

func TestOneRunEachShowsTheDifferenceAndDecidesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	slow := plain(1, 2)
	slow.median = 20
	quick := plain(0, 1)
	quick.cuts, slow.cuts = 10, 10
	base, other := quick.save(t, dir, "a"), slow.save(t, dir, "b")
	c := compared(t, base, other)
	r := row(t, c, "home", "p50")
	if c.Verdict != report.Unsure || c.Method != report.Within || r.P != nil || r.PHolm != nil || r.NotWorse {
		t.Errorf("%s by %s, %+v", c.Verdict, c.Method, r)
	}
	if math.Abs(*r.Change-1) > 0.1 || r.Low == nil || *r.Low < 0.8 || *r.Low > *r.Change || *r.High < *r.Change {
		t.Errorf("p50 of home: %v (%v to %v)", *r.Change, *r.Low, *r.High)
	}
	if !strings.Contains(r.Reason, "larger than what varies within the runs") || !strings.Contains(c.Decide, "runs of each side, taking turns") {
		t.Errorf("%q, %q", r.Reason, c.Decide)
	}
}

func TestTooFewRequestsAreNoData(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 8, true, func(r *recipe) { r.rate = 9 })
	r := row(t, compared(t, base, other), "home", "p99")
	if r.Verdict != report.Unsure || r.Change != nil || r.Reason != "p99 needs at least 100 requests; in 8 of 16 runs there were fewer, at the least 90" {
		t.Errorf("%s: %s", r.Verdict, r.Reason)
	}
}

func TestARequestThatOneSideNeverSentLeavesItOpen(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 8, true, func(r *recipe) { r.missing = true })
	c := compared(t, base, other)
	r := row(t, c, "list", "p50")
	if c.Verdict == report.Same || r.Verdict != report.Unsure || r.Reason != "no data in 8 of 16 runs" || r.New != nil {
		t.Errorf("%s; %s: %s", c.Verdict, r.Verdict, r.Reason)
	}
}

func TestALoadOfOneRequestHasNoRowsOfItsOwn(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 6, true, func(r *recipe) { r.lonely = true })
	c, err := held(t, other, base, compare.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	if c.Rows[0].Request != "" {
		t.Errorf("base has two requests, so the load has rows: %+v", c.Rows[0])
	}
	base, other = filepath.Join(t.TempDir(), "base"), filepath.Join(t.TempDir(), "new")
	one := plain(0, 1)
	one.lonely = true
	one.save(t, base, "a")
	one.minute = 1
	one.save(t, other, "a")
	for _, r := range compared(t, base, other).Rows {
		if r.Request == "" && r.Metric != "goodput" {
			t.Errorf("row for %s of the load", r.Metric)
		}
	}
}

func TestWhatIsNotTheSameTestIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*recipe)
		want   string
	}{
		"another scenario": {func(r *recipe) { r.meta = func(m *report.Meta) { m.Scenario = "other" } }, "ran scenario"},
		"another file":     {func(r *recipe) { r.meta = func(m *report.Meta) { m.Source.SHA256 = "def" } }, "scenario file"},
		"replaced values":  {func(r *recipe) { r.meta = func(m *report.Meta) { m.Source.Changed = true } }, "were replaced"},
		"other values": {func(r *recipe) {
			r.meta = func(m *report.Meta) {
				m.Command = strings.Fields("plimsoll run shop.yaml --set vars.size=9 -e TIER=gold")
			}
		}, "replaced by others"},
		"the quick form": {func(r *recipe) { r.meta = func(m *report.Meta) { m.Source.Quick = true } }, "quick form"},
		"another rate":   {func(r *recipe) { r.legend = func(l *engine.Legend) { l.Loads[0].Stages[0].Planned = 201 } }, "other stages, spans or rates"},
		"another load":   {func(r *recipe) { r.legend = func(l *engine.Legend) { l.Loads[0].Name = "robots" } }, "load robots"},
		"another request of a run without a file": {func(r *recipe) {
			r.meta = func(m *report.Meta) { m.Source.SHA256 = "" }
			r.legend = func(l *engine.Legend) { l.Requests[1].Name = "detail" }
		}, "request list and request detail"},
		"other users": {func(r *recipe) { r.legend = func(l *engine.Legend) { l.Loads[0].Model = "closed" } }, "(closed)"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			changed := plain(1, 2)
			c.change(&changed)
			first := plain(0, 1)
			if strings.Contains(name, "without a file") {
				first.meta = changed.meta
			}
			base, other := first.save(t, dir, "a"), changed.save(t, dir, "b")
			_, err := held(t, base, other, compare.DefaultOptions())
			refused, ok := errors.AsType[*compare.RefusedError](err)
			if !ok || !refused.Differ || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v", err)
			}
			options := compare.DefaultOptions()
			options.AllowDifferent = true
			got, err := held(t, base, other, options)
			if err != nil || len(got.Warnings) < 2 || !strings.Contains(got.Warnings[0], "not the same test") {
				t.Errorf("allowed: %v, %+v", err, got)
			}
		})
	}
}

func TestRunsThatAreNotFitAreInconclusive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		finish func(*report.Run)
		want   string
	}{
		"invalid":     {func(r *report.Run) { r.Validity = report.Validity{Reasons: []string{"the generator was late"}} }, "is not valid: the generator was late"},
		"interrupted": {func(r *report.Run) { r.Ended = report.Stopped }, "was interrupted"},
		"aborted":     {func(r *report.Run) { r.Ended = report.Aborted }, "was aborted"},
		"failed":      {func(r *report.Run) { r.Verdict = report.Failed }, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			bad := plain(1, 2)
			bad.finish = c.finish
			base, other := plain(0, 1).save(t, dir, "a"), bad.save(t, dir, "b")
			options := compare.DefaultOptions()
			options.AllowDifferent = true
			got, err := held(t, base, other, options)
			if err != nil || got.Verdict != report.Unsure || len(got.Rows) != 0 || !strings.Contains(got.Why, c.want) {
				t.Errorf("%v, %+v", err, got)
			}
		})
	}
}

func TestWhatIsNoRunIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := plain(0, 1).save(t, dir, "runs", "a")
	for name, c := range map[string]struct{ base, other, want string }{
		"a directory that is not there": {run, filepath.Join(dir, "none"), "there is no run.json"},
		"a directory without runs":      {run, t.TempDir(), "there is no run.json"},
		"the same run twice":            {run, run, "compared with itself"},
		"a run of the set":              {filepath.Dir(run), run, "compared with itself"},
	} {
		if _, err := held(t, c.base, c.other, compare.DefaultOptions()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(run, link); err != nil {
		t.Skip(err)
	}
	if _, err := held(t, run, link, compare.DefaultOptions()); err == nil {
		t.Error("the same run by another name is compared")
	}
	if _, err := compare.Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestTheSummaryDoesWhereIntervalsAreLost(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 8, true, func(r *recipe) { r.median *= 1.5 })
	lost := filepath.Join(other, "a", report.HistogramFile)
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	c := compared(t, base, other)
	if c.Verdict != report.Worse || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "only its summary") {
		t.Errorf("%s, %q", c.Verdict, c.Notes)
	}
	options := compare.DefaultOptions()
	options.Stage = "peak"
	if _, err := held(t, base, other, options); err == nil || !strings.Contains(err.Error(), "stage peak") {
		t.Errorf("a stage of a run without intervals: %v", err)
	}
}

func TestOnlyOneStageIsCompared(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 8, true, func(r *recipe) { r.median *= 1.5 })
	options := compare.DefaultOptions()
	options.Stage = "peak"
	c, err := held(t, base, other, options)
	if err != nil || c.Verdict != report.Worse || row(t, c, "home", "p50").Requests != 500 {
		t.Errorf("%v, %+v", err, c)
	}
	options.Stage = "night"
	if _, err := held(t, base, other, options); err == nil || !strings.Contains(err.Error(), `no stage "night"`) {
		t.Errorf("a stage that is not there: %v", err)
	}
}

func TestCurvesOfBothSidesLieOnTheSameAxes(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 6, true, func(r *recipe) { r.median *= 2 })
	c := compared(t, base, other)
	if len(c.Curves) != 1 {
		t.Fatalf("%d curves", len(c.Curves))
	}
	k := c.Curves[0]
	if len(k.BaseMS) != len(k.Quantiles) || len(k.NewMS) != len(k.Quantiles) || len(k.AtS) != 2 || len(k.Base.Rate) != 2 || len(k.New.P99MS) != 2 {
		t.Fatalf("%+v", k)
	}
	if k.Base.Rate[1] != 200 || math.Abs(k.New.P50MS[1]/k.Base.P50MS[1]-2) > 0.2 {
		t.Errorf("rate %v, medians %v and %v", k.Base.Rate[1], k.Base.P50MS[1], k.New.P50MS[1])
	}
	for i := 1; i < len(k.Quantiles); i++ {
		if k.Quantiles[i] <= k.Quantiles[i-1] {
			t.Errorf("quantile %g after %g", k.Quantiles[i], k.Quantiles[i-1])
		}
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base, other := plain(0, 1).save(t, dir, "a"), plain(1, 2).save(t, dir, "b")
	for name, change := range map[string]func(*compare.Options){
		"nothing judged":       func(o *compare.Options) { o.Judge = nil },
		"an unknown metric":    func(o *compare.Options) { o.Judge = []string{"p42"} },
		"an effect of nothing": func(o *compare.Options) { o.MinEffect["p50"] = 0 },
		"an effect on nothing": func(o *compare.Options) { o.MinEffect["p42"] = 1 },
		"alpha beyond one":     func(o *compare.Options) { o.Alpha = 1 },
		"no number":            func(o *compare.Options) { o.Alpha = math.NaN() },
		"certainty":            func(o *compare.Options) { o.Confidence = 1 },
	} {
		options := compare.DefaultOptions()
		change(&options)
		if _, err := held(t, base, other, options); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestRunsWithoutAFileMayHaveAnotherTarget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := plain(0, 1), plain(1, 2)
	one.meta = func(m *report.Meta) { m.Source.SHA256, m.Scenario = "", "127.0.0.1:8080" }
	two.meta = func(m *report.Meta) { m.Source.SHA256, m.Scenario = "", "127.0.0.1:8081" }
	c := compared(t, one.save(t, dir, "a"), two.save(t, dir, "b"))
	if len(c.Rows) == 0 {
		t.Errorf("%+v", c)
	}
}

func TestUsersAreCountedOnlyWhereNoFileSaysHowMany(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file    string
		users   float64
		refused bool
	}{
		"as many by the file, whatever the average says": {"abc", 30, false},
		"about as many": {"", 22, false},
		"twice as many": {"", 40, true},
	} {
		dir := t.TempDir()
		one, two := plain(0, 1), plain(1, 2)
		for i, r := range []*recipe{&one, &two} {
			r.meta = func(m *report.Meta) { m.Source.SHA256 = c.file }
			r.legend = func(l *engine.Legend) { l.Loads[0].Model = "closed" }
			r.finish = func(run *report.Run) { run.Loads[0].InFlight = []float64{20, c.users}[i] }
		}
		_, err := held(t, one.save(t, dir, "a"), two.save(t, dir, "b"), compare.DefaultOptions())
		if (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASetIsReadAsItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	set := filepath.Join(dir, "set")
	plain(0, 1).save(t, set, "b")
	plain(5, 2).save(t, set, "a")
	for _, odd := range []string{"void", "notes"} {
		if err := os.Mkdir(filepath.Join(set, odd), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	s, err := compare.Open(set)
	if err != nil || len(s.Runs) != 2 || filepath.Base(s.Runs[0].Dir) != "b" || len(s.Odd) != 2 {
		t.Fatalf("%v, %+v: want the runs by their start, and what holds none", err, s)
	}
	torn := filepath.Join(set, "a", report.RunFile)
	if err := os.WriteFile(torn, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := compare.Open(set); err == nil || !strings.Contains(err.Error(), torn) {
		t.Errorf("a set with a torn run: %v", err)
	}
	tried := plain(1, 3)
	tried.finish = func(r *report.Run) { r.Experiment = &report.Experiment{} }
	for _, path := range []string{tried.save(t, dir, "tried", "x"), filepath.Join(dir, "tried")} {
		if _, err := compare.Open(path); err == nil || !strings.Contains(err.Error(), "is an experiment") {
			t.Errorf("an experiment in %s: %v", path, err)
		}
	}
}

func TestNamesInARefusalAreHarmless(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	evil := plain(1, 2)
	evil.meta = func(m *report.Meta) { m.Scenario = "\x1b[2J\u202e" + strings.Repeat("x", 10_000) }
	_, err := held(t, plain(0, 1).save(t, dir, "a"), evil.save(t, dir, "b"), compare.DefaultOptions())
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\u202e") || len(err.Error()) > 1000 {
		t.Errorf("%.200q", err)
	}
}
