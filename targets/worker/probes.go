package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"plimsoll/targets/executor"
	"plimsoll/targets/middleware"
	"plimsoll/targets/primitive"
	"plimsoll/targets/service"
	"plimsoll/targets/station"
	"plimsoll/targets/topology"
	"plimsoll/targets/work"
)

// probes returns the routes under /x/: those that need nothing, and those that show one
// part of the target at a time:
//
//	/x/cpu?ms=5&kb=0      processor work, inline or on the pool, as exec.cpu says; its payload
//	                      of kb is copied there and back, or not, as exec.cpu_pool.transfer says
//	/x/block?ms=50        holds the event loop for as long, burning processor time
//	/x/pool?ms=20         a blocking call on the blocking pool, as for files and name look-ups
//	/x/alloc?kb=64        makes garbage
//	/x/json?n=50          encodes a document of n fields, as work.json says; POST validates one, as work.validate says
//	/x/hash?rounds=10000  digests (SHA-256); with kind=pbkdf2 derives a key
//	/x/image?px=256       makes a picture and halves it
//	/x/matrix?n=64        multiplies two matrices
//	/x/station/{name}     waits for and is served by a station of the topology
//	/x/cache/{key}        an answer that the cache may keep, made in ms (query), with its time in it
//	/x/dep/{name}         calls a dependency once: db, redis or pricing
func (w *Worker) probes(cfg *topology.Config) []endpoint {
	plain := primitive.Routes(func(ctx context.Context, wait func(context.Context) error) error {
		return await(ctx, cfg.Work.Work, wait)
	})
	var all []endpoint
	add := func(pattern string, h http.Handler, shared bool) {
		all = append(all, endpoint{
			pattern: pattern, service: primitives, shared: shared, handler: h, cache: cfg.Work.Cache,
			load: w.parts.workload(primitives, cfg.Work.Work), run: w.parts.executor(cfg, primitives),
		})
	}
	for _, pattern := range patterns(plain) {
		add(pattern, plain[pattern], false)
	}
	add("/x/cpu", service.Handler(cpu).Serve(refuse), false)
	add("/x/block", service.Handler(block).Serve(refuse), false)
	add("/x/pool", service.Handler(w.blockingCall).Serve(refuse), false)
	add("/x/alloc", service.Handler(garbage).Serve(refuse), false)
	add("/x/json", w.document(cfg.Work.JSON).Serve(refuse), false)
	add("POST /x/json", w.validation(cfg.Work.Validate).Serve(refuse), false)
	add("/x/hash", service.Handler(hash).Serve(refuse), false)
	add("/x/image", service.Handler(image).Serve(refuse), false)
	add("/x/matrix", service.Handler(matrix).Serve(refuse), false)
	add("/x/station/{name}", service.Handler(w.atStation).Serve(refuse), false)
	add("/x/cache/{key}", service.Handler(w.cacheable).Serve(refuse), true)
	add("/x/dep/{name}", service.Handler(w.dependency).Serve(refuse), false)
	return all
}

// span reads the parameter ms.
func span(r *http.Request, otherwise float64) (time.Duration, error) {
	d, err := primitive.Span(r, "ms", otherwise, time.Millisecond)
	if err != nil {
		return 0, &service.Problem{Status: http.StatusBadRequest, Detail: err.Error()}
	}
	return d, nil
}

// amount reads a parameter that is a whole number.
func amount(r *http.Request, name string, otherwise, least, most int) (int, error) {
	return service.Number(r.URL.Query().Get(name), name, otherwise, least, most)
}

// mostPayload is the largest payload of a task, in KiB.
const mostPayload = 16 << 10

// compute has a kernel run where the topology has processor work run.
func compute(w http.ResponseWriter, r *http.Request, kernel func()) error {
	kb, err := amount(r, "kb", 0, 0, mostPayload)
	if err != nil {
		return err
	}
	_, err = executor.Compute(r.Context(), executor.Task{Payload: make([]byte, kb<<10), Run: func(payload []byte) ([]byte, error) {
		kernel()
		return payload, nil
	}})
	if err != nil {
		return err
	}
	say(w, http.StatusOK, "ok\n")
	return nil
}

func cpu(w http.ResponseWriter, r *http.Request) error {
	d, err := span(r, 5)
	if err != nil {
		return err
	}
	return compute(w, r, func() { work.CPU(d) })
}

func block(w http.ResponseWriter, r *http.Request) error {
	d, err := span(r, 50)
	if err != nil {
		return err
	}
	work.CPU(d)
	say(w, http.StatusOK, "ok\n")
	return nil
}

func (w *Worker) blockingCall(a http.ResponseWriter, r *http.Request) error {
	d, err := span(r, 20)
	if err != nil {
		return err
	}
	if err := executor.Block(r.Context(), func(ctx context.Context) error { return w.parts.alarm.Wait(ctx, d) }); err != nil {
		return err
	}
	say(a, http.StatusOK, "ok\n")
	return nil
}

func garbage(w http.ResponseWriter, r *http.Request) error {
	kb, err := amount(r, "kb", 64, 1, work.MostGarbage)
	if err != nil {
		return err
	}
	work.Garbage(kb)
	say(w, http.StatusOK, "ok\n")
	return nil
}

func (w *Worker) document(codec string) service.Handler {
	return func(a http.ResponseWriter, r *http.Request) error {
		n, err := amount(r, "n", 50, 1, work.MostFields)
		if err != nil {
			return err
		}
		text, err := w.parts.documents.Encode(codec, n)
		if err != nil {
			return err
		}
		service.Body(a, http.StatusOK, text)
		return nil
	}
}

// longestDocument is the longest body of a document that is read.
const longestDocument = 1 << 20

// validation answers with 200, or with 422 if the body is no document of n fields.
func (w *Worker) validation(how string) service.Handler {
	return func(a http.ResponseWriter, r *http.Request) error {
		n, err := amount(r, "n", 50, 1, work.MostFields)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		text.Grow(int(min(max(r.ContentLength, 0), longestDocument)) + bytes.MinRead) // for the end to be found without growing
		if _, err := text.ReadFrom(http.MaxBytesReader(a, r.Body, longestDocument)); err != nil {
			if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
				return &service.Problem{Status: http.StatusRequestEntityTooLarge, Detail: "the body is longer than 1 MiB"}
			}
			return &service.Problem{Status: http.StatusBadRequest, Detail: "the body did not arrive: " + err.Error(), Err: err}
		}
		if err := w.parts.documents.Validate(how, n, text.Bytes()); errors.Is(err, work.ErrInvalid) {
			return &service.Problem{Status: http.StatusUnprocessableEntity, Detail: err.Error(), Err: err}
		} else if err != nil {
			return err
		}
		say(a, http.StatusOK, "ok\n")
		return nil
	}
}

func hash(w http.ResponseWriter, r *http.Request) error {
	rounds, err := amount(r, "rounds", 10_000, 1, work.MostRounds)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("kind") == "pbkdf2" {
		return compute(w, r, func() { work.Derive("password", "salt", rounds) }) //nolint:errcheck // it costs what it costs
	}
	return compute(w, r, func() { work.Digest(rounds) })
}

func image(w http.ResponseWriter, r *http.Request) error {
	px, err := amount(r, "px", 256, 2, 2048)
	if err != nil {
		return err
	}
	return compute(w, r, func() { work.Resize(work.Picture(px, px), px/2, px/2) })
}

func matrix(w http.ResponseWriter, r *http.Request) error {
	n, err := amount(r, "n", 64, 1, work.MostDimension)
	if err != nil {
		return err
	}
	return compute(w, r, func() { work.Multiply(n) })
}

// atStation answers with how long the request waited and was served.
func (w *Worker) atStation(a http.ResponseWriter, r *http.Request) error {
	s := w.parts.stations[r.PathValue("name")]
	if s == nil {
		return &service.Problem{Status: http.StatusNotFound, Detail: "the topology has no such station"}
	}
	var visit station.Visit
	err := executor.Await(r.Context(), func(ctx context.Context) (err error) {
		visit, err = s.Serve(ctx, station.Job{Priority: int(middleware.From(ctx).Priority)})
		return err
	})
	if err != nil {
		return err
	}
	timing := &middleware.From(r.Context()).Timing
	timing.Add("q", visit.Wait)
	timing.Add("svc", visit.Service)
	return service.JSON(a, http.StatusOK, map[string]float64{
		"wait_ms": visit.Wait.Seconds() * 1e3, "service_ms": visit.Service.Seconds() * 1e3,
	})
}

// cacheable is an answer that takes time to make and says when it was made.
func (w *Worker) cacheable(a http.ResponseWriter, r *http.Request) error {
	d, err := span(r, 20)
	if err != nil {
		return err
	}
	if err := executor.Await(r.Context(), func(ctx context.Context) error { return w.parts.alarm.Wait(ctx, d) }); err != nil {
		return err
	}
	made := w.parts.made.Add(1)
	a.Header().Set("Content-Type", "application/json")
	text := `{"key":` + quoted(r.PathValue("key")) + `,"made":` + strconv.FormatUint(made, 10) + "}"
	service.Body(a, http.StatusOK, []byte(text))
	return nil
}

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(text)
}

// dependency calls one dependency with a question that has no side effect.
func (w *Worker) dependency(a http.ResponseWriter, r *http.Request) error {
	var err error
	switch name := r.PathValue("name"); name {
	case "db":
		_, err = w.parts.shops[primitives].Product(r.Context(), 1)
	case "redis":
		_, err = w.parts.shared.Get(r.Context(), "probe")
	case "pricing":
		_, _, err = w.parts.priceFor(primitives)(r.Context(), 1)
	default:
		return &service.Problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("there is no dependency %q: db, redis or pricing", name)}
	}
	if err != nil {
		return err
	}
	say(a, http.StatusOK, "ok\n")
	return nil
}
