package latency_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"

	"plimsoll/engine/latency"
)

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC) }

// written is one line as it was given to the writer.
type written struct {
	tag      string
	from, to time.Duration
	h        *latency.Histogram
}

func writeLog(t testing.TB, lines ...written) string {
	t.Helper()
	var text strings.Builder
	log, err := latency.NewLogWriter(&text, start())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if err := log.Write(l.tag, l.from, l.to, l.h); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

// readLog returns the good lines and the text of the errors.
func readLog(r io.Reader) (lines []latency.LogLine, mistakes []string) {
	for line, err := range latency.ReadLog(r) {
		if err != nil {
			mistakes = append(mistakes, err.Error())
			continue
		}
		lines = append(lines, line)
	}
	return lines, mistakes
}

func TestLogBeginsAsTheJavaToolsExpect(t *testing.T) {
	want := `#[Histogram log format version 1.3]
#[StartTime: 1772366400.250 (seconds since epoch), 2026-03-01T12:00:00Z]
#[BaseTime: 1772366400.250 (seconds since epoch)]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
Tag=a%20b,0.000000001,1.499999999,0.000005,HISTF`
	got := writeLog(t, written{"a b", 1, 1500 * time.Millisecond, of(5)})
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLogKeepsWhatWasWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tags := []string{
		"", "plain", "shop/peak/GET /v1/products/{{ products.id }}/ok/latency", "comma, space\ttab\nnew line\r\x00\x7f",
		"100%", "%2C", "a=b&c#d\"e'", "naïve ☃ 日本", "Tag=", "#[StartTime: 1", "\xff\xfe",
	}
	var lines []written
	for i, tag := range tags {
		lines = append(lines,
			written{tag, time.Duration(i) * time.Second, time.Duration(i+1)*time.Second - 1, of(draw(rng, 1+rng.IntN(500))...)},
			written{tag, 0, 1, of()}, // not written
		)
	}
	lines = append(lines, written{"zero", 0, 0, of(0)}, written{"wide", 0, 0, of(5_000_001, 5_000_001, 9e9+1)}, written{"most", 0, 1 << 60, of(1<<63 - 1)})
	got, mistakes := readLog(strings.NewReader(writeLog(t, lines...)))
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	n := 0
	for _, want := range lines {
		if want.h.Count() == 0 {
			continue
		}
		line := got[n]
		if line.Tag != want.tag || line.From != want.from || line.To != want.to {
			t.Errorf("%q %v…%v came back as %q %v…%v", want.tag, want.from, want.to, line.Tag, line.From, line.To)
		}
		sameLogged(t, want.tag, want.h, line.Histogram)
		n++
	}
	if n != len(got) {
		t.Errorf("%d lines, want %d", len(got), n)
	}
}

// sameLogged compares what a log keeps exactly, and the rest to its promise.
func sameLogged(t *testing.T, tag string, want, got *latency.Histogram) {
	t.Helper()
	w, g := factsOf(want), factsOf(got)
	if off := float64(g.Mean - w.Mean); w.Max < 1<<50 && max(off, -off) > 0.0005*float64(w.Mean)+1 {
		t.Errorf("%q: mean %v came back as %v", tag, w.Mean, g.Mean)
	}
	if g.Min > w.Min || float64(w.Min-g.Min) > 0.001*float64(w.Min) {
		t.Errorf("%q: minimum %d came back as %d", tag, w.Min, g.Min)
	}
	g.Sum, g.Mean, g.Min = w.Sum, w.Mean, w.Min
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("%q: -want +got\n%s", tag, diff)
	}
}

func TestLogIsWhatTheLibraryReads(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 10 {
		values := draw(rng, 1+rng.IntN(500))
		text := writeLog(t, written{"", 0, time.Second, of(values...)})
		got, err := hdrhistogram.NewHistogramLogReader(strings.NewReader(text)).NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		want := hdrhistogram.New(1, got.HighestTrackableValue(), 3)
		for _, v := range values {
			if err := want.RecordValue(int64(v)); err != nil {
				t.Fatal(err)
			}
		}
		if !got.Equals(want) {
			t.Fatal("the library reads another histogram")
		}
		if want := start().UnixMilli(); got.StartTimeMs() != want || got.EndTimeMs() != want+1000 {
			t.Errorf("from %d to %d, want %d to %d", got.StartTimeMs(), got.EndTimeMs(), want, want+1000)
		}
	}
}

