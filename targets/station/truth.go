package station

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Truth is what really happened at a station since its epoch began. At any moment
// carried + arrivals = completions + rejected + dropped + in service + waiting.
type Truth struct {
	Setting
	Epoch   string  `json:"epoch"`     // what the epoch was called
	Elapsed float64 `json:"elapsed_s"` // since it began
	Counts
	Usage
	Wait    Distribution `json:"wait"`    // of jobs whose service began, in the queue
	Service Distribution `json:"service"` // of jobs that were completed, with a server
	Sojourn Distribution `json:"sojourn"` // of jobs that were completed, both together
	Draws   *Draws       `json:"draws,omitempty"`
}

// Setting is what a station was like when it was asked.
type Setting struct {
	Name       string   `json:"name"`
	Law        LawTruth `json:"law"`
	Servers    int      `json:"servers"`
	Queue      int      `json:"queue"` // -1: unbounded
	Discipline string   `json:"discipline"`
	Mode       string   `json:"mode"`
}

// LawTruth is a law by its moments.
type LawTruth struct {
	Law  string   `json:"law"`    // "mixed" of stations that differ
	Mean float64  `json:"mean_s"` // 0 of one that draws nothing
	CV   *float64 `json:"cv"`     // null: infinite, or none
}

// Counts are the jobs of an epoch by what became of them.
type Counts struct {
	Carried     uint64 `json:"carried"`     // waited or were served when the epoch began
	Arrivals    uint64 `json:"arrivals"`    // came since, those turned away among them
	Completions uint64 `json:"completions"` // were served to the end
	Rejected    uint64 `json:"rejected"`    // met a full queue
	Dropped     uint64 `json:"dropped"`     // left the queue
	Abandoned   uint64 `json:"abandoned"`   // were left by their callers while they were served; they complete all the same
	InService   int    `json:"in_service"`  // are being served now
	Waiting     int    `json:"waiting"`     // wait now
}

// Usage is how busy an epoch was. Integrals are over its time.
type Usage struct {
	Busy          float64 `json:"busy_s"`         // server-seconds in service
	Capacity      float64 `json:"capacity_s"`     // server-seconds that there were
	Utilisation   float64 `json:"utilisation"`    // busy over capacity, 0 … 1
	QueueIntegral float64 `json:"queue_integral"` // job-seconds in the queue
	MeanQueue     float64 `json:"mean_queue"`     // jobs in the queue, averaged over time
}

// Stats are the figures of a station for a dashboard: counters since its epoch, and gauges.
type Stats struct {
	Servers     int     `json:"servers"`
	InService   int     `json:"in_service"`
	Waiting     int     `json:"waiting"`
	Utilisation float64 `json:"utilisation"`     // since the epoch, 0 … 1
	MeanService float64 `json:"mean_service_ms"` // since the epoch
	Arrivals    uint64  `json:"arrivals_total"`
	Completions uint64  `json:"completions_total"`
	Rejected    uint64  `json:"rejected_total"`
	Dropped     uint64  `json:"dropped_total"`
	Abandoned   uint64  `json:"abandoned_total"`
}

// book is what a station writes down in an epoch.
type book struct {
	epoch string
	since time.Duration // when the epoch began
	last  time.Duration // up to when the integrals go
	Counts
	busy, capacity, queued float64 // integrals, in nanoseconds
	wait, service, sojourn tally
	draws                  Draws
}

// tick brings the integrals up to now, which it returns. It never runs backwards.
func (s *Station) tick() time.Duration {
	b, now := &s.book, s.clock()
	busy := len(s.serving)
	passed := float64(now - b.last)
	b.busy += passed * float64(busy)
	b.capacity += passed * float64(max(busy, s.cfg.Servers))
	b.queued += passed * float64(s.queue.waiting())
	b.last = now
	return now
}

// completed notes a job at the end of its service.
func (b *book) completed(j *job) {
	b.Completions++
	b.service.record(j.ended - j.begun)
	b.sojourn.record(j.ended - j.arrived)
	if j.demand == held {
		b.draws.set(j.record, j.ended-max(j.begun, b.since))
	}
}

// Epoch begins a new epoch: what was counted is forgotten, what is under way stays and is
// carried over. Jobs that are carried count with all of their time once they complete.
func (s *Station) Epoch(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, b := s.tick(), &s.book
	for _, t := range []*tally{&b.wait, &b.service, &b.sojourn} {
		t.reset()
	}
	*b = book{epoch: name, since: now, last: now, wait: b.wait, service: b.service, sojourn: b.sojourn}
	for _, j := range s.serving {
		rest := notServed
		if j.demand != held {
			rest = max(0, j.due-now)
		}
		j.record = b.draws.add(0, rest)
	}
	waiting := slices.Clone(s.queue.jobs)
	waiting = slices.DeleteFunc(waiting, func(j *job) bool { return j.demand == probe })
	slices.SortFunc(waiting, func(x, y *job) int {
		if s.queue.before(x, y) {
			return -1
		}
		return 1
	})
	for _, j := range waiting {
		j.record = b.draws.add(0, max(notServed, j.demand))
	}
	b.Carried = uint64(len(s.serving) + len(waiting))
	b.draws.Carried = len(b.draws.Arrivals)
}

