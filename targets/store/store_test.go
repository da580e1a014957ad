package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func seed(t testing.TB, s *Store, n int) {
	t.Helper()
	if err := s.Seed(t.Context(), n, 1); err != nil {
		t.Fatal(err)
	}
}

func TestProductsAreFoundAlike(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		s, ctx := open(t, defaults("")), t.Context()
		seed(t, s, 1200)
		all := slices.Collect(products(1200, 1, 1000))
		pages := must[[]Product](t)

		if got := must[Product](t)(s.Product(ctx, 7)); got != all[6] {
			t.Error(cmp.Diff(all[6], got))
		}
		_, err := s.Product(ctx, 0)
		is(t, err, ErrNotFound)
		_, err = s.Product(ctx, 1201)
		is(t, err, ErrNotFound)

		equal(t, "a page", pages(s.Products(ctx, 5, 3, "")), all[5:8])
		equal(t, "the last page", pages(s.Products(ctx, 1198, 10, "")), all[1198:])
		equal(t, "a page past the last", pages(s.Products(ctx, 1200, 10, "")), nil)
		equal(t, "a page from before the first", pages(s.Products(ctx, -9, 2, "")), all[:2])
		equal(t, "at least one", pages(s.Products(ctx, 0, -1, "")), all[:1])
		equal(t, "at most a thousand", pages(s.Products(ctx, 0, 5000, "")), all[:1000])

		for _, on := range []bool{true, false, true} {
			cfg := defaults("")
			cfg.Index = on
			if err := s.Configure(ctx, cfg); err != nil {
				t.Fatal(err)
			}
			kitchen := filter(all, func(p Product) bool { return p.Category == "kitchen" && p.ID > 100 })
			equal(t, "a category", pages(s.Products(ctx, 100, 50, "kitchen")), kitchen[:50])
			equal(t, "a category that is none", pages(s.Products(ctx, 0, 50, "kitchen'; --")), nil)

			gold := filter(all, func(p Product) bool { return strings.HasPrefix(p.Name, "gold b") })
			slices.SortFunc(gold, func(a, b Product) int { return strings.Compare(a.Name, b.Name) })
			if len(gold) < 5 {
				t.Fatal("the data has hardly any gold")
			}
			equal(t, "a search", pages(s.Search(ctx, "gold b", 1000)), gold)
			equal(t, "a search in upper case, limited", pages(s.Search(ctx, "GOLD B", 2)), gold[:2])
			equal(t, "a search for nothing that is there", pages(s.Search(ctx, "gold b%", 10)), nil)
			equal(t, "a search for what is no text", pages(s.Search(ctx, "gold\xff", 10)), nil)
			equal(t, "a search for a zero byte", pages(s.Search(ctx, "\x00", 10)), nil)
		}
	})
}

func equal(t *testing.T, what string, got, want []Product) {
	t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func filter(all []Product, keep func(Product) bool) []Product {
	return slices.DeleteFunc(slices.Clone(all), func(p Product) bool { return !keep(p) })
}

// TestTheSameSeedMakesTheSameData holds it against a digest, so that it stays the same for
// good, and every kind against each other.
func TestTheSameSeedMakesTheSameData(t *testing.T) {
	const want = "5cfd9e8c36f9bf66260638ff6bb0e254822eb154841c3c26787143c8d484de42"
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		s := open(t, defaults(""))
		for range 2 {
			seed(t, s, 2000)
			digest, after := sha256.New(), int64(0)
			for {
				page := must[[]Product](t)(s.Products(t.Context(), after, 700, ""))
				if len(page) == 0 {
					break
				}
				after = page[len(page)-1].ID
				for _, p := range page {
					json.NewEncoder(digest).Encode(p)
				}
			}
			if got := hex.EncodeToString(digest.Sum(nil)); got != want {
				t.Errorf("the digest of 2000 products is %s, want %s", got, want)
			}
		}
		if err := s.Seed(t.Context(), 10, 2); err != nil {
			t.Fatal(err)
		}
		other := must[Product](t)(s.Product(t.Context(), 1))
		for p := range products(1, 1, 1000) {
			if p == other {
				t.Error("another seed makes the same product")
			}
		}
		_, err := s.Product(t.Context(), 11)
		is(t, err, ErrNotFound)
		is(t, s.Seed(t.Context(), MaxProducts+1, 1), ErrInvalid)
	})
}

