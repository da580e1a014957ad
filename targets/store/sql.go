package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// database is a database behind database/sql. Both kinds share every statement but those
// that make the tables.
type database struct {
	db         *sql.DB
	dialect    dialect
	statements map[string]*sql.Stmt
	stock      chan int      // holds one number: Config.Stock
	writer     chan struct{} // holds the one transaction that may write; nil: any number may
	anchor     *sql.Conn     // keeps a database in memory alive; nil elsewhere
}

// dialect is what differs between kinds.
type dialect struct {
	numbered bool   // arguments are $1, $2 …, not ?
	tables   string // makes the tables where they lack
	lock     string // holds off other processes that change tables; "" where that is not needed
	empty    string // deletes all rows, and lets ids begin anew
}

// columns are those of a product, in the order of scanProduct.
const columns = "id, sku, name, category, price_cents, stock, version, description"

// The statements, by operation or by part of one.
const (
	stmtOrderByKey  = "order_by_key"
	stmtCategory    = "category"
	stmtTakeStock   = "take_stock"
	stmtInsertOrder = "insert_order"
	stmtInsertCart  = "insert_cart"
)

func queries() map[string]string {
	return map[string]string{
		opProduct:       "SELECT " + columns + " FROM products WHERE id = ?",
		opProducts:      "SELECT " + columns + " FROM products WHERE id > ? ORDER BY id LIMIT ?",
		stmtCategory:    "SELECT " + columns + " FROM products WHERE id > ? AND category = ? ORDER BY id LIMIT ?",
		opSearch:        "SELECT " + columns + " FROM products WHERE name >= ? AND name < ? ORDER BY name, id LIMIT ?",
		opPrice:         "SELECT id, price_cents, version FROM products WHERE id = ?",
		opSetPrice:      "UPDATE products SET price_cents = ?, version = version + 1 WHERE id = ? RETURNING id, price_cents, version",
		stmtTakeStock:   "UPDATE products SET stock = stock - ?, version = version + 1 WHERE id = ? AND stock >= ? RETURNING price_cents",
		stmtInsertOrder: "INSERT INTO orders (customer, items, total_cents, status, created, idem_key) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (idem_key) DO NOTHING RETURNING id",
		opOrder:         "SELECT id, customer, items, total_cents, status, created, idem_key FROM orders WHERE id = ?",
		stmtOrderByKey:  "SELECT id, customer, items, total_cents, status, created, idem_key FROM orders WHERE idem_key = ?",
		opCart:          "SELECT id, items, version FROM carts WHERE id = ?",
		stmtInsertCart:  "INSERT INTO carts (id, items, version) VALUES (?, ?, 1) ON CONFLICT (id) DO NOTHING",
		opPutCart:       "UPDATE carts SET items = ?, version = version + 1 WHERE id = ? AND version = ?",
	}
}

// The index of names, which is made and dropped with Config.Index.
const (
	makeIndex = "CREATE INDEX IF NOT EXISTS products_name ON products (name, id)"
	dropIndex = "DROP INDEX IF EXISTS products_name"
)

// open makes the tables and prepares the statements.
func (d *database) open(ctx context.Context, cfg Config) error {
	d.statements, d.stock = map[string]*sql.Stmt{}, make(chan int, 1)
	d.stock <- cfg.Stock
	if err := d.change(ctx, d.dialect.tables); err != nil {
		return fmt.Errorf("making the tables: %w", err)
	}
	if err := d.configure(ctx, cfg); err != nil {
		return err
	}
	for name, query := range queries() {
		stmt, err := d.db.PrepareContext(ctx, d.bound(query))
		if err != nil {
			return fmt.Errorf("preparing %s: %w", name, err)
		}
		d.statements[name] = stmt
	}
	return nil
}

// bound writes the places of arguments as the database does.
func (d *database) bound(query string) string {
	if !d.dialect.numbered {
		return query
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			fmt.Fprintf(&b, "$%d", i)
		}
		b.WriteString(part)
	}
	return b.String()
}

