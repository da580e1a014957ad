// Package history keeps what saved runs measured in a store, a SQLite file, and shows how it
// has changed: it reads the directories of runs, tells which runs can be compared with each
// other, and looks for change points in each of their figures. Any number of processes may
// write to a store at once, and reading a run again changes nothing. It measures nothing, it
// draws nothing, and it fails no build: how two sets of runs differ is what package compare
// is for.
package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// The marks of a store in the head of its file.
const (
	application = 0x506c696d // "Plim"
	newest      = 1          // version of the tables
)

// patience is how long a process waits for another one that writes.
const patience = 20 * time.Second

// tables are those of version 1. Times are in nanoseconds since 1970.
const tables = `
CREATE TABLE runs (
	id INTEGER PRIMARY KEY,
	key TEXT NOT NULL UNIQUE,
	digest TEXT NOT NULL,
	dir TEXT NOT NULL, -- from where the store is, with slashes
	scenario TEXT NOT NULL, part TEXT NOT NULL, quick INTEGER NOT NULL,
	target TEXT NOT NULL, machine TEXT NOT NULL, version TEXT NOT NULL,
	started INTEGER NOT NULL, took INTEGER NOT NULL,
	verdict TEXT NOT NULL, program TEXT NOT NULL,
	whole INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT;
CREATE TABLE figures (
	run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
	load TEXT NOT NULL, request TEXT NOT NULL, metric TEXT NOT NULL,
	value REAL NOT NULL,
	PRIMARY KEY (run, load, request, metric)
) STRICT, WITHOUT ROWID;
`

// Store is a file with what runs measured.
type Store struct {
	db   *sql.DB
	path string
}

// ErrNewer is about a store that a later plimsoll has written.
var ErrNewer = errors.New("the store is newer than this plimsoll reads: update plimsoll, or name another file")

// Open opens the store in the file at path and makes it if it is not there; its directory has
// to be. A file that is something else is refused, and so is a store of a newer version.
func Open(ctx context.Context, path string) (*Store, error) {
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("open store %s: there is no directory %s: %w", path, filepath.Dir(path), os.ErrNotExist)
	}
	// The journal is the plain one: it lets writers wait for each other just as well, and the
	// store stays one file, which can be copied and kept between builds.
	options := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "foreign_keys(1)",
	}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+options.Encode())
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	s := &Store{db: db, path: path}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, errors.Join(err, db.Close()))
	}
	return s, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// prepare makes the tables, if another process has not.
func (s *Store) prepare(ctx context.Context) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		var mark, version, things int
		for pragma, into := range map[string]*int{"PRAGMA application_id": &mark, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &things} {
			if err := tx.QueryRowContext(ctx, pragma).Scan(into); err != nil {
				return err
			}
		}
		switch {
		case mark == application && version > newest:
			return ErrNewer
		case mark == application && version == newest:
			return nil
		case mark != 0 || version != 0 || things != 0:
			return errors.New("the file is a database of something else")
		}
		_, err := tx.ExecContext(ctx, tables+fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", application, newest))
		return err
	})
}

// transact runs f in a transaction that no other writer's overlaps; it holds if f returns nil.
func (s *Store) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// added says what became of a record.
type added int

const (
	known added = iota
	inserted
	updated
)

// add keeps records, all or none of them. Of the same run, that one stays that was over, or
// went on for longer; so the order in which runs are read does not matter.
func (s *Store) add(ctx context.Context, records []*record) (outcome []added, err error) {
	err = s.transact(ctx, func(tx *sql.Tx) error {
		outcome = nil
		insert, err := tx.PrepareContext(ctx, "INSERT INTO figures (run, load, request, metric, value) VALUES (?, ?, ?, ?, ?)")
		if err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // the transaction closes it, too
		for _, r := range records {
			id, what, err := s.place(ctx, tx, r)
			if err != nil {
				return err
			}
			outcome = append(outcome, what)
			if what == known {
				continue
			}
			for _, f := range r.figures {
				if _, err := insert.ExecContext(ctx, id, f.load, f.request, f.metric, f.value); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write store %s: %w", s.path, err)
	}
	return outcome, nil
}

// place makes room for a record: a row for it, without figures.
func (s *Store) place(ctx context.Context, tx *sql.Tx, r *record) (id int64, what added, err error) {
	var whole bool
	var took int64
	var dir string
	err = tx.QueryRowContext(ctx, "SELECT id, whole, took, dir FROM runs WHERE key = ?", r.key).Scan(&id, &whole, &took, &dir)
	what = inserted
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return 0, known, err
	case r.whole == whole && int64(r.took) > took, r.whole && !whole:
		what = updated
		if _, err := tx.ExecContext(ctx, "DELETE FROM runs WHERE id = ?", id); err != nil {
			return 0, known, err
		}
	default:
		return id, known, s.refresh(ctx, tx, id, dir, r)
	}
	row, err := tx.ExecContext(ctx, `INSERT INTO runs (key, digest, dir, scenario, part, quick, target, machine, version, started, took, verdict, program, whole, reason)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, r.key, r.digest, s.inside(r.dir), r.series.scenario, r.series.part, r.series.quick,
		r.series.target, r.series.machine, r.series.version, nanoseconds(r.started), int64(r.took), string(r.verdict), r.program, r.whole, r.reason)
	if err != nil {
		return 0, known, err
	}
	id, err = row.LastInsertId()
	return id, what, err
}

// refresh notes where a run is now, if it was moved.
func (s *Store) refresh(ctx context.Context, tx *sql.Tx, id int64, old string, r *record) error {
	if isRun(s.outside(old)) {
		return nil
	}
	_, err := tx.ExecContext(ctx, "UPDATE runs SET dir = ? WHERE id = ?", s.inside(r.dir), id)
	return err
}

// inside returns a directory as it is kept: from where the store is.
func (s *Store) inside(dir string) string {
	from, err1 := filepath.Abs(filepath.Dir(s.path))
	to, err2 := filepath.Abs(dir)
	relative, err3 := filepath.Rel(from, to)
	if errors.Join(err1, err2, err3) != nil {
		return filepath.ToSlash(dir)
	}
	return filepath.ToSlash(relative)
}

// outside returns a directory as it can be reached from here.
func (s *Store) outside(dir string) string {
	dir = filepath.FromSlash(dir)
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(filepath.Dir(s.path), dir)
}

// digests returns the runs that are known by what their run.json says.
func (s *Store) digests(ctx context.Context) (map[string]string, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT digest, dir FROM runs")
	if err != nil {
		return nil, fmt.Errorf("read store %s: %w", s.path, err)
	}
	defer rows.Close() //nolint:errcheck // it was only read
	all := map[string]string{}
	for rows.Next() {
		var digest, dir string
		if err := rows.Scan(&digest, &dir); err != nil {
			return nil, fmt.Errorf("read store %s: %w", s.path, err)
		}
		all[digest] = s.outside(dir)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read store %s: %w", s.path, err)
	}
	return all, nil
}

// nanoseconds returns a time as it is kept; that of a run without one is 0.
func nanoseconds(t time.Time) int64 {
	if t.Year() < 1970 || t.Year() > 2200 {
		return 0
	}
	return t.UnixNano()
}
