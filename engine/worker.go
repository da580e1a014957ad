package engine

import (
	"errors"
	"math/rand/v2"
	"time"

	"plimsoll/engine/flow"
)

// worker carries passes through a flow over one session: a user of a closed load, or a
// pair of hands of an open one.
type worker struct {
	run     *run
	load    int
	id      int
	flows   []Weighted
	weights float64
	pick    *rand.Rand
	user    *flow.User
	session Session
	resp    flow.Response
	timer   *time.Timer
	tracer  *tracer // nil: nothing is traced
	err     error   // why there is no user or session
}

// newWorker makes the worker of the given id. Trouble with its user or session is told
// by its first pass, as a sample.
func (r *run) newWorker(load, id int) *worker {
	l := &r.plan.Loads[load]
	w := &worker{run: r, load: load, id: id, flows: l.Flows, tracer: newTracer(r.plan.Tracing, load, id)}
	for _, f := range l.Flows {
		w.weights += f.Weight
	}
	if len(l.Flows) > 1 {
		w.pick = rand.New(rand.NewPCG(l.Seed, uint64(id)))
	}
	if w.user, w.err = l.NewUser(id); w.err == nil {
		w.session, w.err = l.Protocol.Open(r.hard)
	}
	r.opened.Add(1)
	r.open.Add(1)
	return w
}

func (w *worker) close() {
	if w.session != nil {
		_ = w.session.Close() // nothing is lost: what was to be sent was sent
	}
	w.run.open.Add(-1)
}

// passResult is how a pass through a flow ended.
type passResult struct {
	outcome   Outcome // OK, Failed (also for errors) or Unfinished
	exhausted bool    // it could not begin: no data was left
	think     time.Duration
	end       time.Duration
}

// begin takes data for a pass and goes through it. visitor says that somebody new comes
// each time, without the cookies of the one before.
func (w *worker) begin(stage int, due time.Duration, visitor bool) passResult {
	err := w.err
	if err == nil && visitor {
		w.user.Forget()
	}
	if err == nil {
		err = w.user.Begin()
	}
	if errors.Is(err, flow.ErrExhausted) {
		return passResult{exhausted: true, end: w.run.now()}
	}
	w.run.rec.tally(w.id, w.load, stage, &Tally{Sent: 1})
	if err == nil {
		return w.pass(stage, due)
	}
	return w.stillborn(stage, due, err)
}

// stillborn records a pass that failed before its first request could be made.
func (w *worker) stillborn(stage int, due time.Duration, err error) passResult {
	now := w.run.now()
	m := Sample{Load: w.load, Stage: stage, Request: firstCall(w.flows[0].Flow), Due: due, Start: now, End: now, Outcome: Error}
	if due < 0 {
		m.Due = now
	}
	_, m.ErrKind = w.classify(err)
	w.run.rec.add(w.id, &m)
	return passResult{outcome: Failed, end: now}
}

func firstCall(f *flow.Flow) int {
	for i := range f.Steps {
		if c := f.Steps[i].Call; c != nil {
			return c.Index
		}
	}
	return 0
}

// pass takes a flow once from its first step to its last. due is when the first request
// was due; a negative one means whenever it starts.
func (w *worker) pass(stage int, due time.Duration) passResult {
	f := w.choose()
	if w.tracer == nil || !w.tracer.chosen() {
		return w.steps(f, stage, due)
	}
	return w.tracePass(f, stage, due)
}

// steps takes the steps of a pass one after the other.
func (w *worker) steps(f *flow.Flow, stage int, due time.Duration) passResult {
	res := passResult{outcome: OK}
	open := due >= 0
	for i := range f.Steps {
		var next time.Duration // when the next step is due
		if t := f.Steps[i].Think; t != nil {
			last := !hasCall(f.Steps[i+1:])
			began, length := w.run.now(), t.Draw(w.user.Rand())
			cut := !w.pause(length, last)
			res.end = w.run.now()
			res.think += res.end - began
			next = dueAfterPause(began+length, res.end)
			if cut && last {
				return res // nothing is left to be sent
			}
			if cut {
				res.outcome = Unfinished
				return res
			}
		} else {
			var o Outcome
			var stop bool
			o, res.end, stop = w.call(f.Steps[i].Call, stage, due)
			switch {
			case o == Unfinished:
				res.outcome = Unfinished
			case o != OK && res.outcome == OK:
				res.outcome = Failed
			}
			if stop {
				return res
			}
			next = res.end
		}
		if open {
			due = next
		}
	}
	return res
}

