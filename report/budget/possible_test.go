package budget

import (
	"testing"
	"time"

	"plimsoll/engine"
)

func TestABudgetThatNoRunCanHaveIsRefused(t *testing.T) {
	legend := &engine.Legend{
		Loads: []engine.LoadLegend{
			{Name: "a", Model: "open", Stages: []engine.StageLegend{{Name: "calm", To: 5 * time.Second}, {Name: "peak", From: 5 * time.Second, To: 8 * time.Second}}},
			{Name: "endless", Model: "closed"},
		},
		Requests: []engine.RequestLegend{{Name: "home"}},
	}
	tests := []struct{ name, expr, want string }{
		{"a window of one interval", "p99(load:a) < 1s over 1s", ""},
		{"a window of the whole load", "p99(load:a) < 1s over 8s", ""},
		{"a window of a whole stage", "p99(load:a)[peak] < 1s over 3s", ""},
		{"a load without an end", "p99(load:endless) < 1s over 1h after 1h", ""},
		{"what is left after a grace", "p99(load:a) < 1s over 3s after 5s", ""},
		{"a window below the interval", "p99 < 1s over 500ms", "a window of 500ms is shorter than the 1s that a run is seen in"},
		{"a window beyond the load", "p99(load:a) < 1s over 9s", "a window of 9s does not fit into the 8s that it is about"},
		{"a window beyond the stage", "p99(load:a)[peak] < 1s over 4s", "a window of 4s does not fit into the 3s that it is about"},
		{"a window beyond what the grace leaves", "p99(load:a) < 1s over 3s after 5001ms", "a window of 3s does not fit into the 2s that it is about"},
		{"a grace as long as the load", "p99(load:a) < 1s after 8s", "after 8s nothing is left: what it is about ends at 8s"},
		{"a grace that ends in the last interval", "p99(load:a) < 1s after 7100ms", "after 7.1s nothing is left: what it is about ends at 8s"},
		{"a grace as long as the stage", "p99(load:a)[calm] < 1s after 5s", "after 5s nothing is left: what it is about ends at 5s"},
		{"two stages at different times", "p99(load:a)[calm] < p99(load:a)[peak]", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Parse(tt.expr)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := b.Possible(legend, time.Second); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.expr, got, tt.want)
			}
		})
	}
}
