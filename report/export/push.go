package export

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"plimsoll/engine"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// farewell is how long the end of a run waits for all remote ends together.
const farewell = 5 * time.Second

// Live says where a run is sent to while it goes.
type Live struct {
	Scrape  []string    // addresses to listen on for Prometheus, like 127.0.0.1:9464
	Remote  []string    // URLs that take Prometheus' remote write
	Native  bool        // write native histograms there instead of classic ones
	OTLP    []string    // base URLs of OTLP over HTTP, without /v1/metrics
	Headers []Header    // sent to all OTLP ends, such as credentials
	Warn    func(error) // told, once for each end, of the first thing that went wrong there; called from any goroutine
}

// Header is a header field for a remote end.
type Header struct{ Name, Value string }

// Identity says which run is sent.
type Identity struct {
	Run      string // its name, told apart from others of the same scenario
	Scenario string
	Version  string // of plimsoll
	Started  time.Time
}

// Stream sends a run to others while it goes. Nothing that a remote end does disturbs the
// run: what it does not take is tried again for as long as there is room for it, then
// dropped and counted.
type Stream struct {
	started  time.Time
	sent     time.Time // of the last state that was given to anybody
	legend   *engine.Legend
	meter    *meter
	scrapes  []*endpoint
	remotes  []*outbox
	metrics  []*outbox
	traces   []*outbox
	native   bool
	resource *resource
}

// Open begins to listen and gets ready to send. An address that cannot be listened on is
// an error; a remote end that does not answer is not.
func (l Live) Open(legend *engine.Legend, id Identity) (*Stream, error) {
	s := &Stream{legend: legend, meter: newMeter(legend, id), native: l.Native, resource: newResource(id)}
	for _, address := range l.Scrape {
		e, err := listen(address)
		if err != nil {
			s.Stop()
			return nil, err
		}
		s.scrapes = append(s.scrapes, e)
	}
	for _, url := range l.Remote {
		s.remotes = append(s.remotes, newOutbox("prometheus", url, remoteHeaders(), nil, l.Warn))
	}
	for _, url := range l.OTLP {
		s.metrics = append(s.metrics, newOutbox("otlp", under(url, "v1/metrics"), otlpHeaders(l.Headers), partialSuccess, l.Warn))
		s.traces = append(s.traces, newOutbox("otlp", under(url, "v1/traces"), otlpHeaders(l.Headers), partialSuccess, l.Warn))
	}
	return s, nil
}

// Begin says when the run started, from which offsets count. It is called before Observe.
func (s *Stream) Begin(started time.Time) {
	s.started = started
	s.resource.begun = nanos(started)
}

// Stop ends the stream of a run that does not begin.
func (s *Stream) Stop() {
	for _, o := range slices.Concat(s.remotes, s.metrics, s.traces) {
		o.close()
	}

	for _, e := range s.scrapes {
		e.stop()
	}
}

// Observe sends on what one interval counted and how the budgets stand.
func (s *Stream) Observe(i *engine.Snapshot, results []budget.Result) {
	s.meter.observe(i)
	s.meter.budgets(results)
	s.publish(i.To)
	if len(i.Spans) == 0 || len(s.traces) == 0 {
		return
	}
	for _, message := range s.resource.spans(i, s.legend, s.started) {
		engine.Yield()
		for _, o := range s.traces {
			o.put(message)
		}
	}
}

// publish gives the present state of all metrics to everybody.
func (s *Stream) publish(at time.Duration) {
	now := s.started.Add(at)
	if !now.After(s.sent) { // or Prometheus would refuse a changed value as a second one
		now = s.sent.Add(time.Millisecond)
	}
	s.sent = now
	if len(s.metrics) > 0 {
		engine.Yield()
		message := s.resource.metrics(s.meter, now)
		for _, o := range s.metrics {
			o.put(message)
		}
	}
	if len(s.remotes) == 0 && len(s.scrapes) == 0 {
		return
	}
	engine.Yield()
	families := s.meter.families()
	for _, e := range s.scrapes {
		e.publish(families)
	}
	if len(s.remotes) > 0 {
		engine.Yield()
		message := writeRequest(families, now, s.native)
		for _, o := range s.remotes {
			o.put(message)
		}
	}
}

// Finish sends the verdict, gives the remote ends some seconds to take what is left, and
// returns what a reader of the run should know of it.
func (s *Stream) Finish(run *report.Run) (notes []string) {
	s.meter.budgets(run.Budgets)
	s.meter.verdict(run)
	s.publish(time.Duration(run.DurationS * float64(time.Second)))
	var all sync.WaitGroup
	boxes := slices.Concat(s.remotes, s.metrics, s.traces)
	for _, o := range boxes {
		all.Go(func() { o.close() })
	}
	for _, e := range s.scrapes {
		all.Go(func() { e.close(farewell) })
	}
	all.Wait()
	for _, o := range boxes {
		notes = append(notes, o.notes()...)
	}
	for _, e := range s.scrapes {
		notes = append(notes, e.notes()...)
	}
	return append(notes, s.meter.notes()...)
}

// limitedName is how many characters a label's value has at most.
const limitedName = 128

// label makes a name fit to be a label's value; an empty one is no label at all.
func label(name string) string { return cmp.Or(shorten(plain(name), limitedName), "-") }

var (
	errNoRoom   = errors.New("it does not keep up, and there is no more room")
	errNoAnswer = errors.New("no answer by the end of the run")
)

func errStatus(status string, said []byte) error {
	if text := strings.TrimSpace(shorten(plain(string(said)), limitedName)); text != "" {
		return fmt.Errorf("%s: %s", status, text)
	}
	return errors.New(status)
}
