// Package work holds the kernels of work that handlers of the reference target do:
// processor time, garbage, a live heap, JSON, digests, pictures, matrices, and a hotspot
// for a profiler to find. Each is a function of its size alone, so that the cost of a
// request is known in advance. The package decides neither where work runs nor how much of
// it there is, and keeps nothing but the heap that it is told to hold.
package work

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"time"

	"plimsoll/targets/station"
)

// Limits on sizes. What is asked past them is done up to them, so that no request holds
// the host down.
const (
	MostCPU        = 10 * time.Second // of one call of CPU
	MostGarbage    = 256 << 10        // KiB of one call of Garbage
	MostRounds     = 10_000_000       // of Digest and Derive
	MostDimension  = 1024             // of Multiply
	MostHotspot    = 64 << 10         // bytes that Hotspot looks through
	MostPictureRim = 4096             // pixels along a side
)

// CPU uses d of processor time.
func CPU(d time.Duration) { station.Burn(min(d, MostCPU)) }

// node is a piece of memory that the collector has to look into: 64 bytes.
type node struct {
	next, other *node
	filler      [6]uint64
}

const nodeSize = 64

// Garbage allocates so many KiB, in small pieces that point at each other, and lets go.
func Garbage(kib int) {
	var head *node
	for range clamp(kib, MostGarbage) << 10 / nodeSize {
		head = &node{next: head, other: head}
		if head.filler[0]++; head.next != nil {
			head.next.next = nil // a long chain would be live until the end
		}
	}
	runtime.KeepAlive(head)
}

// Digest hashes so many times over, each round the digest of the one before.
func Digest(rounds int) [sha256.Size]byte {
	var sum [sha256.Size]byte
	for range clamp(rounds, MostRounds) {
		sum = sha256.Sum256(sum[:])
	}
	return sum
}

// Derive derives a key of 32 bytes from a password by PBKDF2 with HMAC-SHA-256 (RFC 8018).
// At least one round is made. The error is that of a cryptographic module that refuses.
func Derive(password, salt string, rounds int) ([]byte, error) {
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), max(1, clamp(rounds, MostRounds)), sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}

// Multiply multiplies two matrices of so many rows and columns, as a layer of inference
// does, and returns the sum of the product's diagonal.
func Multiply(dimension int) float64 {
	n := clamp(dimension, MostDimension)
	a, b, product := make([]float64, n*n), make([]float64, n*n), make([]float64, n*n)
	for i := range a {
		a[i], b[i] = float64(i%7), float64(i%5)
	}
	for i := range n {
		for k := range n {
			factor := a[i*n+k]
			row := product[i*n : i*n+n]
			for j, v := range b[k*n : k*n+n] {
				row[j] += factor * v
			}
		}
	}
	var trace float64
	for i := range n {
		trace += product[i*n+i]
	}
	return trace
}

// hotspot matches only texts that end as the one it is given does not.
var hotspot = regexp.MustCompile(`(?:[a-z]+[0-9]*)+(?:[a-z]|[0-9])*!$`)

// Hotspot has a regular expression fail over a text of so many bytes: the top of every
// profile that it is in.
func Hotspot(size int) bool {
	text := strings.Repeat("abc123", clamp(size, MostHotspot)/6+1)
	return hotspot.MatchString(text)
}

func clamp(n, most int) int { return min(max(0, n), most) }
