package cmd

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"plimsoll/engine/simulate"
	"plimsoll/report"
)

// writeSimulation writes both parts for people.
func (w *world) writeSimulation(s *simulation) error {
	var b strings.Builder
	s.writeCase(&b)
	s.writeSteady(&b)
	s.writeTrigger(&b, w)
	_, err := fmt.Fprint(w.stdout, b.String())
	return err
}

// writeCase says what is played.
func (s *simulation) writeCase(b *strings.Builder) {
	k, c := &s.whole.Cluster, &s.whole
	t := tabwriter.NewWriter(b, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "service\t%s: mean %s, coefficient of variation %.2f\n", s.model.source, report.FormatDuration(k.Service.Mean()), math.Sqrt(k.Service.SCV()))
	capacity := k.Capacity(simulate.Normal(0))
	fmt.Fprintf(t, "cluster\t%s of %s, %s%s; carries %s at most\n", counted(k.Nodes, "node"), counted(k.Servers, "server"), s.policy(), s.queue(), rateText(capacity))
	fmt.Fprintf(t, "load\t%s first tries, %.1f%% of that\n", rateText(c.Load.Rate), 100*c.Load.Rate/capacity)
	fmt.Fprintf(t, "clients\t%s\n", s.clients())
	t.Flush() //nolint:errcheck // a strings.Builder takes everything
}

func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return report.FormatCount(uint64(n)) + " " + thing
}

// policy says how the balancer chooses, and a comma; nothing where there is no choice.
func (s *simulation) policy() string {
	if s.whole.Cluster.Nodes == 1 {
		return ""
	}
	return [...]string{
		simulate.Random: "split at random, ", simulate.RoundRobin: "in turn, ", simulate.Weighted: "split by weights, ",
		simulate.LeastLoaded: "to the least loaded, ", simulate.Choices: "to the less loaded of two, ",
	}[s.whole.Cluster.Policy]
}

func (s *simulation) queue() string {
	q := &s.whole.Cluster.Queue
	switch {
	case q.Order == simulate.Shared:
		return "all served at once"
	case q.Bounded && q.Places == 0:
		return "no queue"
	}
	order := map[simulate.Order]string{simulate.FIFO: "first come first served", simulate.LIFO: "last come first served"}[q.Order]
	if q.Bounded {
		return fmt.Sprintf("%s, %s places", order, report.FormatCount(uint64(q.Places)))
	}
	return order
}

func (s *simulation) clients() string {
	c := &s.whole.Clients
	var parts []string
	if c.Timeout == 0 {
		parts = append(parts, "wait for as long as it takes")
	} else {
		parts = append(parts, "give up a try after "+report.FormatDuration(c.Timeout)+map[simulate.Leave]string{
			simulate.Stay: " (the node goes on)", simulate.Expire: " (the node skips it)", simulate.Cancel: " (the node stops)",
		}[c.Leave])
	}
	if c.Retries == 0 {
		return strings.Join(append(parts, "no retries"), ", ")
	}
	retries := fmt.Sprintf("up to %d retries", c.Retries)
	if c.Retries == 1 {
		retries = "1 retry"
	}
	if c.Budget > 0 {
		retries += fmt.Sprintf(", at most %.3g%% of first tries", 100*c.Budget)
	}
	return strings.Join(append(parts, retries), ", ")
}

