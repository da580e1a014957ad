package work

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"image"
	"math"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAKeyIsDerivedAsRFC7914Says(t *testing.T) {
	// RFC 7914 §11, the first 32 of its 64 bytes, which are the first block
	for _, test := range []struct {
		password, salt string
		rounds         int
		want           string
	}{
		{"passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"},
		{"Password", "NaCl", 80000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"},
	} {
		key, err := Derive(test.password, test.salt, test.rounds)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(key); got != test.want {
			t.Errorf("%d rounds: %s, want %s", test.rounds, got, test.want)
		}
	}
}

func TestADigestIsThatOfTheOneBefore(t *testing.T) {
	if got := Digest(0); got != [32]byte{} {
		t.Errorf("no rounds: %x", got)
	}
	// SHA-256 of 32 zero bytes
	const want = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
	if got := Digest(1); hex.EncodeToString(got[:]) != want {
		t.Errorf("one round: %x", got)
	}
	if Digest(2) == Digest(1) {
		t.Error("a second round changed nothing")
	}
}

func TestAllCodecsWriteTheSameDocument(t *testing.T) {
	var d Documents
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "fields")
		want, err := d.Encode("std", n)
		if err != nil {
			t.Fatal(err)
		}
		for _, codec := range []string{"append", "cached"} {
			if got, err := d.Encode(codec, n); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %v\n%s\nstd:\n%s", codec, err, got, want)
			}
		}
		var fields map[string]any
		if err := json.Unmarshal(want, &fields); err != nil || len(fields) != n {
			t.Fatalf("decoded %d fields of %d: %v", len(fields), n, err)
		}
	})
	if len(d.ready) > mostDocuments {
		t.Errorf("%d documents are kept", len(d.ready))
	}
	if _, err := d.Encode("xml", 1); err == nil {
		t.Error("there is no codec xml")
	}
}

func TestAPictureKeepsItsAverage(t *testing.T) {
	p := image.NewRGBA(image.Rect(0, 0, 4, 2))
	for i := range p.Pix {
		p.Pix[i] = uint8(i * 8)
	}
	for _, test := range []struct {
		width, height int
		want          []uint8
	}{
		{2, 1, []uint8{80, 88, 96, 104, 144, 152, 160, 168}},
		{1, 1, []uint8{112, 120, 128, 136}},
		{4, 2, p.Pix},
	} {
		if got := Resize(p, test.width, test.height).Pix; !bytes.Equal(got, test.want) {
			t.Errorf("%d×%d: %v, want %v", test.width, test.height, got, test.want)
		}
	}
	large := Resize(Picture(3, 3), 7, 5)
	if large.Rect.Dx() != 7 || large.Rect.Dy() != 5 || large.RGBAAt(6, 4) != Picture(3, 3).RGBAAt(2, 2) {
		t.Errorf("enlarged to %v with %v in the corner", large.Rect, large.RGBAAt(6, 4))
	}
	if got := Resize(Picture(0, 0), 1, 1).Rect.Dx(); got != 1 {
		t.Errorf("nothing became %d pixels wide", got)
	}
}

func TestMatricesAreMultiplied(t *testing.T) {
	// [0 1; 2 3] times [0 1; 2 3] is [2 3; 6 11]
	if got := Multiply(2); got != 13 {
		t.Errorf("the trace is %v, want 13", got)
	}
	if got := Multiply(0); got != 0 {
		t.Errorf("the trace of nothing is %v", got)
	}
}

func TestGarbageIsAsMuchAsWasAskedFor(t *testing.T) {
	allocated := func(f func()) float64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	for _, kib := range []int{64, 4096} {
		want := float64(kib << 10)
		if got := allocated(func() { Garbage(kib) }); math.Abs(got-want) > want/10+16<<10 {
			t.Errorf("%d KiB: allocated %v bytes", kib, got)
		}
	}
}

func TestAHeapHoldsWhatItIsToldTo(t *testing.T) {
	live := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	var h Heap
	before := live()
	h.Hold(32)
	if got := live() - before; math.Abs(got-32<<20) > 4<<20 || h.Held() != 32 {
		t.Errorf("32 MiB are %v bytes, held %d", got, h.Held())
	}
	h.Hold(8)
	if got := live() - before; math.Abs(got-8<<20) > 4<<20 || h.Held() != 8 {
		t.Errorf("8 MiB are %v bytes, held %d", got, h.Held())
	}
	h.Hold(-1)
	if h.Held() != 0 {
		t.Errorf("held %d", h.Held())
	}
}

func TestProcessorTimeIsAtLeastWhatWasAskedFor(t *testing.T) {
	begin := time.Now()
	CPU(5 * time.Millisecond)
	if took := time.Since(begin); took < 5*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func TestTheHotspotNeverMatches(t *testing.T) {
	for _, size := range []int{0, 1, 1000} {
		if Hotspot(size) {
			t.Errorf("size %d matched", size)
		}
	}
}

func BenchmarkDocuments(b *testing.B) {
	var d Documents
	for _, codec := range []string{"std", "append", "cached"} {
		b.Run(codec, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Encode(codec, 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkKernels(b *testing.B) {
	picture := Picture(640, 480)
	for _, kernel := range []struct {
		name string
		run  func()
	}{
		{"garbage of 64 KiB", func() { Garbage(64) }},
		{"digest of 1000 rounds", func() { Digest(1000) }},
		{"resize 640×480 to 160×120", func() { Resize(picture, 160, 120) }},
		{"multiply 64", func() { Multiply(64) }},
		{"hotspot of 1 KiB", func() { Hotspot(1 << 10) }},
	} {
		b.Run(kernel.name, func(b *testing.B) {
			for b.Loop() {
				kernel.run()
			}
		})
	}
}
