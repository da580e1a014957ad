package cache

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// An entry in l2, numbers big-endian: version (1 byte), flags (1), CRC-32C of all that
// follows (4), stored in nanoseconds since 1970 (8), ttl (8) and delta (8) in nanoseconds,
// the body.
const (
	codecVersion = 1
	flagNegative = 1
	headSize     = 1 + 1 + 4 + 8 + 8 + 8
	sumEnd       = 6
)

// errBroken is what decode returns for bytes that encode did not write.
var errBroken = errors.New("not an entry of this version")

// encode appends the entry to b.
func encode(b []byte, e *Entry) []byte {
	start := len(b)
	flags := byte(0)
	if e.Negative {
		flags = flagNegative
	}
	b = append(b, codecVersion, flags, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Stored.UnixNano())) //nolint:gosec // two's complement there and back
	b = binary.BigEndian.AppendUint64(b, uint64(e.TTL))               //nolint:gosec // not negative
	b = binary.BigEndian.AppendUint64(b, uint64(e.Delta))             //nolint:gosec // not negative
	b = append(b, e.Body...)
	binary.BigEndian.PutUint32(b[start+2:], checksum(flags, b[start+sumEnd:]))
	return b
}

// decode reads what encode wrote. The entry shares its body with b.
func decode(b []byte) (Entry, error) {
	if len(b) < headSize || b[0] != codecVersion || b[1]&^flagNegative != 0 ||
		binary.BigEndian.Uint32(b[2:]) != checksum(b[1], b[sumEnd:]) {
		return Entry{}, errBroken
	}
	e := Entry{
		Stored:   time.Unix(0, int64(binary.BigEndian.Uint64(b[6:]))), //nolint:gosec // two's complement there and back
		TTL:      time.Duration(binary.BigEndian.Uint64(b[14:])),      //nolint:gosec // checked below
		Delta:    time.Duration(binary.BigEndian.Uint64(b[22:])),      //nolint:gosec // checked below
		Negative: b[1]&flagNegative != 0,
		Body:     b[headSize:],
	}
	if e.TTL < 0 || e.Delta < 0 {
		return Entry{}, errBroken
	}
	return e, nil
}

// checksum covers the flags too.
func checksum(flags byte, b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum([]byte{flags}, table), table, b)
}
