// Package admin is the control API of the reference target, over HTTP on a listener of
// its own that no load reaches: topology, routes, knobs, faults, workers, data, the truth
// about what happened, metrics, events and profiles. It does nothing itself; package
// master does.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"plimsoll/targets/cluster"
	"plimsoll/targets/knob"
	"plimsoll/targets/master"
	"plimsoll/targets/middleware"
	"plimsoll/targets/worker"
)

// api answers for one target.
type api struct{ target *master.Master }

// Handler returns the control API of a target, all under /admin/v1 but for /metrics and
// /debug. With a token it answers only to those who have it:
//
//	GET    /topology, /routes                  what there is
//	GET    /certificate                        what proves the data port over TLS, as PEM
//	GET    /knobs, /knobs/{path}               all settings, or one
//	PUT    /knobs/{path}                       changes one: the value as text or JSON
//	PATCH  /knobs                              changes many: {"set": {path: value}, "at": "+30s", "revert_after": "60s", "if_version": 7, "why": "…"}
//	GET    /knobs/log, /knobs/pending          what changed, and what will
//	DELETE /knobs/pending/{id}                 drops what would change
//	GET, POST, DELETE /faults, DELETE /faults/{id}, GET /faults/kinds
//	GET    /cluster; POST /cluster/reload, /cluster/scale?n=, /cluster/workers/{id}/{action}?for=
//	POST   /services/{name}/swap?version=
//	POST   /store/seed?products=&seed=, /store/reset
//	GET    /truth?per_worker=&draws=; POST /epoch?name=
//	GET    /stats, /events?since= (server-sent events); /metrics?per_worker= (Prometheus)
//	       /debug/pprof/, /debug/fgprof, of the master or of ?worker=
func Handler(target *master.Master, token string) http.Handler {
	a := &api{target: target}
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /admin/v1/topology":              a.topology,
		"GET /admin/v1/routes":                a.routes,
		"GET /admin/v1/knobs":                 a.knobs,
		"GET /admin/v1/knobs/{path...}":       a.knob,
		"PUT /admin/v1/knobs/{path...}":       a.putKnob,
		"PATCH /admin/v1/knobs":               a.patchKnobs,
		"GET /admin/v1/knobs/log":             a.knobLog,
		"GET /admin/v1/knobs/pending":         a.pending,
		"DELETE /admin/v1/knobs/pending/{id}": a.cancel,

		"GET /admin/v1/faults":         a.faults,
		"POST /admin/v1/faults":        a.addFault,
		"DELETE /admin/v1/faults":      a.clearFaults,
		"DELETE /admin/v1/faults/{id}": a.removeFault,
		"GET /admin/v1/faults/kinds":   a.faultKinds,

		"GET /admin/v1/cluster":                        a.cluster,
		"POST /admin/v1/cluster/reload":                a.reload,
		"POST /admin/v1/cluster/scale":                 a.scale,
		"POST /admin/v1/cluster/workers/{id}/{action}": a.act,
		"POST /admin/v1/services/{name}/swap":          a.swap,

		"POST /admin/v1/store/seed":  a.seed,
		"POST /admin/v1/store/reset": a.reset,
		"GET /admin/v1/truth":        a.truth,
		"POST /admin/v1/epoch":       a.epoch,
		"GET /admin/v1/stats":        a.stats,
		"GET /admin/v1/certificate":  a.certificate,
	} {
		mux.Handle(pattern, h)
	}
	mux.HandleFunc("GET /admin/v1/events", a.events)
	mux.HandleFunc("GET /metrics", a.metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }) //nolint:errcheck // who asked is gone
	profiles := http.NewServeMux()
	worker.Profiles(profiles)
	mux.Handle("/debug/", a.ofWorker(profiles))
	return guarded(mux, token)
}

// handler answers with a value as JSON, or with an error as a problem document.
type handler func(r *http.Request) (any, error)

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	value, err := h(r)
	if err != nil {
		explain(err).Write(w, r)
		return
	}
	if value == nil {
		value = map[string]bool{"ok": true}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.Encode(value) //nolint:errcheck // who asked is gone
}

const maxBody = 1 << 20

// explain says what is wrong: mistakes in what was sent name the setting.
func explain(err error) middleware.Problem {
	p := middleware.Problem{Status: http.StatusInternalServerError, Detail: err.Error()}
	if mistakes := mistakesIn(err); mistakes != nil {
		first := mistakes[0]
		p.More = map[string]any{"problems": mistakes}
		if first.Hint != "" {
			p.More["hint"] = first.Hint
		}
		first.Hint = ""
		p.Status, p.Detail = http.StatusBadRequest, first.Error()
		if mistakes[0].Path != "" {
			p.More["path"] = mistakes[0].Path
		}
		return p
	}
	switch {
	case errors.Is(err, knob.ErrVersion):
		p.Status = http.StatusConflict
	case errors.Is(err, knob.ErrFull):
		p.Status = http.StatusTooManyRequests
	case errors.Is(err, knob.ErrNoBatch), errors.Is(err, cluster.ErrNoWorker), errors.Is(err, errNotFound):
		p.Status = http.StatusNotFound
	case errors.Is(err, knob.ErrClosed), errors.Is(err, cluster.ErrClosed):
		p.Status = http.StatusServiceUnavailable
	case errors.Is(err, context.Canceled):
		p.Status = http.StatusServiceUnavailable
	}
	return p
}

var errNotFound = errors.New("not found")

// mistakesIn returns what was wrong in a request, nil if it was not the request's fault.
func mistakesIn(err error) []knob.Problem {
	if all, ok := errors.AsType[knob.Problems](err); ok {
		return all
	}
	if one, ok := errors.AsType[knob.Problem](err); ok {
		return []knob.Problem{one}
	}
	if one, ok := errors.AsType[*knob.Problem](err); ok {
		return []knob.Problem{*one}
	}
	return nil
}

// mistake is a fault of the request, in a field or a parameter.
func mistake(path, hint, format string, args ...any) error {
	return knob.Problem{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// number reads a parameter that is a whole number.
func number(r *http.Request, name string, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, mistake(name, "", "%q is not a whole number", text)
	}
	return n, nil
}

// duration reads a parameter that is a duration with a unit.
func duration(r *http.Request, name string, otherwise time.Duration) (time.Duration, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, mistake(name, "write it like 5s", "%q is not a duration", text)
	}
	return d, nil
}

// wish reads a parameter that is true or false.
func wish(r *http.Request, name string) bool {
	value, err := strconv.ParseBool(r.URL.Query().Get(name))
	return err == nil && value
}

// body reads a request's JSON strictly into value.
func body(r *http.Request, value any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		if mistakesIn(err) != nil {
			return err
		}
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return mistake(wrong.Field, "", "a JSON %s does not fit here", wrong.Value)
		}
		return mistake("", "", "the body is not the JSON expected: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if d.Decode(&struct{}{}) != io.EOF {
		return mistake("", "", "the body holds more than one value")
	}
	return nil
}
