package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine/capacity"
	"plimsoll/engine/latency"
	"plimsoll/engine/search"
	"plimsoll/report"
)

// survey finds out what one target carries: it warms it up, sweeps it with users, searches
// its load line, and saves what is known after every step.
type survey struct {
	rig    *rig
	goal   search.Goal
	within time.Duration
	sweep  bool
	watch  *watching
	say    *narrator
	dir    string
	out    *report.Capacity

	began  time.Time // of this part
	before time.Duration
	search *search.Search
	times  map[float64]*report.RateTimes // by rate
	log    *latency.LogWriter
	cut    bool // it was stopped before its end
}

// timesFile holds the times of every trial, so that a search that goes on later still has
// percentiles of all of them.
const timesFile = "trials.hlog"

// run makes the survey. It returns the context's cause if it was stopped; what was found
// until then is in s.out and on disk.
func (s *survey) run(ctx context.Context) (err error) {
	s.began, s.before = time.Now(), time.Duration(s.out.DurationS*float64(time.Second))
	s.times = map[float64]*report.RateTimes{}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return withHint("--out DIR saves it elsewhere", withCode(exitUsage, err))
	}
	file, err := s.openLog()
	if err != nil {
		return withHint("--out DIR saves it elsewhere", withCode(exitUsage, err))
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := s.watch.begin(ctx); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return s.stopped(err)
	}
	if err := s.look(ctx); err != nil {
		return s.stopped(err)
	}
	s.out.Finished = true
	return s.save()
}

// stopped saves what there is.
func (s *survey) stopped(why error) error {
	s.cut = true
	if len(s.out.LoadLine.Trials) == 0 {
		s.out.LoadLine.Why = "it was stopped before the first trial"
	}
	if err := s.save(); err != nil {
		return errors.Join(why, err)
	}
	return why
}

// elapsed is how long this part of the survey has gone on.
func (s *survey) elapsed() time.Duration { return time.Since(s.began) }

// left is about how long the search still takes.
func (s *survey) left() time.Duration { return min(s.search.Left(), max(s.within-s.elapsed(), 0)) }

// at is the time since the start of the survey, earlier parts included.
func (s *survey) at() time.Duration { return s.before + s.elapsed() }

// warmup is how long a target gets to warm up at most.
func (s *survey) warmup() time.Duration { return min(max(s.within/20, 3*time.Second), 20*time.Second) }

// prepare tests the generator, warms the target up and sweeps it with users.
func (s *survey) prepare(ctx context.Context) error {
	self, err := s.rig.test(ctx)
	if err != nil {
		return err
	}
	calls := s.rig.scenario.CallsPerPass()
	reach := self.reach / calls
	if s.goal.Most == 0 {
		s.goal.Most = reach
	}
	s.out.LoadLine.Reach = reach
	s.say.line("generator", "reaches %s on this machine with a target that does nothing", rate(reach))
	took, settled, err := s.rig.warmUp(ctx, 2, s.warmup())
	if err != nil {
		return err
	}
	how := "latency had settled"
	if !settled {
		how = "latency had not settled: longer would need a larger --within"
		if len(s.out.LoadLine.Trials) == 0 {
			s.note("the target's latency had not settled after %s of warm-up", report.FormatDuration(took))
		}
	}
	s.say.line("warm-up", "%s; %s", report.FormatDuration(took), how)
	if !s.sweep || len(s.out.Sweep) > 0 {
		return nil
	}
	sw := &sweeper{rig: s.rig, most: 1024, each: min(max(s.within/200, 600*time.Millisecond), 5*time.Second), within: s.within * 15 / 100, show: s.say.swept, apart: time.Duration(float64(self.floor) * calls)}
	if s.out.Sweep, err = sw.run(ctx); err != nil {
		return err
	}
	s.fit()
	return nil
}

// fit fits the scalability model to the sweep, if that has enough points.
func (s *survey) fit() {
	var points []capacity.Point
	for _, p := range s.out.Sweep {
		if p.Failed < 0.01 {
			points = append(points, capacity.Point{Concurrency: p.Concurrency, Throughput: p.Throughput})
		}
	}
	if len(points) < len(s.out.Sweep) {
		s.note("%d of %d points of the sweep are left out of the model: more than 1 %% of their requests failed", len(s.out.Sweep)-len(points), len(s.out.Sweep))
	}
	m, err := capacity.FitModel(points, capacity.RelativeWeights)
	if err != nil {
		s.note("no scalability model: %v", err)
		s.say.line("model", "none: %v", err)
		return
	}
	s.out.Model = &m
	s.say.fitted(&m)
}

