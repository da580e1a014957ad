package budget

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
)

// bad are n requests of one kind.
type bad struct {
	n       int
	load    int
	outcome engine.Outcome
	kind    string // of the error
	checks  uint64 // failed, by bit: the first is about the status, the second about the latency
	late    int    // how many of them began late
}

// tried is a run of on, with a second for each of its parts.
func tried(t *testing.T, c *Claim, parts ...bad) *Trial {
	t.Helper()
	l := legend()
	l.Requests[0].Checks = []string{"status == 200", "latency < 60ms"}
	x, err := NewTrial(l, []*Claim{c}, "on")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range parts {
		s := engine.NewSnapshot(l)
		s.From, s.To = time.Duration(i)*time.Second, time.Duration(i+1)*time.Second
		for n := range part.n {
			sample := engine.Sample{Load: part.load, Outcome: part.outcome, ErrKind: part.kind, ChecksFailed: part.checks, Start: ms, End: 100 * ms}
			if n < part.late {
				sample.Start = 50 * ms
			}
			s.Cell(engine.Key{Load: part.load, Outcome: part.outcome}).Add(&sample)
			s.Tallies[part.load][0].Sent++
		}
		x.Observe(s)
	}
	return x
}

func ruled(t *testing.T, c *Claim, trials ...*Trial) ClaimResult {
	t.Helper()
	return Judge([]*Claim{c}, trials)[0]
}

func TestWhatLagMayHaveCausedDecidesNothing(t *testing.T) {
	fine := bad{n: 400, outcome: engine.OK}
	timeouts := func(n, late int) bad {
		return bad{n: n, outcome: engine.Error, kind: engine.ErrTimeout, late: late}
	}
	tests := []struct {
		name, claim string
		parts       []bad
		want        Ruling
	}{
		{"few errors, though late", "errors[on] <= 10%", []bad{fine, timeouts(20, 20)}, Confirmed},
		{"too many errors, all late", "errors[on] <= 10%", []bad{fine, timeouts(200, 200)}, Undecided},
		{"too many errors, few late", "errors[on] <= 10%", []bad{fine, timeouts(200, 20)}, Refuted},
		{"enough errors, all late", "errors[on] >= 20%", []bad{fine, timeouts(200, 200)}, Undecided},
		{"enough errors, few late", "errors[on] >= 20%", []bad{fine, timeouts(200, 20)}, Confirmed},
		{"too few errors, though late", "errors[on] >= 20%", []bad{fine, timeouts(20, 20)}, Refuted},
		{"others began late", "errors[on] >= 20%", []bad{{n: 400, outcome: engine.OK, late: 200}, timeouts(200, 0)}, Undecided},
		{"answers that are errors", "errors[on] >= 20%", []bad{fine, {n: 200, outcome: engine.Failed, checks: 1, late: 200}}, Confirmed},
		{"answers that are errors and slow", "errors[on] >= 20%", []bad{fine, {n: 200, outcome: engine.Failed, checks: 3, late: 200}}, Confirmed},
		{"answers that are slow", "errors[on] >= 20%", []bad{fine, {n: 200, outcome: engine.Failed, checks: 2, late: 200}}, Undecided},
		{"no answer yet", "errors[on] >= 20%", []bad{fine, {n: 200, outcome: engine.Unfinished, late: 200}}, Undecided},
		{"refused", "errors[on] >= 20%", []bad{fine, {n: 200, outcome: engine.Error, kind: engine.ErrRefused, late: 200}}, Confirmed},
		{"users have no lag that clears them", "errors[on] >= 20%", []bad{{n: 400, load: 1}, {n: 200, load: 1, outcome: engine.Error, kind: engine.ErrTimeout}}, Undecided},
		{"a number of errors", "count(outcome:error)[on] >= 100", []bad{fine, timeouts(200, 150)}, Undecided},
		{"a number of errors, few late", "count(outcome:error)[on] >= 100", []bad{fine, timeouts(200, 50)}, Confirmed},
		{"few good ones", "count(outcome:ok)[on] <= 500", []bad{fine, timeouts(200, 150)}, Undecided},
		{"few good ones, few late", "count(outcome:ok)[on] <= 500", []bad{fine, timeouts(200, 50)}, Confirmed},
		{"late ones on the right", "count[on] <= 4 * count(outcome:error)[on]", []bad{fine, timeouts(200, 60)}, Undecided},
		{"few late ones on the right", "count[on] <= 4 * count(outcome:error)[on]", []bad{fine, timeouts(200, 10)}, Confirmed},
		{"enough good ones", "count(outcome:ok)[on] >= 300", []bad{fine, timeouts(200, 150)}, Confirmed},
		{"all of them", "count[on] <= 600", []bad{fine, timeouts(200, 200)}, Confirmed},
		{"no number but one", "count(outcome:error)[on] == 0", []bad{fine, timeouts(2, 2)}, Undecided},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := claim(t, tt.claim)
			for _, runs := range []int{1, 2, 3} {
				var trials []*Trial
				for range runs {
					x := tried(t, c, tt.parts...)
					x.Doubt("lag")
					trials = append(trials, x)
				}
				got := ruled(t, c, trials...)
				if got.Result != tt.want {
					t.Errorf("%d runs: %s, left %+v", runs, got.Result, got.Left)
				}
				if told := strings.Contains(got.Reason, "; lag, and what took too long may be its own doing"); told != (tt.want == Undecided) {
					t.Errorf("%d runs: the reason is %q", runs, got.Reason)
				}
			}
			if got := ruled(t, c, tried(t, c, tt.parts...)); got.Result == Undecided {
				t.Error("without a doubt it is not decided")
			}
		})
	}
}

