package html

import (
	"fmt"
	"io"
	"strings"
	"time"

	"plimsoll/engine/search"
	"plimsoll/report"
)

// Capacity writes the page of a capacity search: the load line first, then latency against
// load, how the search went, the scalability model, what limits a node, and every trial.
// The scenario is the one that was kept in dir, which may be empty.
func Capacity(w io.Writer, c *report.Capacity, dir string) error {
	return Write(w, capacityPage(c, dir))
}

func capacityPage(c *report.Capacity, dir string) *Page {
	return &Page{
		Title: c.Scenario, Kind: "Capacity", Banner: lineBanner(c),
		Sections: []Section{
			{ID: "load-line", Title: "Latency against load", Short: "Load line", Blocks: loadLineBlocks(c)},
			{ID: "search", Title: "The search", Blocks: searchBlocks(&c.LoadLine)},
			{ID: "model", Title: "Scalability model", Short: "Model", Blocks: modelBlocks(c)},
			{ID: "node", Title: "What limits the node", Short: "Node", Blocks: nodeBlocks(c)},
			{ID: "outlook", Title: "Latency to expect at other loads", Short: "Outlook", Blocks: outlookBlocks(c.Node.Outlook)},
			{ID: "scale", Title: "Scale", Blocks: scaleBlocks(c.Scale)},
			{ID: "trials", Title: "Trials", Blocks: trialBlocks(c.LoadLine.Trials)},
			{ID: "notes", Title: "Notes", Blocks: listBlocks(c.Notes)},
			{ID: "environment", Title: "Environment", Blocks: capacityEnvironment(c)},
			{ID: "scenario", Title: "Scenario", Blocks: scenarioBlocks(dir, "The search sends loads of its own in place of those in it; the command under Environment says what else was replaced.")},
		},
		Footer: "plimsoll " + c.Plimsoll.Version,
	}
}

// lineBanner is the headline: both bounds, what limits, and what is left open.
func lineBanner(c *report.Capacity) Banner {
	l := &c.LoadLine
	b := Banner{Word: "INCONCLUSIVE", Tone: Warn, Text: lineBounds(l) + ", for " + c.SLO}
	switch {
	case l.Limit == search.TargetLimited && l.Lower == nil:
		b.Word, b.Tone = "LOAD LINE", Bad
	case l.Limit == search.TargetLimited:
		b.Word, b.Tone = "LOAD LINE", Good
	case l.Limit == search.GeneratorLimited:
		b.Word = "GENERATOR-LIMITED"
	}
	b.Facts = []Fact{
		{Name: "Seen to hold", Value: optionalRate(l.Lower), Note: soakNote(l)},
		{Name: "Seen not to hold", Value: optionalRate(l.Upper), Note: apartNote(l)},
		{Name: "Limit", Value: string(l.Limit), Note: reachNote(l)},
		{Name: "Trials", Value: report.FormatCount(uint64(len(l.Trials))), Note: verdictCounts(l.Trials)},
	}
	if m := c.Model; m != nil && m.NStar != nil && m.XStar != nil {
		b.Facts = append(b.Facts, Fact{Name: "Peak throughput", Value: rateText(*m.XStar), Note: fmt.Sprintf("at %s users", report.FormatNumber(*m.NStar))})
	}
	if l.Why != "" {
		b.Reasons = append(b.Reasons, l.Why)
	}
	if !c.Finished {
		b.Reasons = append(b.Reasons, "the search was stopped before its end, and can be resumed")
	}
	return b
}

// lineBounds writes the line with its bounds.
func lineBounds(l *report.LoadLine) string {
	switch {
	case l.Lower == nil && l.Upper == nil:
		return "not found"
	case l.Lower == nil:
		return "below " + rateText(*l.Upper)
	case l.Upper == nil || l.Limit == search.GeneratorLimited:
		return "at least " + rateText(*l.Lower)
	}
	return fmt.Sprintf("between %s and %s", rateText(*l.Lower), rateText(*l.Upper))
}

func soakNote(l *report.LoadLine) string {
	switch {
	case l.Soaked:
		return "held in a soak"
	case l.Lower != nil:
		return "not held in a soak"
	}
	return ""
}

func apartNote(l *report.LoadLine) string {
	if l.Lower == nil || l.Upper == nil {
		return ""
	}
	return report.FormatShare(*l.Upper / *l.Lower - 1) + " apart"
}

func reachNote(l *report.LoadLine) string {
	if l.Reach == 0 {
		return ""
	}
	return "the generator reaches " + rateText(l.Reach)
}

// verdictCounts counts trials by what they said.
func verdictCounts(trials []report.LineTrial) string {
	var parts []string
	for _, v := range []search.Verdict{search.Pass, search.Fail, search.Undecided, search.Invalid} {
		n := 0
		for _, t := range trials {
			if t.Verdict == v {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

func capacityEnvironment(c *report.Capacity) []Block {
	facts := []Fact{
		{Name: "Scenario", Value: c.Scenario},
		{Name: "Promises", Value: c.SLO},
		{Name: "Arrivals", Value: c.Arrivals},
		{Name: "Started", Value: c.Started.UTC().Format(time.DateTime) + " UTC"},
		{Name: "Duration", Value: report.FormatDuration(spanOf(c.DurationS))},
		{Name: "Seed", Value: fmt.Sprint(c.Seed)},
		{Name: "plimsoll", Value: c.Plimsoll.Version, Note: c.Plimsoll.Go},
		{Name: "Generator", Value: c.Plimsoll.OS, Note: fmt.Sprintf("%d processors", c.Plimsoll.CPUs)},
	}
	if c.Target != "" {
		facts = append(facts, Fact{Name: "Target", Value: c.Target})
	}
	blocks := []Block{{Facts: facts}}
	if len(c.Command) > 0 {
		blocks = append(blocks, Block{Heading: "Command", Pre: strings.Join(c.Command, " ")})
	}
	return blocks
}

func listBlocks(list []string) []Block {
	if len(list) == 0 {
		return nil
	}
	return []Block{{List: list}}
}

func rateText(perSecond float64) string { return report.FormatNumber(perSecond) + "/s" }

func optionalRate(perSecond *float64) string {
	if perSecond == nil {
		return "none"
	}
	return rateText(*perSecond)
}

func spanOf(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
