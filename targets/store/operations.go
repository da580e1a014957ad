package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Product is what can be bought. Its version counts the changes of its price and stock.
type Product struct {
	ID          int64  `json:"id"`
	SKU         string `json:"sku"`
	Name        string `json:"name"`
	Category    string `json:"category"`
	PriceCents  int64  `json:"price_cents"`
	Stock       int64  `json:"stock"`
	Version     int64  `json:"version"`
	Description string `json:"description"`
}

// Price is what a product costs.
type Price struct {
	Product int64 `json:"product"`
	Cents   int64 `json:"cents"`
	Version int64 `json:"version"` // of the product
}

// Item is a number of one product in a cart or an order.
type Item struct {
	Product    int64 `json:"product"`
	Quantity   int64 `json:"quantity"`
	PriceCents int64 `json:"price_cents,omitempty"` // of one piece, set when it is ordered
}

// Order is what somebody bought.
type Order struct {
	ID         int64     `json:"id"` // given by the store
	Customer   string    `json:"customer"`
	Items      []Item    `json:"items"`
	TotalCents int64     `json:"total_cents"`   // reckoned by the store
	Status     string    `json:"status"`        // "placed"
	Created    time.Time `json:"created"`       // as the caller says, to the microsecond
	Key        string    `json:"key,omitempty"` // the idempotency key; "" is none
}

// Cart is what somebody may be about to buy.
type Cart struct {
	ID      string `json:"id"`
	Items   []Item `json:"items"`
	Version int64  `json:"version"` // counts the changes; 0 is not stored yet
}

// The operations, by the names that gates, counts and the wire know them by.
const (
	opProduct  = "product"
	opProducts = "products"
	opSearch   = "search"
	opPrice    = "price"
	opSetPrice = "set_price"
	opPutOrder = "put_order"
	opOrder    = "order"
	opCart     = "cart"
	opPutCart  = "put_cart"
	opSeed     = "seed"
	opReset    = "reset"
)

func operations() []string {
	return []string{opProduct, opProducts, opSearch, opPrice, opSetPrice, opPutOrder, opOrder, opCart, opPutCart, opSeed, opReset}
}

// MaxLimit is how many products one call returns at most.
const MaxLimit = 1000

// request is one call, as it goes to a backend and over the wire.
type request struct {
	Op    string `json:"-"`
	ID    int64  `json:"id,omitempty"`    // of the product or order; for products: after which
	Text  string `json:"text,omitempty"`  // category, query, id of the cart
	Limit int    `json:"limit,omitempty"` // of products, or how many to make
	Cents int64  `json:"cents,omitempty"`
	Seed  uint64 `json:"seed,omitempty"`
	Order *Order `json:"order,omitempty"`
	Cart  *Cart  `json:"cart,omitempty"`
}

// answer is what comes back; what the operation does not return is nil.
type answer struct {
	Product  *Product  `json:"product,omitempty"`
	Products []Product `json:"products,omitempty"`
	Price    *Price    `json:"price,omitempty"`
	Order    *Order    `json:"order,omitempty"`
	Cart     *Cart     `json:"cart,omitempty"`
}

// Product returns the product, or ErrNotFound.
func (s *Store) Product(ctx context.Context, id int64) (Product, error) {
	a, err := s.call(ctx, request{Op: opProduct, ID: id})
	return value(a.Product), err
}

// Products returns up to limit products, 1 … MaxLimit, in order of their ids, those after
// the id only, and of the category only unless it is "".
func (s *Store) Products(ctx context.Context, after int64, limit int, category string) ([]Product, error) {
	if !sound(category) {
		return nil, nil
	}
	a, err := s.call(ctx, request{Op: opProducts, ID: after, Limit: min(max(limit, 1), MaxLimit), Text: category})
	return a.Products, err
}

// Search returns up to limit products, 1 … MaxLimit, whose names begin with the query, in
// either case, in order of their names.
func (s *Store) Search(ctx context.Context, query string, limit int) ([]Product, error) {
	if !sound(query) {
		return nil, nil
	}
	a, err := s.call(ctx, request{Op: opSearch, Text: strings.ToLower(query), Limit: min(max(limit, 1), MaxLimit)})
	return a.Products, err
}

