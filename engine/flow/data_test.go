package flow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// csvFeed is a feed named feed.
func csvFeed(tb testing.TB, pick Pick, text string) *Feed {
	tb.Helper()
	f, err := OpenCSV("feed", strings.NewReader(text), int64(len(text)), pick)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func jsonFeed(tb testing.TB, pick Pick, text string) *Feed {
	tb.Helper()
	f, err := OpenJSONLines("feed", strings.NewReader(text), int64(len(text)), pick)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// takeAll takes rows until the feed is exhausted, or n of them.
func takeAll(tb testing.TB, f *Feed, n int) [][]string {
	tb.Helper()
	var rows [][]string
	rng := newRand()
	for len(rows) < n {
		row, err := f.take(rng)
		if errors.Is(err, ErrExhausted) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func TestFeedsReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       [][]string
	}{
		{"plain rows", "a,b\n1,2\n3,4\n", [][]string{{"1", "2"}, {"3", "4"}}},
		{"quotes, commas and line breaks", "a,b\n\"1,\"\"x\"\"\",\"2\n3\"\n", [][]string{{`1,"x"`, "2\n3"}}},
		{"a byte order mark and Windows line ends", "\ufeffa,b\r\n1,2\r\n3,4", [][]string{{"1", "2"}, {"3", "4"}}},
		{"blank lines and space around names", " a , b\n\n1,2\n\n\n3,4\n\n", [][]string{{"1", "2"}, {"3", "4"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := csvFeed(t, Once, c.text)
			if diff := cmp.Diff([]string{"a", "b"}, f.Columns()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.want, takeAll(t, f, 100)); diff != "" {
				t.Error(diff)
			}
			random := csvFeed(t, Random, c.text)
			if got := random.index.rows; got != uint64(len(c.want)) {
				t.Fatalf("%d rows, want %d", got, len(c.want))
			}
			for i := range c.want {
				row, err := random.rowAt(uint64(i))
				if diff := cmp.Diff(c.want[i], row); diff != "" || err != nil {
					t.Error(diff, err)
				}
			}
		})
	}
}

func TestFeedsReadJSONLines(t *testing.T) {
	text := "\ufeff\n{\"n\": 1.50, \"s\": \"a\\\"b\", \"o\": {\"x\": [1, 2]}}\r\n\n{\"o\": null, \"s\": \"\", \"n\": true, \"more\": 1}"
	want := [][]string{{"1.50", `{"x":[1,2]}`, `a"b`}, {"true", "null", ""}}
	for _, pick := range []Pick{Once, Unique, Sequential} {
		f := jsonFeed(t, pick, text)
		if diff := cmp.Diff([]string{"n", "o", "s"}, f.Columns()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want, takeAll(t, f, 2)); diff != "" {
			t.Error(diff)
		}
	}
	f := jsonFeed(t, Random, text)
	for i := range want {
		if row, err := f.rowAt(uint64(i)); err != nil || cmp.Diff(want[i], row) != "" {
			t.Errorf("row %d is %q, %v", i, row, err)
		}
	}
}

func TestFeedMistakesNameTheRow(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 100000) + `"}` + "\n"
	for _, c := range []struct{ name, kind, text, want string }{
		{"an empty file", "csv", "", "header row: the file is empty"},
		{"only a header", "csv", "a,b\n", "no rows"},
		{"a column twice", "csv", "a,a\n1,2\n", `header row: column "a" is there twice`},
		{"a column without a name", "csv", "a,\n1,2\n", `header row: bad column name ""`},
		{"a short row", "csv", "a,b\n1,2\n\n3\n", "row 2: wrong number of fields"},
		{"an open quote", "csv", "a,b\n1,\"2\n", `row 1: extraneous or missing " in quoted-field`},
		{"no objects", "json", "\n \n", "row 1: the file is empty"},
		{"a line that is not JSON", "json", "{\"a\":1}\n{\n", "row 2: not a JSON object: unexpected end of JSON input"},
		{"a line that is no object", "json", "null\n", "row 1: not a JSON object: null"},
		{"a missing key, behind a long line", "json", long + "{\"b\":1}\n", `row 2: no key "a"`},
	} {
		open := OpenCSV
		if c.kind == "json" {
			open = OpenJSONLines
		}
		for _, pick := range []Pick{Random, Sequential, Once} {
			t.Run(c.name+" picked "+pick.String(), func(t *testing.T) {
				f, err := open("feed", strings.NewReader(c.text), int64(len(c.text)), pick)
				for range 3 {
					if err == nil {
						_, err = f.take(newRand())
					}
				}
				if err == nil || err.Error() != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		}
	}
}

func TestSequentialPicksGoRound(t *testing.T) {
	rows := takeAll(t, csvFeed(t, Sequential, "a\n1\n2\n3\n"), 7)
	if diff := cmp.Diff([][]string{{"1"}, {"2"}, {"3"}, {"1"}, {"2"}, {"3"}, {"1"}}, rows); diff != "" {
		t.Error(diff)
	}
}

func TestUniquePicksKeepTheirRow(t *testing.T) {
	w := &World{Feeds: []*Feed{csvFeed(t, Unique, "a\n1\n2\n")}}
	tm := mustTemplate(t, "{{ feed.a }}")
	for id, want := range []string{"1", "2"} {
		u, _ := NewUser(w, id)
		for range 3 {
			if err := u.Begin(); err != nil {
				t.Fatal(err)
			}
			u.Forget()
			if got := render(t, tm, u); got != want {
				t.Errorf("user %d has row %s, want %s", id, got, want)
			}
		}
	}
	late, _ := NewUser(w, 2)
	err := late.Begin()
	if !errors.Is(err, ErrExhausted) || err.Error() != "data feed: no rows left" {
		t.Errorf("the third user of two rows got %v", err)
	}
}

func TestRandomPicksAreEvenAndReproducible(t *testing.T) {
	f := csvFeed(t, Random, numbered(50))
	counts := map[string]int{}
	rng, again := newRand(), newRand()
	const draws = 20000
	for range draws {
		row, err := f.take(rng)
		same, err2 := f.take(again)
		if err != nil || err2 != nil || row[0] != same[0] {
			t.Fatal("the same source drew another row", row, same, err, err2)
		}
		counts[row[0]]++
	}
	chi := 0.0
	for _, n := range counts {
		d := float64(n) - draws/50
		chi += d * d / (draws / 50)
	}
	if len(counts) != 50 || chi > 85.4 { // 99.9 % of chi-square with 49 degrees of freedom
		t.Errorf("chi-square %.1f over %d rows", chi, len(counts))
	}
}

// numbered is a CSV file of n rows, some of them over two lines.
func numbered(n int) string {
	var b strings.Builder
	b.WriteString("id,text\n")
	for i := range n {
		if i%7 == 0 {
			fmt.Fprintf(&b, "%d,\"line\nbreak\"\n", i)
		} else {
			fmt.Fprintf(&b, "%d,%s\n", i, strings.Repeat("x", i%40))
		}
	}
	return b.String()
}

func TestASparseIndexFindsEveryRow(t *testing.T) {
	text := numbered(1000)
	f := csvFeed(t, Random, text)
	f.index = &rowIndex{limit: 10, stride: 1}
	c := f.newCursor(streamBuffer)
	f.seek(&c, f.start)
	for range 1000 {
		f.index.add(f.start + c.rows.offset())
		if err := c.rows.skip(); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.index.offsets) > 10 || f.index.stride != 128 {
		t.Fatalf("%d offsets, one every %d rows", len(f.index.offsets), f.index.stride)
	}
	for i := range uint64(1000) {
		row, err := f.rowAt(i)
		if err != nil || row[0] != fmt.Sprint(i) {
			t.Fatalf("row %d is %q, %v", i, row, err)
		}
	}
}

func TestOnceHandsOutEveryRowExactlyOnce(t *testing.T) {
	const rows, takers = 20000, 8
	for _, pick := range []Pick{Once, Unique} {
		f := csvFeed(t, pick, numbered(rows))
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for range takers {
			wg.Go(func() {
				for {
					row, err := f.take(nil)
					if errors.Is(err, ErrExhausted) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					seen[row[0]]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(seen) != rows {
			t.Errorf("%s handed out %d of %d rows", pick, len(seen), rows)
		}
		for id, n := range seen {
			if n != 1 {
				t.Fatalf("%s handed out row %s %d times", pick, id, n)
			}
		}
	}
}

func TestRandomPicksShareAFeed(t *testing.T) {
	f := csvFeed(t, Random, numbered(2000))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for range 500 {
				row, err := f.take(rng)
				if err != nil || len(row) != 2 {
					t.Error(row, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// sparseFile is a CSV file that is made while it is read: fixed-size rows.
type sparseFile struct{ rows int64 }

const sparseRow = len("0000000000,some more text to make the row longer\n")

func (s sparseFile) size() int64 { return s.rows * int64(sparseRow) }

func (s sparseFile) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		row := off / int64(sparseRow)
		line := fmt.Appendf(nil, "%010d,some more text to make the row longer\n", row)
		if row == 0 {
			line = fmt.Appendf(nil, "%-10s,%-*s\n", "id", sparseRow-12, "text")
		}
		c := copy(p[n:], line[off%int64(sparseRow):])
		n, off = n+c, off+int64(c)
	}
	return n, nil
}

func TestFeedsDoNotHoldTheirRows(t *testing.T) {
	const rows = 100000
	file := sparseFile{rows}
	for _, pick := range []Pick{Random, Sequential, Once} {
		before := heap()
		f, err := OpenCSV("feed", file, file.size(), pick)
		if err != nil {
			t.Fatal(err)
		}
		rng := newRand()
		for range rows / 100 {
			if _, err := f.take(rng); err != nil {
				t.Fatal(err)
			}
		}
		grown := int64(heap()) - int64(before)
		if limit := int64(3 << 19); grown > limit { // the index of 100,000 rows is 0.8 MB; the file 5 MB
			t.Errorf("%s: the heap grew by %d bytes for a file of %d", pick, grown, file.size())
		}
		runtime.KeepAlive(f)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // the first only empties pools half
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestPicksHaveNames(t *testing.T) {
	for _, p := range []Pick{Random, Sequential, Unique, Once} {
		if got, err := ParsePick(p.String()); got != p || err != nil {
			t.Errorf("%v came back as %v, %v", p, got, err)
		}
	}
	if _, err := ParsePick("shuffled"); err == nil {
		t.Error("shuffled is no pick")
	}
}
