package capacity

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// RowError is what is wrong at a place in a file of points.
type RowError struct {
	Line, Column int // from 1; the column is a byte of the line
	Problem      string
	Hint         string // what may help, or ""
}

func (e *RowError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Problem) }

const lineHint = "a line is CONCURRENCY,THROUGHPUT, such as 8,6531"

// maxErrors is how many mistakes are told of at once.
const maxErrors = 10

// ReadPoints reads points from comma- or semicolon-separated values: concurrency and
// throughput, in this order or in that of a header, which may call concurrency n or users
// as well and have further columns, which are not read. Empty lines and lines that begin
// with # are skipped. The error joins a RowError for each of the first mistakes.
func ReadPoints(r io.Reader) ([]Point, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read points: %w", err)
	}
	p := &pointReader{rows: csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))), columns: [2]int{0, 1}}
	p.rows.Comma, p.rows.Comment = separator(text), '#'
	p.rows.FieldsPerRecord, p.rows.TrimLeadingSpace = -1, true
	for more := true; more && len(p.wrong) < maxErrors; {
		row, err := p.rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.wrong = append(p.wrong, syntaxError(err))
			break
		}
		more = p.row(row)
	}
	if len(p.points) == 0 && len(p.wrong) == 0 {
		p.wrong = append(p.wrong, &RowError{1, 1, "there are no points in it", lineHint})
	}
	return p.points, errors.Join(p.wrong...)
}

// separator returns ; if the first line of values has one.
func separator(text []byte) rune {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			if bytes.ContainsRune(line, ';') {
				return ';'
			}
			break
		}
	}
	return ','
}

func syntaxError(err error) error {
	bad, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return fmt.Errorf("read points: %w", err)
	}
	return &RowError{bad.Line, bad.Column, bad.Err.Error(), "numbers need no quotes"}
}

type pointReader struct {
	rows    *csv.Reader
	columns [2]int // of concurrency and of throughput
	width   int    // columns of a row; 0 before the first
	points  []Point
	wrong   []error
}

func (p *pointReader) fail(field int, hint, format string, args ...any) {
	line, column := p.rows.FieldPos(field)
	p.wrong = append(p.wrong, &RowError{line, column, fmt.Sprintf(format, args...), hint})
}

// row reads a line, and reports whether to go on: below a header that says nothing there
// is nothing to be understood.
func (p *pointReader) row(row []string) (more bool) {
	for i := range row {
		row[i] = strings.TrimSpace(row[i])
	}
	if strings.HasPrefix(row[0], "#") || len(row) == 1 && row[0] == "" {
		return true
	}
	if p.width == 0 && len(row) > 1 && !slices.ContainsFunc(row, isNumber) {
		return p.header(row)
	}
	if p.width == 0 {
		p.width = 2
	}
	if len(row) != p.width {
		p.fail(min(len(row), p.width+1)-1, lineHint, "%s, want %d", counted(len(row), "column", "columns"), p.width)
		return true
	}
	before := len(p.wrong)
	n, x := p.number(row, 0), p.number(row, 1)
	if len(p.wrong) == before {
		p.points = append(p.points, Point{n, x})
	}
	return true
}

// header finds the columns by their names.
func (p *pointReader) header(names []string) (found bool) {
	p.width = len(names)
	for c, accepted := range [2][]string{{"concurrency", "n", "users"}, {"throughput", "x"}} {
		is := func(name string) bool { return slices.Contains(accepted, strings.ToLower(name)) }
		if p.columns[c] = slices.IndexFunc(names, is); p.columns[c] < 0 {
			p.fail(0, "name the columns concurrency and throughput, or leave the header out", "no column is called %s", accepted[0])
			return false
		}
	}
	return true
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// number reads concurrency or throughput.
func (p *pointReader) number(row []string, which int) float64 {
	what := [2]string{"concurrency", "throughput"}[which]
	field := p.columns[which]
	text := row[field]
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case text == "":
		p.fail(field, "leave the line out if nothing was measured", "%s is missing", what)
	case err != nil || math.IsInf(x, 0) || math.IsNaN(x):
		p.fail(field, numberHint(text), "%s %q is no number", what, shortened(text))
	case x < 0:
		p.fail(field, "", "%s %s is negative", what, text)
	case x == 0 && which == 0:
		p.fail(field, "concurrency counts requests at a time; with none there is no throughput: leave the line out", "concurrency is zero")
	case x == 0:
		p.fail(field, "a target that answers nothing is down, which no model of scaling covers: leave the line out", "throughput is zero")
	case x < 1/extent || x > extent:
		p.fail(field, "choose another unit", "%s %s is out of range", what, text)
	}
	return x
}

func numberHint(text string) string {
	if strings.ContainsRune(text, ',') {
		return "write the decimals after a point, and no separator of thousands"
	}
	return "write a plain number without a unit, such as 6531.08"
}

// shortened keeps a message in one line.
func shortened(text string) string {
	const most = 40
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
