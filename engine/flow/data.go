package flow

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
)

// Pick says which row a user gets.
type Pick int

// The ways to pick a row.
const (
	Random     Pick = iota // any row, evenly, from the user's random source
	Sequential             // the next row over all users; after the last the first again
	Unique                 // a row of the user's own, kept for its life
	Once                   // the next row over all users; after the last ErrExhausted
)

func pickNames() []string {
	return []string{"random", "sequential", "unique", "once"}
}

// ParsePick returns the pick that s names: random, sequential, unique or once. An error is
// a *SyntaxError.
func ParsePick(s string) (Pick, error) {
	i := slices.Index(pickNames(), s)
	if i < 0 {
		return 0, &SyntaxError{0, "unknown pick " + strconv.Quote(abbreviate(s)), "it is random, sequential, unique or once"}
	}
	return Pick(i), nil
}

// String returns the name of the pick as it stands in scenarios.
func (p Pick) String() string { return pickNames()[p] }

// Feed is a data source that users share. It is safe for concurrent use, and holds neither
// its rows in memory nor a copy per user: rows are read from the file when they are
// picked.
type Feed struct {
	name    string
	pick    Pick
	columns []string
	file    io.ReaderAt
	size    int64
	start   int64 // offset of the first row
	decode  func(*bufio.Reader, []string) rowReader
	index   *rowIndex // of a random pick
	cursors sync.Pool // of a random pick: *cursor

	mu   sync.Mutex // guards what follows
	next cursor     // of the other picks: the row that comes next
}

// rowReader reads rows, one after the other, from a reader that may be set to another
// place between two rows.
type rowReader interface {
	// read returns the next row, which is the caller's to keep, or io.EOF.
	read() ([]string, error)
	skip() error
	// offset returns how many bytes were read so far, up to the end of the last row.
	offset() int64
}

// cursor is a place in a feed's file.
type cursor struct {
	buf  *bufio.Reader
	rows rowReader
	row  uint64 // number of the row read last, from 1
}

const (
	streamBuffer = 64 << 10
	randomBuffer = 4 << 10 // the smallest that encoding/csv uses as it is
)

// OpenCSV opens comma-separated values with a header row, quoted as RFC 4180 says. file
// must stay open as long as the feed is used. A random pick reads the file once, to know
// where its rows are; the others read on as rows are picked, and so find a bad row, which
// the error names, only then. Rows are counted from 1 below the header.
func OpenCSV(name string, file io.ReaderAt, size int64, pick Pick) (*Feed, error) {
	f := &Feed{name: name, pick: pick, file: file, size: size, decode: newCSVRows}
	if err := f.readCSVHeader(); err != nil {
		return nil, fmt.Errorf("header row: %w", err)
	}
	return f, f.begin()
}

// OpenJSONLines opens a file with a JSON object per line. The columns are the keys of the
// first object, and every row must have them; strings come without quotes, other values
// as JSON. file must stay open as long as the feed is used.
func OpenJSONLines(name string, file io.ReaderAt, size int64, pick Pick) (*Feed, error) {
	f := &Feed{name: name, pick: pick, file: file, size: size, decode: newJSONRows}
	if err := f.readJSONColumns(); err != nil {
		return nil, fmt.Errorf("row 1: %w", err)
	}
	return f, f.begin()
}

// Name returns the name that templates use for the feed.
func (f *Feed) Name() string { return f.name }

// Columns returns the names of the columns.
func (f *Feed) Columns() []string { return slices.Clone(f.columns) }

// begin gets the feed ready for its first row and makes sure that there is one.
func (f *Feed) begin() error {
	if f.pick == Random {
		return f.buildIndex()
	}
	f.next = f.newCursor(streamBuffer)
	f.seek(&f.next, f.start)
	if _, err := f.next.read(); errors.Is(err, io.EOF) {
		return errors.New("no rows")
	} else if err != nil {
		return err
	}
	f.seek(&f.next, f.start)
	return nil
}

func (f *Feed) newCursor(size int) cursor {
	buf := bufio.NewReaderSize(nil, size)
	return cursor{buf: buf, rows: f.decode(buf, f.columns)}
}

func (f *Feed) seek(c *cursor, offset int64) {
	c.buf.Reset(io.NewSectionReader(f.file, offset, f.size-offset))
	c.row = 0
}

func (c *cursor) read() ([]string, error) {
	row, err := c.rows.read()
	if errors.Is(err, io.EOF) {
		return nil, err
	}
	c.row++
	if err != nil {
		return nil, fmt.Errorf("row %d: %w", c.row, err)
	}
	return row, nil
}

// take picks a row.
func (f *Feed) take(rng *rand.Rand) ([]string, error) {
	if f.pick == Random {
		return f.rowAt(rng.Uint64N(f.index.rows))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	row, err := f.next.read()
	if errors.Is(err, io.EOF) {
		if f.pick != Sequential {
			return nil, ErrExhausted
		}
		f.seek(&f.next, f.start)
		row, err = f.next.read()
	}
	return row, err
}

// rowAt returns the row of that number, from 0.
func (f *Feed) rowAt(n uint64) ([]string, error) {
	c, ok := f.cursors.Get().(*cursor)
	if !ok {
		c = new(f.newCursor(randomBuffer))
	}
	defer f.cursors.Put(c)
	offset, skip := f.index.find(n)
	f.seek(c, offset)
	for c.row = n - skip; c.row < n; c.row++ {
		if err := c.rows.skip(); err != nil {
			return nil, fmt.Errorf("row %d: %w", c.row+1, err)
		}
	}
	return c.read()
}