// Truth returns what happened since the epoch began, with the exact draws if they are
// wanted: up to MostDraws jobs, so some megabytes as JSON. The error is that of an
// encoder, and none that is known.
func (s *Station) Truth(draws bool) (Truth, error) {
	t, wait, service, sojourn := s.snapshot(draws)
	for _, part := range []struct {
		from tally
		to   *Distribution
	}{{wait, &t.Wait}, {service, &t.Service}, {sojourn, &t.Sojourn}} {
		var err error
		if *part.to, err = part.from.distribution(); err != nil {
			return Truth{}, fmt.Errorf("station %s: %w", s.name, err)
		}
	}
	return t, nil
}

// snapshot copies under the lock what takes long to encode.
func (s *Station) snapshot(draws bool) (t Truth, wait, service, sojourn tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, b := s.tick(), &s.book
	t = Truth{
		Setting: Setting{
			Name: s.name, Law: s.cfg.Service.truth(), Servers: s.cfg.Servers, Queue: s.cfg.Queue,
			Discipline: s.cfg.Discipline, Mode: s.cfg.Mode,
		},
		Epoch: b.epoch, Elapsed: (now - b.since).Seconds(), Counts: s.counts(),
		Usage: Usage{Busy: b.busy / 1e9, Capacity: b.capacity / 1e9, QueueIntegral: b.queued / 1e9},
	}
	t.rate(t.Elapsed)
	if draws {
		d := b.draws
		d.Arrivals, d.Services = slices.Clone(d.Arrivals), slices.Clone(d.Services)
		for _, j := range s.serving {
			if j.demand == held { // so much of it is known
				d.set(j.record, now-max(j.begun, b.since))
			}
		}
		t.Draws = &d
	}
	return t, b.wait.copied(), b.service.copied(), b.sojourn.copied()
}

func (s *Station) counts() Counts {
	c := s.book.Counts
	c.InService, c.Waiting = len(s.serving), s.queue.waiting()
	return c
}

// rate works out the averages.
func (u *Usage) rate(elapsed float64) {
	u.Utilisation, u.MeanQueue = 0, 0
	if u.Capacity > 0 {
		u.Utilisation = u.Busy / u.Capacity
	}
	if elapsed > 0 {
		u.MeanQueue = u.QueueIntegral / elapsed
	}
}

// truth describes the law.
func (l Law) truth() LawTruth {
	mean, cv := l.Moments()
	t := LawTruth{Law: l.Law, Mean: mean.Seconds()}
	if l.Law != "held" && !math.IsInf(cv, 0) {
		t.CV = &cv
	}
	return t
}

// Stats returns the figures of the moment.
func (s *Station) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	b, c := &s.book, s.counts()
	st := Stats{
		Servers: s.cfg.Servers, InService: c.InService, Waiting: c.Waiting,
		Arrivals: c.Arrivals, Completions: c.Completions, Rejected: c.Rejected, Dropped: c.Dropped, Abandoned: c.Abandoned,
	}
	if b.capacity > 0 {
		st.Utilisation = b.busy / b.capacity
	}
	if c.Completions > 0 {
		st.MeanService = b.service.sum.Seconds() * 1e3 / float64(c.Completions)
	}
	return st
}

// Merge adds up the truths of one station in several processes: counts, integrals and
// servers add up, histograms merge exactly, and elapsed is the longest. Draws are each
// station's own and are left out. The error is that of a histogram that is none.
func Merge(truths ...Truth) (Truth, error) {
	if len(truths) == 0 {
		return Truth{}, nil
	}
	all := truths[0]
	all.Draws = nil
	for _, t := range truths[1:] {
		all.Setting = mergeSettings(all.Setting, t.Setting)
		all.Elapsed = max(all.Elapsed, t.Elapsed)
		all.Counts = addCounts(all.Counts, t.Counts)
		all.Busy += t.Busy
		all.Capacity += t.Capacity
		all.QueueIntegral += t.QueueIntegral
		for _, part := range []struct {
			to *Distribution
			of Distribution
		}{{&all.Wait, t.Wait}, {&all.Service, t.Service}, {&all.Sojourn, t.Sojourn}} {
			var err error
			if *part.to, err = part.to.merge(part.of); err != nil {
				return Truth{}, fmt.Errorf("station %s: %w", t.Name, err)
			}
		}
	}
	all.rate(all.Elapsed)
	return all, nil
}

func mergeSettings(s, o Setting) Setting {
	s.Servers += o.Servers
	if s.Queue >= 0 && o.Queue >= 0 {
		s.Queue += o.Queue
	} else {
		s.Queue = Unbounded
	}
	if !s.Law.equal(o.Law) {
		s.Law = LawTruth{Law: "mixed"}
	}
	if s.Discipline != o.Discipline {
		s.Discipline = "mixed"
	}
	if s.Mode != o.Mode {
		s.Mode = "mixed"
	}
	return s
}

func (l LawTruth) equal(o LawTruth) bool {
	same := l.CV == nil && o.CV == nil || l.CV != nil && o.CV != nil && *l.CV == *o.CV
	return same && l.Law == o.Law && l.Mean == o.Mean
}

func addCounts(c, o Counts) Counts {
	return Counts{
		Carried: c.Carried + o.Carried, Arrivals: c.Arrivals + o.Arrivals, Completions: c.Completions + o.Completions,
		Rejected: c.Rejected + o.Rejected, Dropped: c.Dropped + o.Dropped, Abandoned: c.Abandoned + o.Abandoned,
		InService: c.InService + o.InService, Waiting: c.Waiting + o.Waiting,
	}
}
