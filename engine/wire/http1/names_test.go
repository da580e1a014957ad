package http1

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a resolver that takes a second, fails as often as told, and counts.
type slow struct {
	ttl   time.Duration
	fails int64
	asked atomic.Int64
}

func (s *slow) Lookup(ctx context.Context, _ string) ([]netip.Addr, time.Duration, error) {
	n := s.asked.Add(1)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if n <= s.fails {
		return nil, 0, errors.New("no luck")
	}
	return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, s.ttl, nil
}

func newTestNames(s *slow) *names {
	start := time.Now()
	return newNames(Dial{Resolver: s}, func() time.Duration { return time.Since(start) })
}

func TestThoseWhoNeedTheSameNameWaitForOneLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		n := newTestNames(s)
		for range 10 {
			go func() {
				if _, waited, err := n.lookup(t.Context(), "shop.test", 80); err != nil || !waited {
					t.Errorf("waited %v, %v", waited, err)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, waited, err := n.lookup(t.Context(), "SHOP.test", 443); err != nil || waited {
			t.Errorf("waited %v for a known name, %v", waited, err)
		}
		if got := s.asked.Load(); got != 1 {
			t.Errorf("asked %d times", got)
		}
	})
}

func TestANameHoldsForItsLifetime(t *testing.T) {
	for name, c := range map[string]struct{ told, want time.Duration }{
		"the one that the resolver tells": {5 * time.Second, 5 * time.Second},
		"30 s if it does not":             {0, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slow{ttl: c.told}
				n := newTestNames(s)
				for i, wait := range []time.Duration{0, c.want - time.Millisecond, time.Millisecond} {
					time.Sleep(wait)
					_, waited, err := n.lookup(t.Context(), "shop.test", 80)
					if err != nil || waited != (i != 1) {
						t.Errorf("lookup %d: waited %v, %v", i, waited, err)
					}
				}
			})
		})
	}
}

func TestALookupThatFailedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTestNames(&slow{fails: 1})
		if _, _, err := n.lookup(t.Context(), "shop.test", 80); err == nil {
			t.Error("the first lookup did not fail")
		}
		if _, _, err := n.lookup(t.Context(), "shop.test", 80); err != nil {
			t.Error(err)
		}
	})
}

func TestAWaiterOutlivesTheOneWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTestNames(&slow{})
		hasty, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		go func() {
			if _, _, err := n.lookup(hasty, "shop.test", 80); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the hasty one got %v", err)
			}
		}()
		synctest.Wait()
		if _, _, err := n.lookup(t.Context(), "shop.test", 80); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}
