package limiter

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"plimsoll/targets/resp"
	"plimsoll/targets/servertest"
)

// client returns a client as the limiter asks for it.
func client(tb testing.TB, addr string) *redis.Client {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1, Protocol: 2})
	tb.Cleanup(func() { c.Close() })
	return c
}

// embedded starts a server that runs the scripts' Go functions and returns its address.
func embedded(tb testing.TB) string {
	tb.Helper()
	var scripts []resp.Script
	for _, s := range Scripts() {
		scripts = append(scripts, resp.Script{Lua: s.Lua, Run: func(tx *resp.Tx, keys, args []string) (any, error) {
			return s.Run(tx, keys, args)
		}})
	}
	server := resp.New(resp.Config{MaxBytes: 64 << 20, MaxClients: 100, CommandTimeout: time.Second}, resp.Extensions{Scripts: scripts})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	tb.Cleanup(func() { server.Close(); <-done })
	return ln.Addr().String()
}

// decidesAlike draws sequences of requests to several keys at once, whose rules may change,
// and compares the decisions of Redis with those of this process.
func decidesAlike(t *testing.T, addr string) {
	store := newRedisStore(client(t, addr))
	sequence := 0
	rapid.Check(t, func(t *rapid.T) {
		sequence++ // keys of its own
		algo := rapid.SampledFrom(slices.Concat(buckets, windows)).Draw(t, "algo")
		here := newLocalStore(1000)
		rules := []Rule{drawRule(t, algo), drawRule(t, algo), drawRule(t, algo)}
		if algo == LeakyBucket {
			rules[0].Delay = rapid.Int64Range(0, rules[0].Burst).Draw(t, "delay") * rules[0].Interval
		}
		for i, a := range arrivals(t, rules[0].unit()/2, 3) {
			var asks []Ask
			keys := rapid.IntRange(1, len(rules)).Draw(t, "keys")
			if i == 0 {
				keys = len(rules) // a key that came later could make another one go, and then the rate changes
			}
			for k := range keys {
				asks = append(asks, Ask{Key: Key{Policy: string(algo) + strconv.Itoa(k), Who: strconv.Itoa(sequence)}, Rule: &rules[k], Cost: a.cost})
			}
			if i%10 == 9 {
				rules[0].Interval = rapid.Int64Range(1, 50_000).Draw(t, "interval") * 1003
			}
			want, got := make([]Decision, len(asks)), make([]Decision, len(asks))
			here.take(asks, a.now, want)
			if err := store.take(context.Background(), asks, a.now, got); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("request %d, %+v, of %+v:\nRedis     %+v\nin Go     %+v", i, a, rules[:len(asks)], got, want)
			}
		}
	})
}

func TestTheLuaOfEveryAlgorithmDecidesAsItsGoFunction(t *testing.T) {
	decidesAlike(t, servertest.Redis(t))
}

func TestTheScriptsInGoDecideAsTheRules(t *testing.T) { decidesAlike(t, embedded(t)) }

func TestTheLuaRunsOnMiniredisToo(t *testing.T) { decidesAlike(t, miniredis.RunT(t).Addr()) }

func TestManyClientsOfOneRedisAdmitExactlyTheLimit(t *testing.T) {
	for name, addr := range map[string]func(testing.TB) string{"redis-server": servertest.Redis, "embedded": embedded} {
		t.Run(name, func(t *testing.T) {
			addr := addr(t)
			for _, algo := range slices.Concat(buckets, windows) {
				r := Rule{Algo: algo, Interval: 1e12, Burst: 50, Limit: 50, Window: 1e9}
				var mu sync.Mutex
				var admitted int
				var workers sync.WaitGroup
				for range 4 {
					store := newRedisStore(client(t, addr))
					workers.Go(func() {
						out := make([]Decision, 1)
						for range 25 {
							if err := store.take(context.Background(), []Ask{askFor(string(algo), name, &r)}, epoch, out); err != nil {
								t.Error(err)
								return
							}
							mu.Lock()
							if out[0].Allowed {
								admitted++
							}
							mu.Unlock()
						}
					})
				}
				workers.Wait()
				if admitted != 50 {
					t.Errorf("%s: admitted %d of 100, want 50", algo, admitted)
				}
			}
		})
	}
}

func TestKeysInRedisExpire(t *testing.T) {
	c := client(t, servertest.Redis(t))
	store := newRedisStore(c)
	for _, algo := range slices.Concat(buckets, windows) {
		r := Rule{Algo: algo, Interval: 10e6, Burst: 10, Limit: 10, Window: 100_000}
		ask := askFor(string(algo), "a", &r)
		if err := store.take(context.Background(), []Ask{ask}, epoch, make([]Decision, 1)); err != nil {
			t.Fatal(err)
		}
		left := c.PTTL(context.Background(), ask.Key.String()).Val()
		if left <= 0 || left > r.Forgettable()+linger {
			t.Errorf("%s: expires in %v, want at most %v", algo, left, r.Forgettable()+linger)
		}
	}
}

func TestAScriptRefusesArgumentsThatAreNotItsOwn(t *testing.T) {
	for _, args := range [][]string{nil, {"1"}, {"1", "x", "1", "1", "1", "1", "1", "1"}} {
		if _, err := Scripts()[0].Run(nil, []string{"key"}, args); err == nil {
			t.Errorf("took %q", args)
		}
	}
}

func BenchmarkRedisGCRA(b *testing.B) {
	for name, addr := range map[string]func(testing.TB) string{"redis-server": servertest.Redis, "embedded": embedded} {
		b.Run(name, func(b *testing.B) {
			store := newRedisStore(client(b, addr(b)))
			r := bucket(GCRA, 1e6, 1000)
			asks, out := []Ask{askFor("gcra/default", "203.0.113.7", &r)}, make([]Decision, 1)
			b.ReportAllocs()
			for now := epoch; b.Loop(); now++ {
				if err := store.take(context.Background(), asks, now, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
