package scenarios_test

import (
	"slices"
	"testing"

	"plimsoll/scenarios"
)

func TestEveryImplementedRequirementHasAnExperiment(t *testing.T) {
	all, err := scenarios.Coverage()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 128 {
		t.Errorf("%d requirements, want 10 sections of 12 and 8 questions", len(all))
	}
	for _, r := range all {
		if r.Implemented && len(r.Experiments) == 0 {
			t.Errorf("%s is implemented, and no experiment shows it: %s", r.ID, r.Says)
		}
		if !r.Implemented && len(r.Experiments) > 0 {
			t.Errorf("experiment %s shows %s, which is not marked as implemented", r.Experiments[0], r.ID)
		}
	}
}

func TestEveryExperimentQuotesASentenceOfItsSection(t *testing.T) {
	requirements, err := scenarios.Coverage()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range experiments(t) {
		s, err := scenarios.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Article == nil || s.Article.Theory == "" || len(s.Article.Requirements) == 0 {
			t.Errorf("%s says not what it puts to the test, or what theory expects", name)
			continue
		}
		quoted := slices.ContainsFunc(requirements, func(r scenarios.Requirement) bool {
			return r.Section == s.Article.Section && r.Says == s.Article.Says && slices.Contains(s.Article.Requirements, r.ID)
		})
		if !quoted {
			t.Errorf("%s: section %s has no requirement of %v that says %q", name, s.Article.Section, s.Article.Requirements, s.Article.Says)
		}
	}
}

func TestEveryExperimentHasAQuickForm(t *testing.T) {
	for _, name := range experiments(t) {
		s, err := scenarios.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		quick, err := s.Quick()
		if err != nil {
			t.Error(err)
			continue
		}
		if q, full := quick.LoadTime(), s.LoadTime(); q > 8 || q >= full {
			t.Errorf("%s makes load for %.1f s in its quick form and for %.1f s otherwise, want at most 8 s and less", name, q, full)
		}
	}
}

func experiments(t *testing.T) []string {
	t.Helper()
	names, err := scenarios.Experiments()
	if err != nil {
		t.Fatal(err)
	}
	return names
}
