package store

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a gate that takes its time and counts who is within.
type slow struct {
	takes        time.Duration
	within, most atomic.Int64
	demands      atomic.Int64
}

func (g *slow) gate(ctx context.Context, _ string, demand float64) (wait, service time.Duration, err error) {
	n := g.within.Add(1)
	defer g.within.Add(-1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
	g.demands.Add(int64(demand))
	select {
	case <-time.After(g.takes):
		return time.Millisecond, g.takes, nil
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
}

// gated returns a store whose calls take so long, with so many connections.
func gated(t *testing.T, takes time.Duration, pool Pool) (*Store, *slow) {
	t.Helper()
	g := &slow{takes: takes}
	cfg := defaults("station")
	cfg.Pool = pool
	s, err := Open(t.Context(), cfg, g.gate)
	if err != nil {
		t.Fatal(err)
	}
	seed(t, s, 100)
	return s, g
}

func TestThePoolBoundsHowManyCallsAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := gated(t, 10*time.Millisecond, Pool{Max: 3})
		began := time.Now()
		together(30, func(int) {
			if _, err := s.Product(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
		if took := time.Since(began); took != 100*time.Millisecond || g.most.Load() != 3 {
			t.Errorf("30 calls of 10ms over 3 connections took %v, and %d were under way; want 100ms, 3", took, g.most.Load())
		}
		st := s.Stats().Pool
		want := PoolStats{Max: 3, Acquired: 30, Waited: 27, Wait: 3 * 0.45} // three at a time wait 10, 20 … 90 ms
		if st != want {
			t.Errorf("got %+v, want %+v", st, want)
		}
	})
}

func TestWithoutABoundNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := gated(t, 10*time.Millisecond, Pool{})
		together(500, func(int) { s.Product(t.Context(), 1) })
		if st := s.Stats().Pool; g.most.Load() != 500 || st.Waited != 0 {
			t.Errorf("%d were under way, %+v", g.most.Load(), st)
		}
	})
}

func TestACallThatGetsNoConnectionInTimeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := gated(t, time.Second, Pool{Max: 1, AcquireTimeout: 50 * time.Millisecond})
		var observed Spent
		s.Observe = func(_ context.Context, _ string, spent Spent, err error) {
			if err != nil {
				observed = spent
			}
		}
		done := make(chan error)
		go func() {
			_, err := s.Product(t.Context(), 1)
			done <- err
		}()
		synctest.Wait()
		_, err := s.Product(t.Context(), 1)
		is(t, err, ErrPoolTimeout)
		if errors.Is(err, ErrUnavailable) || observed != (Spent{Pool: 50 * time.Millisecond}) {
			t.Errorf("%v after %+v", err, observed)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err = s.Product(ctx, 1)
		is(t, err, context.DeadlineExceeded)
		if err := <-done; err != nil {
			t.Error(err)
		}
		st := s.Stats()
		if want := (PoolStats{Max: 1, Acquired: 1, Waited: 2, Wait: 0.07, Timeouts: 1, Canceled: 1}); st.Pool != want {
			t.Errorf("got %+v, want %+v", st.Pool, want)
		}
		if st.Errors["pool_timeout"] != 1 || st.Errors["canceled"] != 1 || st.Operations["product"] != 1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestConnectionsGoToWhoWaitsLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pool
		p.configure(Pool{Max: 1})
		p.acquire(t.Context())
		order := make(chan int, 10)
		for i := range 10 {
			go func() {
				p.acquire(t.Context())
				order <- i
				p.release()
			}()
			synctest.Wait()
		}
		p.release()
		for want := range 10 {
			if got := <-order; got != want {
				t.Errorf("%d came before %d", got, want)
			}
		}
	})
}

func TestABoundMayChangeWhileCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := gated(t, 10*time.Millisecond, Pool{Max: 1})
		done := make(chan struct{})
		go func() {
			together(20, func(int) { s.Product(t.Context(), 1) })
			close(done)
		}()
		synctest.Wait()
		cfg := defaults("station")
		cfg.Pool = Pool{Max: 10}
		if err := s.Configure(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := g.within.Load(); n != 10 {
			t.Errorf("%d are under way, want 10", n)
		}
		cfg.Pool = Pool{Max: 2}
		s.Configure(t.Context(), cfg)
		time.Sleep(11 * time.Millisecond)
		if n := g.within.Load(); n != 2 {
			t.Errorf("%d are under way, want 2", n)
		}
		<-done
	})
}