func TestPricesChangeWithTheirVersion(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		s, ctx := open(t, defaults("")), t.Context()
		seed(t, s, 10)
		old := must[Price](t)(s.Price(ctx, 3))
		product := must[Product](t)(s.Product(ctx, 3))
		if want := (Price{3, product.PriceCents, 1}); old != want {
			t.Errorf("got %v, want %v", old, want)
		}
		want := Price{3, 777, 2}
		if got := must[Price](t)(s.SetPrice(ctx, 3, 777)); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := must[Price](t)(s.Price(ctx, 3)); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := must[Product](t)(s.Product(ctx, 3)); got.PriceCents != 777 || got.Version != 2 {
			t.Errorf("got %+v", got)
		}
		_, err := s.Price(ctx, 11)
		is(t, err, ErrNotFound)
		_, err = s.SetPrice(ctx, 11, 1)
		is(t, err, ErrNotFound)
	})
}

func TestAnOrderTakesItsItemsOrNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		cfg := defaults("")
		cfg.Stock = 10
		s, ctx := open(t, cfg), t.Context()
		seed(t, s, 10)
		price := func(id int64) int64 { return must[Product](t)(s.Product(ctx, id)).PriceCents }
		created := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
		ordered := Order{Customer: "c1", Items: []Item{{Product: 5, Quantity: 2}, {Product: 2, Quantity: 3}, {Product: 5, Quantity: 1}}, Created: created, Key: "k1"}
		want := ordered
		want.ID, want.Status, want.TotalCents = 1, "placed", 3*price(5)+3*price(2)
		want.Items = []Item{{5, 2, price(5)}, {2, 3, price(2)}, {5, 1, price(5)}}

		got := must[Order](t)(s.PutOrder(ctx, ordered))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want, must[Order](t)(s.Order(ctx, 1))); diff != "" {
			t.Error(diff)
		}
		if ordered.Items[0].PriceCents != 0 {
			t.Error("the caller's items were changed")
		}
		p := must[Product](t)(s.Product(ctx, 5))
		if p.Stock != 7 || p.Version != 3 {
			t.Errorf("stock %d, version %d, want 7, 3", p.Stock, p.Version)
		}

		got, err := s.PutOrder(ctx, Order{Customer: "other", Items: []Item{{Product: 1, Quantity: 1}}, Key: "k1"})
		is(t, err, ErrDuplicate)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		_, err = s.PutOrder(ctx, Order{Customer: "c2", Items: []Item{{Product: 1, Quantity: 1}, {Product: 5, Quantity: 8}}, Key: "k2"})
		is(t, err, ErrOutOfStock)
		_, err = s.PutOrder(ctx, Order{Customer: "c2", Items: []Item{{Product: 1, Quantity: 1}, {Product: 5, Quantity: 4}, {Product: 5, Quantity: 4}}})
		is(t, err, ErrOutOfStock)
		_, err = s.PutOrder(ctx, Order{Customer: "c2", Items: []Item{{Product: 1, Quantity: 1}, {Product: 99, Quantity: 1}}})
		is(t, err, ErrNotFound)
		if p := must[Product](t)(s.Product(ctx, 1)); p.Stock != 10 || p.Version != 1 {
			t.Errorf("an order that failed left stock %d, version %d", p.Stock, p.Version)
		}
		_, err = s.Order(ctx, 99)
		is(t, err, ErrNotFound)

		// Keys are what makes orders the same, and none is no key.
		for range 2 {
			must[Order](t)(s.PutOrder(ctx, Order{Customer: "c3", Items: []Item{{Product: 1, Quantity: 1}}}))
		}
		for name, o := range map[string]Order{
			"no items":         {Customer: "c"},
			"none of an item":  {Items: []Item{{Product: 1, Quantity: 0}}},
			"less than none":   {Items: []Item{{Product: 1, Quantity: -1}}},
			"a key of no text": {Items: []Item{{Product: 1, Quantity: 1}}, Key: "\xff"},
			"a zero byte":      {Items: []Item{{Product: 1, Quantity: 1}}, Customer: "\x00"},
			"too long a key":   {Items: []Item{{Product: 1, Quantity: 1}}, Key: strings.Repeat("k", 2000)},
			"too many items":   {Items: make([]Item, MaxLimit+1)},
		} {
			_, err := s.PutOrder(ctx, o)
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestResetEmptiesAndBeginsAnew(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		s, ctx := open(t, defaults("")), t.Context()
		for range 2 {
			seed(t, s, 10)
			o := must[Order](t)(s.PutOrder(ctx, Order{Items: []Item{{Product: 1, Quantity: 1}}, Key: "k"}))
			if o.ID != 1 {
				t.Errorf("the first order has the id %d", o.ID)
			}
			must[Cart](t)(s.PutCart(ctx, Cart{ID: "c"}))
			if err := s.Reset(ctx); err != nil {
				t.Fatal(err)
			}
			_, err := s.Product(ctx, 1)
			is(t, err, ErrNotFound)
			_, err = s.Order(ctx, 1)
			is(t, err, ErrNotFound)
			_, err = s.Cart(ctx, "c")
			is(t, err, ErrNotFound)
		}
	})
}

