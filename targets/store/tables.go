package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// tables is the database of the kind station: everything in memory, and a gate before it
// that takes the time. What is stored is never changed in place.
type tables struct {
	gate Gate

	mu         sync.RWMutex
	cfg        Config
	products   []*Product // the id is the place, from 1
	byName     []int64
	byCategory map[string][]int64
	orders     map[int64]*Order
	byKey      map[string]int64
	lastOrder  int64
	carts      map[string]*Cart
	cartAges   []string // ids in the order of their first versions
}

func newTables(cfg Config, gate Gate) *tables {
	t := &tables{gate: gate, cfg: cfg}
	t.reset()
	return t
}

func (t *tables) reset() {
	t.products, t.byName, t.byCategory = nil, nil, nil
	t.orders, t.byKey, t.lastOrder = map[int64]*Order{}, map[string]int64{}, 0
	t.carts, t.cartAges = map[string]*Cart{}, nil
}

func (t *tables) configure(_ context.Context, cfg Config) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cfg = cfg
	return nil
}

func (t *tables) close() error { return nil }

// do takes the time first and then does the work at once, as one step.
func (t *tables) do(ctx context.Context, q request) (a answer, spent Spent, err error) {
	if err := ctx.Err(); err != nil {
		return a, spent, err
	}
	if t.gate != nil && q.Op != opSeed && q.Op != opReset {
		if spent.Wait, spent.Service, err = t.gate(ctx, q.Op, t.demand(q)); err != nil {
			return a, spent, err
		}
	}
	switch q.Op {
	case opSetPrice, opPutOrder, opPutCart, opSeed, opReset:
		t.mu.Lock()
		defer t.mu.Unlock()
		a, err = t.write(q)
	default:
		t.mu.RLock()
		defer t.mu.RUnlock()
		a, err = t.read(q)
	}
	return a, spent, err
}

// demand returns how much longer the call takes than an ordinary one.
func (t *tables) demand(q request) float64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.cfg.Index && q.Op == opSearch {
		return Scan
	}
	return 1
}

func (t *tables) read(q request) (a answer, err error) {
	switch q.Op {
	case opProduct:
		a.Product, err = t.product(q.ID)
	case opProducts:
		a.Products = t.list(q.ID, q.Limit, q.Text)
	case opSearch:
		a.Products = t.search(q.Text, q.Limit)
	case opPrice:
		var p *Product
		if p, err = t.product(q.ID); err == nil {
			a.Price = &Price{p.ID, p.PriceCents, p.Version}
		}
	case opOrder:
		if o := t.orders[q.ID]; o != nil {
			return answer{Order: o.copied()}, nil
		}
		err = ErrNotFound
	case opCart:
		if c := t.carts[q.Text]; c != nil {
			return answer{Cart: c.copied()}, nil
		}
		err = ErrNotFound
	}
	return a, err
}

func (t *tables) write(q request) (a answer, err error) {
	switch q.Op {
	case opSetPrice:
		a.Price, err = t.setPrice(q.ID, q.Cents)
	case opPutOrder:
		a.Order, err = t.putOrder(*q.Order)
	case opPutCart:
		a.Cart, err = t.putCart(*q.Cart)
	case opSeed:
		t.seed(q.Limit, q.Seed)
	case opReset:
		t.reset()
	}
	return a, err
}

// copied returns an order whose items are the caller's to change.
func (o Order) copied() *Order {
	o.Items = slices.Clone(o.Items)
	return &o
}

// copied returns a cart whose items are the caller's to change.
func (c Cart) copied() *Cart {
	c.Items = slices.Clone(c.Items)
	return &c
}

func (t *tables) product(id int64) (*Product, error) {
	if id < 1 || id > int64(len(t.products)) {
		return nil, ErrNotFound
	}
	return t.products[id-1], nil
}

func (t *tables) list(after int64, limit int, category string) []Product {
	if category == "" {
		from := min(max(after, 0), int64(len(t.products)))
		to := min(from+int64(limit), int64(len(t.products)))
		return copies(t.products[from:to])
	}
	ids := t.byCategory[category]
	ids = ids[sort.Search(len(ids), func(i int) bool { return ids[i] > after }):]
	return t.copiesOf(ids[:min(limit, len(ids))])
}

