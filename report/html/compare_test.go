package html_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"plimsoll/report"
	"plimsoll/report/html"
)

func comparePage(t *testing.T, c *report.Comparison) string {
	t.Helper()
	var b bytes.Buffer
	if err := html.Compare(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAComparisonShowsItsVerdictAndEveryRow(t *testing.T) {
	c := comparison("shoppers", "product")
	shown := c.Rows[1]
	shown.Metric, shown.Judged, shown.Low = "p90", false, nil
	c.Rows = append(c.Rows, shown)
	c.Verdict, c.Decide = report.Unsure, "about 14 runs of each side"
	page := comparePage(t, c)
	for _, want := range []string{
		"INCONCLUSIVE", "p50 is 10 % longer", "To decide it: about 14 runs of each side.", "the machine was busy", "signed-rank test of pairs",
		"p50 of product", "&#43;7.00% to &#43;13.0%", "p99 of product, inconclusive: 10 pairs.", "p90 of product", "not judged",
		"Shift of product", "base/01", "new/01", "pairs took turns", `id="forest"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestAComparisonWithoutRowsSaysWhy(t *testing.T) {
	page := comparePage(t, &report.Comparison{
		Verdict: report.Unsure, Why: "not compared: new is not valid", Scenario: "shop",
		Base: report.Side{Path: "base", Runs: []report.SideRun{{Dir: "base"}}}, New: report.Side{Path: "new", Runs: []report.SideRun{{Dir: "new"}}},
	})
	if !strings.Contains(page, "not compared: new is not valid") || strings.Contains(page, `id="forest"`) || strings.Contains(page, "Both sides on the same axes") {
		t.Error("the page of a refused comparison lacks its reason, or has empty parts")
	}
}

func TestAComparisonOfManyRowsStaysSmall(t *testing.T) {
	c := comparison("shoppers", "product")
	row, shift, curve := c.Rows[0], c.Shifts[0], c.Curves[0]
	for i := range 500 {
		row.Request, shift.Request = fmt.Sprint("request ", i), fmt.Sprint("request ", i)
		c.Rows, c.Shifts, c.Curves = append(c.Rows, row), append(c.Shifts, shift), append(c.Curves, curve)
	}
	page := comparePage(t, c)
	if len(page) > 1_500_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	for _, want := range []string{"request 499", "are in the comparison&#39;s JSON", "more loads are not drawn"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