func TestDroppedArrivalsMayBeThoseOfALateGenerator(t *testing.T) {
	for late, want := range map[int]Ruling{0: Confirmed, 100: Undecided} {
		c := claim(t, "dropped(load:shoppers)[on] >= 50")
		x := tried(t, c, bad{n: 400, late: late})
		s := engine.NewSnapshot(legend())
		s.Tallies[0][0].Dropped = 80
		x.Observe(s)
		x.Doubt("lag")
		if got := ruled(t, c, x); got.Result != want {
			t.Errorf("%d began late: %s, left %+v", late, got.Result, got.Left)
		}
	}
}

// given is a run of on in which the target gave origin and peak_2.
func given(t *testing.T, c *Claim, origin, peak float64) *Trial {
	t.Helper()
	x := trial(t, c, "on", 1)
	x.Give("origin", Given{Value: origin})
	x.Give("peak_2", Given{Value: peak})
	return x
}

func TestMetricsOfOneVariantAreComparedWithinEachRun(t *testing.T) {
	tests := []struct {
		name, claim string
		runs        [][2]float64 // origin and peak_2
		want        Ruling
	}{
		{"less in each, though the runs differ", "origin[on] < 0.5 * peak_2[on]", [][2]float64{{40, 100}, {90, 200}, {45, 100}}, Confirmed},
		{"more in each", "origin[on] < 0.5 * peak_2[on]", [][2]float64{{60, 100}, {110, 200}}, Refuted},
		{"less in one, more in another", "origin[on] < 0.5 * peak_2[on]", [][2]float64{{40, 100}, {110, 200}}, Undecided},
		{"with a number to add", "origin[on] >= peak_2[on] + 5", [][2]float64{{15, 10}, {25, 20}}, Confirmed},
		{"equal in each", "origin[on] == peak_2[on]", [][2]float64{{7, 7}, {9, 9}, {8, 8}}, Confirmed},
		{"not equal in one", "origin[on] == peak_2[on]", [][2]float64{{7, 7}, {9, 9}, {8, 9}}, Refuted},
		{"equal on average", "origin[on] == peak_2[on]", [][2]float64{{7, 8}, {8, 7}}, Refuted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := claim(t, tt.claim)
			var trials []*Trial
			for _, r := range tt.runs {
				trials = append(trials, given(t, c, r[0], r[1]))
			}
			if got := ruled(t, c, trials...); got.Result != tt.want {
				t.Errorf("%s: pair %+v", got.Result, got.Pair)
			}
		})
	}
}

func TestAPairSaysWhatItIsJudgedBy(t *testing.T) {
	c := claim(t, "origin[on] < 0.5 * peak_2[on] + 1")
	got := ruled(t, c, given(t, c, 40, 100), given(t, c, 90, 200))
	if got.Pair == nil || got.Pair.Metric != "origin[on] - (0.5 * peak_2[on] + 1)" || got.Pair.Values[0] != -11 || got.Pair.Values[1] != -11 {
		t.Errorf("%+v", got.Pair)
	}
	if *got.Observed != 65 || *got.Limit != 76 {
		t.Errorf("%v against %v", *got.Observed, *got.Limit)
	}
}

// TestADifferenceHasTheIntervalOfNewcombe holds it against the worked example of Newcombe
// (1998, Statistics in Medicine 17, 873, table II, method 10): 56 of 70 less 48 of 80.
func TestADifferenceHasTheIntervalOfNewcombe(t *testing.T) {
	d := wilson(56./70, 70).minus(wilson(48./80, 80))
	for _, x := range [][2]float64{{d.value, .2}, {d.low, .0524}, {d.high, .3339}} {
		if math.Abs(x[0]-x[1]) > 6e-5 {
			t.Errorf("%.4f, want %v", x[0], x[1])
		}
	}
}

