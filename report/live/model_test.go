package live

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"plimsoll/engine"
	"plimsoll/report/budget"
)

// shown returns what the screen shows, without colours.
func shown(m *model) string { return ansi.Strip(m.View()) }

func TestQuitAsksOnce(t *testing.T) {
	tests := []struct {
		name  string
		keys  []string
		ended int
	}{
		{"q alone only asks", []string{"q"}, 0},
		{"y says yes", []string{"q", "y"}, 1},
		{"so does q again", []string{"q", "q"}, 1},
		{"and enter", []string{"q", "enter"}, 1},
		{"n says no", []string{"q", "n"}, 0},
		{"any other key says no", []string{"q", "esc"}, 0},
		{"after a no, q asks again", []string{"q", "n", "q"}, 0},
		{"y without a question is nothing", []string{"y"}, 0},
		{"Ctrl-C does not ask", []string{"ctrl+c"}, 1},
		{"Ctrl-C again is a second signal", []string{"ctrl+c", "ctrl+c"}, 2},
		{"Ctrl-C answers the question, too", []string{"q", "ctrl+c"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := running(t, NoColors, 5)
			ended := 0
			m.interrupt = func() { ended++ }
			press(m, tt.keys...)
			if ended != tt.ended {
				t.Errorf("interrupted %d times, want %d", ended, tt.ended)
			}
		})
	}
}

func TestKeysThatComeTogetherAreKeysAllTheSame(t *testing.T) {
	m := running(t, NoColors, 5)
	ended := 0
	m.interrupt = func() { ended++ }
	if press(m, "qnr"); m.page != perRequest || ended != 0 {
		t.Errorf("page %d, interrupted %d times", m.page, ended)
	}
	if press(m, "qy"); ended != 1 {
		t.Errorf("interrupted %d times", ended)
	}
}

func TestPauseHoldsTheViewAndNothingElse(t *testing.T) {
	m := running(t, NoColors, 10)
	looked, waited := 0, 0
	m.look = func() tea.Cmd { looked++; return nil }
	m.wait = func() tea.Cmd { waited++; return nil }
	resize(m, 100, 30)
	press(m, "p")
	before := shown(m)
	m.Update(tick{now: start.Add(30 * time.Second)})
	if shown(m) != before || looked != 0 || waited != 1 {
		t.Errorf("the view goes on: looked %d times, waited %d times", looked, waited)
	}
	if !strings.Contains(before, "view paused") {
		t.Error("it does not say so")
	}
	press(m, " ")
	m.Update(tick{now: start.Add(30 * time.Second)})
	if shown(m) == before || looked != 1 {
		t.Error("the view does not go on again")
	}
}

func TestKeysChooseThePage(t *testing.T) {
	tests := []struct {
		keys []string
		want page
	}{
		{[]string{"r"}, perRequest},
		{[]string{"r", "r"}, overview},
		{[]string{"e"}, allErrors},
		{[]string{"r", "e"}, allErrors},
		{[]string{"?"}, help},
		{[]string{"h"}, help},
		{[]string{"?", "esc"}, overview},
		{[]string{"x"}, overview},
	}
	for _, tt := range tests {
		m := running(t, NoColors, 5)
		if press(m, tt.keys...); m.page != tt.want {
			t.Errorf("%v: page %d, want %d", tt.keys, m.page, tt.want)
		}
	}
}

func TestKeysChooseTheSpanOfTime(t *testing.T) {
	tests := []struct {
		keys string
		want time.Duration
	}{
		{"", 0},
		{"t", 30 * time.Second},
		{"tt", time.Minute},
		{"ttttttt", 0},
		{"+", time.Hour},
		{"++++++", 30 * time.Second},
		{"++++++++", 30 * time.Second},
		{"-", 0},
		{"t-", time.Minute},
		{"+-", 0},
	}
	for _, tt := range tests {
		m := running(t, NoColors, 5)
		if press(m, strings.Split(tt.keys, "")...); scales()[m.scale] != tt.want {
			t.Errorf("%q: %v, want %v", tt.keys, scales()[m.scale], tt.want)
		}
	}
}

func TestBudgetsAreNearWithinAFifthOfTheirLimit(t *testing.T) {
	m := newModel(newTheme(NoColors), true)
	margin := func(x float64) *float64 { return &x }
	tests := []struct {
		name   string
		result budget.Result
		mark   string
	}{
		{"kept by far", budget.Result{Result: budget.Kept, Margin: margin(0.5)}, "✓"},
		{"kept by a fifth", budget.Result{Result: budget.Kept, Margin: margin(0.2)}, "✓"},
		{"kept by less", budget.Result{Result: budget.Kept, Margin: margin(0.19)}, "!"},
		{"kept, without a margin", budget.Result{Result: budget.Kept}, "✓"},
		{"broken", budget.Result{Result: budget.Broken, Level: budget.Fail}, "✗"},
		{"broken, which only warns", budget.Result{Result: budget.Broken, Level: budget.Warn}, "!"},
		{"without data", budget.Result{Result: budget.Inconclusive}, "?"},
	}
	for _, tt := range tests {
		if mark, _ := m.budgetMark(tt.result); mark != tt.mark {
			t.Errorf("%s: %s, want %s", tt.name, mark, tt.mark)
		}
	}
}

