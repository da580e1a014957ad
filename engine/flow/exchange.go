package flow

import "time"

// Request is one call, filled in and ready to travel. It is never changed after it was
// made: one that depends on no variable is shared by all users, and a protocol may keep
// its rendered form under the pointer.
type Request struct {
	Index   int    // which named request this is; an index into the plan's request names
	Method  string // upper case
	Scheme  string // "http" or "https"
	Host    string // host[:port] as the author wrote it: the Host header and the origin
	Target  string // path and query as they go on the request line, never empty
	Header  []Field
	Body    []byte
	Fixed   bool // the same pointer comes back for every user and pass
	Timeout Timeouts
	Want    Want
}

// Field is one header field, its name as written.
type Field struct{ Name, Value string }

// Timeouts bound one call; zero is no bound.
type Timeouts struct {
	Connect   time.Duration // resolve, connect and handshake together
	FirstByte time.Duration // from the last byte sent to the first byte of the answer
	Total     time.Duration // from the start of the call to the last byte of the answer
}

// Want says which parts of the answer somebody will read. A protocol counts the rest
// and throws it away.
type Want struct{ Header, Body bool }

// Response is the answer to one Request. The protocol fills it; slices point into its
// buffers and hold until the next call on the same session.
type Response struct {
	Status    int
	Header    []HeaderField // only if Want.Header; Set-Cookie and Location always
	Body      []byte        // only if Want.Body; with its content coding (gzip …) undone
	BytesIn   int64         // on the wire, head and body, before any decoding
	BytesOut  int64
	Phases    Phases
	Reused    bool   // it travelled on a connection that was open already
	LocalAddr string // source address of the connection that was opened for it; empty if none was
}

// HeaderField is a header field of an answer, in the protocol's buffer.
type HeaderField struct{ Name, Value []byte }

// Phase is a part of the time that a call takes.
type Phase int

// The phases of a call, in order. The first three are zero on a reused connection.
const (
	DNS Phase = iota
	Connect
	TLS
	FirstByte // from the request written to the first byte of the answer
	Body      // from the first byte to the last
	NumPhases
)

// String returns the name of the phase as it stands in reports.
func (p Phase) String() string {
	return [...]string{"dns", "connect", "tls", "first_byte", "body"}[p]
}

// Phases holds how long each phase took; zero if it did not happen.
type Phases [NumPhases]time.Duration

// Reset makes the response ready for the next call and keeps its buffers.
func (r *Response) Reset() {
	*r = Response{Header: r.Header[:0], Body: r.Body[:0]}
}