func (s *survey) note(format string, args ...any) {
	s.out.Notes = append(s.out.Notes, fmt.Sprintf(format, args...))
}

// look searches the load line.
func (s *survey) look(ctx context.Context) error {
	var before []search.Trial
	for _, t := range s.out.LoadLine.Trials {
		before = append(before, t.Trial)
	}
	s.search = search.New(s.goal, before)
	for {
		step, more := s.search.Next(s.within - s.elapsed())
		if !more {
			return nil
		}
		if err := s.try(ctx, step); err != nil {
			return err
		}
	}
}

// try makes one trial and saves what is known after it.
func (s *survey) try(ctx context.Context, step search.Step) error {
	at := s.at()
	s.say.trying(step, s.left())
	read := s.watch.start(ctx, step.Warm, step.For)
	o, err := s.rig.try(ctx, step)
	busy := read(ctx)
	if err != nil {
		return err
	}
	t := o.trial
	t.AtS, t.Busy = at.Seconds(), busy
	s.search.Add(t.Trial)
	t.Trial = s.search.Trials()[len(s.search.Trials())-1]
	line := s.search.Line()
	t.After = &report.Bounds{Lower: present(line.Lower), Upper: present(line.Upper)}
	s.out.LoadLine.Trials = append(s.out.LoadLine.Trials, t)
	if t.Verdict != search.Invalid {
		s.keep(t.Rate, o)
		if err := s.write(t.Rate, at, at+time.Duration(t.Seconds*float64(time.Second)), &o.latency, &o.service); err != nil {
			return err
		}
	}
	s.say.tried(t, s.search, s.left())
	if err := s.save(); err != nil {
		return err
	}
	if t.Verdict == search.Fail {
		return s.rig.settle(ctx, s.left())
	}
	return nil
}

func (s *survey) keep(rate float64, o *outcome) {
	if s.times[rate] == nil {
		s.times[rate] = &report.RateTimes{}
	}
	s.times[rate].Latency.Merge(&o.latency)
	s.times[rate].Service.Merge(&o.service)
}

// save writes capacity.json with what is known now.
func (s *survey) save() error {
	s.out.DurationS = s.at().Seconds()
	if s.search != nil {
		s.conclude()
	}
	return report.SaveCapacity(s.dir, s.out)
}

// conclude brings the line, the curve and the node up to date.
func (s *survey) conclude() {
	line := s.search.Line()
	l := &s.out.LoadLine
	l.Lower, l.Upper, l.Limit, l.Soaked = present(line.Lower), present(line.Upper), line.Limit, line.Soaked
	l.Why = s.why(line)
	s.out.Curve = report.CurveOf(l.Trials, s.times, s.search.Verdict)
	s.out.Node.Lower, s.out.Node.Upper = l.Lower, l.Upper
	s.out.Node.Service = s.lowest()
	s.out.Node.Resources = s.watch.resources(l.Trials, line.Lower, s.rig.scenario.CallsPerPass())
	s.out.Node.Outlook = report.OutlookOf(s.out, s.rig.scenario.CallsPerPass())
	for _, n := range s.watch.notes() {
		if !slices.Contains(s.out.Notes, n) {
			s.out.Notes = append(s.out.Notes, n)
		}
	}
}

// lowest returns the service times at the lowest rate with enough of them: there is next to
// no queueing in them.
func (s *survey) lowest() *report.Service {
	const enough = 200
	for _, p := range s.out.Curve {
		if t := s.times[p.Rate]; t != nil && t.Service.Count() >= enough {
			return report.ServiceOf(&t.Service)
		}
	}
	return nil
}

func present(rate float64) *float64 {
	if rate == 0 {
		return nil
	}
	return &rate
}