func TestAnOccupiedPoolIsAsGoodAsExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := gated(t, 0, Pool{Max: 3, AcquireTimeout: time.Second})
		release := s.Occupy(3)
		_, err := s.Product(t.Context(), 1)
		is(t, err, ErrPoolTimeout)
		release()
		release()
		if _, err := s.Product(t.Context(), 1); err != nil {
			t.Error(err)
		}
		if st := s.Stats().Pool; st.InUse != 0 {
			t.Errorf("%d are in use", st.InUse)
		}
	})
}

func TestACallThatGivesUpTakesNoConnectionAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pool
		p.configure(Pool{Max: 2, AcquireTimeout: 7 * time.Millisecond})
		together(50, func(who int) {
			for i := range 20 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(who+i)%11)*time.Millisecond)
				if _, err := p.acquire(ctx); err == nil {
					time.Sleep(time.Duration(1+(who*i)%3) * time.Millisecond)
					p.release()
				}
				cancel()
			}
		})
		st := p.stats()
		if st.InUse != 0 || st.Waiting != 0 || st.Acquired+st.Timeouts+st.Canceled != 1000 || st.Timeouts == 0 || st.Canceled == 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestASearchWithoutAnIndexDemandsMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := gated(t, 10*time.Millisecond, Pool{Max: 1})
		var spent []Spent
		s.Observe = func(_ context.Context, _ string, each Spent, _ error) { spent = append(spent, each) }
		calls := func() (demands int64) {
			g.demands.Store(0)
			s.Search(t.Context(), "gold", 10)
			s.Products(t.Context(), 0, 10, "kitchen")
			s.Products(t.Context(), 0, 10, "")
			s.Product(t.Context(), 1)
			return g.demands.Load()
		}
		if n := calls(); n != 4 {
			t.Errorf("four calls demand %d, want 4", n)
		}
		cfg := defaults("station")
		cfg.Index = false
		s.Configure(t.Context(), cfg)
		if n := calls(); n != Scan+3 {
			t.Errorf("four calls without an index demand %d, want %d", n, Scan+3)
		}
		if want := (Spent{Wait: time.Millisecond, Service: 10 * time.Millisecond}); len(spent) != 8 || slices.ContainsFunc(spent, func(s Spent) bool { return s != want }) {
			t.Errorf("observed %v", spent)
		}
	})
}

func TestWhatTheGateRefusesHasNotHappened(t *testing.T) {
	refused := errors.New("the queue is full")
	var fails atomic.Bool
	s, err := Open(t.Context(), defaults("station"), func(context.Context, string, float64) (time.Duration, time.Duration, error) {
		if fails.Load() {
			return 0, 0, refused
		}
		return 0, 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seed(t, s, 1)
	fails.Store(true)
	_, err = s.PutOrder(t.Context(), Order{Items: []Item{{Product: 1, Quantity: 1}}})
	is(t, err, ErrUnavailable)
	is(t, err, refused)
	fails.Store(false)
	if p := must[Product](t)(s.Product(t.Context(), 1)); p.Stock != 1000 {
		t.Errorf("%d are left", p.Stock)
	}
}

func TestTheOldestOrdersAndCartsGo(t *testing.T) {
	cfg := defaults("station")
	cfg.Keep = 10
	s, err := Open(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	seed(t, s, 1)
	for i := range 25 {
		key := string(rune('a' + i))
		must[Order](t)(s.PutOrder(t.Context(), Order{Items: []Item{{Product: 1, Quantity: 1}}, Key: key}))
		must[Cart](t)(s.PutCart(t.Context(), Cart{ID: key}))
	}
	_, err = s.Order(t.Context(), 15)
	is(t, err, ErrNotFound)
	_, err = s.Cart(t.Context(), "o")
	is(t, err, ErrNotFound)
	must[Order](t)(s.Order(t.Context(), 16))
	must[Cart](t)(s.Cart(t.Context(), "p"))
	if b := s.back.(*tables); len(b.orders) != 10 || len(b.byKey) != 10 || len(b.carts) != 10 || len(b.cartAges) != 10 {
		t.Errorf("%d orders, %d keys, %d carts, %d ages", len(b.orders), len(b.byKey), len(b.carts), len(b.cartAges))
	}
}