func (d *database) configure(ctx context.Context, cfg Config) error {
	most := cfg.Pool.Max
	if most > 0 {
		most += 2 // for what does not go through the pool: the anchor, and changes like this one
	}
	d.db.SetMaxOpenConns(most)
	d.db.SetMaxIdleConns(max(most, mostIdle))
	d.db.SetConnMaxIdleTime(cfg.Pool.IdleTimeout)
	<-d.stock
	d.stock <- cfg.Stock
	statement := makeIndex
	if !cfg.Index {
		statement = dropIndex
	}
	if err := d.change(ctx, statement); err != nil {
		return fmt.Errorf("changing the index: %w", err)
	}
	return nil
}

// mostIdle is how many connections are kept where their number has no bound.
const mostIdle = 100

// change runs a statement that no other process' change interferes with.
func (d *database) change(ctx context.Context, statement string) error {
	return d.transact(ctx, func(tx *sql.Tx) error {
		if d.dialect.lock != "" {
			if _, err := tx.ExecContext(ctx, d.dialect.lock); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, statement)
		return err
	})
}

// transact runs f in a transaction, which holds if f returns nil.
func (d *database) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	if d.writer != nil {
		select {
		case d.writer <- struct{}{}:
			defer func() { <-d.writer }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	if err := f(tx); err != nil {
		tx.Rollback() //nolint:errcheck // the first error says more, and the connection goes if this fails
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

func (d *database) close() error {
	if d.anchor != nil {
		d.anchor.Close() //nolint:errcheck // the database in memory ends with it
	}
	return d.db.Close()
}

func (d *database) do(ctx context.Context, q request) (a answer, spent Spent, err error) {
	began := time.Now()
	switch q.Op {
	case opSeed, opReset:
		err = d.refill(ctx, q.Limit, q.Seed)
	case opPutOrder:
		a.Order, err = d.putOrder(ctx, *q.Order)
	case opPutCart:
		a.Cart, err = d.putCart(ctx, *q.Cart)
	case opSetPrice:
		err = d.transact(ctx, func(tx *sql.Tx) (err error) {
			a.Price, err = scanPrice(d.in(ctx, tx, opSetPrice).QueryRowContext(ctx, q.Cents, q.ID))
			return err
		})
	default:
		a, err = d.read(ctx, q)
	}
	spent.Service = time.Since(began)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return a, spent, err
}

func (d *database) read(ctx context.Context, q request) (a answer, err error) {
	stmt := d.statements[q.Op]
	switch q.Op {
	case opProduct:
		a.Product, err = scanProduct(stmt.QueryRowContext(ctx, q.ID))
	case opProducts:
		if q.Text == "" {
			a.Products, err = scanProducts(stmt.QueryContext(ctx, q.ID, q.Limit))
		} else {
			a.Products, err = scanProducts(d.statements[stmtCategory].QueryContext(ctx, q.ID, q.Text, q.Limit))
		}
	case opSearch:
		a.Products, err = scanProducts(stmt.QueryContext(ctx, q.Text, q.Text+lastRune, q.Limit))
	case opPrice:
		a.Price, err = scanPrice(stmt.QueryRowContext(ctx, q.ID))
	case opOrder:
		a.Order, err = scanOrder(stmt.QueryRowContext(ctx, q.ID))
	case opCart:
		a.Cart, err = scanCart(stmt.QueryRowContext(ctx, q.Text))
	}
	return a, err
}

// lastRune makes of a prefix what comes after every text that begins with it.
const lastRune = "\U0010FFFF"

// in returns the statement within the transaction.
func (d *database) in(ctx context.Context, tx *sql.Tx, name string) *sql.Stmt {
	return tx.StmtContext(ctx, d.statements[name])
}

func (d *database) putOrder(ctx context.Context, o Order) (*Order, error) {
	o.Status, o.Created, o.TotalCents = placed, stamp(micros(o.Created)), 0
	o.Items = slices.Clone(o.Items)
	var there *Order
	err := d.transact(ctx, func(tx *sql.Tx) (err error) {
		if o.Key != "" {
			there, err = scanOrder(d.in(ctx, tx, stmtOrderByKey).QueryRowContext(ctx, o.Key))
			if !errors.Is(err, sql.ErrNoRows) {
				return errors.Join(err, duplicate(there))
			}
		}
		if err := d.takeStock(ctx, tx, &o); err != nil {
			return err
		}
		items, err := json.Marshal(o.Items)
		if err != nil {
			return err
		}
		row := d.in(ctx, tx, stmtInsertOrder).QueryRowContext(ctx, o.Customer, string(items), o.TotalCents, o.Status, micros(o.Created), sql.NullString{String: o.Key, Valid: o.Key != ""})
		err = row.Scan(&o.ID)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrDuplicate // another transaction was first
		}
		return err
	})
	switch {
	case err == nil:
		return &o, nil
	case errors.Is(err, ErrDuplicate) && there == nil:
		var gone error
		if there, gone = scanOrder(d.statements[stmtOrderByKey].QueryRowContext(ctx, o.Key)); gone != nil {
			return nil, fmt.Errorf("reading the order with the same key: %w", gone)
		}
	}
	return there, err
}

func duplicate(there *Order) error {
	if there != nil {
		return ErrDuplicate
	}
	return nil
}

// takeStock takes the items out of the stock and reckons what they cost.
func (d *database) takeStock(ctx context.Context, tx *sql.Tx, o *Order) error {
	take := d.in(ctx, tx, stmtTakeStock)
	for _, i := range inOrder(o.Items) {
		item := &o.Items[i]
		err := take.QueryRowContext(ctx, item.Quantity, item.Product, item.Quantity).Scan(&item.PriceCents)
		if errors.Is(err, sql.ErrNoRows) {
			_, err = scanPrice(d.in(ctx, tx, opPrice).QueryRowContext(ctx, item.Product))
			switch {
			case err == nil:
				err = ErrOutOfStock
			case errors.Is(err, sql.ErrNoRows):
				err = ErrNotFound
			}
		}
		if err != nil {
			return fmt.Errorf("product %d: %w", item.Product, err)
		}
		o.TotalCents += item.PriceCents * item.Quantity
	}
	return nil
}

func (d *database) putCart(ctx context.Context, c Cart) (*Cart, error) {
	items, err := json.Marshal(c.Items)
	if err != nil {
		return nil, err
	}
	err = d.transact(ctx, func(tx *sql.Tx) error {
		var result sql.Result
		var err error
		if c.Version == 0 {
			result, err = d.in(ctx, tx, stmtInsertCart).ExecContext(ctx, c.ID, string(items))
		} else {
			result, err = d.in(ctx, tx, opPutCart).ExecContext(ctx, string(items), c.ID, c.Version)
		}
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); n != 1 || err != nil {
			return errors.Join(err, ErrConflict)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.Version++
	return c.copied(), nil
}

// refill deletes everything and makes so many products.
func (d *database) refill(ctx context.Context, n int, seed uint64) error {
	stock := <-d.stock
	d.stock <- stock
	return d.transact(ctx, func(tx *sql.Tx) error {
		for statement := range strings.SplitSeq(d.dialect.empty, ";") {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("deleting what there is: %w", err)
			}
		}
		var args []any
		for p := range products(n, seed, int64(stock)) {
			args = append(args, p.ID, p.SKU, p.Name, p.Category, p.PriceCents, p.Stock, p.Version, p.Description)
			if len(args) == 8*rowsAtOnce {
				if err := d.insert(ctx, tx, args); err != nil {
					return err
				}
				args = args[:0]
			}
		}
		return d.insert(ctx, tx, args)
	})
}

// rowsAtOnce is how many products one INSERT makes: their arguments are within the bounds
// of either database, 32766 and 65535.
const rowsAtOnce = 500

func (d *database) insert(ctx context.Context, tx *sql.Tx, args []any) error {
	if len(args) == 0 {
		return nil
	}
	rows := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, ?, ?),", len(args)/8), ",")
	if _, err := tx.ExecContext(ctx, d.bound("INSERT INTO products ("+columns+") VALUES "+rows), args...); err != nil {
		return fmt.Errorf("making products: %w", err)
	}
	return nil
}
