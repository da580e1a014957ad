package flow

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const byteOrderMark = "\ufeff"

// open returns a reader of the whole file behind a byte order mark, and the mark's length.
func (f *Feed) open() (*bufio.Reader, int64) {
	r := bufio.NewReader(io.NewSectionReader(f.file, 0, f.size))
	if mark, _ := r.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		n, _ := r.Discard(len(mark))
		return r, int64(n)
	}
	return r, 0
}

func (f *Feed) setColumns(names []string) error {
	for i, n := range names {
		if n == "" || strings.IndexFunc(n, notInColumn) >= 0 {
			return fmt.Errorf("bad column name %q", abbreviate(n))
		}
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("column %q is there twice", n)
		}
	}
	f.columns = names
	return nil
}

// csvRows reads rows of comma-separated values.
type csvRows struct{ r *csv.Reader }

func newCSVRows(buf *bufio.Reader, columns []string) rowReader {
	r := csv.NewReader(buf)
	r.FieldsPerRecord = len(columns)
	return csvRows{r}
}

func (f *Feed) readCSVHeader() error {
	buf, mark := f.open()
	r := csv.NewReader(buf)
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	}
	if err != nil {
		return plainCSVError(err)
	}
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	f.start = mark + r.InputOffset()
	return f.setColumns(names)
}

func (c csvRows) read() ([]string, error) {
	row, err := c.r.Read()
	return row, plainCSVError(err)
}

func (c csvRows) skip() error {
	c.r.ReuseRecord = true
	_, err := c.r.Read()
	c.r.ReuseRecord = false
	return plainCSVError(err)
}

func (c csvRows) offset() int64 { return c.r.InputOffset() }

// plainCSVError leaves out the line, which counts from where reading began.
func plainCSVError(err error) error {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return e.Err
	}
	return err
}

// jsonRows reads rows from lines of JSON.
type jsonRows struct {
	r       *bufio.Reader
	columns []string
	n       int64
}

func newJSONRows(buf *bufio.Reader, columns []string) rowReader {
	return &jsonRows{r: buf, columns: columns}
}

func (f *Feed) readJSONColumns() error {
	buf, mark := f.open()
	f.start = mark
	line, err := (&jsonRows{r: buf}).line()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	}
	if err != nil {
		return err
	}
	object, err := parseObject(line)
	if err != nil {
		return err
	}
	if len(object) == 0 {
		return errors.New("an object without keys")
	}
	return f.setColumns(slices.Sorted(maps.Keys(object)))
}

func parseObject(line []byte) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if object == nil {
		return nil, errors.New("not a JSON object: null")
	}
	return object, nil
}

// line returns the next line that is not blank; it holds until the next call.
func (j *jsonRows) line() ([]byte, error) {
	for {
		line, err := j.r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			line = slices.Clone(line)
			var more []byte
			more, err = j.r.ReadBytes('\n')
			line = append(line, more...)
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = nil // the last line needs no end
		}
		j.n += int64(len(line))
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func (j *jsonRows) read() ([]string, error) {
	line, err := j.line()
	if err != nil {
		return nil, err
	}
	object, err := parseObject(line)
	if err != nil {
		return nil, err
	}
	row := make([]string, len(j.columns))
	for i, c := range j.columns {
		value, ok := object[c]
		if !ok {
			return nil, errors.New("no key " + strconv.Quote(c))
		}
		row[i] = cellText(value)
	}
	return row, nil
}

// cellText writes a JSON value as a cell: a string without its quotes.
func cellText(value json.RawMessage) string {
	var s string
	if value[0] == '"' && json.Unmarshal(value, &s) == nil {
		return s
	}
	var compact bytes.Buffer
	_ = json.Compact(&compact, value) // value was parsed before
	return compact.String()
}

func (j *jsonRows) skip() error {
	_, err := j.line()
	return err
}

func (j *jsonRows) offset() int64 { return j.n }
