package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine/flow"
)

// source is where rows of data come from.
type source struct {
	node    *yaml.Node
	name    string
	file    *yaml.Node
	csv     bool
	pick    flow.Pick
	columns []string // nil if the file was not looked at
}

func (d *decoder) sources(n *yaml.Node) (sources []*source) {
	d.pairs(n, "data", func(key, value *yaml.Node) {
		d.identifier(key, "a data source")
		s := &source{node: key, name: key.Value, pick: flow.Random}
		ok := d.object(value, "data source", fields{
			"csv":   func(n *yaml.Node) { s.file, s.csv = n, true },
			"jsonl": func(n *yaml.Node) { s.file = n },
			"pick":  func(n *yaml.Node) { s.pick = d.pick(n) },
		})
		switch {
		case !ok:
		case s.file == nil:
			d.problem(key, "for instance  {csv: products.csv, pick: random}", "data source %s has no file", quote(s.name))
		case valueOf(value, "csv") != nil && valueOf(value, "jsonl") != nil:
			d.problem(key, "", "data source %s is either csv or jsonl", quote(s.name))
		default:
			d.look(s)
		}
		sources = append(sources, s)
	})
	return sources
}

func (d *decoder) pick(n *yaml.Node) flow.Pick { return value(d, n, "pick", flow.ParsePick) }

// look opens the source once to learn its columns, and that it can be read.
func (d *decoder) look(s *source) {
	name, ok := d.text(s.file, "a file's name")
	if !ok {
		return
	}
	if d.files == nil {
		d.missing = append(d.missing, name)
		return
	}
	looked := *s
	looked.pick = flow.Sequential // random would index the whole file
	feed, closer, err := looked.open(d.files)
	if err != nil {
		d.problem(s.file, d.fileHint(), "%s", err)
		return
	}
	s.columns = feed.Columns()
	closer.Close()
}

// open makes the feed of the source; what it returns has to be closed when the run is over.
func (s *source) open(files fs.FS) (*flow.Feed, io.Closer, error) {
	name := s.file.Value
	f, err := files.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", quote(name), cause(err))
	}
	feed, err := s.feed(f)
	if err != nil {
		f.Close() //nolint:errcheck // the file was only read, and is of no use
		return nil, nil, fmt.Errorf("read %s: %w", quote(name), cause(err))
	}
	return feed, f, nil
}

func (s *source) feed(f fs.File) (*flow.Feed, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("it is a directory")
	}
	r, size := io.ReaderAt(nil), info.Size()
	if at, ok := f.(io.ReaderAt); ok && info.Mode().IsRegular() {
		r = at
	} else { // a pipe, or a file system that only streams
		content, err := io.ReadAll(io.LimitReader(f, maxBody))
		if err != nil {
			return nil, err
		}
		r, size = bytes.NewReader(content), int64(len(content))
	}
	if s.csv {
		return flow.OpenCSV(s.name, r, size, s.pick)
	}
	return flow.OpenJSONLines(s.name, r, size, s.pick)
}

// cause strips the name of the file from an error that says it already.
func cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
