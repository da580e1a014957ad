package station

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecordsAreBounded(t *testing.T) {
	s := New("bounded", 1, free())
	for range MostDraws + 7 {
		if _, err := s.Serve(t.Context(), Job{}); err != nil {
			t.Fatal(err)
		}
	}
	got := truth(t, s)
	if len(got.Draws.Arrivals) != MostDraws || got.Draws.Unrecorded != 7 {
		t.Errorf("%d recorded, %d not", len(got.Draws.Arrivals), got.Draws.Unrecorded)
	}
}

func TestTruthsOfSeveralProcessesMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := New("db", 1, constant(1, Unbounded))
		parts := []*Station{New("db", 1, constant(1, 5)), New("db", 2, constant(2, 5)), New("db", 3, constant(1, 5))}
		var truths []Truth
		for i, s := range parts {
			for n := range 1 + 10*i {
				demand := time.Duration(n+1) * 300 * time.Microsecond
				s.Serve(t.Context(), Job{Demand: demand})
				all.Serve(t.Context(), Job{Demand: demand})
			}
			truths = append(truths, truth(t, s))
		}
		got, err := Merge(truths...)
		if err != nil {
			t.Fatal(err)
		}
		want := truth(t, all)
		if diff := cmp.Diff([]Distribution{want.Wait, want.Service, want.Sojourn}, []Distribution{got.Wait, got.Service, got.Sojourn}); diff != "" {
			t.Error(diff)
		}
		if got.Servers != 4 || got.Queue != 15 || got.Draws != nil || got.Law.Law != "constant" || got.Completions != 33 {
			t.Errorf("%+v %+v", got.Setting, got.Counts)
		}
		if got.Elapsed != truths[2].Elapsed || got.Utilisation <= 0 || got.Utilisation != got.Busy/got.Capacity {
			t.Errorf("%v s, %+v", got.Elapsed, got.Usage)
		}
		truths[0].Law.Law, truths[0].Mode, truths[0].Discipline, truths[0].Queue = "pareto", "spin", "lifo", Unbounded
		got, err = Merge(truths...)
		if err != nil || got.Law.Law != "mixed" || got.Mode != "mixed" || got.Discipline != "mixed" || got.Queue != Unbounded {
			t.Errorf("%+v: %v", got.Setting, err)
		}
		truths[1].Wait.HDR = "nonsense"
		if _, err := Merge(truths...); err == nil {
			t.Error("nonsense merged")
		}
		if none, err := Merge(); err != nil || none.Arrivals != 0 {
			t.Errorf("of nothing: %+v: %v", none, err)
		}
	})
}

func TestATruthSurvivesJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("json", 1, constant(1, Unbounded))
		s.Serve(t.Context(), Job{})
		want := truth(t, s)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Truth
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		var flat map[string]any
		if err := json.Unmarshal(text, &flat); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{
			"name", "law", "servers", "discipline", "arrivals", "completions", "rejected", "dropped", "busy_s",
			"elapsed_s", "utilisation", "queue_integral", "mean_queue", "in_service", "waiting", "service", "wait", "sojourn", "draws",
		} {
			if _, ok := flat[name]; !ok {
				t.Errorf("there is no %s in %s", name, text)
			}
		}
		if p50, err := got.Service.Quantile(0.5); err != nil || p50 < 10*ms || p50 > 10*ms+10*time.Microsecond {
			t.Errorf("the median service is %v: %v", p50, err)
		}
	})
}

func TestTimesBesideJobsAreCollected(t *testing.T) {
	var times Times
	times.Record(-ms)
	times.Record(3 * ms)
	times.Record(2 * time.Hour) // past what the histogram tells apart
	got, err := times.Distribution()
	if err != nil || got.Count != 3 || got.P50 < 3 || got.P50 > 3.01 || got.Max < 3.6e6*0.999 || got.Sum != 7200.003 {
		t.Errorf("%+v: %v", got, err)
	}
	times.Reset()
	if got, err := times.Distribution(); err != nil || got.Count != 0 || got.HDR != "" {
		t.Errorf("after a reset: %+v: %v", got, err)
	}
}
