package budget

import (
	"fmt"
	"slices"

	"plimsoll/engine"
)

// label is what a request belongs to, such as tier:gold.
type label struct{ kind, value string }

// labelKinds are what requests can be labelled with.
func labelKinds() []string { return []string{"tier", "dependency", "owner"} }

// labelOf returns the value that the labels have for the kind.
func labelOf(l engine.Labels, kind string) string {
	switch kind {
	case "tier":
		return l.Tier
	case "dependency":
		return l.Dependency
	}
	return l.Owner
}

// labelled reports whether a request has one of the term's labels of each kind that the
// term names.
func (t *term) labelled(l engine.Labels) bool {
	for _, kind := range labelKinds() {
		wanted := t.labelsOf(kind)
		if len(wanted) > 0 && !slices.Contains(wanted, labelOf(l, kind)) {
			return false
		}
	}
	return true
}

func (t *term) labelsOf(kind string) (values []string) {
	for _, x := range t.labels {
		if x.kind == kind {
			values = append(values, x.value)
		}
	}
	return values
}

// checkLabels refuses labels that no request has.
func (t *term) checkLabels(l *engine.Legend) error {
	for _, x := range t.labels {
		var values []string
		for _, r := range l.Requests {
			if v := labelOf(r.Labels, x.kind); v != "" {
				values = include(values, v)
			}
		}
		switch {
		case len(values) == 0:
			return &BindError{Msg: fmt.Sprintf("no request says its %s", x.kind), Hint: fmt.Sprintf("write  %s: %s  beside a request", x.kind, x.value)}
		case !slices.Contains(values, x.value):
			return unknownName(x.kind, x.value, values)
		}
	}
	return nil
}
