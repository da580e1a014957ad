package cmd

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/report"
)

// check fails the test for what was found wrong. Times are not looked at.
func (f *findings) check(t *testing.T) {
	t.Helper()
	for _, w := range f.wrong {
		t.Error(w)
	}
}

// TestHonestyOfCounts has every kind of answer and every kind of failure, and a flow in
// which one request needs what another one got; the target must have counted the same.
func TestHonestyOfCounts(t *testing.T) {
	t.Parallel()
	s := newTruth(t)
	_, run := startScenario(t, s, `
flows:
  members:
    - {post: /login, name: login, check: status == 200, extract: {token: json $.token}}
    - {get: /me, name: me, auth: {bearer: "{{ token }}"}, check: [status == 200, 'json $.token == {{ token }}']}
  flaky:  [{get: /flaky, name: flaky}]
  half:   [{get: /cut/half, name: half}]
  silent: [{get: /cut/silent, name: silent}]
  reset:  [{get: /cut/reset, name: reset}]
  chunks: [{get: /chunked, name: chunks, check: [body.size == 160, body contains sixteen]}]
load:
  - {name: members, flow: members, users: 5, for: 1500ms, pacing: 20ms}
  - {name: flaky, flow: flaky, arrivals: poisson, rate: 200/s, for: 1500ms}
  - {name: cuts, flows: {half: 1, silent: 1, reset: 1}, rate: 150/s, for: 1500ms}
  - {name: chunks, flow: chunks, rate: 100/s, for: 1500ms}
`).end(t)
	var f findings
	f.balanced(run)
	named := map[string]report.Request{}
	for _, l := range run.Loads {
		for _, r := range l.Requests {
			named[r.Name] = r
		}
	}
	kinds := map[string]string{"half": "truncated", "silent": "closed", "reset": "reset"}
	for name, path := range map[string]string{
		"login": "/login", "me": "/me", "flaky": "/flaky", "chunks": "/chunked",
		"half": "/cut/half", "silent": "/cut/silent", "reset": "/cut/reset",
	} {
		r := named[name]
		if r.Count == 0 {
			t.Fatalf("no request %s", name)
		}
		errors := map[string]uint64{}
		if kind := kinds[name]; kind != "" {
			errors[kind] = s.count(path)
		}
		f.equal(name+" sent", r.Count, s.count(path))
		if diff := cmp.Diff(s.codes(path), r.Codes); diff != "" {
			f.add("codes of %s: -target +plimsoll\n%s", name, diff)
		}
		if diff := cmp.Diff(errors, r.Errors); diff != "" {
			f.add("errors of %s: -target +plimsoll\n%s", name, diff)
		}
	}
	for _, name := range []string{"login", "me", "chunks"} {
		f.equal(name+" failed", named[name].Failed, 0)
	}
	f.equal("tokens that nobody used", s.unused(), 0)
	good := named["flaky"].Codes["200"]
	f.equal("flaky answers that are good", named["flaky"].OK, good)
	f.equal("flaky passes completed", run.Loads[1].Completed, good)
	f.equal("passes cut", run.Loads[2].Failed, run.Loads[2].Sent)
	f.check(t)
}

// TestHonestyAboutDroppedArrivals asks for more than max_in_flight lets through.
func TestHonestyAboutDroppedArrivals(t *testing.T) {
	t.Parallel()
	s := newTruth(t)
	code, run := start(t, "hit", s.URL+"/slow", "--rate", "500/s", "-d", "1s", "--max-in-flight", "4").end(t)
	l := run.Loads[0]
	var f findings
	f.balanced(run)
	f.equal("exit code", uint64(code), exitInconclusive)
	f.equal("planned", l.Planned, 500)
	f.equal("sent", l.Sent, s.count("/slow"))
	if most := uint64(4 * (time.Second/slowTime + 1)); l.Sent > most || l.Dropped < 500-most {
		f.add("sent %d and dropped %d, but no more than %d fit", l.Sent, l.Dropped, most)
	}
	f.reason(run, "dropped at max_in_flight")
	f.check(t)
}

// reason demands that the run is invalid for a reason with these words.
func (f *findings) reason(run *report.Run, words string) {
	says := func(r string) bool { return strings.Contains(r, words) }
	if v := run.Validity; v.Valid || !slices.ContainsFunc(v.Reasons, says) {
		f.add("valid %v, reasons %q, want one that says %q", v.Valid, v.Reasons, words)
	}
}

