package upstream

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"plimsoll/targets/middleware"
)

// onward returns the header of the next hop: that of the call, with the fields of the
// context's request. Fields of an earlier hop that were copied into it are not left there.
func onward(ctx context.Context, header http.Header, cfg *Config) http.Header {
	h := make(http.Header, len(header)+8)
	for name, values := range header {
		switch name {
		case "Traceparent", "Tracestate", "Baggage", "X-Request-Id", "X-Priority", "Priority",
			"X-Timeout-Ms", "X-Retry-Attempt":
		default:
			h[name] = values
		}
	}
	if !cfg.Propagate {
		return h
	}
	set := func(name, value string) {
		if value != "" {
			h[name] = []string{value}
		}
	}
	request := middleware.From(ctx)
	if request.ID != "" { // there is a request that the call is made for
		set("X-Request-Id", request.ID)
		set("X-Priority", request.Priority.String())
	}
	set("Traceparent", request.Trace.Parent)
	set("Tracestate", request.Trace.State)
	set("Baggage", middleware.FilterBaggage(request.Trace.Baggage, cfg.Baggage))
	if n := middleware.AttemptOf(ctx); n > 0 {
		set("X-Retry-Attempt", strconv.Itoa(n))
	}
	end := request.Deadline
	if d, ok := ctx.Deadline(); ok && (end.IsZero() || d.Before(end)) {
		end = d
	}
	if !end.IsZero() {
		set("X-Timeout-Ms", strconv.FormatInt(max(1, time.Until(end).Milliseconds()), 10))
	}
	return h
}

// late tells whether the client of the context's request has stopped waiting.
func late(ctx context.Context) bool {
	end := middleware.From(ctx).Deadline
	return !end.IsZero() && time.Until(end) <= 0
}
