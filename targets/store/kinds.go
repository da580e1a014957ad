package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"modernc.org/sqlite"
)

// openSQLite opens a file that several processes may have open, or a database in memory.
// Writers of this process take turns, those of others are waited for.
func openSQLite(ctx context.Context, cfg Config) (backend, error) {
	options := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(5000)", "synchronous(NORMAL)"}}
	source := "file:" + (&url.URL{Path: cfg.URL}).EscapedPath()
	if cfg.URL == "" {
		source = fmt.Sprintf("file:/store-%x", rand.Uint64())
		options.Set("vfs", "memdb")
	}
	db, err := sql.Open("sqlite", source+"?"+options.Encode())
	if err != nil {
		return nil, err
	}
	d := &database{db: db, writer: make(chan struct{}, 1), dialect: dialect{
		tables: `CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, sku TEXT NOT NULL, name TEXT NOT NULL, category TEXT NOT NULL,
			price_cents INTEGER NOT NULL, stock INTEGER NOT NULL, version INTEGER NOT NULL, description TEXT NOT NULL);
		CREATE INDEX IF NOT EXISTS products_category ON products (category, id);
		CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, items TEXT NOT NULL,
			total_cents INTEGER NOT NULL, status TEXT NOT NULL, created INTEGER NOT NULL, idem_key TEXT UNIQUE);
		CREATE TABLE IF NOT EXISTS carts (id TEXT PRIMARY KEY, items TEXT NOT NULL, version INTEGER NOT NULL)`,
		empty: "DELETE FROM products; DELETE FROM orders; DELETE FROM carts",
	}}
	if cfg.URL == "" {
		d.anchor, err = db.Conn(ctx)
	} else {
		err = logAhead(ctx, db)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := d.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// logAhead makes the file one with a write-ahead log, which it then stays, so that readers
// and the writer do not wait for each other.
func logAhead(ctx context.Context, db *sql.DB) error {
	for {
		_, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
		var refused *sqlite.Error
		if err == nil || !errors.As(err, &refused) || refused.Code()&0xff != busy {
			return err
		}
		select { // another process is at it, and for this one change SQLite does not wait by itself
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// busy is SQLite's code for a file that is locked, the low byte of more precise ones.
const busy = 5

// openPostgres opens the database of the URL.
func openPostgres(ctx context.Context, cfg Config) (backend, error) {
	db, err := sql.Open("pgx", cfg.URL)
	if err != nil {
		return nil, err
	}
	d := &database{db: db, dialect: dialect{
		numbered: true,
		tables: `CREATE TABLE IF NOT EXISTS products (id BIGINT PRIMARY KEY, sku TEXT NOT NULL, name TEXT COLLATE "C" NOT NULL, category TEXT COLLATE "C" NOT NULL,
			price_cents BIGINT NOT NULL, stock BIGINT NOT NULL, version BIGINT NOT NULL, description TEXT NOT NULL);
		CREATE INDEX IF NOT EXISTS products_category ON products (category, id);
		CREATE TABLE IF NOT EXISTS orders (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer TEXT NOT NULL, items TEXT NOT NULL,
			total_cents BIGINT NOT NULL, status TEXT NOT NULL, created BIGINT NOT NULL, idem_key TEXT UNIQUE);
		CREATE TABLE IF NOT EXISTS carts (id TEXT PRIMARY KEY, items TEXT NOT NULL, version BIGINT NOT NULL)`,
		lock:  "SELECT pg_advisory_xact_lock(hashtext('plimsoll.store'))",
		empty: "TRUNCATE products, orders, carts RESTART IDENTITY",
	}}
	if err := d.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}
