package scenarios

import (
	_ "embed"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

//go:embed requirements.yaml
var requirements []byte

// Requirement is a sentence of the article that a service can be held to, and the bundled
// experiment that does.
type Requirement struct {
	ID          string   // such as DAT-2.1
	Section     string   // such as 5.2
	Title       string   // of the section
	Says        string   // the sentence
	Implemented bool     // the reference target has what it takes
	Experiments []string // names of the bundled experiments that show it, first the one that quotes it
}

// Coverage returns every requirement in the order of the article, with its experiments. The
// experiments' own files say what they show.
func Coverage() ([]Requirement, error) {
	var listed struct {
		Sections     map[string]string
		Requirements []struct {
			ID, Section, Says string
			Implemented       bool
		}
	}
	if err := yaml.Unmarshal(requirements, &listed); err != nil {
		return nil, fmt.Errorf("read the requirements: %w", err)
	}
	shown, err := shownBy()
	if err != nil {
		return nil, err
	}
	var all []Requirement
	for _, r := range listed.Requirements {
		q := Requirement{ID: r.ID, Section: r.Section, Title: listed.Sections[r.Section], Says: r.Says, Implemented: r.Implemented}
		for _, s := range shown[r.ID] {
			if s.Article.Says == r.Says {
				q.Experiments = append([]string{s.Name}, q.Experiments...)
			} else {
				q.Experiments = append(q.Experiments, s.Name)
			}
		}
		all = append(all, q)
		delete(shown, r.ID)
	}
	for id, by := range shown {
		return nil, fmt.Errorf("experiment %s shows %s, which is no requirement", by[0].Name, id)
	}
	return all, nil
}

// shownBy returns the experiments that show each requirement, first the one that quotes it.
func shownBy() (map[string][]*Scenario, error) {
	shown := map[string][]*Scenario{}
	names, err := Experiments()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		s, err := Open(name)
		if err != nil {
			return nil, err
		}
		if s.Article == nil {
			continue
		}
		for _, id := range s.Article.Requirements {
			shown[id] = append(shown[id], s)
		}
	}
	return shown, nil
}

// Experiments returns the names of the bundled experiments in the order of the article's
// sections.
func Experiments() ([]string, error) {
	var found []*Scenario
	for _, name := range List() {
		s, err := Open(name)
		if err != nil {
			return nil, err
		}
		if s.Experiment != nil {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b *Scenario) int { return compareSections(a.section(), b.section()) })
	var names []string
	for _, s := range found {
		names = append(names, s.Name)
	}
	return names, nil
}

func (s *Scenario) section() string {
	if s.Article == nil {
		return ""
	}
	return s.Article.Section
}

// compareSections orders sections as the article does: 2.1 before 10.1, and what is in no
// section first.
func compareSections(a, b string) int {
	var x, y [2]int
	fmt.Sscanf(a, "%d.%d", &x[0], &x[1]) //nolint:errcheck // what is no number counts as 0
	fmt.Sscanf(b, "%d.%d", &y[0], &y[1]) //nolint:errcheck // likewise
	return slices.Compare(x[:], y[:])
}