func (t *tables) search(prefix string, limit int) []Product {
	ids := t.byName[sort.Search(len(t.byName), func(i int) bool { return t.products[t.byName[i]-1].Name >= prefix }):]
	n := 0
	for n < len(ids) && n < limit && strings.HasPrefix(t.products[ids[n]-1].Name, prefix) {
		n++
	}
	return t.copiesOf(ids[:n])
}

func copies(from []*Product) []Product {
	list := make([]Product, len(from))
	for i, p := range from {
		list[i] = *p
	}
	return list
}

func (t *tables) copiesOf(ids []int64) []Product {
	list := make([]Product, len(ids))
	for i, id := range ids {
		list[i] = *t.products[id-1]
	}
	return list
}

func (t *tables) setPrice(id, cents int64) (*Price, error) {
	old, err := t.product(id)
	if err != nil {
		return nil, err
	}
	p := *old
	p.PriceCents, p.Version = cents, p.Version+1
	t.products[id-1] = &p
	return &Price{p.ID, p.PriceCents, p.Version}, nil
}

func (t *tables) putOrder(o Order) (*Order, error) {
	if id, ok := t.byKey[o.Key]; ok && o.Key != "" {
		return t.orders[id].copied(), ErrDuplicate
	}
	changed := map[int64]*Product{}
	o.Items = slices.Clone(o.Items)
	o.TotalCents = 0
	for _, i := range inOrder(o.Items) {
		item := &o.Items[i]
		p := changed[item.Product]
		if p == nil {
			old, err := t.product(item.Product)
			if err != nil {
				return nil, fmt.Errorf("product %d: %w", item.Product, err)
			}
			p = new(Product)
			*p = *old
			changed[p.ID] = p
		}
		if p.Stock < item.Quantity {
			return nil, fmt.Errorf("product %d: %w", item.Product, ErrOutOfStock)
		}
		p.Stock, p.Version = p.Stock-item.Quantity, p.Version+1
		item.PriceCents = p.PriceCents
		o.TotalCents += p.PriceCents * item.Quantity
	}
	for id, p := range changed {
		t.products[id-1] = p
	}
	t.lastOrder++
	o.ID, o.Status, o.Created = t.lastOrder, placed, stamp(micros(o.Created))
	t.orders[o.ID] = &o
	if o.Key != "" {
		t.byKey[o.Key] = o.ID
	}
	t.forgetOrders()
	return o.copied(), nil
}

// placed is the status of an order.
const placed = "placed"

// forgetOrders lets the oldest go.
func (t *tables) forgetOrders() {
	for id := t.lastOrder - int64(len(t.orders)) + 1; len(t.orders) > t.cfg.Keep; id++ {
		delete(t.byKey, t.orders[id].Key)
		delete(t.orders, id)
	}
}

func (t *tables) putCart(c Cart) (*Cart, error) {
	old := t.carts[c.ID]
	if old == nil && c.Version != 0 || old != nil && c.Version != old.Version {
		return nil, ErrConflict
	}
	if old == nil {
		t.cartAges = append(t.cartAges, c.ID)
	}
	c.Version++
	c.Items = slices.Clone(c.Items)
	t.carts[c.ID] = &c
	for len(t.carts) > t.cfg.Keep {
		delete(t.carts, t.cartAges[0])
		t.cartAges = t.cartAges[1:]
	}
	return c.copied(), nil
}

func (t *tables) seed(n int, seed uint64) {
	t.reset()
	t.products, t.byName, t.byCategory = make([]*Product, 0, n), make([]int64, 0, n), map[string][]int64{}
	for p := range products(n, seed, int64(t.cfg.Stock)) {
		t.products = append(t.products, &p)
		t.byName = append(t.byName, p.ID)
		t.byCategory[p.Category] = append(t.byCategory[p.Category], p.ID)
	}
	slices.SortFunc(t.byName, func(a, b int64) int {
		return cmp.Or(strings.Compare(t.products[a-1].Name, t.products[b-1].Name), cmp.Compare(a, b))
	})
}

// inOrder returns the places of the items in order of their products, so that two orders
// never wait for each other's rows.
func inOrder(items []Item) []int {
	places := make([]int, len(items))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(items[a].Product, items[b].Product) })
	return places
}

// micros and stamp turn a time into what every kind stores, and back.
func micros(t time.Time) int64 { return t.UnixMicro() }
func stamp(us int64) time.Time { return time.UnixMicro(us).UTC() }
