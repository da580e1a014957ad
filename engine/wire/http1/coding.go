package http1

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
)

// coding is a content coding that can be undone. Any other is left as it is.
type coding uint8

const (
	identity coding = iota
	gzipped
	deflated
)

func codingOf(value []byte) coding {
	switch {
	case equalFold(value, "gzip"), equalFold(value, "x-gzip"):
		return gzipped
	case equalFold(value, "deflate"):
		return deflated
	}
	return identity
}

// decode appends the body that coded holds to dst, at most limit bytes of it.
func decode(dst, coded []byte, c coding, limit int64) ([]byte, error) {
	r, err := decoder(coded, c)
	if err != nil {
		return dst, err
	}
	out := bytes.NewBuffer(dst)
	n, err := io.Copy(out, io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = errBodyLimit
	}
	return out.Bytes(), err
}

// decoder accepts deflate with and without its zlib wrapping: servers send both
// (RFC 9110, 8.4.1.2).
func decoder(coded []byte, c coding) (io.Reader, error) {
	if c == gzipped {
		return gzip.NewReader(bytes.NewReader(coded))
	}
	if r, err := zlib.NewReader(bytes.NewReader(coded)); err == nil {
		return r, nil
	}
	return flate.NewReader(bytes.NewReader(coded)), nil
}
