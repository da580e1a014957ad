package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestStockIsNeitherLostNorSoldTwice lets many buy what there is too little of.
func TestStockIsNeitherLostNorSoldTwice(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		cfg := defaults("")
		cfg.Stock = 30
		s, ctx := open(t, cfg), t.Context()
		seed(t, s, 3)
		var sold [4]atomic.Int64
		var refused atomic.Int64
		together(16, func(who int) {
			random := rand.New(rand.NewPCG(uint64(who), 0))
			for range 12 {
				items := []Item{{Product: 1 + random.Int64N(3), Quantity: 1}, {Product: 1 + random.Int64N(3), Quantity: 1}}
				switch _, err := s.PutOrder(ctx, Order{Items: items}); {
				case err == nil:
					sold[items[0].Product].Add(1)
					sold[items[1].Product].Add(1)
				case errors.Is(err, ErrOutOfStock):
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
		for id := int64(1); id <= 3; id++ {
			p := must[Product](t)(s.Product(ctx, id))
			if p.Stock < 0 || p.Stock+sold[id].Load() != 30 || p.Version != 1+sold[id].Load() {
				t.Errorf("of 30 %d are left at version %d, %d were sold", p.Stock, p.Version, sold[id].Load())
			}
		}
		if refused.Load() == 0 {
			t.Error("nobody was refused: the test tests nothing")
		}
	})
}

// together runs f on so many goroutines and waits for them.
func together(n int, f func(who int)) {
	var wait sync.WaitGroup
	for who := range n {
		wait.Go(func() { f(who) })
	}
	wait.Wait()
}

func TestOfManyOrdersWithOneKeyOneIsPlaced(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		s, ctx := open(t, defaults("")), t.Context()
		seed(t, s, 3)
		for round := range 5 {
			var placed, same atomic.Int64
			var id sync.Map
			together(12, func(int) {
				o, err := s.PutOrder(ctx, Order{Items: []Item{{Product: 1, Quantity: 1}}, Key: fmt.Sprint("key", round)})
				switch {
				case err == nil:
					placed.Add(1)
				case errors.Is(err, ErrDuplicate):
					same.Add(1)
				default:
					t.Error(err)
				}
				id.Store(o.ID, true)
			})
			ids := 0
			for range id.Range {
				ids++
			}
			if placed.Load() != 1 || same.Load() != 11 || ids != 1 {
				t.Errorf("%d placed, %d the same, %d ids", placed.Load(), same.Load(), ids)
			}
		}
		if p := must[Product](t)(s.Product(ctx, 1)); p.Stock != 995 {
			t.Errorf("%d are left, want 995", p.Stock)
		}
	})
}

func TestNoChangeOfACartIsLost(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		s, ctx := open(t, defaults("")), t.Context()
		together(8, func(int) {
			for added := 0; added < 5; {
				c, err := s.Cart(ctx, "c")
				if errors.Is(err, ErrNotFound) {
					c, err = Cart{ID: "c", Items: []Item{{Product: 1, Quantity: 1}}}, nil
				} else {
					c.Items[0].Quantity++
				}
				if err != nil {
					t.Error(err)
					return
				}
				if _, err = s.PutCart(ctx, c); err == nil {
					added++
				} else if !errors.Is(err, ErrConflict) {
					t.Error(err)
					return
				}
			}
		})
		c := must[Cart](t)(s.Cart(ctx, "c"))
		if c.Version != 40 || c.Items[0].Quantity != 40 {
			t.Errorf("of 40 changes there are %d, at version %d", c.Items[0].Quantity, c.Version)
		}
	})
}

