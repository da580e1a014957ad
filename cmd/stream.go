package cmd

import (
	"cmp"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/engine"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/report/export"
	"plimsoll/scenarios"
)

// streamFlags say where a run is sent to while it goes, and how much of it is traced.
type streamFlags struct {
	trace      string
	native     bool
	registered bool // the command streams
}

func (f *streamFlags) register(cmd *cobra.Command) {
	f.registered = true
	flags := cmd.Flags()
	flags.StringVar(&f.trace, "trace", "", "trace this `SHARE` of passes, like 1%: send traceparent, save traces.jsonl")
	flags.BoolVar(&f.native, "native-histograms", false, "with -o prometheus=URL: write native histograms, which it must have enabled")
}

// streamKinds are the outputs that a run goes to while it is under way.
func streamKinds() []string { return []string{"prometheus", "otlp"} }

// streams is what streamFlags come to.
type streams struct {
	live  export.Live
	share float64 // of passes that are traced
}

// some reports whether there is anything to do.
func (s *streams) some() bool {
	return len(s.live.Scrape)+len(s.live.Remote)+len(s.live.OTLP) > 0
}

// take returns the values of -o without those that are for live exports, and what they ask for.
func (f *streamFlags) take(w *world, values []string) (rest []string, s streams, err error) {
	for _, v := range values {
		kind, place, _ := strings.Cut(v, "=")
		if kind != streamKinds()[0] && kind != streamKinds()[1] {
			rest = append(rest, v)
			continue
		}
		if !f.registered {
			return nil, s, usageError("run and hit do", "-o %s: this command sends nothing on while it runs", v)
		}
		if err := s.add(kind, place); err != nil {
			return nil, s, err
		}
	}
	s.live.Native = f.native
	if f.native && len(s.live.Remote) == 0 {
		return nil, s, usageError("who scrapes asks for the kind of histograms it wants", "--native-histograms needs -o prometheus=URL")
	}
	if s.live.Headers, err = otlpHeaders(w.env("OTEL_EXPORTER_OTLP_HEADERS")); err != nil {
		return nil, s, err
	}
	s.share, err = f.share()
	return rest, s, err
}

// add takes one output.
func (s *streams) add(kind, place string) error {
	if kind == "prometheus" && !strings.Contains(place, "://") {
		_, port, err := net.SplitHostPort(place)
		if n, errPort := strconv.ParseUint(port, 10, 16); err != nil || errPort != nil || n == 0 {
			return usageError("an address to be scraped at, like 127.0.0.1:9464, or a URL that takes remote write",
				"-o prometheus=%s: neither an address nor a URL", place)
		}
		s.live.Scrape = append(s.live.Scrape, place)
		return nil
	}
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		hint := "like prometheus=http://127.0.0.1:9090/api/v1/write"
		if kind == "otlp" {
			hint = "like otlp=http://127.0.0.1:4318; OTLP travels over HTTP here, not gRPC"
		}
		return usageError(hint, "-o %s=%s: not an http URL", kind, report.RedactURL(place))
	}
	if kind == "prometheus" {
		s.live.Remote = append(s.live.Remote, place)
		return nil
	}
	for _, path := range []string{"/v1/metrics", "/v1/traces"} {
		u.Path = strings.TrimSuffix(u.Path, path)
	}
	s.live.OTLP = append(s.live.OTLP, u.String())
	return nil
}

// share reads --trace.
func (f *streamFlags) share() (float64, error) {
	if f.trace == "" {
		return 0, nil
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(f.trace, "%"), 64)
	if err != nil || !strings.HasSuffix(f.trace, "%") || !(percent >= 0 && percent <= 100) { // NaN is neither
		return 0, usageError("write a percentage, like 1%", "--trace %s: it takes 0%% to 100%%", f.trace)
	}
	return percent / 100, nil
}

// otlpHeaders reads the variable of OpenTelemetry: KEY=VALUE,KEY=VALUE, values in percent
// encoding.
func otlpHeaders(list string) (headers []export.Header, err error) {
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if key = strings.TrimSpace(key); !found || key == "" || err != nil || strings.ContainsAny(key, " \r\n\x00") || strings.ContainsAny(value, "\r\n\x00") {
			return nil, usageError("write KEY=VALUE,KEY=VALUE", "OTEL_EXPORTER_OTLP_HEADERS: a part is no header")
		}
		headers = append(headers, export.Header{Name: key, Value: value})
	}
	return headers, nil
}

// liveRun sends one run on while it goes.
type liveRun struct {
	dir    string
	plan   *scenarios.Plan
	stream *export.Stream   // nil: to nobody
	traces *report.TraceLog // nil: nothing is traced, or it cannot be saved

	mu       sync.Mutex // guards warnings, which come from those that send
	warnings []error
}

// stream gets ready to send the run in dir on, and has its plan traced. What cannot be
// done on this machine is an error; what goes wrong elsewhere is told later.
func (d *drive) stream(dir string) (*liveRun, error) {
	l, s := &liveRun{dir: dir, plan: d.plan}, d.m.streams
	if s.share > 0 {
		d.plan.Tracing = &engine.Tracing{Share: s.share, Seed: d.plan.Seed}
	}
	if !s.some() {
		return l, nil
	}
	s.live.Warn = l.warn
	var err error
	l.stream, err = s.live.Open(d.plan.Legend, export.Identity{
		Run: d.runName(dir), Scenario: d.meta.Scenario, Version: d.meta.Plimsoll.Version,
	})
	if err != nil {
		return nil, withHint("choose another port", withCode(exitUsage, err))
	}
	return l, nil
}

// runName tells the run apart from others: runs of an experiment by its name, too.
func (d *drive) runName(dir string) string {
	name := filepath.Base(dir)
	if d.trial.listens != nil {
		name = filepath.Base(filepath.Dir(dir)) + "/" + name
	}
	return cmp.Or(name, d.meta.Scenario)
}

// begin is told when the load starts, before anything is sent.
func (l *liveRun) begin(start time.Time) {
	if l.stream != nil {
		l.stream.Begin(start)
	}
	if l.plan.Tracing != nil {
		var err error
		if l.traces, err = report.CreateTraceLog(l.dir, l.plan.Legend, l.plan.Tracing.Share, start); err != nil {
			l.warn(err)
		}
	}
}

// stop lets go of what is open for a run that does not begin.
func (l *liveRun) stop() {
	if l.stream != nil {
		l.stream.Stop()
	}
}

// observe sends on what an interval counted.
func (l *liveRun) observe(i *engine.Snapshot, results []budget.Result, warn func(error)) {
	if l.stream != nil {
		l.stream.Observe(i, results)
	}
	if l.traces != nil {
		if err := l.traces.Observe(i); err != nil {
			l.warn(err)
		}
	}
	l.tell(warn)
}

// finish sends the verdict, and puts into the run what became of it all.
func (l *liveRun) finish(run *report.Run, warn func(error)) {
	if l.traces != nil {
		traces, notes, err := l.traces.Close()
		run.Traces, run.Notes = traces, append(run.Notes, notes...)
		if err != nil {
			l.warn(err)
		}
	}
	if l.stream != nil {
		run.Notes = append(run.Notes, l.stream.Finish(run)...)
	}
	l.tell(warn)
}

func (l *liveRun) warn(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.warnings = append(l.warnings, err)
}

// tell hands out the warnings, from one goroutine.
func (l *liveRun) tell(warn func(error)) {
	l.mu.Lock()
	all := l.warnings
	l.warnings = nil
	l.mu.Unlock()
	for _, err := range all {
		warn(err)
	}
}
