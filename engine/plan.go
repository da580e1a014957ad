// Package engine makes load and measures it. Its vocabulary stands in plan.go (what shall
// happen), sample.go (what happened once) and snapshot.go (what happened in a span); the
// loop is in run.go, open.go and closed.go, and record.go counts. When a request is late,
// dropped or cut off, that is recorded and never hidden: latency counts from when a
// request was due. The engine does not know scenario files, reports or protocols; a
// protocol only has to implement Session.
package engine

import (
	"context"
	"iter"
	"time"

	"plimsoll/engine/flow"
)

// Plan is everything that a run needs, worked out before anything is sent.
type Plan struct {
	Legend   *Legend
	Loads    []Load        // index = index in Legend.Loads
	Grace    time.Duration // how long what is in flight may go on after the last load ended
	Interval time.Duration // how often observers get a snapshot; 0 is one second
	Tracing  *Tracing      // nil: no pass is traced

	Began func(time.Time) // told the start of the run, from which its offsets count, before anything is sent; may be nil
}

// Load is one stream of traffic; exactly one of Open and Closed is set.
type Load struct {
	Flows    []Weighted
	Protocol Protocol
	NewUser  func(id int) (*flow.User, error) // a fresh user; id counts from 0 within the load
	Seed     uint64                           // which flow an arrival takes; the same seed, the same choice
	Open     *Open
	Closed   *Closed
}

// Weighted is a flow with its share of the passes.
type Weighted struct {
	Flow   *flow.Flow
	Weight float64 // > 0; shares are relative to the sum
}

// Open is work that becomes due at given times, whatever the target does.
type Open struct {
	Schedule    iter.Seq[time.Duration] // due times, offsets from the start of the run, rising
	MaxInFlight int                     // an arrival beyond it is dropped and counted
}

// Closed is a number of users who start again when they are done. The number follows
// Stages in step with the stages of the legend.
type Closed struct {
	Users      []UserStage
	Iterations int64         // passes in all, over all users; 0 is no bound
	Pacing     time.Duration // shortest time from the start of a pass to the start of the user's next one
}

// UserStage is the number of users during one stage: linear from From to To.
type UserStage struct{ From, To int }

// Legend names what the indices in samples and snapshots stand for. Two snapshots merge
// if they have the same legend.
type Legend struct {
	Loads    []LoadLegend
	Requests []RequestLegend
}

// LoadLegend names a load and its stages.
type LoadLegend struct {
	Name   string
	Model  string // "open" or "closed"
	Stages []StageLegend
}

// StageLegend is a stage's name and span, as offsets from the start of the run.
type StageLegend struct {
	Name     string
	From, To time.Duration
	Planned  float64 // arrivals per second on average, 0 in a closed load
}

// RequestLegend names a request and its checks.
type RequestLegend struct {
	Name   string
	Checks []string // at most 64
	Labels Labels
}

// Labels say where a request belongs; each may be empty.
type Labels struct {
	Tier       string `json:"tier,omitempty"`       // how much it matters
	Dependency string `json:"dependency,omitempty"` // what it leans on
	Owner      string `json:"owner,omitempty"`      // who answers for it
}

// End returns when the last stage of the load ends.
func (l LoadLegend) End() time.Duration {
	if len(l.Stages) == 0 {
		return 0
	}
	return l.Stages[len(l.Stages)-1].To
}

// StageAt returns the index of the stage that t falls into; the last stage also takes
// what comes after its end.
func (l LoadLegend) StageAt(t time.Duration) int {
	for i := range l.Stages {
		if t < l.Stages[i].To {
			return i
		}
	}
	return max(len(l.Stages)-1, 0)
}

// Protocol opens sessions of one kind. It is safe for concurrent use.
type Protocol interface {
	// Open returns a session. It need not connect: the first Do may.
	Open(ctx context.Context) (Session, error)
}

// Session carries the requests of one user, or of one arrival after the other. It is not
// safe for concurrent use. When the context that Open was given ends, a Do under way
// returns soon with an error.
type Session interface {
	// Do sends req and fills resp. A failed call returns a *Failure, and what is known of
	// it (phases, bytes) is in resp all the same.
	Do(req *flow.Request, resp *flow.Response) error
	Close() error
}

// Failure is why a call got no complete answer. Kind is the name it is counted under: one
// of the Err constants.
type Failure struct {
	Kind string
	Err  error
}

// The names that failures are counted under.
const (
	ErrDNS              = "dns"                // the name has no address
	ErrRefused          = "refused"            // nobody listens
	ErrUnreachable      = "unreachable"        // no route, network or host down
	ErrConnectTimeout   = "connect timeout"    // resolve, connect or handshake took too long
	ErrCertificate      = "certificate"        // the server's certificate does not hold
	ErrTLS              = "tls"                // any other trouble in the handshake or the records
	ErrTimeout          = "timeout"            // the answer was not complete in time
	ErrFirstByteTimeout = "first byte timeout" // the answer did not begin in time
	ErrReset            = "reset"              // the connection was cut by the peer
	ErrClosed           = "closed"             // closed before an answer began
	ErrTruncated        = "truncated"          // closed in the middle of an answer
	ErrMalformed        = "malformed"          // not HTTP, or HTTP with a mistake that changes its meaning
	ErrLeftover         = "leftover"           // bytes after the end of the answer
	ErrHeaderLimit      = "header limit"       // the head was longer than allowed
	ErrBodyLimit        = "body limit"         // the body was longer than allowed
	ErrRedirects        = "too many redirects" // more hops than allowed, or a hop that leads nowhere
	ErrPorts            = "ports"              // this machine has no free port for a connection
	ErrFiles            = "open files"         // this machine allows no more open files
	ErrTemplate         = "template"           // a value for the request was missing
	ErrData             = "data exhausted"     // a data source ran out of rows
	ErrInterrupted      = "interrupted"        // the run was stopped
	ErrOther            = "other"
)

func (f *Failure) Error() string { return f.Kind + ": " + f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }
