package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"plimsoll/targets/executor"
	"plimsoll/targets/fault"
	"plimsoll/targets/middleware"
	"plimsoll/targets/station"
	"plimsoll/targets/store"
	"plimsoll/targets/upstream"
)

// errUnavailable says that the shared store could not be asked.
var errUnavailable = errors.New("the shared store is unavailable")

func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errUnavailable, err)
}

func checkStatus(answer *http.Response) error {
	err := upstream.CheckStatus(answer)
	if s, ok := errors.AsType[*upstream.StatusError](err); ok && s.Status == http.StatusNotFound {
		return store.ErrNotFound
	}
	return err
}

// problem is an error that knows how it looks to a client.
type problem interface{ Problem() middleware.Problem }

// refuse returns how an error of a dependency looks to a client, and false if it is none
// that a client should see.
func refuse(err error) (middleware.Problem, bool) {
	if p, ok := errors.AsType[interface {
		error
		problem
	}](err); ok {
		return p.Problem(), true
	}
	status, detail := http.StatusServiceUnavailable, ""
	switch {
	case errors.Is(err, store.ErrNotFound):
		status, detail = http.StatusNotFound, "there is no such thing"
	case errors.Is(err, store.ErrOutOfStock):
		status, detail = http.StatusConflict, store.ErrOutOfStock.Error()
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrDuplicate):
		status, detail = http.StatusConflict, "somebody else was quicker"
	case errors.Is(err, store.ErrInvalid):
		status, detail = http.StatusBadRequest, err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		status, detail = http.StatusGatewayTimeout, "the deadline has passed"
	case errors.Is(err, context.Canceled):
		status = statusClientGone
	case errors.Is(err, errUnavailable), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrPoolTimeout):
		detail = "a dependency is unavailable"
	case errors.Is(err, station.ErrFull), errors.Is(err, executor.ErrSaturated):
		return middleware.Problem{Type: middleware.ReducedCapacity, Status: status, Detail: "there is no room for more", RetryAfter: time.Second}, true
	default:
		injected, ok := errors.AsType[*fault.Injected](err)
		if !ok {
			return middleware.Problem{}, false
		}
		detail = injected.Error()
		if injected.Status > 0 {
			status = injected.Status
		}
	}
	return middleware.Problem{Status: status, Detail: detail}, true
}

// statusClientGone is what logs and counts show of a request whose client left; nobody
// reads it (the convention of nginx).
const statusClientGone = 499

// refusal is refuse for errors that there is always an answer to.
func refusal(err error) middleware.Problem {
	if p, ok := refuse(err); ok {
		return p
	}
	return middleware.Problem{Status: http.StatusInternalServerError}
}