// TestAStormOfCancellationsLeavesNothingBehind cancels calls at random moments: everything
// that was acknowledged is there, nothing is half done, no connection is lost.
func TestAStormOfCancellationsLeavesNothingBehind(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		cfg := defaults("")
		cfg.Stock, cfg.Pool.Max = 1_000_000, 6
		s := open(t, cfg)
		seed(t, s, 50)
		before := runtime.NumGoroutine()
		var placed, unsure, answered atomic.Int64
		together(24, func(who int) {
			random := rand.New(rand.NewPCG(uint64(who), 1))
			for range 40 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.Int64N(int64(3*time.Millisecond))))
				switch random.IntN(4) {
				case 0: // nobody cancels it
					cancel()
					ctx, cancel = context.WithCancel(t.Context())
				case 1: // canceled, rather than over
					cancel()
					ctx, cancel = context.WithCancel(t.Context())
					time.AfterFunc(time.Duration(random.Int64N(int64(3*time.Millisecond))), cancel)
				}
				var err error
				if random.IntN(2) == 0 {
					_, err = s.PutOrder(ctx, Order{Items: []Item{{Product: 1 + random.Int64N(50), Quantity: 1}}})
					if err == nil {
						placed.Add(1)
					} else {
						unsure.Add(1)
					}
				} else {
					_, err = s.Search(ctx, "g", 20)
				}
				if err == nil {
					answered.Add(1)
				} else if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
				cancel()
			}
		})
		if st := s.Stats().Pool; st.InUse != 0 || st.Waiting != 0 {
			t.Errorf("the pool is left with %+v", st)
		}
		if n := settled(t, s, placed.Load(), placed.Load()+unsure.Load()); n < 0 {
			t.Errorf("%d were placed and %d are unsure, but %d were taken", placed.Load(), unsure.Load(), -n)
		}
		if answered.Load() == 0 {
			t.Error("no call was answered: the test tests nothing")
		}
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+30 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > before+30 { // connections that are kept have some of their own
			t.Errorf("%d goroutines became %d", before, n)
		}
		seed(t, s, 50) // nothing is locked
	})
}

// settled returns how many were taken, once that is within the bounds, for a remote
// database may still be at it; the negative of it if that does not come.
func settled(t *testing.T, s *Store, least, most int64) (taken int64) {
	t.Helper()
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
		taken = 0
		for _, p := range must[[]Product](t)(s.Products(t.Context(), 0, 50, "")) {
			taken += 1_000_000 - p.Stock
		}
		orders := int64(0)
		for _, err := s.Order(t.Context(), orders+1); err == nil; _, err = s.Order(t.Context(), orders+1) {
			orders++
		}
		if taken >= least && taken <= most && (orders == taken || s.Stats().Kind == "postgres") { // whose ids have gaps
			return taken
		}
		if time.Now().After(end) {
			return -taken
		}
	}
}

func TestSeveralProcessesShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared.db")
	stores := make([]*Store, 3)
	together(3, func(i int) {
		cfg := defaults("sqlite")
		cfg.URL = path
		var err error
		if stores[i], err = Open(t.Context(), cfg, nil); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		return
	}
	defer together(3, func(i int) { stores[i].Close() })
	seed(t, stores[0], 10)
	together(3, func(i int) {
		for range 20 {
			if _, err := stores[i].PutOrder(t.Context(), Order{Items: []Item{{Product: 1, Quantity: 1}}}); err != nil {
				t.Error(err)
			}
		}
	})
	for _, s := range stores {
		if p := must[Product](t)(s.Product(t.Context(), 1)); p.Stock != 940 {
			t.Errorf("%d are left, want 940", p.Stock)
		}
	}
}

func TestSeveralProcessesSwitchTheIndexAtOnce(t *testing.T) {
	for kind, url := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "shared.db") },
		"postgres": func(t *testing.T) string { return cluster.Database(t) },
	} {
		t.Run(kind, func(t *testing.T) {
			url := url(t)
			together(4, func(i int) {
				s := opened(t, defaults(""), kind, url)
				for n := range 10 {
					cfg := defaults("")
					cfg.Index = (n+i)%2 == 0
					if err := s.Configure(t.Context(), cfg); err != nil {
						t.Error(err)
					}
					if _, err := s.Search(t.Context(), "g", 10); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}
