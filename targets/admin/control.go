package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"

	"plimsoll/targets/fault"
)

func (a *api) faults(r *http.Request) (any, error) { return a.target.Faults(r.Context()) }

func (a *api) faultKinds(*http.Request) (any, error) {
	return map[string]any{"kinds": fault.Kinds(), "targets": a.target.FaultTargets()}, nil
}

func (a *api) addFault(r *http.Request) (any, error) {
	var f fault.Fault
	if err := body(r, &f); err != nil {
		return nil, err
	}
	return a.target.AddFault(r.Context(), f)
}

func (a *api) clearFaults(r *http.Request) (any, error) {
	return map[string]int{"ended": a.target.ClearFaults(r.Context())}, nil
}

func (a *api) removeFault(r *http.Request) (any, error) {
	if id := r.PathValue("id"); !a.target.RemoveFault(r.Context(), id) {
		return nil, fmt.Errorf("%w: no fault %q is under way", errNotFound, id)
	}
	return nil, nil
}

func (a *api) cluster(*http.Request) (any, error) { return a.target.Cluster(), nil }

// throughout is a request's context without its end: when one who asked for a reload goes
// away, those under way in old workers must not be cut off.
func throughout(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }

func (a *api) reload(r *http.Request) (any, error) {
	if err := a.target.Reload(throughout(r)); err != nil {
		return nil, err
	}
	return a.target.Cluster(), nil
}

func (a *api) scale(r *http.Request) (any, error) {
	n, err := number(r, "n", 0)
	if err != nil {
		return nil, err
	}
	if err := a.target.Scale(throughout(r), n); err != nil {
		return nil, err
	}
	return a.target.Cluster(), nil
}

const pause = time.Second

func (a *api) act(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, mistake("id", "", "%q is not a worker's number", r.PathValue("id"))
	}
	d, err := duration(r, "for", pause)
	if err != nil {
		return nil, err
	}
	return nil, a.target.Act(throughout(r), id, r.PathValue("action"), d)
}

func (a *api) swap(r *http.Request) (any, error) {
	version := r.URL.Query().Get("version")
	if version == "" {
		return nil, mistake("version", "swap?version=1.5.0", "no version is named")
	}
	return a.target.Swap(r.Context(), r.PathValue("name"), version)
}

func (a *api) seed(r *http.Request) (any, error) {
	products, err := number(r, "products", 0)
	if err != nil {
		return nil, err
	}
	seed, err := number(r, "seed", 1)
	if err != nil {
		return nil, err
	}
	if products < 0 || products > 1_000_000 || seed < 0 {
		return nil, mistake("products", "", "products are from 1 to 1000000, and a seed is not negative")
	}
	return nil, a.target.Seed(r.Context(), products, uint64(seed))
}

func (a *api) reset(r *http.Request) (any, error) { return nil, a.target.Reset(r.Context()) }

func (a *api) truth(r *http.Request) (any, error) {
	return a.target.Truth(r.Context(), wish(r, "per_worker"), wish(r, "draws"))
}

func (a *api) epoch(r *http.Request) (any, error) {
	return nil, a.target.Epoch(r.Context(), r.URL.Query().Get("name"))
}

func (a *api) stats(r *http.Request) (any, error) { return a.target.Stats(r.Context()) }

func (a *api) certificate(*http.Request) (any, error) {
	text := a.target.Certificate()
	if text == nil {
		return nil, fmt.Errorf("%w: the data port does not speak TLS", errNotFound)
	}
	return map[string]string{"certificate": string(text)}, nil
}

// ofWorker passes requests that name a worker on to it, and others to own.
func (a *api) ofWorker(own http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := number(r, "worker", 0)
		if err != nil {
			explain(err).Write(w, r)
			return
		}
		if id == 0 {
			own.ServeHTTP(w, r)
			return
		}
		proxy := &httputil.ReverseProxy{
			Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(&url.URL{Scheme: "http", Host: "worker"}) },
			Transport:     a.target.Worker(id),
			FlushInterval: -1,
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				explain(fmt.Errorf("ask worker %d: %w", id, err)).Write(w, r)
			},
		}
		proxy.ServeHTTP(w, r)
	})
}