// writeSteady shows the plain what-if.
func (s *simulation) writeSteady(b *strings.Builder) {
	f, r := s.steady, &s.steady.Response
	fmt.Fprintf(b, "\nSteady state   %d × %s, without a warm-up of %s; %s answers\n", s.replications,
		report.FormatDuration(s.steadyCase.Length), report.FormatDuration(s.warmup), report.FormatCount(f.Requests))
	if !s.settled {
		fmt.Fprintf(b, "               NOT STEADY: response times still changed at the end\n")
	}
	if s.whole.Load.Rate < s.whole.Cluster.Capacity(simulate.Normal(0)) && f.Good < 0.5 {
		fmt.Fprintf(b, "               COLLAPSED: it tipped without any trigger, and retries keep it down\n")
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  goodput\t%s\t%s\t%.3g%% of first tries\n", rateText(f.Goodput.Value), between(f.Goodput, rateText), 100*min(f.Good, 1))
	fmt.Fprintf(t, "  tries\t%s\t\t%.3f for each first try\n", rateText(f.Attempts), f.Amplification())
	for _, line := range []struct {
		name string
		i    simulate.Interval
	}{{"mean", r.Mean}, {"p50", r.P50}, {"p95", r.P95}, {"p99", r.P99}, {"p99.9", r.P999}} {
		if f.Requests == 0 {
			break
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", line.name, secondsText(line.i.Value), between(line.i, secondsText))
	}
	fmt.Fprintf(t, "  busy\t%.1f%%\t\tworst node %.1f%%\n", 100*f.Utilisation.Mean, 100*f.Utilisation.Worst)
	if f.Failed.Sum() > 0 {
		fmt.Fprintf(t, "  failed\t%s\t\t%s\n", report.FormatCount(f.Failed.Sum()), failures(f.Failed))
	}
	t.Flush() //nolint:errcheck // a strings.Builder takes everything
}

func secondsText(s float64) string {
	return report.FormatDuration(time.Duration(math.Round(s * 1e9)))
}

// between writes an interval, nothing if there is none.
func between(i simulate.Interval, text func(float64) string) string {
	if math.IsInf(i.Low, 0) {
		return ""
	}
	return fmt.Sprintf("(%s to %s)", text(max(i.Low, 0)), text(i.High))
}

func failures(f simulate.Failures) string {
	var parts []string
	for _, kind := range []struct {
		name string
		n    uint64
	}{{"timed out", f.TimedOut}, {"refused", f.Refused}, {"lost with their node", f.Lost}} {
		if kind.n > 0 {
			parts = append(parts, report.FormatCount(kind.n)+" "+kind.name)
		}
	}
	return strings.Join(parts, ", ")
}

// writeTrigger shows the verdict, its reasons, and what happened before, during and after.
func (s *simulation) writeTrigger(b *strings.Builder, w *world) {
	j := s.judgement
	fmt.Fprintf(b, "\nTrigger        %s\n\n", s.triggerText())
	word := strings.ToUpper(string(j.Stability))
	start, end := "", ""
	if w.color(w.stdout) {
		start, end = map[simulate.Stability]string{simulate.Stable: "\x1b[32m", simulate.Vulnerable: "\x1b[33m", simulate.Metastable: "\x1b[31m"}[j.Stability], "\x1b[0m"
	}
	indent := strings.Repeat(" ", len(word)+2)
	for i, reason := range j.Reasons {
		text := strings.Join(wrap(reason, max(w.width(w.stdout)-len(indent), 20)), "\n"+indent)
		if i == 0 {
			fmt.Fprintf(b, "%s%s%s  %s\n", start, word, end, text)
			continue
		}
		fmt.Fprintf(b, "%s%s\n", indent, text)
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\tasked\ttries\tgoodput\tgood\tp99\tbusy\twaiting\t\n")
	for _, phase := range []struct {
		name string
		f    *simulate.Figures
	}{{"before", j.Before}, {"during", j.During}, {"after", j.After}} {
		f := phase.f
		p99 := "-"
		if f.Requests > 0 {
			p99 = secondsText(f.Response.P99.Value)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1f%%\t%s\t%.0f%%\t%s\t\n", phase.name, rateText(f.Offered), rateText(f.Attempts), rateText(f.Goodput.Value),
			100*min(f.Good, 1), p99, 100*min(f.Utilisation.Mean, 1), report.FormatNumber(math.Round(f.Waiting)))
	}
	t.Flush() //nolint:errcheck // a strings.Builder takes everything
	switch {
	case j.Back == 0:
		fmt.Fprintf(b, "\nGoodput was back as soon as the trigger ended.\n")
	case j.Back > 0:
		fmt.Fprintf(b, "\nGoodput was back %s after the trigger ended.\n", report.FormatDuration(j.Back))
	default:
		fmt.Fprintf(b, "\nGoodput was not back %s after the trigger ended.\n", report.FormatDuration(j.Length-s.trigger.At-s.trigger.For))
	}
}

// triggerText says what happens, and on how much of the cluster it was played.
func (s *simulation) triggerText() string {
	t := s.trigger
	var parts []string
	if t.Lose > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s nodes lost", t.Lose, report.FormatCount(uint64(s.whole.Cluster.Nodes))))
	}
	if t.Surge != 1 {
		parts = append(parts, fmt.Sprintf("load × %g", t.Surge))
	}
	if t.Speed != 1 {
		parts = append(parts, fmt.Sprintf("speed × %g", t.Speed))
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing happens")
	}
	text := fmt.Sprintf("%s, from %s for %s of %s", strings.Join(parts, ", "), t.At, t.For, s.judgement.Length)
	if n := s.judgedCase.Cluster.Nodes; n != s.whole.Cluster.Nodes {
		text += fmt.Sprintf("\n               played on %s nodes and their share of the load", report.FormatCount(uint64(n)))
	}
	return text
}