// timerGrain is how late Go's timers are without anything being wrong.
const timerGrain = 2 * time.Millisecond

// dueAfterPause returns when the step after a pause is due. A pause is no more exact than
// the timer that ends it; but if it is far too long, this machine kept the user waiting.
func dueAfterPause(planned, ended time.Duration) time.Duration {
	if ended-planned <= timerGrain {
		return ended
	}
	return planned
}

func hasCall(steps []flow.Step) bool {
	for i := range steps {
		if steps[i].Call != nil {
			return true
		}
	}
	return false
}

// choose draws a flow by weight.
func (w *worker) choose() *flow.Flow {
	if w.pick == nil {
		return w.flows[0].Flow
	}
	x := w.pick.Float64() * w.weights
	for i := range w.flows {
		if x -= w.flows[i].Weight; x < 0 {
			return w.flows[i].Flow
		}
	}
	return w.flows[len(w.flows)-1].Flow
}

// call sends one request, and the hops that its answers lead to, and records each of
// them. stop says that the steps after it cannot be done.
func (w *worker) call(c *flow.Call, stage int, due time.Duration) (o Outcome, end time.Duration, stop bool) {
	req, err := c.Render(w.user)
	if err != nil {
		err = &Failure{Kind: ErrTemplate, Err: err}
		w.resp.Reset()
	}
	m := Sample{Load: w.load, Stage: stage, Request: c.Index}
	traced := w.tracer != nil && w.tracer.on && err == nil
	for hop := 0; ; hop++ {
		sent := req // what travels; the hop after it is made from req
		if traced {
			sent = w.tracer.sign(req)
		}
		m.Start = w.run.now()
		if m.Due = due; due < 0 {
			m.Due = m.Start
		}
		if err == nil {
			err = w.session.Do(sent, &w.resp)
		}
		m.End = w.run.now()
		var next *flow.Request
		if err == nil {
			if next, err = c.Redirect(w.user, req, &w.resp, hop); err != nil {
				err = &Failure{Kind: ErrRedirects, Err: err}
			}
		}
		stop = w.judge(&m, c, req, next != nil, err)
		w.run.rec.add(w.id, &m)
		if traced {
			w.traceRequest(&m)
		}
		if next == nil {
			return m.Outcome, m.End, stop
		}
		if due >= 0 {
			due = m.End
		}
		req, m = next, Sample{Load: w.load, Stage: stage, Request: c.HopIndex}
	}
}

// judge decides the outcome of one exchange. A hop that leads on is OK by itself: the
// checks are for the last answer.
func (w *worker) judge(m *Sample, c *flow.Call, req *flow.Request, leadsOn bool, err error) (stop bool) {
	m.Status, m.Phases = w.resp.Status, w.resp.Phases
	m.BytesIn, m.BytesOut = w.resp.BytesIn, w.resp.BytesOut
	m.NewConnection = w.resp.LocalAddr != ""
	switch {
	case err != nil:
		m.Outcome, m.ErrKind = w.classify(err)
		m.Status = 0 // the answer was not complete, or not one to count
		return true
	case leadsOn:
		return false
	}
	v := c.Judge(w.user, req, &w.resp, m.End-m.Due)
	m.ChecksFailed = v.ChecksFailed
	if v.Bad {
		m.Outcome = Failed
	}
	return v.Stop
}

// classify names a failed call. What the end of the run cut off is unfinished.
func (w *worker) classify(err error) (Outcome, string) {
	f, ok := errors.AsType[*Failure](err)
	switch {
	case !ok:
		return Error, ErrOther
	case f.Kind == ErrInterrupted && w.run.hard.Err() != nil:
		return Unfinished, ""
	}
	return Error, f.Kind
}

// pause waits for d. It returns false if the run ended first; a pause after the last
// request (last) also ends when no new work is to start, as nobody waits for its end.
func (w *worker) pause(d time.Duration, last bool) bool {
	if w.timer == nil {
		w.timer = time.NewTimer(d)
	} else {
		w.timer.Reset(d)
	}
	end := w.run.hard.Done()
	if last {
		end = w.run.over[w.load].Done()
	}
	select {
	case <-w.timer.C:
		return true
	case <-end:
		w.timer.Stop()
		return false
	}
}
