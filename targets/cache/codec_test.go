package cache

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAnEntryComesBackFromItsCode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Entry{
			Body:     rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
			Stored:   time.Unix(0, rapid.Int64().Draw(t, "stored")),
			TTL:      time.Duration(rapid.Int64Min(0).Draw(t, "ttl")),
			Delta:    time.Duration(rapid.Int64Min(0).Draw(t, "delta")),
			Negative: rapid.Bool().Draw(t, "negative"),
		}
		out, err := decode(encode([]byte("before"), &in)[len("before"):])
		if err != nil {
			t.Fatal(err)
		}
		if !out.Stored.Equal(in.Stored) || out.TTL != in.TTL || out.Delta != in.Delta || out.Negative != in.Negative || !bytes.Equal(out.Body, in.Body) {
			t.Fatalf("got %+v, want %+v", out, in)
		}
	})
}

func TestAFlippedBitIsNoticed(t *testing.T) {
	good := encode(nil, &Entry{Body: []byte("some text"), Stored: time.Unix(1, 0), TTL: time.Second})
	for bit := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := decode(bad); err == nil {
			t.Errorf("bit %d of %x was flipped", bit, good)
		}
	}
	for n := range good {
		if _, err := decode(good[:n]); err == nil {
			t.Errorf("%d of %d bytes were taken", n, len(good))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(nil, &Entry{Body: []byte("text"), Stored: time.Unix(1, 0), TTL: time.Second, Negative: true}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err == nil && !bytes.Equal(encode(nil, &e), b) {
			t.Errorf("%x became %+v", b, e)
		}
	})
}