// The log is of the Java library's own tests (jHiccup, public domain), with two digits and
// a unit of 20 µs; the figures are those that its HistogramLogProcessor prints.
func TestReadsALogOfTheJavaLibrary(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "jhiccup-tagged.hlog"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, mistakes := readLog(f)
	if mistakes != nil || len(lines) != 42 {
		t.Fatalf("%d lines, want 42; mistakes: %v", len(lines), mistakes)
	}
	byTag := map[string]*latency.Histogram{"": of(), "A": of()}
	for _, l := range lines {
		byTag[l.Tag].Merge(l.Histogram)
	}
	for tag, h := range byTag {
		if h.Count() != 16145 || h.Quantile(0.999) != 1543503871 || h.Max() != 1551892000 {
			t.Errorf("tag %q: count %d, max %d, p99.9 %d", tag, h.Count(), h.Max(), h.Quantile(0.999))
		}
		if off := h.Mean() - 74889902; off.Abs() > 1 {
			t.Errorf("tag %q: mean %d", tag, h.Mean())
		}
	}
	if l := lines[2]; l.From != 1134*time.Millisecond || l.To != 2133*time.Millisecond {
		t.Errorf("the second interval is %v…%v, want 1.134s…2.133s", l.From, l.To)
	}
}

// payload is a good histogram: one value of 5.
func payload(t testing.TB) string {
	t.Helper()
	text := strings.TrimSpace(writeLog(t, written{"", 0, 1, of(5)}))
	return text[strings.LastIndexByte(text, ',')+1:]
}

// fourDigits is a good histogram, but of four digits.
func fourDigits(t *testing.T) string {
	t.Helper()
	text, err := hdrhistogram.New(1, 1e9, 4).Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTimesInALog(t *testing.T) {
	tests := map[string]struct {
		header, at string
		want       time.Duration
	}{
		"offsets to a base time":                           {"#[StartTime: 1000.5 (seconds since epoch)]\n#[BaseTime: 1000.5 (s)]\n", "1.25", 1250 * time.Millisecond},
		"a base time before the start":                     {"#[StartTime: 1000.5 (s)]\n#[BaseTime: 1000 (s)]\n", "1.25", 750 * time.Millisecond},
		"absolute times without a base time":               {"#[StartTime: 1700000000.5 (s)]\n", "1700000001.75", 1250 * time.Millisecond},
		"small times without a base time are offsets":      {"#[StartTime: 1700000000.5 (s)]\n", "1.25", 1250 * time.Millisecond},
		"the first time is the start if nothing else says": {"# nothing\n", "1700000001.75", 0},
		"a header that cannot be read is passed by":        {"#[StartTime: soon]\n", "1700000001.75", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			lines, mistakes := readLog(strings.NewReader(test.header + test.at + ",0.5,0.000," + payload(t) + "\n"))
			if mistakes != nil || len(lines) != 1 {
				t.Fatalf("%d lines, mistakes %v", len(lines), mistakes)
			}
			if got := lines[0]; got.From != test.want || got.To != test.want+500*time.Millisecond {
				t.Errorf("%v…%v, want %v and half a second", got.From, got.To, test.want)
			}
		})
	}
}

func TestMistakesInALogNameTheLine(t *testing.T) {
	good := "1.0,1.0,0.000," + payload(t)
	tests := map[string]struct{ line, want string }{
		"a tag and nothing":          {"Tag=x", "line 2: 1 fields after the tag, want 4"},
		"a field too few":            {"1.0,1.0,0.0", "line 2: 3 fields after the tag, want 4"},
		"a field too many":           {good + ",", "line 2: 5 fields after the tag, want 4"},
		"no time":                    {"x,1.0,0.0,y", `line 2: "x" is not a number of seconds`},
		"no length":                  {"1.0,,0.0,y", `line 2: "" is not a number of seconds`},
		"a time beyond all bounds":   {"99999999999,1.0,0.0,y", `line 2: "99999999999" is not a number of seconds`},
		"no base64":                  {"1.0,1.0,0.0,!!", "line 2: decode histogram: illegal base64 data at input byte 0"},
		"base64 and nothing of ours": {"1.0,1.0,0.0,AAAAAAAAAAAA", "line 2: decode histogram: encoding not supported"},
		"more digits than we keep":   {"1.0,1.0,0.0," + fourDigits(t), "line 2: decode histogram: it has 4 significant digits, more than 3"},
		"a histogram without end":    {good[:len(good)-8], "line 2: decode histogram: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			lines, mistakes := readLog(strings.NewReader(good + "\n" + test.line + "\n\r\n\"legend\"\n# comment\n" + good + "\r\n"))
			if len(mistakes) != 1 || !strings.HasPrefix(mistakes[0], test.want) {
				t.Errorf("got %q, want %q", mistakes, test.want)
			}
			if len(lines) != 2 {
				t.Errorf("%d good lines, want the one before and the one after", len(lines))
			}
		})
	}
}

