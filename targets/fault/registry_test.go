package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/targets/knob"
)

func targets() []string {
	return []string{"svc:search", "route:GET /v1/search", "dep:db", "dep:pricing", "store:redis", "worker:1", "worker:2", "listener", "*"}
}

// events keeps what a registry says of its faults.
type events struct {
	mu  sync.Mutex
	log []string
}

func (e *events) note(f Fault, active bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = append(e.log, fmt.Sprintf("%s %s %v", f.ID, f.Kind, active))
}

func open(t *testing.T, o Options) *Registry {
	t.Helper()
	r := New(o)
	t.Cleanup(r.Close)
	return r
}

func add(t *testing.T, r *Registry, f Fault) Fault {
	t.Helper()
	if f.For == 0 {
		f.For = time.Minute
	}
	f, err := r.Add(f)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryFaultEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e events
		r := open(t, Options{Targets: targets, OnChange: e.note})
		f := add(t, r, Fault{Target: "dep:db", Kind: "error", Value: "503", For: 2 * time.Second})
		add(t, r, Fault{ID: "mine", Target: "svc:search", Kind: "stall", For: time.Second})
		add(t, r, Fault{Target: "*", Kind: "abort", For: 3 * time.Second})
		want := Fault{ID: "f1", Target: "dep:db", Kind: "error", Value: "503", For: 2 * time.Second, Began: time.Now()}
		if diff := cmp.Diff(want, f); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if list := r.List(); len(list) != 3 || !list[0].Ends.Equal(time.Now().Add(2*time.Second)) || list[1].Fault.ID != "mine" {
			t.Errorf("list %+v", list)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if list := r.List(); len(list) != 1 || list[0].Fault.ID != "f2" || r.active.Load() == nil {
			t.Errorf("list %+v", list)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(r.List()) != 0 || r.active.Load() != nil {
			t.Errorf("list %+v", r.List())
		}
		want2 := []string{"f1 error true", "mine stall true", "f2 abort true", "mine stall false", "f1 error false", "f2 abort false"}
		if diff := cmp.Diff(want2, e.log); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestAFaultCanBeRemovedBeforeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e events
		r := open(t, Options{OnChange: e.note})
		for range 3 {
			add(t, r, Fault{Target: "dep:db", Kind: "reset"})
		}
		if !r.Remove("f2") || r.Remove("f2") || r.Remove("f9") || r.Clear() != 2 || r.Clear() != 0 {
			t.Errorf("left %+v", r.List())
		}
		time.Sleep(time.Hour)
		if len(e.log) != 6 {
			t.Errorf("got %v", e.log)
		}
		r.Close()
		if _, err := r.Add(Fault{Target: "dep:db", Kind: "reset", For: 1}); err == nil {
			t.Error("added after the end")
		}
	})
}

