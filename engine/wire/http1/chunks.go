package http1

import (
	"errors"
	"math"
)

// chunks takes the chunked coding apart (RFC 9112, 7.1), in as many pieces as it comes in.
// Extensions and trailer fields are read over.
type chunks struct {
	state  chunkState
	digits int
	left   int64 // of the chunk's data
	line   int   // bytes of the size line, or of the whole trailer, so far
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkPad             // blanks after the size, as some servers write them
	chunkExtension
	chunkSizeEnd // the size line's LF
	chunkData
	chunkDataEnd // the CR after the data
	chunkDataEnd2
	chunkTrailer // at the start of a trailer line
	chunkTrailerName
	chunkTrailerLine
	chunkTrailerEnd // a trailer line's LF
	chunkLastEnd    // the LF that ends it all
	chunksDone
)

var (
	errChunkSize  = errors.New("chunk size is not a number")
	errChunkLine  = errors.New("chunk line does not end with CRLF")
	errChunkLimit = errors.New("chunk line or trailer too long")
)

// done reports whether the last chunk and the trailer have been read.
func (d *chunks) done() bool { return d.state == chunksDone }

// next consumes from the start of p up to the end of a run of data, or all of it. Lines
// longer than limit are an error.
func (d *chunks) next(p []byte, limit int) (data, rest []byte, err error) {
	for i := range p {
		if d.state == chunkData {
			n := int(min(d.left, int64(len(p)-i)))
			d.left -= int64(n)
			if d.left == 0 {
				d.state = chunkDataEnd
			}
			return p[i : i+n], p[i+n:], nil
		}
		if d.line++; d.line > limit {
			return nil, nil, errChunkLimit
		}
		if err := d.step(p[i]); err != nil {
			return nil, nil, err
		}
		if d.state == chunksDone {
			return nil, p[i+1:], nil
		}
	}
	return nil, nil, nil
}

// step takes one byte of what is not data.
func (d *chunks) step(c byte) error {
	switch d.state {
	case chunkSize:
		return d.size(c)
	case chunkPad:
		return d.afterSize(c)
	case chunkExtension:
		return d.until(c, chunkSizeEnd)
	case chunkSizeEnd:
		if d.left == 0 {
			return d.expect(c, '\n', chunkTrailer)
		}
		return d.expect(c, '\n', chunkData)
	case chunkDataEnd:
		return d.expect(c, '\r', chunkDataEnd2)
	case chunkDataEnd2:
		*d = chunks{}
		return d.expect(c, '\n', chunkSize)
	case chunkTrailer:
		if c == '\r' {
			d.state = chunkLastEnd
			return nil
		}
		d.state = chunkTrailerName
		return d.trailerName(c)
	case chunkTrailerName:
		return d.trailerName(c)
	case chunkTrailerLine:
		return d.until(c, chunkTrailerEnd)
	case chunkTrailerEnd:
		return d.expect(c, '\n', chunkTrailer)
	default: // chunkLastEnd
		return d.expect(c, '\n', chunksDone)
	}
}

func (d *chunks) size(c byte) error {
	digit, ok := hexDigit(c)
	if !ok {
		if d.digits == 0 {
			return errChunkSize
		}
		return d.afterSize(c)
	}
	if d.left > math.MaxInt64>>4 {
		return errChunkSize
	}
	d.digits++
	d.left = d.left<<4 | int64(digit)
	return nil
}

func (d *chunks) afterSize(c byte) error {
	switch c {
	case ' ', '\t':
		d.state = chunkPad
	case ';':
		d.state = chunkExtension
	case '\r':
		d.state = chunkSizeEnd
	default:
		return errChunkSize
	}
	return nil
}

func (d *chunks) trailerName(c byte) error {
	switch {
	case c == ':':
		d.state = chunkTrailerLine
	case !isTokenByte(c):
		return errName
	}
	return nil
}

// until reads over a line up to its CR.
func (d *chunks) until(c byte, then chunkState) error {
	switch c {
	case '\r':
		d.state = then
	case '\n', 0:
		return errChunkLine
	}
	return nil
}

func (d *chunks) expect(c, want byte, then chunkState) error {
	if c != want {
		return errChunkLine
	}
	d.state = then
	return nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
