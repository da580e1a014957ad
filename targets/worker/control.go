package worker

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"strconv"

	"github.com/felixge/fgprof"

	"plimsoll/targets/event"
	"plimsoll/targets/fault"
	"plimsoll/targets/topology"
)

// controls returns the handler of what the master asks:
//
//	GET /healthz              that it is alive
//	PUT /topology?version=7&edition=9   from now on, as YAML in the body
//	GET /stats, /routes       figures and routes
//	GET /truth?draws=true     what happened at its stations
//	POST /epoch?name=         begins a new epoch
//	POST /faults              begins a fault; DELETE ends all, DELETE /faults/{id} one
//	GET /events               events as they happen, a line of JSON each
//	/debug/pprof/, /debug/fgprof
func (w *Worker) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(a http.ResponseWriter, _ *http.Request) { say(a, http.StatusOK, "ok\n") })
	mux.HandleFunc("PUT /topology", w.putTopology)
	mux.HandleFunc("GET /stats", func(a http.ResponseWriter, _ *http.Request) { send(a, w.Stats()) })
	mux.HandleFunc("GET /routes", func(a http.ResponseWriter, _ *http.Request) { send(a, w.table.Load().routes) })
	mux.HandleFunc("GET /truth", w.getTruth)
	mux.HandleFunc("POST /epoch", func(_ http.ResponseWriter, r *http.Request) { w.epoch(r.URL.Query().Get("name")) })
	mux.HandleFunc("GET /faults", func(a http.ResponseWriter, _ *http.Request) { send(a, w.parts.faults.List()) })
	mux.HandleFunc("POST /faults", w.postFault)
	mux.HandleFunc("DELETE /faults", func(http.ResponseWriter, *http.Request) { w.parts.faults.Clear() })
	mux.HandleFunc("DELETE /faults/{id}", func(_ http.ResponseWriter, r *http.Request) { w.parts.faults.Remove(r.PathValue("id")) })
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

func (w *Worker) putTopology(a http.ResponseWriter, r *http.Request) {
	version, wrong := strconv.Atoi(r.URL.Query().Get("version"))
	edition, bad := strconv.Atoi(r.URL.Query().Get("edition"))
	if wrong != nil || bad != nil {
		http.Error(a, "version or edition is no number", http.StatusBadRequest)
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(a, r.Body, most))
	var cfg *topology.Config
	if err == nil {
		cfg, err = decode(string(text))
	}
	if err == nil {
		err = w.apply(cfg, version, edition)
	}
	if err != nil {
		http.Error(a, err.Error(), http.StatusBadRequest)
	}
}

func (w *Worker) postFault(a http.ResponseWriter, r *http.Request) {
	var f fault.Fault
	err := json.NewDecoder(http.MaxBytesReader(a, r.Body, most)).Decode(&f)
	if err == nil {
		f, err = w.parts.faults.Add(f)
	}
	if err != nil {
		http.Error(a, err.Error(), http.StatusBadRequest)
		return
	}
	send(a, f)
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