func TestAMistakeNamesItsField(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault Fault
		want  string
	}{
		{"no target", Fault{Kind: "error"}, "target: \"\" is no target\n  hint: like svc:search, route:GET /v1/products/{id}, dep:db, store:redis, worker:2, listener or *"},
		{"a target of no group", Fault{Target: "pop:eu1", Kind: "error"}, "target: \"pop:eu1\" is no target\n  hint: like svc:search, route:GET /v1/products/{id}, dep:db, store:redis, worker:2, listener or *"},
		{"an unknown target", Fault{Target: "dep:princing", Kind: "error"}, "target: there is no \"dep:princing\"\n  hint: did you mean \"dep:pricing\"?"},
		{"an unknown kind", Fault{Target: "dep:db", Kind: "latencie"}, "kind: unknown kind \"latencie\"\n  hint: did you mean \"latency\"?"},
		{"no kind", Fault{Target: "dep:db"}, "kind: unknown kind \"\"\n  hint: this target takes latency, error, reset, blackhole, stall, pool_exhausted, conn_refuse"},
		{"a kind that does not fit", Fault{Target: "dep:db", Kind: "truncate", Value: "1B"}, "kind: truncate does not fit the target \"dep:db\"\n  hint: it fits svc, route, worker, *"},
		{"a kind that nothing makes real", Fault{Target: "worker:2", Kind: "crash"}, "kind: nothing in this process makes crash real"},
		{"no value", Fault{Target: "dep:db", Kind: "latency"}, "value: is missing\n  hint: 500ms; evenly between two, 300ms..700ms; or exponential with a mean, exp:500ms"},
		{"a value that is none", Fault{Target: "dep:db", Kind: "stall", Value: "1s"}, "value: this kind has no value\n  hint: leave it out"},
		{"a time without a unit", Fault{Target: "dep:db", Kind: "latency", Value: "500"}, "value: \"500\" has no unit\n  hint: write 500s or 500ms"},
		{"a time that is none", Fault{Target: "dep:db", Kind: "latency", Value: "exp:soon"}, "value: \"soon\" is not a duration\n  hint: like 250ms, 5s or 1m30s"},
		{"a time below zero", Fault{Target: "dep:db", Kind: "latency", Value: "-1s"}, "value: \"-1s\" is out of range\n  hint: from 0s to 1h0m0s"},
		{"a range that runs backwards", Fault{Target: "dep:db", Kind: "latency", Value: "2s..1s"}, "value: \"2s..1s\" runs backwards\n  hint: the shorter time comes first"},
		{"a status that is none", Fault{Target: "dep:db", Kind: "error", Value: "503.5"}, "value: \"503.5\" is out of range\n  hint: a whole number from 400 to 599"},
		{"a status of success", Fault{Target: "dep:db", Kind: "error", Value: "200"}, "value: \"200\" is out of range\n  hint: a whole number from 400 to 599"},
		{"a speed without a time", Fault{Target: "*", Kind: "slow_body", Value: "10kB"}, "value: \"10kB\" has no unit\n  hint: write it like 10kB/s"},
		{"a speed without a unit", Fault{Target: "*", Kind: "slow_body", Value: "10/s"}, "value: \"10\" has no unit, like 64MiB or 10kB"},
		{"no speed", Fault{Target: "*", Kind: "slow_body", Value: "0B/s"}, "value: \"0B\" is too little"},
		{"no distance", Fault{Target: "*", Kind: "corrupt", Value: "0B"}, "value: \"0B\" is too little\n  hint: at least 1B"},
		{"too much memory", Fault{Target: "*", Kind: "alloc", Value: "2GiB"}, "value: \"2GiB\" is too much\n  hint: at most 268435456 bytes"},
		{"too many cores", Fault{Target: "*", Kind: "cpu", Value: "3"}, "value: \"3\" is too much\n  hint: at most 2"},
		{"no cores", Fault{Target: "*", Kind: "cpu", Value: "0"}, "value: \"0\" is out of range\n  hint: more than 0, up to 1024"},
		{"too often", Fault{Target: "*", Kind: "gc_storm", Value: "2k/s"}, "value: \"2k/s\" is out of range\n  hint: more than 0, up to 1000/s"},
		{"too many connections", Fault{Target: "listener", Kind: "conn_limit", Value: "1e7"}, "value: \"1e7\" is out of range\n  hint: a whole number from 0 to 1000000"},
		{"no length", Fault{Target: "dep:db", Kind: "stall"}, "for: is missing\n  hint: how long the fault lasts, like 30s; at most 10m0s"},
		{"too long", Fault{Target: "dep:db", Kind: "stall", For: time.Hour}, "for: 1h0m0s is too long\n  hint: at most 10m0s"},
		{"a ramp longer than the fault", Fault{Target: "dep:db", Kind: "stall", For: time.Second, Ramp: time.Minute}, "ramp: 1m0s is out of range\n  hint: from 0s to the length of the fault, 1s"},
		{"over already", Fault{Target: "dep:db", Kind: "stall", For: time.Second, Began: time.Now().Add(-time.Minute)}, "began: the fault is over already"},
		{"still to come", Fault{Target: "dep:db", Kind: "stall", For: time.Second, Began: time.Now().Add(time.Minute)}, "began: is still to come\n  hint: leave it out: a fault begins when it is added"},
		{"an id that is none", Fault{ID: "a/b", Target: "dep:db", Kind: "stall", For: time.Second}, "id: \"a/b\" is no id\n  hint: up to 64 letters, digits, _, . and -"},
		{"an id that is taken", Fault{ID: "taken", Target: "dep:db", Kind: "stall", For: time.Second}, "id: \"taken\" is under way already"},
		{"a percentage", Fault{Target: "dep:db", Kind: "stall", Match: Match{Percent: 101}}, "match.percent: 101 is out of range\n  hint: more than 0, up to 100"},
		{"a call by method", Fault{Target: "dep:db", Kind: "stall", Match: Match{Method: "GET"}}, "match: calls have neither a method nor headers\n  hint: match by client or percent"},
		{"a process by percentage", Fault{Target: "*", Kind: "cpu", Value: "1", Match: Match{Percent: 1}}, "match: cpu is about a process, where nothing can be matched\n  hint: leave it out"},
		{"a connection by client", Fault{Target: "listener", Kind: "conn_refuse", Match: Match{Client: "a"}}, "match: of a connection that comes in nothing is known yet\n  hint: match by percent only"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t, Options{Targets: targets, Limits: Limits{Cores: 2}})
			add(t, r, Fault{ID: "taken", Target: "dep:db", Kind: "stall"})
			_, err := r.Add(test.fault)
			if _, ok := errors.AsType[knob.Problem](err); !ok || err.Error() != test.want {
				t.Errorf("got %T\n%v\nwant\n%s", err, err, test.want)
			}
			if len(r.List()) != 1 {
				t.Error("it is under way")
			}
		})
	}
}

