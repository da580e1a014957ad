package budget

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

// labels is a legend whose requests say where they belong.
func labels() *engine.Legend {
	l := legend()
	l.Requests[product.Request].Labels = engine.Labels{Tier: "critical", Dependency: "catalog", Owner: "shop"}
	l.Requests[order.Request].Labels = engine.Labels{Tier: "critical", Dependency: "pricing"}
	return l
}

func TestBudgetsOfLabels(t *testing.T) {
	events := all(steady(0, 30, 100, 10*ms, product), steady(0, 30, 10, 50*ms, order))
	tests := []struct{ name, budget, want string }{
		{"a tier is all its requests", "max(tier:critical) < 20ms", "broken 50/20 ms margin -1.5 n=3300 at 1s"},
		{"a dependency", "max(dependency:catalog) < 20ms", "kept 10/20 ms margin 0.5 n=3000"},
		{"kinds narrow each other", "max(tier:critical, dependency:pricing) < 60ms", "kept 50/60 ms margin 0.16667 n=300"},
		{"values of a kind are alternatives", "count(dependency:pricing, dependency:catalog) > 0", "kept 3300/0 count margin - n=3300"},
		{"beside a name", "max(product, owner:shop) < 20ms", "kept 10/20 ms margin 0.5 n=3000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := watch(t, labels(), test.budget)
			for _, s := range run(labels(), 30, events...) {
				w.Observe(s)
			}
			if diff := cmp.Diff(test.want, brief(w.Results()[0])); diff != "" {
				t.Error(diff)
			}
			if b := w.Results()[0].Expr; b != test.budget {
				t.Errorf("written as %s", b)
			}
		})
	}
}

func TestLabelsThatNoRequestHas(t *testing.T) {
	for text, want := range map[string]BindError{
		"max(tier:gold) < 1s":        {Msg: `no tier is named "gold"`, Hint: "they are critical"},
		"max(dependency:price) < 1s": {Msg: `no dependency is named "price"`, Hint: "did you mean pricing?"},
	} {
		b, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := errors.AsType[*BindError](b.Bind(labels()))
		if !ok || got.Msg != want.Msg {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
	b, err := Parse("max(owner:shop) < 1s")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Bind(legend()); err == nil || err.Error() != "no request says its owner" {
		t.Errorf("without any: %v", err)
	}
}
