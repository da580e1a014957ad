package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// row is what a value is read from: a *sql.Row, or the current one of *sql.Rows.
type row interface{ Scan(dest ...any) error }

func scanProduct(r row) (*Product, error) {
	var p Product
	if err := r.Scan(&p.ID, &p.SKU, &p.Name, &p.Category, &p.PriceCents, &p.Stock, &p.Version, &p.Description); err != nil {
		return nil, err
	}
	return &p, nil
}

func scanPrice(r row) (*Price, error) {
	var p Price
	if err := r.Scan(&p.Product, &p.Cents, &p.Version); err != nil {
		return nil, err
	}
	return &p, nil
}

func scanOrder(r row) (*Order, error) {
	var o Order
	var items string
	var created int64
	var key sql.NullString
	if err := r.Scan(&o.ID, &o.Customer, &items, &o.TotalCents, &o.Status, &created, &key); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(items), &o.Items); err != nil {
		return nil, fmt.Errorf("reading the items: %w", err)
	}
	o.Created, o.Key = stamp(created), key.String
	return &o, nil
}

func scanCart(r row) (*Cart, error) {
	var c Cart
	var items string
	if err := r.Scan(&c.ID, &items, &c.Version); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(items), &c.Items); err != nil {
		return nil, fmt.Errorf("reading the items: %w", err)
	}
	return &c, nil
}

// scanProducts reads the products of a query to its end.
func scanProducts(rows *sql.Rows, err error) ([]Product, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says it
	products := []Product{}
	for rows.Next() {
		p, err := scanProduct(rows)
		if err != nil {
			return nil, err
		}
		products = append(products, *p)
	}
	return products, errors.Join(rows.Err(), rows.Close())
}