// why says in one sentence what the search came to.
func (s *survey) why(l search.Line) string {
	switch {
	case len(s.out.LoadLine.Trials) == 0 && s.cut:
		return "it was stopped before the first trial"
	case len(s.out.LoadLine.Trials) == 0:
		return "no trial was made"
	case s.cut:
		return "it was stopped before its end"
	case l.Limit == search.GeneratorLimited && l.Lower >= s.goal.Most && s.goal.Most != s.out.LoadLine.Reach:
		return fmt.Sprintf("the target kept its promises as far as --most let the search go: the line is at least %s", rate(l.Lower))
	case l.Limit == search.GeneratorLimited:
		return fmt.Sprintf("the target kept its promises as far as the generator went: the line is at least %s", rate(l.Lower))
	case l.Lower == 0 && l.Upper > 0 && l.Limit == search.TargetLimited:
		return fmt.Sprintf("the target broke a promise at the lowest rate tried: the line is below %s", rate(l.Upper))
	case l.Limit == search.TargetLimited && l.Width() > s.goal.Width*1.001:
		return fmt.Sprintf("the time was up before the bounds were %s apart", report.FormatShare(s.goal.Width))
	case l.Limit == search.TargetLimited:
		return "the target keeps its promises at the lower bound and breaks one at the upper"
	}
	if unseen := s.unseen(); unseen != "" {
		return fmt.Sprintf("no request that %s is about was made in any trial", unseen)
	}
	if need := s.need(); need != "" {
		return need
	}
	return "the time was up before enough trials were made: give it more with --within"
}

// unseen returns a promise about requests of which no trial had any, or nothing.
func (s *survey) unseen() string {
	seen := map[string]uint64{}
	for _, t := range s.out.LoadLine.Trials {
		for _, e := range t.Evidence {
			seen[e.Promise] += e.Estimate().Samples
		}
	}
	for _, promise := range slices.Sorted(maps.Keys(seen)) {
		if seen[promise] == 0 {
			return promise
		}
	}
	return ""
}

// need says how long a trial would have to be where that is why nothing is known.
func (s *survey) need() string {
	trials := s.out.LoadLine.Trials
	at := trials[len(trials)-1].Rate
	long := time.Duration(float64(s.goal.Samples) / at * float64(time.Second))
	if long <= s.goal.Trial || long <= s.within/time.Duration(2*max(s.goal.Trials, 1)) {
		return ""
	}
	return fmt.Sprintf("%s needs %s requests in a trial, which at %s takes %s: give it more time with --within, or ask for a lower percentile",
		s.out.SLO, report.FormatCount(uint64(s.goal.Samples)), rate(at), report.FormatDuration(long))
}

func rate(perSecond float64) string { return report.FormatNumber(perSecond) + "/s" }

// openLog opens the log of times, and reads what an earlier part of the search wrote.
func (s *survey) openLog() (*os.File, error) {
	name := filepath.Join(s.dir, timesFile)
	if len(s.out.LoadLine.Trials) > 0 {
		if err := s.readTimes(name); err != nil {
			return nil, err
		}
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if s.log, err = latency.NewLogWriter(file, s.out.Started); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	for rate, t := range s.times {
		if err := s.write(rate, 0, 0, &t.Latency, &t.Service); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return file, nil
}

func (s *survey) readTimes(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	for line, err := range latency.ReadLog(file) {
		if err != nil {
			break // it was cut off: what there is counts
		}
		clock, at, _ := strings.Cut(line.Tag, "@")
		rate, err := strconv.ParseFloat(at, 64)
		if err != nil {
			return fmt.Errorf("read %s: tag %q", name, line.Tag)
		}
		o := &outcome{}
		if clock == "latency" {
			o.latency.Merge(line.Histogram)
		} else {
			o.service.Merge(line.Histogram)
		}
		s.keep(rate, o)
	}
	return nil
}

// write adds the times at a rate to the log.
func (s *survey) write(rate float64, from, to time.Duration, l, service *latency.Histogram) error {
	at := strconv.FormatFloat(rate, 'g', -1, 64)
	return errors.Join(s.log.Write("latency@"+at, from, to, l), s.log.Write("service@"+at, from, to, service))
}

// sameSearch checks that a saved search is the one that is asked for.
func sameSearch(saved, now *report.Capacity) error {
	for _, f := range []struct{ what, saved, now string }{
		{"scenario", saved.Scenario, now.Scenario},
		{"SLO", saved.SLO, now.SLO},
		{"arrivals", saved.Arrivals, now.Arrivals},
	} {
		if f.saved != f.now {
			return usageError("resume with the arguments that it was started with, or choose another --out",
				"the search in that directory has the %s %q, not %q", f.what, f.saved, f.now)
		}
	}
	if saved.Requests != now.Requests {
		return usageError("resume with the arguments that it was started with, or choose another --out",
			"the search in that directory sent other requests: -e, --set or a flag for the request differs")
	}
	return nil
}