func TestTheMailboxLosesNothingWhenNobodyLooks(t *testing.T) {
	l := shopLegend()
	var minute []*engine.Snapshot
	for n := range 60 {
		minute = append(minute, second(l, n, 0))
	}
	box := &mailbox{}
	box.put(note{"first"})
	for n := range 3 * mostHeld {
		box.put(observed{snapshot: minute[n%60], results: []budget.Result{{At: float64(n)}}})
	}
	box.put(note{"last"})
	news := box.take()
	if len(news) > mostHeld+2 {
		t.Fatalf("%d pieces of news wait", len(news))
	}
	total, want := engine.NewSnapshot(l), engine.NewSnapshot(l)
	var last observed
	for _, n := range news {
		if o, ok := n.(observed); ok {
			total.Merge(o.snapshot)
			last = o
		}
	}
	for n := range 3 * mostHeld {
		want.Merge(minute[n%60])
	}
	if got, want := total.Tallies[0], want.Tallies[0]; got[0] != want[0] || got[2] != want[2] {
		t.Errorf("%+v, want %+v", got, want)
	}
	if last.results[0].At != 3*mostHeld-1 {
		t.Errorf("the budgets are those of snapshot %v", last.results[0].At)
	}
	if news[0] != any(note{"first"}) || news[len(news)-1] != any(note{"last"}) {
		t.Error("messages are not in their order")
	}
	if len(box.take()) != 0 {
		t.Error("it is not empty")
	}
}

func TestSnapshotsOfOthersAreNotChanged(t *testing.T) {
	l := shopLegend()
	box := &mailbox{}
	var all []*engine.Snapshot
	for n := range mostHeld + 10 {
		s := second(l, n%60, 0)
		all = append(all, s)
		box.put(observed{snapshot: s})
	}
	m := newModel(newTheme(NoColors), true)
	m.Update(tick{start, append([]any{Run{Legend: l}}, box.take()...)})
	for n, s := range all {
		if s.Tallies[0][min(n%60/20, 2)].Planned != uint64(100*(min(n%60/20, 2)+1)) {
			t.Fatalf("snapshot %d was changed: %+v", n, s.Tallies[0])
		}
	}
}

func TestLabelsOfRatesHaveRoomBesideTheirAxis(t *testing.T) {
	for x, want := range map[float64]string{0: "0/s", 0.5: "0.5/s", 40: "40/s", 150: "150/s", 1000: "1k/s", 2500: "2.5k/s", 20_000: "20k/s", 150_000: "150k/s", 2e6: "2M/s", 5e9: "5G/s"} {
		if got := shortRate(x); got != want || len(got) > labelWidth-2 {
			t.Errorf("%v is written as %q, want %q in %d columns", x, got, want, labelWidth-2)
		}
	}
}

func TestUsersWhoAreNeverLateDoNotHideArrivalsThatAre(t *testing.T) {
	l := shopLegend("product")
	l.Loads = append(l.Loads, engine.LoadLegend{Name: "users", Model: "closed", Stages: l.Loads[0].Stages})
	s := engine.NewSnapshot(l)
	s.To = time.Second
	late := engine.Sample{Start: 40 * time.Millisecond, End: 41 * time.Millisecond, Status: 200}
	s.Cell(engine.Key{}).Add(&late)
	users := len(l.Loads) - 1
	for range 1000 {
		s.Cell(engine.Key{Load: users}).Add(&engine.Sample{Load: users, End: time.Millisecond, Status: 200})
	}
	m := newModel(newTheme(NoColors), true)
	m.take(Run{Legend: l})
	m.take(observed{snapshot: s})
	m.run.sum()
	if got := m.run.times[0]; got[2] < 39*time.Millisecond || got[0] > 2*time.Millisecond {
		t.Errorf("p50 of latency, service and lag is %v, want 1ms, 1ms and 40ms", got)
	}
}

func TestAnAnswerThatFailsACheckIsToldByTheCheckUnlessItsStatusIsAnError(t *testing.T) {
	for status, want := range map[int][]failure{
		200: {{request: "product", what: "check status == 200", n: 3}},
		503: {{request: "product", what: "503 Service Unavailable", n: 3}, {request: "product", what: "check status == 200", check: true, n: 3}},
	} {
		l := shopLegend("product")
		s := engine.NewSnapshot(l)
		for range 3 {
			s.Cell(engine.Key{Outcome: engine.Failed}).Add(&engine.Sample{Outcome: engine.Failed, Status: status, ChecksFailed: 1, End: time.Millisecond})
		}
		m := newModel(newTheme(NoColors), true)
		m.take(Run{Legend: l})
		m.take(observed{snapshot: s})
		m.run.sum()
		if !slices.Equal(m.run.failed, want) {
			t.Errorf("with status %d: %v, want %v", status, m.run.failed, want)
		}
	}
}
