package cart

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"plimsoll/targets/middleware"
)

// fake is a shared store in memory.
type fake struct {
	sync.Map
	mu sync.Mutex
}

func (f *fake) Get(_ context.Context, key string) ([]byte, error) {
	if v, ok := f.Load(key); ok {
		return v.([]byte), nil
	}
	return nil, nil
}

func (f *fake) Swap(_ context.Context, key string, was, value []byte) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now, ok := f.Load(key); ok != (was != nil) || ok && string(now.([]byte)) != string(was) {
		return false, nil
	}
	f.Store(key, value)
	return true, nil
}

// workers returns as many workers as keep carts in this way, over one shared store.
func workers(n int, cfg Config) (carts []*Carts, handlers []http.Handler) {
	remote := &fake{}
	for range n {
		c := New(cfg, remote, []byte("key"))
		mux := http.NewServeMux()
		for _, r := range c.Routes() {
			mux.Handle(r.Pattern, r.Handler.Serve(func(error) (middleware.Problem, bool) { return middleware.Problem{}, false }))
		}
		carts, handlers = append(carts, c), append(handlers, mux)
	}
	return carts, handlers
}

// browser is a client that keeps its cookies and the version it has seen.
type browser struct {
	cookies []*http.Cookie
	seen    int
}

func (b *browser) do(t *testing.T, h http.Handler, method, path string) (Cart, *http.Response) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	if b.seen > 0 {
		r.Header.Set("X-Cart-Version", strconv.Itoa(b.seen))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer := w.Result()
	if sent := answer.Cookies(); len(sent) > 0 {
		b.cookies = sent
	}
	var c Cart
	if answer.StatusCode == http.StatusOK {
		if err := json.NewDecoder(answer.Body).Decode(&c); err != nil {
			t.Fatal(err)
		}
		b.seen = max(b.seen, c.Version)
	}
	return c, answer
}

// TestWhereCartsLiveDecidesWhoSeesThem writes through one of four workers and reads
// through each. From memory, three of four reads miss what was written.
func TestWhereCartsLiveDecidesWhoSeesThem(t *testing.T) {
	for _, test := range []struct {
		name   string
		cfg    Config
		misses int
		drift  uint64
	}{
		{"in memory, only the worker that took the write has it", Config{State: "memory", Replicate: "off"}, 3, 3},
		{"replicated memory has it everywhere", Config{State: "memory", Replicate: "redis"}, 0, 0},
		{"the shared store has it everywhere", Config{State: "redis"}, 0, 0},
		{"a token has it everywhere", Config{State: "token"}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			carts, handlers := workers(4, test.cfg)
			var b browser
			b.do(t, handlers[1], "PUT", "/v1/carts/c1/items/7?qty=2")
			misses := 0
			var drift uint64
			for i, h := range handlers {
				if c, _ := b.do(t, h, "GET", "/v1/carts/c1"); c.Items[7] != 2 {
					misses++
				}
				drift += carts[i].Stats().Drift
			}
			if misses != test.misses || drift != test.drift {
				t.Errorf("%d misses and a drift of %d, want %d and %d", misses, drift, test.misses, test.drift)
			}
		})
	}
}

func TestCartsChange(t *testing.T) {
	_, handlers := workers(1, Config{State: "redis"})
	var b browser
	b.do(t, handlers[0], "PUT", "/v1/carts/c/items/1")
	b.do(t, handlers[0], "PUT", "/v1/carts/c/items/2?qty=5")
	c, _ := b.do(t, handlers[0], "DELETE", "/v1/carts/c/items/1")
	if c.Version != 3 || len(c.Items) != 1 || c.Items[2] != 5 {
		t.Errorf("got %+v", c)
	}
}

func TestATokenThatWasTamperedWithIsNone(t *testing.T) {
	_, handlers := workers(1, Config{State: "token"})
	var b browser
	b.do(t, handlers[0], "PUT", "/v1/carts/c/items/1")
	payload, signature, _ := strings.Cut(b.cookies[0].Value, ".")
	for name, value := range map[string]string{
		"another payload":   payload[:len(payload)-1] + "A." + signature,
		"another signature": payload + "." + strings.Repeat("A", len(signature)),
		"no signature":      payload,
	} {
		forger := browser{cookies: []*http.Cookie{{Name: cookie, Value: value}}}
		if c, _ := forger.do(t, handlers[0], "GET", "/v1/carts/c"); c.Version != 0 {
			t.Errorf("%s: got %+v", name, c)
		}
	}
	stranger := browser{cookies: b.cookies}
	if c, _ := stranger.do(t, handlers[0], "GET", "/v1/carts/another"); c.Version != 0 {
		t.Errorf("a token opened another cart: %+v", c)
	}
}

func TestMistakesAreRefused(t *testing.T) {
	_, handlers := workers(1, Config{State: "redis"})
	for path, want := range map[string]int{
		"/v1/carts/c/items/0":                               400,
		"/v1/carts/c/items/x":                               400,
		"/v1/carts/c/items/1?qty=0":                         400,
		"/v1/carts/c/items/1?qty=101":                       400,
		"/v1/carts/" + strings.Repeat("c", 65) + "/items/1": 400,
	} {
		var b browser
		if _, answer := b.do(t, handlers[0], "PUT", path); answer.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, answer.StatusCode, want)
		}
	}
}

func TestMemoryForgetsTheOldest(t *testing.T) {
	m := newMemory()
	for i := range mostCarts + 10 {
		m.put(Cart{ID: strconv.Itoa(i), Version: 1})
	}
	if len(m.carts) != mostCarts || m.get("9").Version != 0 || m.get("10").Version != 1 {
		t.Errorf("%d carts are kept", len(m.carts))
	}
}

// TestNoChangeOfACartIsLost has many change one cart at once, through all workers.
func TestNoChangeOfACartIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		cfg     Config
		workers int
	}{
		"in memory of one worker":   {Config{State: "memory", Replicate: "off"}, 1},
		"in the shared store":       {Config{State: "redis"}, 4},
		"in memory that replicates": {Config{State: "memory", Replicate: "redis"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			_, handlers := workers(test.workers, test.cfg)
			var all sync.WaitGroup
			var changed atomic.Int64
			for product := 1; product <= 12; product++ {
				all.Go(func() {
					w := httptest.NewRecorder()
					path := "/v1/carts/c/items/" + strconv.Itoa(product)
					handlers[product%len(handlers)].ServeHTTP(w, httptest.NewRequest("PUT", path, nil))
					if w.Code == http.StatusOK {
						changed.Add(1)
					}
				})
			}
			all.Wait()
			b := browser{seen: int(changed.Load())}
			if c, _ := b.do(t, handlers[0], "GET", "/v1/carts/c"); int64(len(c.Items)) != changed.Load() || changed.Load() < 10 {
				t.Errorf("%d changes were made, and the cart holds %d", changed.Load(), len(c.Items))
			}
		})
	}
}
