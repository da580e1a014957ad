package resp

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// TestGoRedisGetsOnAsWithRedis goes through what the client itself does: the handshake, the
// pool, pipelines, transactions and scripts.
func TestGoRedisGetsOnAsWithRedis(t *testing.T) {
	all := servers()
	all["miniredis"] = func(t testing.TB) string { return miniredis.RunT(t).Addr() }
	for name, start := range all {
		t.Run(name, func(t *testing.T) {
			addr := start(t)
			for _, protocol := range []int{2, 3} {
				c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, Protocol: protocol, ClientName: "test"})
				getOn(t, c)
				c.Close()
			}
		})
	}
}

func getOn(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	equal := func(what string, ok bool) {
		t.Helper()
		if !ok {
			t.Error(what)
		}
	}
	must(c.FlushAll(ctx).Err())
	must(c.Set(ctx, "a", "1", time.Minute).Err())
	equal("GET", c.Get(ctx, "a").Val() == "1")
	equal("TTL", c.TTL(ctx, "a").Val() == time.Minute)
	equal("a missing key is redis.Nil", errors.Is(c.Get(ctx, "nothing").Err(), redis.Nil))
	must(c.HSet(ctx, "h", map[string]any{"x": 1, "y": "two"}).Err())
	equal("HGETALL", maps.Equal(c.HGetAll(ctx, "h").Val(), map[string]string{"x": "1", "y": "two"}))
	must(c.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "m"}, redis.Z{Score: 1753000000123, Member: "n"}).Err())
	equal("ZRANGEBYSCORE", slices.Equal(c.ZRangeByScoreWithScores(ctx, "z", &redis.ZRangeBy{Min: "-inf", Max: "+inf"}).Val(),
		[]redis.Z{{Score: 1.5, Member: "m"}, {Score: 1753000000123, Member: "n"}}))

	var n *redis.IntCmd
	_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "n")
		p.Incr(ctx, "n")
		n = p.Incr(ctx, "n")
		return nil
	})
	must(err)
	equal("a pipeline", n.Val() == 3)
	_, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		n = p.Incr(ctx, "n")
		p.Expire(ctx, "n", time.Minute)
		return nil
	})
	must(err)
	equal("a transaction", n.Val() == 4)
	err = c.Watch(ctx, func(tx *redis.Tx) error {
		must(c.Incr(ctx, "n").Err()) // another connection
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "n", 0, 0).Err() })
		return err
	}, "n")
	equal("a watched key that changed", errors.Is(err, redis.TxFailedErr))

	script := redis.NewScript(take.Lua)
	for _, left := range []int64{1, 0} {
		v, err := script.Run(ctx, c, []string{"stock"}, 2, 60000).Slice()
		must(err)
		equal("a script's answer", slices.Equal(v, []any{left, int64(1), "stock"}))
	}
	err = script.Run(ctx, c, []string{"stock"}, 2, 60000).Err()
	equal("a script's error", err != nil && err.Error() == "SOLDOUT nothing is left")
	equal("a script's expiry", c.TTL(ctx, "stock").Val() == time.Minute)
	known, err := c.ScriptExists(ctx, script.Hash(), "ffff").Result()
	must(err)
	equal("SCRIPT EXISTS", slices.Equal(known, []bool{true, false}))
	size, err := c.DBSize(ctx).Result()
	must(err)
	equal("DBSIZE", size == 5)
	var keys []string
	for it := c.Scan(ctx, 0, "*", 0).Iterator(); it.Next(ctx); {
		keys = append(keys, it.Val())
	}
	slices.Sort(keys)
	equal("SCAN", slices.Equal(keys, []string{"a", "h", "n", "stock", "z"}))
}
