package engine

import (
	"context"
	"testing"
	"time"

	"plimsoll/engine/flow"
)

// instant is a target that answers at once.
type instant struct{}

func (instant) Open(context.Context) (Session, error) { return instant{}, nil }

func (instant) Do(_ *flow.Request, resp *flow.Response) error {
	resp.Reset()
	resp.Status = 200
	return nil
}

func (instant) Close() error { return nil }

// instantWorker returns a worker of a flow of one request.
func instantWorker(t testing.TB, tracing *Tracing) *worker {
	t.Helper()
	p := closedPlan(t, instant{}, 1, time.Hour)
	p.Tracing = tracing
	r := &run{plan: &p, rec: newRecorder(p.Legend), hard: t.Context(), epoch: time.Now()}
	return r.newWorker(0, 0)
}

// BenchmarkPass is what a pass costs the engine, without a protocol.
func BenchmarkPass(b *testing.B) {
	for name, tracing := range map[string]*Tracing{"plain": nil, "1% traced": {Share: 0.01, Seed: 1}, "all traced": {Share: 1, Seed: 1}} {
		b.Run(name, func(b *testing.B) {
			w := instantWorker(b, tracing)
			b.ReportAllocs()
			for b.Loop() {
				w.begin(0, -1, false)
			}
		})
	}
}