// A writer that was killed leaves a line that stops anywhere.
func TestTruncatedLogGivesUpItsLastLineOnly(t *testing.T) {
	whole := writeLog(t, written{"first", 0, 1, of(5)}, written{"second", 1, 2, of(7, 1e6, 1e9)})
	begin := strings.LastIndex(whole, "Tag=second")
	for cut := begin + 1; cut < len(whole)-1; cut++ {
		lines, mistakes := readLog(strings.NewReader(whole[:cut]))
		if len(lines) != 1 || len(mistakes) != 1 || !strings.HasPrefix(mistakes[0], "line 6: ") {
			t.Fatalf("cut after %q: %d good lines, mistakes %q", whole[begin:cut], len(lines), mistakes)
		}
	}
	lines, mistakes := readLog(strings.NewReader(whole[:len(whole)-1]))
	if len(lines) != 2 || mistakes != nil {
		t.Errorf("without its last line end: %d good lines, mistakes %q", len(lines), mistakes)
	}
}

func TestReadingALogStops(t *testing.T) {
	broken := errors.New("disk on fire")
	text := writeLog(t, written{"", 0, 1, of(5)})
	lines, mistakes := readLog(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
	if len(lines) != 1 || !cmp.Equal(mistakes, []string{"line 6: disk on fire"}) {
		t.Errorf("%d good lines, mistakes %q", len(lines), mistakes)
	}
	for range latency.ReadLog(strings.NewReader(text + text)) {
		break // panics if the reader goes on
	}
}

// brokenWriter takes n bytes.
type brokenWriter struct{ n int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestWritingALogTellsOfAFullDisk(t *testing.T) {
	if _, err := latency.NewLogWriter(&brokenWriter{10}, start()); err == nil || err.Error() != "write histogram log: disk full" {
		t.Errorf("header: %v", err)
	}
	log, err := latency.NewLogWriter(&brokenWriter{500}, start())
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		err = log.Write("x", 0, 1, of(5))
	}
	if err == nil || err.Error() != "write histogram log: disk full" {
		t.Errorf("line: %v", err)
	}
}

func TestTooManyValuesAreNotWritten(t *testing.T) {
	log, err := latency.NewLogWriter(io.Discard, start())
	if err != nil {
		t.Fatal(err)
	}
	h := of()
	h.RecordN(0, 1<<63)
	if err := log.Write("x", 0, 1, h); err == nil || err.Error() != `encode histogram "x": too many values for the encoding` {
		t.Error(err)
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add(writeLog(f, written{"a, b", 0, 1e9, of(5, 1e6)}, written{"", 1e9, 2e9, of(0)}))
	f.Add("Tag=x\n1,2,3," + payload(f) + "\n#[BaseTime: 5 \n1,2,3," + payload(f))
	f.Add("Tag=%zz,1,2,3," + payload(f))
	if text, err := os.ReadFile(filepath.Join("testdata", "jhiccup-tagged.hlog")); err == nil {
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, mistakes := readLog(strings.NewReader(text))
		for _, m := range mistakes {
			if !strings.HasPrefix(m, "line ") {
				t.Fatalf("mistake without a line: %s", m)
			}
		}
		for _, l := range lines {
			if l.Histogram.Count() > 1<<61 {
				continue
			}
			if l.Histogram.Min() > l.Histogram.Max() {
				t.Fatalf("%q: %v", l.Tag, l.Histogram)
			}
			again, mistakes := readLog(strings.NewReader(writeLog(t, written{l.Tag, 0, 1, l.Histogram})))
			if l.Histogram.Count() == 0 {
				continue
			}
			if mistakes != nil || len(again) != 1 || again[0].Tag != l.Tag || again[0].Histogram.Count() != l.Histogram.Count() {
				t.Fatalf("%q came back as %v, mistakes %q", l.Tag, again, mistakes)
			}
		}
	})
}

func BenchmarkLogWrite(b *testing.B) {
	log, err := latency.NewLogWriter(io.Discard, start())
	if err != nil {
		b.Fatal(err)
	}
	h := of(draw(rand.New(rand.NewPCG(8, 8)), 10_000)...)
	b.ReportAllocs()
	for b.Loop() {
		if err := log.Write("shop/peak/product/ok/latency", 0, time.Second, h); err != nil {
			b.Fatal(err)
		}
	}
}
