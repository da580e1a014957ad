package backend

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"plimsoll/targets/limiter"
	"plimsoll/targets/store"
	"plimsoll/targets/topology"
)

func started(t testing.TB, settings ...string) (*Backends, *topology.Config) {
	t.Helper()
	cfg, err := topology.Load("golden", append([]string{"deps.db.products=50", "deps.db.station.service.mean=1ms", "deps.pricing.station.service.mean=1ms"}, settings...)...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b, cfg
}

// reach connects to the database as workers do.
func reach(t testing.TB, b *Backends, cfg *topology.Config) *store.Store {
	t.Helper()
	at, err := url.Parse(b.Database)
	if err != nil {
		t.Fatal(err)
	}
	s := store.Remote(b.Store(cfg.Deps.DB.Store), at.Host)
	t.Cleanup(func() { s.Close() })
	return s
}

func price(t testing.TB, b *Backends, product string, headers ...string) (int, store.Price) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), "GET", b.Pricing+"/v1/prices/"+product, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	var p store.Price
	json.NewDecoder(a.Body).Decode(&p)
	return a.StatusCode, p
}

// TestDatabaseAndPricingHaveTheSameProducts holds both to one seed, and to their stations.
func TestDatabaseAndPricingHaveTheSameProducts(t *testing.T) {
	b, cfg := started(t)
	far := reach(t, b, cfg)
	b.Epoch("visits")
	for _, id := range []string{"1", "50"} {
		p, err := far.Product(t.Context(), map[string]int64{"1": 1, "50": 50}[id])
		if err != nil {
			t.Fatal(err)
		}
		if status, q := price(t, b, id); status != http.StatusOK || q.Cents != p.PriceCents {
			t.Errorf("product %s is %d in the list, and %d by pricing (status %d)", id, p.PriceCents, q.Cents, status)
		}
	}
	if _, err := far.Product(t.Context(), 51); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("past the last product: %v", err)
	}
	if status, _ := price(t, b, "51"); status != http.StatusNotFound {
		t.Errorf("past the last price: status %d", status)
	}
	all, err := b.Truth(true)
	if err != nil || len(all) != 2 || all[0].Name != "db" || all[0].Arrivals != 3 || all[1].Name != "pricing" || all[1].Arrivals != 3 || len(all[0].Draws.Services) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := b.Seed(t.Context(), 60, 2); err != nil {
		t.Fatal(err)
	}
	if p, err := far.Product(t.Context(), 60); err != nil || p.PriceCents == 0 {
		t.Errorf("after another seed: %+v, %v", p, err)
	}
	if err := b.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Product(t.Context(), 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after a reset: %v", err)
	}
}

func TestThePacesOfBackendsChangeWhileTheyServe(t *testing.T) {
	b, cfg := started(t, "deps.pricing.station.service.law=constant")
	timed := func() time.Duration {
		begin := time.Now()
		price(t, b, "1")
		return time.Since(begin)
	}
	cfg.Deps.Pricing.Station.Service.Mean = 150 * time.Millisecond
	b.Configure(cfg)
	if took := timed(); took < 150*time.Millisecond {
		t.Errorf("it took %v, and its service alone is 150ms", took)
	}
	cfg.Deps.Pricing.Station.Servers, cfg.Deps.Pricing.Station.Queue = 1, 0
	b.Configure(cfg)
	busy := make(chan int, 1)
	go func() {
		status, _ := price(t, b, "1")
		busy <- status
	}()
	for b.Stats().Stations["pricing"].InService == 0 {
		time.Sleep(time.Millisecond)
	}
	if status, _ := price(t, b, "2"); status != http.StatusServiceUnavailable {
		t.Errorf("where there is no room: status %d", status)
	}
	if status := <-busy; status != http.StatusOK {
		t.Errorf("who was there first: status %d", status)
	}
}

// TestASearchWithoutAnIndexTakesAsManyTimesAsLong holds it to the pace of the moment.
func TestASearchWithoutAnIndexTakesAsManyTimesAsLong(t *testing.T) {
	b, cfg := started(t, "deps.db.station.service.law=constant", "deps.db.station.service.mean=10us", "deps.db.index=false")
	far := reach(t, b, cfg)
	for _, mean := range []time.Duration{10 * time.Microsecond, time.Millisecond} {
		cfg.Deps.DB.Station.Service.Mean = mean
		b.Configure(cfg)
		b.Epoch("search")
		if _, err := far.Search(t.Context(), "a", 3); err != nil {
			t.Fatal(err)
		}
		all, err := b.Truth(true)
		if err != nil || len(all) != 1 || len(all[0].Draws.Services) != 1 || all[0].Draws.Services[0] != store.Scan*mean {
			t.Errorf("at a mean of %v: %+v, %v", mean, all, err)
		}
	}
}

func TestHopsAreCountedWithWhatTheyCarry(t *testing.T) {
	b, _ := started(t)
	price(t, b, "1")
	price(t, b, "1", "X-Request-Id", "a")
	price(t, b, "1", "X-Request-Id", "a", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if got, want := b.Stats().Hops, (Hops{Calls: 3, IDs: 2, Traces: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestTheEmbeddedStoreTakesTheScriptsOfLimiters asks as go-redis does.
func TestTheEmbeddedStoreTakesTheScriptsOfLimiters(t *testing.T) {
	b, _ := started(t)
	options, err := redis.ParseURL(b.Redis)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(options)
	defer c.Close()
	for _, s := range limiter.Scripts() {
		if sha, err := c.ScriptLoad(t.Context(), s.Lua).Result(); err != nil || len(sha) != 40 {
			t.Errorf("%q: %v", sha, err)
		}
	}
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), "k").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("after a reset: %v", err)
	}
	if got := b.Stats().Redis.Commands; len(got) == 0 {
		t.Errorf("commands: %v", got)
	}
}

// TestAFileOfItsOwnGoesWithTheBackends has SQLite kept where workers can open it too.
func TestAFileOfItsOwnGoesWithTheBackends(t *testing.T) {
	b, cfg := started(t, "deps.db.kind=sqlite")
	own := b.Store(cfg.Deps.DB.Store)
	if b.Database != "" || own.Kind != "sqlite" || !strings.HasPrefix(own.URL, os.TempDir()) {
		t.Errorf("database %q, file %q", b.Database, own.URL)
	}
	s, err := store.Open(t.Context(), own, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := s.Product(t.Context(), 50); err != nil || p.ID != 50 {
		t.Errorf("%+v, %v", p, err)
	}
	s.Close()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(own.URL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
}

// TestAFileOfTheUsersStays is opened again with what was in it.
func TestAFileOfTheUsersStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.db")
	cfg, err := topology.Load("golden", "deps.db.kind=sqlite", "deps.db.url="+file, "deps.db.products=20")
	if err != nil {
		t.Fatal(err)
	}
	var placed store.Order
	for i := range 2 {
		b, err := Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), b.Store(cfg.Deps.DB.Store), nil)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			placed, err = s.PutOrder(t.Context(), store.Order{Customer: "c", Created: time.Now(), Items: []store.Item{{Product: 20, Quantity: 1}}})
		} else {
			_, err = s.Order(t.Context(), placed.ID)
		}
		if err != nil {
			t.Error(err)
		}
		s.Close()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestABackendThatIsNotThereIsNamed(t *testing.T) {
	cfg, err := topology.Load("golden", "deps.db.kind=sqlite", "deps.db.url=/no/such/place/shop.db")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := Start(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), "deps.db") {
		t.Errorf("got %v, %v", b, err)
	}
}
