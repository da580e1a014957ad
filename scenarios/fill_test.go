package scenarios_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plimsoll/scenarios"
)

func TestVariablesAreFilledInOutsideTheFlows(t *testing.T) {
	s, err := scenarios.Parse("demo", []byte(`
scenario: demo
target: http://127.0.0.1:1
vars: {host: "127.0.0.1:2", who: "a b&c", quoted: 'say "x"'}
flows: [{get: /}]
load: {rate: 1/s, for: 2s}
events:
  - {at: 1s, post: "http://{{ host }}/{{ who }}?q={{ who }}", headers: {X-Who: "{{ who }}"}, json: {and: "<&>", say: "{{ quoted }}", n: 12345678901234567}}
  - {at: 1s, put: "http://{{ host }}/", body: "{{ quoted }}"}
  - {at: 1s, run: [sh, "{{ who }}", '{{ "{{" }} .Name }}']}
figures:
  n: {get: "http://{{ host }}/?q={{ who }}", headers: {X-Who: "{{ who }}"}, json: $.n}
`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(scenarios.Options{Do: []scenarios.Action{{Run: []string{"{{ who }}"}}}, Vars: map[string]string{"host": "127.0.0.1:3"}})
	if err != nil {
		t.Fatal(err)
	}
	var actions []scenarios.Action
	for _, e := range p.Events {
		actions = append(actions, e.Action)
	}
	header := []scenarios.Header{{Name: "X-Who", Value: "a b&c"}}
	want := []scenarios.Action{
		{Method: "POST", URL: "http://127.0.0.1:3/a%20b%26c?q=a%20b%26c", Header: header, Body: []byte(`{"and":"<&>","n":12345678901234567,"say":"say \"x\""}`), JSON: true},
		{Method: "PUT", URL: "http://127.0.0.1:3/", Body: []byte(`say "x"`)},
		{Run: []string{"sh", "a b&c", "{{ .Name }}"}},
	}
	without := cmpopts.IgnoreFields(scenarios.Action{}, "Spots")
	if diff := cmp.Diff(want, actions, without, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]scenarios.Action{{Run: []string{"a b&c"}}}, p.Do, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if f := p.Figures[0]; f.Get != "http://127.0.0.1:3/?q=a%20b%26c" || !cmp.Equal(f.Header, header) {
		t.Errorf("the figure is %+v", f)
	}
}

func TestEachRoundHasASeedOfItsOwn(t *testing.T) {
	s, err := scenarios.Parse("demo", []byte("scenario: demo\ntarget: http://h\nflows: [{get: /}]\nload: {arrivals: poisson, rate: 100/s, for: 2s, seed: 7}\nseed: 5\n"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	arrivals := map[int64]bool{}
	for round := range 5 {
		var seeds []uint64
		for range 2 {
			p, err := s.Plan(scenarios.Options{Round: round})
			if err != nil {
				t.Fatal(err)
			}
			seeds = append(seeds, p.Seed)
			for due := range p.Loads[0].Open.Schedule {
				arrivals[int64(due)] = true
				break
			}
		}
		if seeds[0] != seeds[1] || seeds[0] >= 1<<53 || round <= 1 && seeds[0] != 5 || round > 1 && seen[seeds[0]] {
			t.Errorf("round %d has the seeds %d", round, seeds)
		}
		seen[seeds[0]] = true
	}
	if len(arrivals) != 4 { // no round is as the first
		t.Errorf("%d first arrivals in 5 rounds, the first two of them the same", len(arrivals))
	}
}