// TestHonestyOfAGeneratorThatIsTooSlow gives the generator one processor and more to do
// with each answer than that has time for. The target is not to blame for the latency,
// so the broken budget must not count.
func TestHonestyOfAGeneratorThatIsTooSlow(t *testing.T) {
	t.Parallel()
	s := newTruth(t)
	c := prepare(t, "run", scenarioFile(t, s, `
grace: 1s
flows: [{get: /large, check: "body matches (a.*){9}c"}]
load: [{name: l, rate: 200/s, for: 500ms}]
budgets: [p99 < 1ms]
`))
	c.Env = append(c.Env, "GOMAXPROCS=1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	code, run := c.end(t)
	var f findings
	f.balanced(run)
	f.equal("exit code", uint64(code), exitInconclusive)
	f.equal("sent", run.Loads[0].Sent, s.count("/large"))
	if !slices.Contains(run.Validity.LimitedBy, report.LimitLag) && !slices.Contains(run.Validity.LimitedBy, report.LimitCPU) {
		f.add("limited by %q, want lag or cpu", run.Validity.LimitedBy)
	}
	f.reason(run, "began late")
	f.check(t)
}

// TestHonestyWhenTheTargetDies ends the target in the middle of a run.
func TestHonestyWhenTheTargetDies(t *testing.T) {
	t.Parallel()
	s := newTruth(t)
	c := startScenario(t, s, `
flows: [{get: /ok}]
load: [{name: l, rate: 300/s, for: 2s}]
budgets: [errors < 1%]
`)
	await(t, func() bool { return s.count("/ok") >= 300 })
	s.die()
	code, run := c.end(t)
	l := run.Loads[0]
	var f findings
	f.balanced(run)
	f.equal("exit code", uint64(code), exitBreach)
	f.equal("planned", l.Planned, 600)
	f.equal("sent", l.Sent, 600)
	var errors uint64
	for kind, n := range l.Requests[0].Errors {
		errors += n
		if !slices.Contains([]string{"refused", "reset", "closed", "truncated"}, kind) {
			f.add("%d errors of kind %q", n, kind)
		}
	}
	f.equal("errors", errors, l.Failed)
	f.equal("completed", l.Completed, l.Requests[0].Codes["200"])
	if l.Requests[0].Errors["refused"] == 0 {
		f.add("nobody was refused: %v", l.Requests[0].Errors)
	}
	// An answer that was under way when the target died is one that it counted alone.
	if served := s.count("/ok"); l.Completed > served || served-l.Completed > 20 {
		f.add("completed %d, but the target served %d", l.Completed, served)
	}
	f.check(t)
}

// await waits until a condition holds.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited 20 seconds in vain")
		}
	}
}

// TestHonestyWithoutAnAnswer has a target that takes connections and says nothing.
func TestHonestyWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	l := listen(t)
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			conn.Close()
		}
	}()
	code, run := start(t, "hit", "http://"+l.Addr().String(), "--rate", "100/s", "-d", "500ms").end(t)
	var f findings
	f.balanced(run)
	f.equal("exit code", uint64(code), exitUnreachable)
	f.equal("failed", run.Loads[0].Failed, 50)
	if run.Verdict != report.Failed || run.Loads[0].Latency != nil {
		f.add("verdict %s with latency %v", run.Verdict, run.Loads[0].Latency)
	}
	f.check(t)
}

// TestHonestyWithoutATarget has nobody listen: nothing is sent, and nothing is saved that
// could be taken for a run.
func TestHonestyWithoutATarget(t *testing.T) {
	t.Parallel()
	l := listen(t)
	l.Close()
	c := start(t, "hit", "http://"+l.Addr().String(), "--rate", "100/s", "-d", "500ms")
	code, _ := c.end(t)
	if said := c.stderr.String(); code != exitUnreachable || c.stdout.Len() > 0 || !strings.Contains(said, "refused") || !strings.Contains(said, "hint: ") {
		t.Errorf("exit code %d, output %q, message %q", code, c.stdout.String(), said)
	}
	if files, err := fs.Glob(os.DirFS(filepath.Dir(c.dir)), "*"); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
