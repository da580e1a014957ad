package idempotency

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Client is what the store needs of a Redis client; redis.UniversalClient is one. Its
// options have to have ContextTimeoutEnabled and MaxRetries -1. The commands are GET, SET
// with PX and NX, and DEL.
type Client interface {
	Do(ctx context.Context, args ...any) *redis.Cmd
}

// shared is a store over the Redis protocol. One key holds first the claim, then the
// answer. A claim is set with NX, so one caller gets it. Its holder writes to the key again
// only while the lease, counted from before the claim was sent, has more left than a
// command may take: so it can hardly meet the claim of another, which comes when the key
// has run out.
type shared struct {
	client Client
	cfg    Config
}

// tries is how often a key may run out between two commands of a claim.
const tries = 3

func (s *shared) claim(ctx context.Context, id string, p imprint) (*claim, record, error) {
	key := s.cfg.Prefix + hex.EncodeToString([]byte(id))
	for range tries {
		end := time.Now().Add(s.cfg.Lease - s.cfg.Timeout)
		set, err := s.do(ctx, "SET", key, encode(record{state: claimed, print: p}), "NX", "PX", s.cfg.Lease.Milliseconds())
		if err != nil {
			return nil, record{}, err
		}
		if set != nil {
			return &claim{id: key, print: p, end: func() bool { return !time.Now().Before(end) }}, record{}, nil
		}
		text, err := s.do(ctx, "GET", key)
		if err != nil {
			return nil, record{}, err
		}
		if text, ok := text.(string); ok {
			r, err := decode([]byte(text))
			return nil, r, err
		}
	}
	return nil, record{}, errors.New("the key runs out again and again: lease is too short")
}

func (s *shared) finish(ctx context.Context, c *claim, r record) error {
	if c.end() {
		return errLost
	}
	_, err := s.do(ctx, "SET", c.id, encode(r), "PX", s.cfg.TTL.Milliseconds())
	return err
}

func (s *shared) release(ctx context.Context, c *claim) error {
	if c.end() {
		return nil
	}
	_, err := s.do(ctx, "DEL", c.id)
	return err
}

// do sends one command. A nil reply is nil without an error.
func (s *shared) do(ctx context.Context, args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	v, err := s.client.Do(ctx, args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("redis %v: %w", args[0], err)
	}
	return v, nil
}

// encode writes a record: its version (1 byte), its state (1), the print, the answer.
func encode(r record) []byte {
	b := make([]byte, 0, 2+len(r.print)+len(r.reply))
	b = append(b, version, byte(r.state))
	b = append(b, r.print[:]...)
	return append(b, r.reply...)
}

const version = 1

func decode(b []byte) (record, error) {
	r := record{}
	head := 2 + len(r.print)
	if len(b) < head || b[0] != version {
		return r, errors.New("redis: not a record of this version")
	}
	r.state = state(b[1])
	copy(r.print[:], b[2:])
	r.reply = b[head:]
	if r.state != claimed && r.state != finished && r.state != unkept {
		return r, fmt.Errorf("redis: a record in the unknown state %q", b[1])
	}
	return r, nil
}
