package flow

import "io"

// Pick says which row a user gets.
type Pick int

// The ways to pick a row.
const (
	Random     Pick = iota // any row, evenly, from the user's random source
	Sequential             // the next row over all users; after the last the first again
	Unique                 // a row of the user's own, kept for its life
	Once                   // the next row over all users; after the last ErrExhausted
)

// ParsePick returns the pick that s names: random, sequential, unique or once.
func ParsePick(s string) (Pick, error) { panic("unwritten") }

// String returns the name of the pick as it stands in scenarios.
func (p Pick) String() string { panic("unwritten") }

// Feed is a data source that users share. It is safe for concurrent use.
type Feed struct{}

// OpenCSV opens comma-separated values with a header row. r must stay open as long as
// the feed is used.
func OpenCSV(name string, r io.ReaderAt, size int64, pick Pick) (*Feed, error) { panic("unwritten") }

// OpenJSONLines opens a file with a JSON object per line. r must stay open as long as
// the feed is used.
func OpenJSONLines(name string, r io.ReaderAt, size int64, pick Pick) (*Feed, error) {
	panic("unwritten")
}

// Name returns the name that templates use for the feed.
func (f *Feed) Name() string { panic("unwritten") }

// Columns returns the names of the columns.
func (f *Feed) Columns() []string { panic("unwritten") }
