package report

import (
	"testing"

	"plimsoll/report/budget"
)

func TestWhatOthersWroteIsHarmlessToShow(t *testing.T) {
	for text, want := range map[string]string{
		"plain, ümlaut 👩‍🚀": "plain, ümlaut 👩‍🚀", "a\nb\tc": "a b c", "\x1b[31mred": "\uFFFD[31mred", "\u202eevil\u2066": "\uFFFDevil\uFFFD", "\xff": "\uFFFD", "": "",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestBudgetsThatOnlyWarnAreNoPromises(t *testing.T) {
	run := &Run{Budgets: []budget.Result{
		{Level: budget.Warn, Result: budget.Broken},
		{Level: budget.Fail, Result: budget.Broken},
		{Level: budget.Fail, Result: budget.Inconclusive},
		{Level: budget.Fail, Result: budget.Kept},
	}}
	if all, broken, open := run.Promises(); all != 3 || broken != 1 || open != 1 {
		t.Errorf("%d promises, %d broken and %d open; want 3, 1 and 1", all, broken, open)
	}
}
