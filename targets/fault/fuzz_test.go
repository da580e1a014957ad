package fault

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/targets/knob"
)

func FuzzFault(f *testing.F) {
	for _, text := range []string{
		`{"target":"dep:db","kind":"latency","value":"300ms..700ms","for":"30s","ramp":"1s"}`,
		`{"target":"svc:a","kind":"error","value":503,"match":{"percent":5,"header":{"A":"b"}},"for":"1m","seed":18446744073709551615}`,
		`{"target":"*","kind":"slow_body","value":"1e3kB/s","for":"1s"}`, `{"target":"listener","kind":"conn_limit","value":"0","for":"1s"}`,
		`{"target":"*","kind":"gc_storm","value":"1/1h","for":"1s"}`, `{"target":"worker:1","kind":"crash","for":"1s"}`,
		`{"target":"dep:db","kind":"latency","value":"exp:1ms","for":"2562047h"}`, `{"target":"*","kind":"corrupt","value":"0.5B","for":"1s"}`,
		`{"target":"*","kind":"abort","match":{"header":{}},"for":"1s"}`, `{}`, `null`, `[]`, `{"match":null,"for":null}`, `{"began":"0001-01-01T00:00:00Z"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var fault, again Fault
		if err := json.Unmarshal([]byte(text), &fault); err != nil {
			return
		}
		back, err := json.Marshal(fault)
		if err != nil {
			if fault.Began.Year() > 9999 || fault.Began.Year() < 0 {
				return
			}
			t.Fatal(err)
		}
		r := New(Options{Self: "master"})
		defer r.Close()
		added, err := r.Add(fault)
		if p, ok := errors.AsType[knob.Problem](err); err != nil && (!ok || p.Msg == "") {
			t.Fatalf("got %#v", err)
		}
		if err != nil {
			return
		}
		if added.For <= 0 || added.Ends().Before(added.Began) {
			t.Errorf("began %+v", added)
		}
		if err := json.Unmarshal(back, &again); err != nil || !cmp.Equal(fault, again) {
			t.Errorf("%s became %+v, %v", back, again, err)
		}
		for _, l := range r.faults {
			for n := range uint64(3) {
				if d := l.value.draw(fault.Seed, n); d < 0 || d > maxWait {
					t.Errorf("drew %v", d)
				}
			}
		}
	})
}