func TestEqualNumbersStayEqualOverSeveralRuns(t *testing.T) {
	c := claim(t, "origin[on] == 5")
	for _, tt := range []struct {
		values []float64
		want   Ruling
	}{{[]float64{5}, Confirmed}, {[]float64{5, 5}, Confirmed}, {[]float64{5, 5, 5, 5}, Confirmed}, {[]float64{5, 6}, Refuted}, {[]float64{4, 5, 6}, Refuted}} {
		var trials []*Trial
		for _, v := range tt.values {
			trials = append(trials, given(t, c, v, 0))
		}
		if got := ruled(t, c, trials...); got.Result != tt.want {
			t.Errorf("%v == 5 is %s", tt.values, got.Result)
		}
	}
}

func TestRunsThatDoNotCountAreCounted(t *testing.T) {
	c := claim(t, "origin[on] <= 5")
	void, silent := given(t, c, 1, 1), trial(t, c, "on", 1)
	void.Void("the fault could not be injected")
	got := ruled(t, c, void, given(t, c, 1, 1), silent)
	if got.Result != Confirmed || got.Left.Runs != 3 || len(got.Left.Values) != 1 || got.Left.Lack != "origin[on]: the target did not give origin" {
		t.Errorf("%s: %+v", got.Result, got.Left)
	}
	text, err := json.Marshal(got.Left)
	if want := `{"metric":"origin[on]","values":[1],"interval":[1,1],"runs":3,"lack":"origin[on]: the target did not give origin"}`; err != nil || string(text) != want {
		t.Errorf("%s (%v)", text, err)
	}
	pair := claim(t, "origin[on] <= peak_2[on]")
	half := trial(t, pair, "on", 1)
	half.Give("origin", Given{Value: 9})
	got = ruled(t, pair, given(t, pair, 1, 2), half)
	if got.Result != Confirmed || len(got.Left.Values) != 1 || len(got.Right.Values) != 1 || got.Pair.Runs != 2 {
		t.Errorf("%s: left %+v right %+v pair %+v", got.Result, got.Left, got.Right, got.Pair)
	}
}

func TestWhatIsShownIsWhatIsJudged(t *testing.T) {
	c := claim(t, "origin[on] <= 30")
	got := ruled(t, c, given(t, c, 1, 0), given(t, c, 2, 0), given(t, c, 60, 0))
	if *got.Observed != 21 {
		t.Errorf("observed is %v; the mean of 1, 2 and 60 is 21", *got.Observed)
	}
	counted := claim(t, "count[on] < count[off]")
	lonely := ruled(t, counted, trial(t, counted, "on", 30, slow(ms)...), trial(t, counted, "off", 30, slow(ms)...))
	if want := []float64{570, 630}; lonely.Left.Interval[0] != want[0] || lonely.Left.Interval[1] != want[1] {
		t.Errorf("the only run is judged by %v and shown by %v", want, lonely.Left.Interval)
	}
}

func TestAnOpenPairCanBeSaved(t *testing.T) {
	for _, text := range []string{"p50[on] > p99[on]", "p99[on] < p50[on]"} { // 100 requests do not bound a p99
		c := claim(t, text)
		got := ruled(t, c, trial(t, c, "on", 1, steady(0, 1, 100, ms, product)...))
		if _, err := json.Marshal(got); err != nil || got.Result != Undecided || got.Pair.Interval != nil {
			t.Errorf("%s: %s, %+v (%v)", text, got.Result, got.Pair, err)
		}
	}
}

func TestACountOfNoneConfirmsWhatAShareLeavesOpen(t *testing.T) {
	c := claim(t, "count(outcome:failed, outcome:error, outcome:unfinished)[on] <= 0")
	if got := ruled(t, c, tried(t, c, bad{n: 400})); got.Result != Confirmed {
		t.Errorf("no error in 400 requests: %s", got.Result)
	}
	if got := ruled(t, c, tried(t, c, bad{n: 400}, bad{n: 1, outcome: engine.Failed})); got.Result != Refuted {
		t.Errorf("one error in 401 requests: %s", got.Result)
	}
	all := claim(t, "count(outcome:failed)[on] >= count[on]")
	if got := ruled(t, all, tried(t, all, bad{n: 400, outcome: engine.Failed}), tried(t, all, bad{n: 390, outcome: engine.Failed})); got.Result != Confirmed {
		t.Errorf("all of 400 and 390 failed: %s", got.Result)
	}
}
