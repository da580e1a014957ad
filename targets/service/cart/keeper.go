package cart

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// keeper is a place where carts live. A cart that is not there is empty, of version 0.
type keeper interface {
	load(r *http.Request, id string, seen int) (Cart, error) // seen: the version that the client knows
	// save puts c in the place of was, unless somebody else was quicker, and tells whether it did.
	save(ctx context.Context, w http.ResponseWriter, was, c Cart) (bool, error)
}

func empty(id string) Cart { return Cart{ID: id, Items: map[int]int{}} }

// memory keeps carts in this process, where no other worker sees them.
type memory struct {
	mu    sync.Mutex
	carts map[string]Cart
	order []string // by first change, a ring once it is full
	next  int      // the oldest, once order is full
}

// mostCarts is how many carts a worker remembers; the oldest are forgotten.
const mostCarts = 100_000

func newMemory() *memory { return &memory{carts: map[string]Cart{}} }

func (m *memory) load(_ *http.Request, id string, _ int) (Cart, error) { return m.get(id), nil }

func (m *memory) get(id string) Cart {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.carts[id]; ok {
		return c
	}
	return empty(id)
}

func (m *memory) save(_ context.Context, _ http.ResponseWriter, was, c Cart) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.carts[c.ID].Version != was.Version {
		return false, nil
	}
	m.keep(c)
	return true, nil
}

func (m *memory) put(c Cart) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(c)
}

// keep remembers a cart. The caller holds mu.
func (m *memory) keep(c Cart) {
	if _, known := m.carts[c.ID]; !known {
		m.remember(c.ID)
	}
	m.carts[c.ID] = c
}

// remember takes note of a new cart, and forgets the oldest in its place if there are many.
func (m *memory) remember(id string) {
	if len(m.order) < mostCarts {
		m.order = append(m.order, id)
		return
	}
	delete(m.carts, m.order[m.next])
	m.order[m.next] = id
	m.next = (m.next + 1) % mostCarts
}

// shared keeps carts where all workers find them.
type shared struct{ remote Remote }

func (s *shared) load(r *http.Request, id string, _ int) (Cart, error) {
	return s.get(r.Context(), id)
}

func (s *shared) get(ctx context.Context, id string) (Cart, error) {
	text, err := s.remote.Get(ctx, "cart:"+id)
	if err != nil || text == nil {
		return empty(id), err
	}
	var c Cart
	if err := json.Unmarshal(text, &c); err != nil {
		return Cart{}, fmt.Errorf("read cart %s: %w", id, err)
	}
	return c, nil
}

func (s *shared) save(ctx context.Context, _ http.ResponseWriter, was, c Cart) (bool, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return false, err
	}
	var before []byte // none yet
	if was.Version > 0 {
		if before, err = json.Marshal(was); err != nil {
			return false, err
		}
	}
	return s.remote.Swap(ctx, "cart:"+c.ID, before, text)
}

// replicated keeps carts in memory and passes every change on, so that a worker which has
// an older cart than the client finds the newer one.
type replicated struct {
	local  *memory
	shared *shared
}

func (b *replicated) load(r *http.Request, id string, seen int) (Cart, error) {
	c := b.local.get(id)
	if c.Version > 0 && c.Version >= seen && seen > 0 {
		return c, nil
	}
	newer, err := b.shared.get(r.Context(), id)
	if err != nil || newer.Version <= c.Version {
		return c, err
	}
	b.local.put(newer)
	return newer, nil
}

func (b *replicated) save(ctx context.Context, w http.ResponseWriter, was, c Cart) (bool, error) {
	done, err := b.shared.save(ctx, w, was, c)
	if done {
		b.local.put(c)
		return true, nil
	}
	if newer, failed := b.shared.get(ctx, c.ID); err == nil && failed == nil {
		b.local.put(newer) // so that the next try begins with it
	}
	return false, err
}

// token has the client carry its cart in a cookie, signed with the key (HMAC-SHA256).
type token []byte

const cookie = "cart"

func (key token) load(r *http.Request, id string, _ int) (Cart, error) {
	for _, sent := range r.CookiesNamed(cookie) {
		if c, ok := key.open(sent.Value); ok && c.ID == id {
			return c, nil
		}
	}
	return empty(id), nil // one that was tampered with is none
}

func (key token) open(text string) (c Cart, ok bool) {
	payload, signature, ok := strings.Cut(text, ".")
	if !ok || !hmac.Equal([]byte(signature), []byte(key.sign(payload))) {
		return c, false
	}
	plain, err := base64.RawURLEncoding.DecodeString(payload)
	return c, err == nil && json.Unmarshal(plain, &c) == nil
}

func (key token) save(_ context.Context, w http.ResponseWriter, _, c Cart) (bool, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return false, err
	}
	payload := base64.RawURLEncoding.EncodeToString(plain)
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: payload + "." + key.sign(payload), Path: "/v1/carts", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return true, nil
}

func (key token) sign(payload string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
