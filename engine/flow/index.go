package flow

import (
	"errors"
	"fmt"
	"io"
)

// maxIndex is how many offsets an index holds: 4 MB.
const maxIndex = 1 << 19

// rowIndex knows where every stride-th row begins. The stride grows with the number of
// rows, so that the index stays small: a few rows more are read to find one.
type rowIndex struct {
	offsets []uint64
	limit   int
	stride  uint64
	rows    uint64
}

// add notes where the next row begins.
func (x *rowIndex) add(offset int64) {
	if x.rows%x.stride == 0 && len(x.offsets) == x.limit {
		for i := range (len(x.offsets) + 1) / 2 {
			x.offsets[i] = x.offsets[2*i]
		}
		x.offsets = x.offsets[:(len(x.offsets)+1)/2]
		x.stride *= 2
	}
	if x.rows%x.stride == 0 {
		x.offsets = append(x.offsets, uint64(offset))
	}
	x.rows++
}

// find returns where to begin to read row n, and how many rows to skip from there.
func (x *rowIndex) find(n uint64) (offset int64, skip uint64) {
	return int64(x.offsets[n/x.stride]), n % x.stride
}

// buildIndex reads the whole file once, and so finds every bad row.
func (f *Feed) buildIndex() error {
	f.index = &rowIndex{limit: maxIndex, stride: 1}
	c := f.newCursor(streamBuffer)
	f.seek(&c, f.start)
	for {
		offset := f.start + c.rows.offset()
		_, err := c.rows.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", f.index.rows+1, err)
		}
		f.index.add(offset)
	}
	if f.index.rows == 0 {
		return errors.New("no rows")
	}
	return nil
}
