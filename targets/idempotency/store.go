package idempotency

import (
	"context"
	"crypto/sha256"
	"errors"

	"plimsoll/targets/reply"
)

// imprint tells whether two requests are the same.
type imprint [sha256.Size]byte

// state is how far the request of a key is.
type state byte

const (
	claimed  state = 'c' // under way
	finished state = 'f' // answered
	unkept   state = 'u' // answered, but too long to keep the answer
)

// record is what a store knows of a key.
type record struct {
	state state
	print imprint
	reply []byte // as reply.Append wrote it, if finished
}

// claim is the right to carry out the request of a key. It ends with its lease.
type claim struct {
	id    string
	token uint64
	print imprint
	end   func() bool // tells whether the lease is over
}

// store keeps records. A claim is given to one caller until it finishes, releases it, or
// the lease is over.
type store interface {
	// claim returns a claim if there was no record, else the record.
	claim(ctx context.Context, id string, p imprint) (*claim, record, error)
	// finish puts an answer in place of a claim; errLost if it is over.
	finish(ctx context.Context, c *claim, r record) error
	// release takes a claim back.
	release(ctx context.Context, c *claim) error
}

var (
	errLost = errors.New("the claim is over")
	errFull = errors.New("the store is full of requests under way")
)

// answer returns the kept answer.
func (r *record) answer() (reply.Reply, error) { return reply.Parse(r.reply) }