func TestAFaultIsCheckedBeforeThereIsAProcess(t *testing.T) {
	for name, test := range map[string]struct {
		fault Fault
		field string // that is wrong; "": none
	}{
		"a good one":                     {Fault{Target: "dep:db", Kind: "error", Value: "503", For: time.Second}, ""},
		"one that only a process can do": {Fault{Target: "worker:1", Kind: "crash", For: time.Second}, ""},
		"a route, which none is known":   {Fault{Target: "route:GET /nowhere", Kind: "abort", For: time.Second}, ""},
		"a target that there is not":     {Fault{Target: "worker:9", Kind: "crash", For: time.Second}, "target"},
		"a kind that there is not":       {Fault{Target: "dep:db", Kind: "eror", For: time.Second}, "kind"},
		"no end":                         {Fault{Target: "dep:db", Kind: "error", Value: "503"}, "for"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := errors.AsType[knob.Problem](Check(test.fault, targets()))
			if p.Path != test.field {
				t.Errorf("the field %q is wrong, want %q: %v", p.Path, test.field, p)
			}
		})
	}
}

func TestSoManyFaultsAndNoMore(t *testing.T) {
	r := open(t, Options{})
	for range 64 {
		add(t, r, Fault{Target: "dep:db", Kind: "stall"})
	}
	if _, err := r.Add(Fault{Target: "dep:db", Kind: "stall", For: 1}); err == nil || !strings.HasPrefix(err.Error(), "64 faults are under way already") {
		t.Errorf("got %v", err)
	}
}

