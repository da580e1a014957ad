package executor

import (
	"time"

	"plimsoll/targets/station"
)

// Stats are the figures of an executor: counters since its epoch but for those of tasks,
// which are since it was made, and gauges.
type Stats struct {
	Model    string        `json:"model"`
	Loop     LoopStats     `json:"loop"`
	Blocking station.Stats `json:"blocking"`
	CPU      station.Stats `json:"cpu"`
	Tasks    TaskStats     `json:"tasks"`
}

// LoopStats are the figures of the event loop.
type LoopStats struct {
	Lag         station.Distribution `json:"lag"`         // of the probe's tasks, since the epoch
	LagNow      float64              `json:"lag_now_ms"`  // of the latest of them
	Utilisation float64              `json:"utilisation"` // busy over elapsed since the epoch, 0 … 1
	Queue       int                  `json:"queue"`       // tasks that wait
	Tasks       uint64               `json:"tasks_total"` // handlers and continuations that had their turn
}

// TaskStats are tasks of Compute by where they ran.
type TaskStats struct {
	Inline  uint64 `json:"inline_total"`  // in the handler, as configured
	Pooled  uint64 `json:"pooled_total"`  // on a worker
	Threads uint64 `json:"threads_total"` // on a thread of their own
	Caller  uint64 `json:"caller_total"`  // in the handler, since the queue was full
	Blocked uint64 `json:"blocked_total"` // on a worker, after their handler stood still for a place
}

// Stats returns the figures of the moment. The lag comes without its histogram.
func (e *Executor) Stats() Stats {
	loop := e.loop.Stats()
	s := Stats{
		Model: e.cfg.Load().Model, Blocking: e.blocking.Stats(), CPU: e.cpu.Stats(),
		Loop: LoopStats{
			LagNow: e.Lag().Seconds() * 1e3, Utilisation: loop.Utilisation,
			Queue: loop.Waiting, Tasks: loop.Completions,
		},
		Tasks: TaskStats{
			Inline: e.tasks.inline.Load(), Pooled: e.tasks.pooled.Load(), Threads: e.tasks.threads.Load(),
			Caller: e.tasks.caller.Load(), Blocked: e.tasks.blocked.Load(),
		},
	}
	if lag, err := e.probe.lags.Distribution(); err == nil {
		lag.HDR = ""
		s.Loop.Lag = lag
	}
	return s
}

// Lag returns how late a task of the loop begins at the moment, 0 without an event loop.
// It is cheap enough to be asked with every request.
func (e *Executor) Lag() time.Duration { return e.probe.lag() }

// Truth returns what happened at the loop and the pools since their epoch began, with the
// exact draws if they are wanted. The loop is a station with one server: its arrivals are
// handlers and continuations, its services how long they held it.
func (e *Executor) Truth(draws bool) ([]station.Truth, error) {
	var all []station.Truth
	for _, s := range []*station.Station{e.loop, e.blocking, e.cpu} {
		t, err := s.Truth(draws)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// Epoch begins a new epoch of loop, pools and lag.
func (e *Executor) Epoch(name string) {
	for _, s := range []*station.Station{e.loop, e.blocking, e.cpu} {
		s.Epoch(name)
	}
	e.probe.lags.Reset()
}
