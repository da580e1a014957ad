package limiter

import (
	"context"
	"crypto/sha1" //nolint:gosec // it names scripts, as Redis does
	"encoding/hex"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Redis is what the limiter needs of a go-redis client. To be held to the timeout of the
// limiter's settings, the client has to be made with ContextTimeoutEnabled, and with
// MaxRetries -1 so that it does not repeat.
type Redis interface {
	Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd
	EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd
}

// redisStore keeps quotas in Redis: one call decides all policies of a request.
type redisStore struct {
	client  Redis
	scripts map[Algo]redisScript
}

type redisScript struct{ lua, sha string }

func newRedisStore(client Redis) *redisStore {
	s := &redisStore{client: client, scripts: map[Algo]redisScript{}}
	for _, script := range Scripts() {
		sum := sha1.Sum([]byte(script.Lua))
		s.scripts[script.Algo] = redisScript{lua: script.Lua, sha: hex.EncodeToString(sum[:])}
	}
	return s
}

// take decides all asks, which are of one algorithm, together.
func (s *redisStore) take(ctx context.Context, asks []Ask, now int64, out []Decision) error {
	keys := make([]string, len(asks))
	args := make([]any, 1, 1+perKey*len(asks))
	args[0] = now
	for i := range asks {
		keys[i] = asks[i].Key.String()
		args = ruleArgs(args, &asks[i])
	}
	script := s.scripts[asks[0].Rule.Algo]
	cmd := s.client.EvalSha(ctx, script.sha, keys, args...)
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		cmd = s.client.Eval(ctx, script.lua, keys, args...)
	}
	states, err := cmd.Int64Slice()
	if err != nil {
		return fmt.Errorf("ask Redis for the quota: %w", err)
	}
	if len(states) != 3*len(asks) {
		return fmt.Errorf("ask Redis for the quota: %d numbers for %d keys", len(states), len(asks))
	}
	judge(asks, states, now, out)
	return nil
}

// judge comes to the decisions that the script has come to on the same states.
func judge(asks []Ask, states []int64, now int64, out []Decision) {
	all := true
	for i := range asks {
		_, out[i] = asks[i].Rule.Take(State(states[3*i:3*i+3]), now, asks[i].Cost)
		all = all && out[i].Allowed
	}
	if all {
		return
	}
	for i := range asks {
		if out[i].Allowed { // nothing was charged: tell what remains
			_, out[i] = asks[i].Rule.Take(State(states[3*i:3*i+3]), now, 0)
		}
	}
}
