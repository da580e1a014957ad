package scenarios_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"plimsoll/scenarios"
)

func FuzzParse(f *testing.F) {
	for _, name := range scenarios.List() {
		text, err := scenarios.Bundled(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	everything, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(everything))
	archives, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archives {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, member := range a.Files {
			if member.Name == "scenario.yaml" {
				f.Add(string(member.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scenarios.Parse("fuzz.yaml", []byte(text))
		if err == nil {
			s.Explain()
			return
		}
		problems, ok := errors.AsType[scenarios.Problems](err)
		if !ok || len(problems) == 0 {
			t.Fatalf("got %#v, want problems", err)
		}
		lines := 1
		for _, br := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
			lines += strings.Count(text, br)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines+1 || p.Col < 1 || p.Msg == "" || p.File == "" {
				t.Errorf("in %d lines: %#v", lines, p)
			}
		}
	})
}

func FuzzSettings(f *testing.F) {
	f.Add("load[0].rate=5/s")
	f.Add("load.l.stages={for: 1s}")
	f.Add("a.b.c=*x")
	f.Add("flows[0].get=&a [*a]")
	f.Fuzz(func(t *testing.T, setting string) {
		_, err := scenarios.Parse("fuzz.yaml", []byte(small), setting)
		if _, ok := errors.AsType[scenarios.Problems](err); err != nil && !ok {
			t.Errorf("got %#v, want problems", err)
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"500/s", "1.5k/s", "100/1m", "10/ms", "1s..2s", "5..10", "64kB", "1e9/ns", "-0/s", "..", "1h1m..2h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if from, to, err := scenarios.ParseRateRange(s); err == nil && !(from >= 0 && to >= 0 && from <= 1e9 && to <= 1e9) {
			t.Errorf("rates %v, %v", from, to)
		}
		if from, to, err := scenarios.ParseDurationRange(s); err == nil && (from < 0 || to < from) {
			t.Errorf("durations %v, %v", from, to)
		}
		if from, to, err := scenarios.ParseUsers(s); err == nil && (from < 0 || to < 0) {
			t.Errorf("users %v, %v", from, to)
		}
		if n, err := scenarios.ParseSize(s); err == nil && n < 0 {
			t.Errorf("size %v", n)
		}
	})
}
