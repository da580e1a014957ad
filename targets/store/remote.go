package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Call is the name of the command that Answer is to be served under.
const Call = "DB.CALL"

// envelope is an answer on the wire.
type envelope struct {
	Answer answer `json:"answer"`
	Spent  Spent  `json:"spent"`
	Code   string `json:"code,omitempty"` // of the error
	Text   string `json:"text,omitempty"`
}

// Answer does one call for a Remote store: args are the name of the operation and its
// request in JSON, the reply is JSON too. It does not go through this store's pool: the
// pool that counts is the caller's.
func (s *Store) Answer(ctx context.Context, args [][]byte) (any, error) {
	if len(args) != 2 {
		return nil, errors.New("ERR wrong number of arguments for '" + Call + "' command")
	}
	q := request{Op: string(args[0])}
	if err := json.Unmarshal(args[1], &q); err != nil {
		return nil, fmt.Errorf("ERR the request is not valid: %w", err)
	}
	var e envelope
	var err error
	e.Answer, e.Spent, err = s.perform(ctx, q)
	if err != nil {
		e.Text, e.Code = strings.TrimPrefix(err.Error(), q.Op+": "), codeOf(err)
		if e.Code == "" {
			e.Code = "unavailable" // the server's time for the call was over, not the caller's
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("ERR the answer cannot be sent: %w", err)
	}
	return b, nil
}

// Remote returns a store that is hosted by another process, which serves its Answer as the
// command Call at the address. Nothing is dialled before the first call. A call ends with
// its context's deadline; a context that is canceled before does not interrupt it.
func Remote(cfg Config, addr string) *Store {
	idle := cfg.Pool.IdleTimeout
	if idle == 0 {
		idle = -1 // never, to go-redis
	}
	return newStore(cfg, "remote", &remote{redis.NewClient(&redis.Options{
		Addr:                  addr,
		Protocol:              2,
		MaxRetries:            -1, // a retry here would hide a fault
		DialerRetries:         1,
		PoolSize:              mostConnections,
		ReadTimeout:           -1, // the context's
		WriteTimeout:          -1,
		ContextTimeoutEnabled: true,
		ConnMaxIdleTime:       idle,
		ReadBufferSize:        buffer,
		WriteBufferSize:       buffer,
	})})
}

// buffer is the size of both buffers of a connection, of which there may be many.
const buffer = 8 << 10

// mostConnections is the largest Pool.Max: the pool of the store is the one that bounds.
const mostConnections = 10_000

// remote is the database of another process.
type remote struct{ client *redis.Client }

func (r *remote) do(ctx context.Context, q request) (answer, Spent, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return answer{}, Spent{}, err
	}
	reply, err := r.client.Do(ctx, Call, q.Op, body).Text()
	if err != nil {
		return answer{}, Spent{}, err
	}
	var e envelope
	if err := json.Unmarshal([]byte(reply), &e); err != nil {
		return answer{}, Spent{}, fmt.Errorf("reading the answer: %w", err)
	}
	if e.Code != "" {
		return e.Answer, e.Spent, remoteError{e.Text, codes()[e.Code]}
	}
	return e.Answer, e.Spent, nil
}

func (r *remote) configure(context.Context, Config) error { return nil }
func (r *remote) close() error                            { return r.client.Close() }

// remoteError is an error of the other process, in its words.
type remoteError struct {
	text string
	kind error
}

// Error returns the words.
func (e remoteError) Error() string { return e.text }

// Unwrap returns which of the errors of this package it is, nil for none.
func (e remoteError) Unwrap() error { return e.kind }