// Price returns what the product costs, or ErrNotFound.
func (s *Store) Price(ctx context.Context, product int64) (Price, error) {
	a, err := s.call(ctx, request{Op: opPrice, ID: product})
	return value(a.Price), err
}

// SetPrice changes what the product costs, and returns the price with its new version, or
// ErrNotFound.
func (s *Store) SetPrice(ctx context.Context, product, cents int64) (Price, error) {
	a, err := s.call(ctx, request{Op: opSetPrice, ID: product, Cents: cents})
	return value(a.Price), err
}

// PutOrder takes the items out of the stock and stores the order, both or neither. It
// returns the order with its id, prices and total; or ErrOutOfStock, ErrNotFound for a
// product that there is not, or ErrDuplicate with the order that has the same key.
func (s *Store) PutOrder(ctx context.Context, o Order) (Order, error) {
	a, err := s.call(ctx, request{Op: opPutOrder, Order: &o})
	return value(a.Order), err
}

// Order returns the order, or ErrNotFound.
func (s *Store) Order(ctx context.Context, id int64) (Order, error) {
	a, err := s.call(ctx, request{Op: opOrder, ID: id})
	return value(a.Order), err
}

// Cart returns the cart, or ErrNotFound.
func (s *Store) Cart(ctx context.Context, id string) (Cart, error) {
	if !sound(id) {
		return Cart{}, fmt.Errorf("%s: %w", opCart, ErrNotFound)
	}
	a, err := s.call(ctx, request{Op: opCart, Text: id})
	return value(a.Cart), err
}

// PutCart stores the cart if its version is still the newest, 0 for one that is new, and
// returns it with the next version; or ErrConflict.
func (s *Store) PutCart(ctx context.Context, c Cart) (Cart, error) {
	a, err := s.call(ctx, request{Op: opPutCart, Cart: &c})
	return value(a.Cart), err
}

// Seed empties the database and makes products 1 … n, the same for the same seed on every
// kind. It does not go through the pool.
func (s *Store) Seed(ctx context.Context, products int, seed uint64) error {
	_, _, err := s.perform(ctx, request{Op: opSeed, Limit: products, Seed: seed})
	return err
}

// Reset empties the database; ids begin anew. It does not go through the pool.
func (s *Store) Reset(ctx context.Context) error {
	_, _, err := s.perform(ctx, request{Op: opReset})
	return err
}

// check tells what a backend could not do, whether the request is a caller's or came over
// the wire.
func (q request) check() error {
	switch {
	case q.Op == opSeed && (q.Limit < 0 || q.Limit > MaxProducts):
		return fmt.Errorf("%w: up to %d products", ErrInvalid, MaxProducts)
	case (q.Op == opProducts || q.Op == opSearch) && (q.Limit < 1 || q.Limit > MaxLimit):
		return fmt.Errorf("%w: 1 to %d products", ErrInvalid, MaxLimit)
	case q.Op == opPutOrder && !q.Order.valid():
		return fmt.Errorf("%w: an order needs up to %d items, each of one piece or more, and short texts in UTF-8", ErrInvalid, MaxLimit)
	case q.Op == opPutCart && !q.Cart.valid():
		return fmt.Errorf("%w: a cart needs a short id in UTF-8, and up to %d items of one piece or more", ErrInvalid, MaxLimit)
	case !sound(q.Text):
		return fmt.Errorf("%w: a text has to be short, and in UTF-8", ErrInvalid)
	}
	return nil
}

func (o *Order) valid() bool {
	return o != nil && len(o.Items) > 0 && len(o.Items) <= MaxLimit && positive(o.Items) && sound(o.Customer) && sound(o.Key)
}

func (c *Cart) valid() bool {
	return c != nil && c.ID != "" && len(c.Items) <= MaxLimit && positive(c.Items) && sound(c.ID)
}

// value returns what p points to, the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// sound tells whether every kind can hold the text.
func sound(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00") && len(text) <= 1<<10
}

func positive(items []Item) bool {
	for _, i := range items {
		if i.Quantity < 1 || i.Quantity > 1e9 {
			return false
		}
	}
	return true
}
