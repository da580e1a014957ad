package worker

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"

	"github.com/felixge/fgprof"

	"plimsoll/targets/event"
)

// controls returns the handler of what the master asks:
//
//	GET /healthz              that it is alive
//	PUT /assignment           topology and faults from now on
//	GET /stats, /routes       figures and routes
//	GET /truth?draws=true     what happened at its stations
//	GET /faults               what is under way, and what it met
//	POST /crash               ends the process
//	GET /events               events as they happen, a line of JSON each
//	/debug/pprof/, /debug/fgprof
func (w *Worker) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(a http.ResponseWriter, _ *http.Request) { say(a, http.StatusOK, "ok\n") })
	mux.HandleFunc("PUT /assignment", w.putAssignment)
	mux.HandleFunc("GET /stats", func(a http.ResponseWriter, _ *http.Request) { send(a, w.Stats()) })
	mux.HandleFunc("GET /routes", func(a http.ResponseWriter, _ *http.Request) { send(a, w.table.Load().routes) })
	mux.HandleFunc("GET /truth", w.getTruth)
	mux.HandleFunc("GET /faults", func(a http.ResponseWriter, _ *http.Request) { send(a, w.parts.faults.List()) })
	mux.HandleFunc("POST /crash", func(http.ResponseWriter, *http.Request) { w.host.Crash() })
	mux.HandleFunc("POST /cache/flush", func(a http.ResponseWriter, r *http.Request) {
		if err := w.parts.cache.Flush(r.Context()); err != nil {
			http.Error(a, err.Error(), http.StatusBadGateway)
		}
	})
	mux.HandleFunc("GET /events", w.getEvents)
	Profiles(mux)
	return mux
}

// Profiles adds the paths of Go's profiler and of fgprof, which counts waiting too.
func Profiles(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/debug/fgprof", fgprof.Handler())
}

// send answers with the value as JSON.
func send(w http.ResponseWriter, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text) //nolint:errcheck // the master is gone; so will we be
}

// most is the longest body that the master sends.
const most = 4 << 20

func (w *Worker) putAssignment(a http.ResponseWriter, r *http.Request) {
	var to Assignment
	err := json.NewDecoder(http.MaxBytesReader(a, r.Body, most)).Decode(&to)
	if err == nil {
		err = w.take(to)
	}
	if err != nil {
		http.Error(a, err.Error(), http.StatusBadRequest)
	}
}

func (w *Worker) getTruth(a http.ResponseWriter, r *http.Request) {
	truths, err := w.parts.truth(r.URL.Query().Get("draws") == "true")
	if err != nil {
		http.Error(a, err.Error(), http.StatusInternalServerError)
		return
	}
	send(a, truths)
}

func (w *Worker) epoch(name string) {
	w.parts.epoch(name)
	w.meter.Epoch()
}

// getEvents sends events until the master has enough of them.
func (w *Worker) getEvents(a http.ResponseWriter, r *http.Request) {
	events, stop := w.events.Listen(0)
	defer stop()
	a.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(a)
	lines := json.NewEncoder(a)
	for {
		if out.Flush() != nil {
			return
		}
		select {
		case e := <-events:
			if lines.Encode(e) != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// Forward reads the events that getEvents sends and hands them on.
func Forward(from io.Reader, to *event.Bus) error {
	lines := json.NewDecoder(from)
	for {
		var e event.Event
		if err := lines.Decode(&e); err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		to.Forward(e)
	}
}
