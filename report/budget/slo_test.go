package budget

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestValuesOfAnSLO(t *testing.T) {
	gate := func(s string) (any, error) { g, err := ParseGate(s); return g.String(), err }
	period := func(s string) (any, error) { d, err := ParsePeriod(s); return Period(d), err }
	share := func(s string) (any, error) { x, err := ParseShare(s); return x, err }
	scale := func(s string) (any, error) { x, err := ParseScale(s); return x, err }
	price := func(s string) (any, error) {
		p, err := ParsePrice(s)
		if err != nil {
			return nil, err
		}
		return fmt.Sprintf("%.6g a minute: %s", p.PerMinute, p.Money("7")), nil
	}
	tests := []struct {
		parse func(string) (any, error)
		text  string
		want  string // or the mistake
	}{
		{gate, "14.4/1h+5m", "14.4/1h+5m"},
		{gate, " 6x/6h  abort ", "6/6h+30m abort"},
		{gate, "1/3d+6h warn", "1/3d+6h warn"},
		{gate, "2/run", "2/run"},
		{gate, "", "0: the gate is empty"},
		{gate, "14.4", "0: gate \"14.4\" has no window"},
		{gate, "fast/1h", "0: \"fast\" is not a burn"},
		{gate, "0/1h", "0: \"0\" is not a burn"},
		{gate, "NaN/1h", "0: \"NaN\" is not a burn"},
		{gate, "1/1h+2h", "2: the first window is the long one"},
		{gate, "1/1h+5", "5: window \"5\" has no unit"},
		{gate, "1/1h+5m now", "8: unknown word \"now\""},
		{gate, "1/1h+5m warn abort", "13: \"abort\" is one word too many"},
		{gate, "1/run abort", "6: a whole run is judged at its end, and cannot be stopped then"},
		{period, "30d", "30d"},
		{period, "4w", "28d"},
		{period, "1d12h", "1d12h"},
		{period, "1.5h", "1h30m"},
		{period, "300ms", "300ms"},
		{period, "0s", "0: 0s is not from 1ms to a year long"},
		{period, "2000d", "0: 2000d is not from 1ms to a year long"},
		{period, "d", "0: \"d\" is not a length of time"},
		{period, "5 apples", "0: \"5 apples\" is not a length of time"},
		{share, "99.9%", "0.999"},
		{share, "90 %", "0.9"},
		{share, "0.999", "0: objective \"0.999\" has no unit"},
		{share, "100%", "0: objective \"100%\" is not between 0% and 99.9999999%"},
		{share, "NaN%", "0: objective \"NaN%\" is not between 0% and 99.9999999%"},
		{scale, "1s = 5m", "300"},
		{scale, "2s=1h", "1800"},
		{scale, "5m", "0: \"5m\" is not a scale"},
		{scale, "1h = 1s", "0: the run would be slower than production"},
		{scale, "1s = 5", "4: window \" 5\" has no unit"},
		{price, "$500/min", "500 a minute: $7"},
		{price, "30k EUR/h", "500 a minute: 7 EUR"},
		{price, "2.50€/s", "150 a minute: €7"},
		{price, "EUR 1M / d", "694.444 a minute: 7 EUR"},
		{price, "500/min", "0: price \"500/min\" has no currency"},
		{price, "$500", "0: \"$500\" is not a price per minute"},
		{price, "$/min", "0: \"$/min\" has no number"},
		{price, "$0/min", "0: \"$0\" is not a price"},
		{price, "$5 EUR/min", "0: \"$ EUR\" is not a currency"},
		{price, "\u202e5/min", "0: \"\\u202e\" is not a currency"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			v, err := tt.parse(tt.text)
			got := fmt.Sprint(v)
			if bad, ok := errors.AsType[*SyntaxError](err); ok {
				got = fmt.Sprintf("%d: %s", bad.Offset, bad.Msg)
			} else if err != nil {
				t.Fatalf("%T is no syntax error", err)
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestGatesThatCannotDoTheirWork(t *testing.T) {
	tests := []struct {
		name, gates string
		objective   float64
		scale       float64
		strict      bool
		want        string
	}{
		{"windows that fit", "14.4/10s+1s, 1/run", 0.99, 1, true, ""},
		{
			"a burn that nothing reaches", "14.4/10s+1s", 0.9, 1, true,
			"gate 14.4/10s+1s can never fire: when every request fails, 90% burns at 10",
		},
		{
			"a burn that only a run of nothing but errors reaches", "10/run", 0.9, 1, true,
			"gate 10/run can never fire: when every request fails, 90% burns at 10",
		},
		{
			"a window that is shorter than what can be seen", "14.4/1h+5m", 0.99, 3600, true,
			"gate 14.4/1h+5m: 5m are 83ms of the run, which is seen in steps of 1s",
		},
		{
			"a window that is longer than the run", "6/6h+30m", 0.99, 300, true,
			"gate 6/6h+30m cannot be kept: 6h are 1m12s of the run, which has 30s",
		},
		{"such a window that only warns", "6/6h+30m warn", 0.99, 300, true, ""},
		{"such a window that nobody asked for", "6/6h+30m", 0.99, 300, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := shopSLO(t, tt.objective, strings.Split(tt.gates, ", ")...)
			s.Scale = tt.scale
			got := ""
			if err := s.Possible(legend(), time.Second, tt.strict); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if guard := s.Gates[0].Guard; guard != (!tt.strict) {
				t.Errorf("guard is %v", guard)
			}
		})
	}
}

func TestAnSLOReadsAsASentence(t *testing.T) {
	s := SLO{Name: "x", Objective: 0.9995, Requests: []string{"order", "pay"}, Within: 300 * ms, Window: 28 * 24 * time.Hour, Scale: 300}
	if got, want := s.String(), "99.95% of order, pay good within 300ms, in 28d; 1s of the run is 5m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.Requests = []string{"ordr"}
	if bad, ok := errors.AsType[*BindError](s.Bind(legend())); !ok || bad.Hint != `did you mean "order"?` {
		t.Errorf("got %+v", bad)
	}
	if _, err := NewWatch(legend(), nil, &s); err == nil {
		t.Error("a watch over a request that is not there")
	}
}

func FuzzParseGate(f *testing.F) {
	for _, text := range []string{"14.4/1h+5m abort", "1/run", "6/6h warn", "1e6/1w+1ns", "1/-5m"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGate(text)
		if err != nil {
			if bad, ok := errors.AsType[*SyntaxError](err); !ok || bad.Offset < 0 || bad.Offset > len(text) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if g.Long < g.Short || g.Burn <= 0 || g.Long > 0 && g.Short <= 0 {
			t.Fatalf("%q is %+v", text, g)
		}
		if again, err := ParseGate(g.String()); err != nil || again != g {
			t.Errorf("%q is %+v, and %q is %+v: %v", text, g, g, again, err)
		}
	})
}

func FuzzParsePrice(f *testing.F) {
	for _, text := range []string{"$500/min", "30k EUR/h", "2.50€/s", "1..2 x/d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePrice(text)
		if err != nil {
			return
		}
		if again, err := ParsePrice(p.String()); err != nil || *again != *p || !(p.PerMinute > 0) {
			t.Errorf("%q is %+v, then %+v: %v", text, p, again, err)
		}
	})
}
