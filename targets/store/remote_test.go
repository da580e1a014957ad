package store

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"plimsoll/targets/resp"
)

func TestAnErrorFromAfarReadsAsOneFromHere(t *testing.T) {
	host := opened(t, defaults(""), "station", "")
	far := reached(t, defaults(""), host)
	seed(t, far, 3)
	for _, s := range []*Store{host, far} {
		_, err := s.PutOrder(t.Context(), Order{Items: []Item{{Product: 9, Quantity: 1}}})
		if err == nil || err.Error() != "put_order: product 9: not found" {
			t.Errorf("%s: %v", s.Stats().Kind, err)
		}
	}
	st := far.Stats()
	if st.Kind != "remote" || st.Operations["put_order"] != 1 || st.Errors["not_found"] != 1 {
		t.Errorf("%+v", st)
	}
	if st := host.Stats(); st.Pool.Acquired != 1 {
		t.Errorf("the host's pool was used: %+v", st.Pool)
	}
}

func TestTimesOfTheHostAreKnownAfar(t *testing.T) {
	host, err := Open(t.Context(), defaults("station"), func(context.Context, string, float64) (time.Duration, time.Duration, error) {
		return 3 * time.Second, 4 * time.Second, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	far := reached(t, defaults(""), host)
	var got Spent
	far.Observe = func(_ context.Context, _ string, spent Spent, _ error) { got = spent }
	far.Product(t.Context(), 1)
	if want := (Spent{Wait: 3 * time.Second, Service: 4 * time.Second}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// stuck is a gate that nobody passes before their context ends.
func stuck(ctx context.Context, _ string, _ float64) (wait, service time.Duration, err error) {
	<-ctx.Done()
	return 0, 0, ctx.Err()
}

func TestACallFromAfarEndsInTime(t *testing.T) {
	host, err := Open(t.Context(), defaults("station"), stuck)
	if err != nil {
		t.Fatal(err)
	}
	far := reached(t, defaults(""), host)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = far.Product(ctx, 1)
	is(t, err, context.DeadlineExceeded)
	if errors.Is(err, ErrUnavailable) {
		t.Errorf("%v: it was the caller who had no time", err)
	}

	hurried := Remote(defaults(""), exposed(t, host, 10*time.Millisecond))
	defer hurried.Close()
	_, err = hurried.Product(t.Context(), 1)
	is(t, err, ErrUnavailable)
}

func TestAHostThatIsNotThereIsUnavailable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	far := Remote(defaults(""), ln.Addr().String())
	defer far.Close()
	_, err = far.Product(t.Context(), 1)
	is(t, err, ErrUnavailable)

	mute := resp.New(resp.Config{MaxClients: 10, CommandTimeout: time.Second}, resp.Extensions{})
	ln, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go mute.Serve(ln)
	defer mute.Close()
	other := Remote(defaults(""), ln.Addr().String())
	defer other.Close()
	_, err = other.Product(t.Context(), 1)
	is(t, err, ErrUnavailable)
}

func TestADatabaseThatIsNotThereIsNotOpened(t *testing.T) {
	for name, cfg := range map[string]Config{
		"a directory that is none": {Kind: "sqlite", URL: "/no/such/directory/file.db"},
		"no server":                {Kind: "postgres", URL: "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"},
		"no URL":                   {Kind: "postgres"},
		"no kind":                  {},
	} {
		if s, err := Open(t.Context(), cfg, nil); err == nil {
			s.Close()
			t.Errorf("%s was opened", name)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, op := range operations() {
		f.Add(op, `{"id":1,"text":"gold","limit":2,"cents":3,"order":{"items":[{"product":1,"quantity":1}],"key":"k"},"cart":{"id":"c"}}`)
	}
	f.Add("product", "")
	f.Add("search", `{"limit":-1}`)
	f.Add("products", `{"limit":-1,"id":9}`)
	f.Add("put_order", `{"order":null}`)
	f.Fuzz(func(t *testing.T, op, body string) {
		s, err := Open(t.Context(), defaults("station"), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Seed(t.Context(), 20, 1)
		reply, err := s.Answer(t.Context(), [][]byte{[]byte(op), []byte(body)})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "ERR ") {
				t.Errorf("%v", err)
			}
			return
		}
		if !json.Valid(reply.([]byte)) {
			t.Errorf("%s", reply)
		}
	})
}

func BenchmarkOperations(b *testing.B) {
	for _, kind := range []string{"station", "sqlite in memory", "sqlite in a file", "postgres", "remote"} {
		cfg := defaults("")
		cfg.Stock = 1e9
		s := kinds()[kind](b, cfg)
		seed(b, s, 10_000)
		ctx := b.Context()
		must[Cart](b)(s.PutCart(ctx, Cart{ID: "c", Items: []Item{{Product: 1, Quantity: 1}}}))
		o := must[Order](b)(s.PutOrder(ctx, Order{Items: []Item{{Product: 1, Quantity: 1}}}))
		n := int64(0)
		for _, op := range []struct {
			name string
			call func() error
		}{
			{"product", func() error { n++; _, err := s.Product(ctx, 1+n%10_000); return err }},
			{"products", func() error { n++; _, err := s.Products(ctx, n%10_000, 20, ""); return err }},
			{"category", func() error { n++; _, err := s.Products(ctx, n%9_000, 20, "tables"); return err }},
			{"search", func() error { _, err := s.Search(ctx, "gold b", 20); return err }},
			{"price", func() error { n++; _, err := s.Price(ctx, 1+n%10_000); return err }},
			{"order", func() error { _, err := s.Order(ctx, o.ID); return err }},
			{"put_order", func() error {
				n++
				_, err := s.PutOrder(ctx, Order{Customer: "c", Items: []Item{{Product: 1 + n%10_000, Quantity: 1}}})
				return err
			}},
			{"cart", func() error { _, err := s.Cart(ctx, "c"); return err }},
			{"put_cart", func() error {
				c, err := s.Cart(ctx, "c")
				if err == nil {
					_, err = s.PutCart(ctx, c)
				}
				return err
			}},
		} {
			b.Run(kind+"/"+op.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := op.call(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(kind+"/search without index", func(b *testing.B) {
			cfg.Index = false
			if err := s.Configure(ctx, cfg); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s.Search(ctx, "gold b", 20)
			}
		})
		b.Run(kind+"/seed 10000 products", func(b *testing.B) {
			for b.Loop() {
				seed(b, s, 10_000)
			}
		})
	}
}
