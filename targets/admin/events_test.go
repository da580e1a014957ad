package admin

import (
	"bufio"
	"encoding/json"
	"io"
	"iter"
	"strconv"
	"testing"

	"plimsoll/targets/event"
)

func lines(from io.Reader) iter.Seq[string] {
	return func(yield func(string) bool) {
		for in := bufio.NewScanner(from); in.Scan() && yield(in.Text()); {
		}
	}
}

// TestEventsTellWhatHappens listens to what master and worker tell, breaks off, and goes on
// from there.
func TestEventsTellWhatHappens(t *testing.T) {
	r := start(t, "golden", "cache.tiers=", "deps.pricing.breaker.min_calls=3", "deps.pricing.retry.mode=none", "deps.pricing.breaker.open=50ms")
	events := r.listen("", "")
	r.set("shed.queue", "99")
	changed := next(t, events, "knob.change")
	var e event.Event
	if err := json.Unmarshal([]byte(changed.data), &e); err != nil || e.Source != "master" || e.Monotonic <= 0 || e.Time.IsZero() || strconv.FormatUint(e.Seq, 10) != changed.id {
		t.Errorf("%+v: %v", changed, err)
	}
	if set, _ := e.Data["set"].(map[string]any); set["shed.queue"] != "99" {
		t.Errorf("changed %v", e.Data)
	}
	id := r.fault("dep:pricing", "error", "500", "20s")
	next(t, events, "fault.start")
	for range 6 {
		r.get("/v1/products/1")
	}
	opened := next(t, events, "breaker.open")
	if err := json.Unmarshal([]byte(opened.data), &e); err != nil || e.Source != "worker:1" || e.Data["dependency"] != "pricing" {
		t.Errorf("%+v: %v", opened, err)
	}
	r.end(id)
	next(t, events, "fault.end")
	await(t, "the breaker to close again", func() bool {
		r.get("/v1/products/1")
		select {
		case e := <-events:
			return e.kind == "breaker.closed"
		default:
			return false
		}
	})
	for name, again := range map[string]<-chan told{
		"Last-Event-ID": r.listen("", changed.id), "since": r.listen("?since="+changed.id, ""),
	} {
		first := next(t, again, "")
		want, _ := strconv.Atoi(changed.id)
		if got, _ := strconv.Atoi(first.id); got != want+1 {
			t.Errorf("%s: goes on with %d after %d", name, got, want)
		}
		if e := next(t, again, "breaker.open"); e != opened {
			t.Errorf("%s: %+v, and was %+v", name, e, opened)
		}
	}
	if a := send(t, "GET", r.admin+"/events?since=yesterday", ""); a.status != 400 || a.problem().Path != "since" {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}