func TestAFaultTravelsAsJSON(t *testing.T) {
	const text = `{"id":"a","target":"svc:search","kind":"error","match":{"method":"GET","header":{"X-A":"b"},"client":"c","percent":2.5},"value":"503","for":"1m30s","ramp":"10s","seed":7,"began":"2030-01-02T03:04:05Z"}`
	want := Fault{
		ID: "a", Target: "svc:search", Kind: "error", Value: "503", For: 90 * time.Second, Ramp: 10 * time.Second, Seed: 7,
		Match: Match{Method: "GET", Header: map[string]string{"X-A": "b"}, Client: "c", Percent: 2.5},
		Began: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	var got Fault
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if back, err := json.Marshal(got); err != nil || string(back) != text {
		t.Errorf("got %s, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"target":"dep:db","kind":"error","value":503,"for":"1s"}`), &got); err != nil || got.Value != "503" {
		t.Errorf("got %+v, %v", got, err)
	}
	if back, err := json.Marshal(got); err != nil || string(back) != `{"target":"dep:db","kind":"error","value":"503","for":"1s"}` {
		t.Errorf("got %s, %v", back, err)
	}
	for text, want := range map[string]string{
		`{"knd":"error"}`:                  "knd: no such field\n  hint: did you mean \"kind\"?",
		`{"match":{"percnt":1}}`:           "match.percnt: no such field\n  hint: did you mean \"percent\"?",
		`{"for":30}`:                       "for: \"30\" has no unit\n  hint: write 30s or 30ms",
		`{"ramp":"soon"}`:                  "ramp: \"soon\" is not a duration\n  hint: like 250ms, 5s or 1m30s",
		`{"kind":7}`:                       "is no fault: json: cannot unmarshal number into Go struct field message.kind of type string",
		`[]`:                               "must be an object: json: cannot unmarshal array into Go value of type map[string]json.RawMessage",
		`{"value":true}`:                   "is no fault: json: cannot unmarshal bool into Go struct field message.value of type string",
		`{"match":{"header":{"a":["b"]}}}`: "",
	} {
		err := json.Unmarshal([]byte(text), &got)
		if _, ok := errors.AsType[knob.Problem](err); !ok || want != "" && err.Error() != want {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestEveryKindFitsItsTargetsOnly(t *testing.T) {
	run := map[string]Runner{}
	for _, k := range Kinds() {
		run[k.Name] = func(ctx context.Context, _ Fault) { <-ctx.Done() }
	}
	values := map[shape]string{duration: "1s", law: "1ms..2ms", status: "503", speed: "10kB/s", size: "10B", cores: "0.5", rate: "1/s", count: "3"}
	for _, k := range Kinds() {
		for _, target := range targets() {
			r := open(t, Options{Targets: targets, Run: run})
			f := Fault{Target: target, Kind: k.Name, Value: values[k.shape], For: time.Second}
			if _, err := r.Add(f); (err == nil) != slices.Contains(k.Targets, groupOf(target)) {
				t.Errorf("%s on %s: %v", k.Name, target, err)
			}
			r.Close()
		}
		if (k.Value == "") != (k.shape == none) || k.About == "" {
			t.Errorf("%s is not described", k.Name)
		}
	}
}

func TestAPercentageIsMetEvenly(t *testing.T) {
	for _, percent := range []float64{0.1, 1, 5, 25, 50, 66.6, 99} {
		for seed := range uint64(20) {
			met, longest, gap := 0, 0, 0
			for n := range uint64(10_000) {
				gap++
				if chosen(percent/100, seed, n) {
					met++
					longest, gap = max(longest, gap), 0
				}
			}
			if off := float64(met) - percent*100; off < -5 || off > 5 {
				t.Errorf("%v%%, seed %d: met %d of 10000", percent, seed, met)
			}
			if float64(longest) > 3*100/percent {
				t.Errorf("%v%%, seed %d: %d in a row were not met", percent, seed, longest)
			}
		}
	}
}

func TestLawsDrawWhatTheySay(t *testing.T) {
	for _, test := range []struct {
		text              string
		mean, least, most time.Duration
	}{
		{"500ms", 500 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond},
		{"300ms..700ms", 500 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond},
		{"exp:500ms", 500 * time.Millisecond, 0, time.Hour},
	} {
		v, err := parse(law, test.text)
		if err != nil {
			t.Fatal(err)
		}
		const draws = 100_000
		var sum, squares float64
		for n := range uint64(draws) {
			d := v.draw(42, n)
			if d < test.least || d > test.most {
				t.Fatalf("%s drew %v", test.text, d)
			}
			sum += d.Seconds()
			squares += d.Seconds() * d.Seconds()
		}
		mean := sum / draws
		if off := mean/test.mean.Seconds() - 1; off < -0.01 || off > 0.01 {
			t.Errorf("%s has the mean %v", test.text, mean)
		}
		// The variance of an exponential law is its mean squared, of an even one the square of its width by 12.
		variance, want := squares/draws-mean*mean, 0.4*0.4/12
		switch test.text {
		case "500ms":
			want = 0
		case "exp:500ms":
			want = 0.25
		}
		if off := variance - want; off < -0.02*want-1e-9 || off > 0.02*want+1e-9 {
			t.Errorf("%s has the variance %v, want %v", test.text, variance, want)
		}
	}
}

func TestFaultsComeAndGoUnderLoad(t *testing.T) {
	r := open(t, Options{})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				err := r.Before(t.Context(), "dep:db")
				if injected, ok := errors.AsType[*Injected](err); err != nil && (!ok || injected.Status != 503) {
					t.Errorf("got %v", err)
				}
				r.List()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 300 {
		f := add(t, r, Fault{Target: "dep:db", Kind: "error", Value: "503", For: time.Duration(i%3+1) * time.Millisecond})
		if i%3 == 0 {
			r.Remove(f.ID)
		}
		if len(r.List()) > 50 {
			r.Clear()
		}
	}
	close(stop)
	wg.Wait()
	r.Close()
	if len(r.List()) != 0 || r.active.Load() != nil {
		t.Errorf("left %+v", r.List())
	}
}
