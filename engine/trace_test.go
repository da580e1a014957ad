package engine

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/engine/flow"
)

// listening is a target that keeps the traceparent of each request, "" without one.
type listening struct {
	mu   sync.Mutex
	seen []string
}

type listeningSession struct{ t *listening }

func (l *listening) Open(context.Context) (Session, error) { return listeningSession{l}, nil }

func (s listeningSession) Do(req *flow.Request, resp *flow.Response) error {
	resp.Reset()
	time.Sleep(10 * time.Millisecond)
	resp.Status = 200
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	parent := ""
	for _, f := range req.Header {
		if strings.EqualFold(f.Name, traceparent) {
			parent += f.Value
		}
	}
	s.t.seen = append(s.t.seen, parent)
	return nil
}

func (listeningSession) Close() error { return nil }

// parents returns those that are not empty.
func (l *listening) parents() (all []string) {
	for _, p := range l.seen {
		if p != "" {
			all = append(all, p)
		}
	}
	return all
}

// traced runs an open load of 100 passes of two requests each.
func traced(t *testing.T, tracing *Tracing, header ...flow.HeaderTemplate) (*listening, *Snapshot) {
	t.Helper()
	target := &listening{}
	p := openPlan(t, target, 100, time.Second, 1000)
	second := call(t, 1)
	second.Header = header
	if err := second.Prepare(); err != nil {
		t.Fatal(err)
	}
	f := p.Loads[0].Flows[0].Flow
	f.Steps = append(f.Steps, flow.Step{Call: second})
	p.Tracing = tracing
	s, err := virtual(t, p, t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return target, s
}

func TestEachRequestOfATracedPassSaysWhoItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target, s := traced(t, &Tracing{Share: 1, Seed: 1})
		valid := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`)
		sent := map[string]bool{}
		for _, p := range target.parents() {
			if !valid.MatchString(p) {
				t.Errorf("traceparent %q", p)
			}
			sent[p] = true
		}
		if len(sent) != 200 {
			t.Errorf("%d different traceparents in 200 requests", len(sent))
		}
		passes := map[[16]byte]Span{}
		for _, p := range s.Spans {
			if p.Request < 0 {
				passes[p.Trace] = p
			}
		}
		if len(passes) != 100 || len(s.Spans) != 300 || s.LeftOut != 0 {
			t.Fatalf("%d traces, %d spans, %d left out", len(passes), len(s.Spans), s.LeftOut)
		}
		for _, p := range s.Spans {
			pass := passes[p.Trace]
			switch {
			case p.Request < 0:
				near(t, "a pass", p.End-p.Due, 20*time.Millisecond, 2*time.Millisecond)
				continue
			case p.Parent != pass.ID || p.ID == pass.ID:
				t.Errorf("span %x has the parent %x, want %x", p.ID, p.Parent, pass.ID)
			case !sent[p.traceparent()]:
				t.Errorf("%s was recorded and not sent", p.traceparent())
			case p.Status != 200 || p.Method != "GET" || p.URL != "http://target.test/":
				t.Errorf("span %+v", p)
			}
		}
	})
}

func TestTheShareOfPassesIsTraced(t *testing.T) {
	for name, c := range map[string]struct {
		tracing *Tracing
		least   int
		most    int
	}{
		"none without tracing":        {nil, 0, 0},
		"none of no share":            {&Tracing{Seed: 1}, 0, 0},
		"about a third":               {&Tracing{Share: 0.3, Seed: 1}, 40, 80},
		"the same seed, the same":     {&Tracing{Share: 0.3, Seed: 1}, 40, 80},
		"all, though by another seed": {&Tracing{Share: 1, Seed: 2}, 200, 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target, s := traced(t, c.tracing)
				n := len(target.parents())
				if n < c.least || n > c.most || n%2 != 0 || len(s.Spans) != n/2*3 {
					t.Errorf("%d of 200 requests were traced, with %d spans", n, len(s.Spans))
				}
			})
		})
	}
}

func TestTheSeedSaysWhichPassesOfAUserAreTraced(t *testing.T) {
	draws := func(seed uint64, id int) (chosen [200]bool) {
		for tr, i := newTracer(&Tracing{Share: 0.1, Seed: seed}, 0, id), 0; i < len(chosen); i++ {
			chosen[i] = tr.chosen()
		}
		return chosen
	}
	switch first := draws(1, 0); {
	case first != draws(1, 0):
		t.Error("the same seed and user, and another choice")
	case first == draws(2, 0):
		t.Error("another seed, and the same choice")
	case first == draws(1, 1):
		t.Error("another user, and the same choice")
	}
}

func TestTheAuthorsTraceparentIsLeftAlone(t *testing.T) {
	const own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	synctest.Test(t, func(t *testing.T) {
		target, s := traced(t, &Tracing{Share: 1, Seed: 1}, flow.HeaderTemplate{Name: "Traceparent", Value: flow.Literal(own)})
		left := 0
		for _, p := range target.parents() {
			if p == own {
				left++
			}
		}
		if left != 100 {
			t.Errorf("%d of 100 came as the author wrote them", left)
		}
		for _, p := range s.Spans {
			if p.Own != (p.Request == 1) || p.Own && p.traceparent() != own {
				t.Errorf("span %s of request %d, own %v", p.traceparent(), p.Request, p.Own)
			}
		}
	})
}

// moved is a target that sends everybody elsewhere once.
type moved struct{ listening }

func (m *moved) Open(context.Context) (Session, error) { return movedSession{m}, nil }

type movedSession struct{ t *moved }

func (s movedSession) Do(req *flow.Request, resp *flow.Response) error {
	err := listeningSession{&s.t.listening}.Do(req, resp)
	if req.Target == "/" {
		resp.Status = 302
		resp.Header = append(resp.Header[:0], flow.HeaderField{Name: []byte("Location"), Value: []byte("/there")})
	}
	return err
}

func (movedSession) Close() error { return nil }

func TestEachHopIsASpanOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &moved{}
		p := closedPlan(t, target, 1, 15*time.Millisecond)
		p.Tracing = &Tracing{Share: 1, Seed: 1}
		p.Loads[0].Flows[0].Flow.Steps[0].Call.Redirects = 1
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(target.seen) != 2 || len(target.seen[0]) != 55 || len(target.seen[1]) != 55 || target.seen[0] == target.seen[1] {
			t.Errorf("the hops carried %q", target.seen)
		}
		slices.SortStableFunc(s.Spans, func(a, b Span) int { return int(a.Start+a.End) - int(b.Start+b.End) })
		if len(s.Spans) != 3 || s.Spans[2].URL != "http://target.test/there" || s.Spans[0].Trace != s.Spans[2].Trace {
			t.Errorf("spans %+v", s.Spans)
		}
	})
}

func TestSpansThatAreTooManyAreCounted(t *testing.T) {
	r := newRecorder(legend("open", StageLegend{Name: "only", To: time.Minute}))
	total := NewSnapshot(r.legend)
	const n = 3 * MaxSpans
	for i := range n {
		r.trace(i/1000, &Span{Flow: "f"})
		if i%5000 == 0 {
			total.Merge(r.cut())
		}
	}
	total.Merge(r.cut())
	if len(total.Spans) != MaxSpans || total.LeftOut != n-MaxSpans {
		t.Errorf("%d kept and %d left out of %d", len(total.Spans), total.LeftOut, n)
	}
}

func TestABadTraceparentOfTheAuthorHasNoIDs(t *testing.T) {
	for _, v := range []string{"", "00", strings.Repeat("-", 55), "00-" + strings.Repeat("x", 32) + "-00f067aa0ba902b7-01"} {
		if trace, id := parseTraceparent(v); trace != [16]byte{} || id != [8]byte{} {
			t.Errorf("%q has the ids %x and %x", v, trace, id)
		}
	}
}

func TestAPassThatIsNotTracedAllocatesNothing(t *testing.T) {
	w := instantWorker(t, &Tracing{Share: 1e-12, Seed: 1})
	w.begin(0, -1, false)
	if n := testing.AllocsPerRun(1000, func() { w.begin(0, -1, false) }); n != 0 {
		t.Errorf("%v allocations a pass", n)
	}
}