func TestACartIsNotOverwrittenUnseen(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(testing.TB, Config) *Store) {
		s, ctx := open(t, defaults("")), t.Context()
		_, err := s.Cart(ctx, "c")
		is(t, err, ErrNotFound)
		_, err = s.PutCart(ctx, Cart{ID: "c", Version: 1})
		is(t, err, ErrConflict)
		first := must[Cart](t)(s.PutCart(ctx, Cart{ID: "c", Items: []Item{{Product: 1, Quantity: 2}}}))
		if want := (Cart{ID: "c", Items: []Item{{Product: 1, Quantity: 2}}, Version: 1}); !cmp.Equal(first, want) {
			t.Error(cmp.Diff(want, first))
		}
		_, err = s.PutCart(ctx, Cart{ID: "c"})
		is(t, err, ErrConflict)
		first.Items[0].Quantity = 3
		second := must[Cart](t)(s.PutCart(ctx, first))
		first.Items[0].Quantity = 99
		_, err = s.PutCart(ctx, first)
		is(t, err, ErrConflict)
		got := must[Cart](t)(s.Cart(ctx, "c"))
		if !cmp.Equal(got, second) || got.Version != 2 || got.Items[0].Quantity != 3 {
			t.Errorf("got %+v", got)
		}
		got.Items[0].Quantity = 99
		if again := must[Cart](t)(s.Cart(ctx, "c")); again.Items[0].Quantity != 3 {
			t.Error("what was read was changed in the store")
		}
		_, err = s.PutCart(ctx, Cart{})
		is(t, err, ErrInvalid)
		_, err = s.Cart(ctx, "\xff")
		is(t, err, ErrNotFound)
	})
}

// TestWithoutAnIndexTheTableIsRead asks the databases how they go about it.
func TestWithoutAnIndexTheTableIsRead(t *testing.T) {
	for kind, read := range map[string]struct{ url, explain, scan string }{
		"sqlite":   {"", "EXPLAIN QUERY PLAN ", "SCAN products"},
		"postgres": {"new", "EXPLAIN ", "Seq Scan on products"},
	} {
		t.Run(kind, func(t *testing.T) {
			if read.url != "" {
				read.url = cluster.Database(t)
			}
			s := opened(t, defaults(""), kind, read.url)
			seed(t, s, 5000)
			d := s.back.(*database)
			if _, err := d.db.ExecContext(t.Context(), "ANALYZE"); err != nil {
				t.Fatal(err)
			}
			for _, on := range []bool{true, false, true} {
				cfg := defaults("")
				cfg.Index = on
				if err := s.Configure(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
				plan := explain(t, d, read.explain+d.bound(queries()[opSearch]), []any{"gold", "gold" + lastRune, 10})
				if full := strings.Contains(plan, read.scan); full == on || strings.Contains(plan, "products_name") != on {
					t.Errorf("with the index %v:\n%s", on, plan)
				}
			}
		})
	}
}

func explain(t *testing.T, d *database, query string, args []any) (plan string) {
	t.Helper()
	rows, err := d.db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	for rows.Next() {
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(any)
		}
		if err := rows.Scan(cells...); err != nil {
			t.Fatal(err)
		}
		plan += fmt.Sprintln(*cells[len(cells)-1].(*any))
	}
	return plan
}
