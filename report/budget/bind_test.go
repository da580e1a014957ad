package budget

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestUnknownNamesAreErrors(t *testing.T) {
	var out strings.Builder
	for _, src := range []string{
		"p99(prodct) < 1s", "p99(PRODUCT) < 1s", "p99(shoppers) < 1s", "p99(checkout and pay) < 1s", "p99(load:shopers) < 1s",
		"p99[peek] < 1s", "p99(load:office)[peak] < 1s", "p99[on/peak] < 1s", "p99(order) < 2 * p99(ordr)", "dropped(load:office) == 0",
	} {
		b := parse(t, src)
		e, ok := errors.AsType[*BindError](b.Bind(legend()))
		if !ok {
			t.Errorf("%s: bound without an error", src)
			continue
		}
		if _, err := NewWatch(legend(), []*Budget{b}); err == nil || err.Error() != e.Msg {
			t.Errorf("%s: NewWatch said %v, Bind %v", src, err, e)
		}
		fmt.Fprintf(&out, "%s\n  %s\n  hint: %s\n", src, e.Msg, e.Hint)
	}
	golden(t, "unknown.golden", out.String())
	for _, src := range []string{"p99(GET /v1/{{ id }}, load:office)[work] < 1s", "dropped == 0", "errors < baseline"} {
		if err := parse(t, src).Bind(legend()); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}
