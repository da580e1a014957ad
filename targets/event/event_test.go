package event

import "testing"

func TestAListenerSeesWhatWasKeptAndWhatComes(t *testing.T) {
	b := NewBus("master")
	b.Publish("worker.start", nil)
	b.Publish("worker.exit", map[string]any{"id": 1})
	events, stop := b.Listen(1)
	b.Forward(Event{Kind: "breaker.open", Source: "worker:2"})
	for i, want := range []Event{
		{Seq: 2, Kind: "worker.exit", Source: "master"},
		{Seq: 3, Kind: "breaker.open", Source: "worker:2"},
	} {
		got := <-events
		if got.Seq != want.Seq || got.Kind != want.Kind || got.Source != want.Source {
			t.Errorf("event %d is %+v, want %+v", i, got, want)
		}
	}
	stop()
	b.Publish("worker.start", nil)
	select {
	case e := <-events:
		t.Errorf("one who stopped listening was told %+v", e)
	default:
	}
	if b.Last() != 4 {
		t.Errorf("last is %d, want 4", b.Last())
	}
}

func TestASlowListenerIsToldHowManyEventsItLost(t *testing.T) {
	b := NewBus("master")
	events, stop := b.Listen(0)
	defer stop()
	const sent = keep + behind + 10
	for range sent {
		b.Publish("knob.change", nil)
	}
	for range keep + behind {
		<-events
	}
	b.Publish("knob.change", nil)
	e := <-events
	if e.Kind != Lost || e.Data["count"] != uint64(10) {
		t.Errorf("got %+v, want a loss of 10", e)
	}
	if e := <-events; e.Seq != sent+1 {
		t.Errorf("then got number %d, want %d", e.Seq, sent+1)
	}
}

func TestABusKeepsOnlyTheLastEvents(t *testing.T) {
	b := NewBus("master")
	for range 3 * keep {
		b.Publish("knob.change", nil)
	}
	events, stop := b.Listen(0)
	defer stop()
	if e := <-events; e.Seq != 2*keep+1 {
		t.Errorf("the oldest kept has number %d, want %d", e.Seq, 2*keep+1)
	}
	if len(events) != keep-1 {
		t.Errorf("%d more are kept, want %d", len(events), keep-1)
	}
}
