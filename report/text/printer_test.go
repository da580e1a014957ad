package text

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"product", 7, "product"},
		{"product", 6, "pro…ct"},
		{"GET /v1/products/{{ id }}", 12, "GET /v…id }}"},
		{"日本語の負荷", 7, "日…荷"},
		{"👩‍👩‍👧‍👦x👩‍👩‍👧‍👦", 4, "👩‍👩‍👧‍👦…"},
		{"ab", 1, "…"},
		{"ab", 0, ""},
	} {
		if got := shorten(c.text, c.width); got != c.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func FuzzNamesAreHarmless(f *testing.F) {
	f.Add("plain", 10)
	f.Add("\x1b[2J\x9b31m\u202egnp.exe\u2067\xff日本語", 5)
	f.Add("e\u0301\u200d👩‍👩‍👧", 3)
	f.Fuzz(func(t *testing.T, text string, width int) {
		got := clean(text)
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("clean(%q) keeps %U", text, r)
			}
		}
		if width < 0 || width > 1000 {
			return
		}
		if short := shorten(got, width); columnsOf(short) > width {
			t.Errorf("shorten(%q, %d) takes %d columns", got, width, columnsOf(short))
		}
		for _, line := range wrap(got, max(width, 1)) {
			if columnsOf(line) > max(width, 1) {
				t.Errorf("wrap(%q, %d) has line %q", got, width, line)
			}
		}
	})
}

func TestColourAddsNothingButColour(t *testing.T) {
	for name, run := range runs() {
		var plainText, coloured bytes.Buffer
		if err := errors.Join(Summary(&plainText, run, Options{}), Summary(&coloured, run, Options{Color: true})); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(plainText.String(), "\x1b") {
			t.Errorf("%s: a summary without colour has escape codes", name)
		}
		stripped := coloured.String()
		for _, code := range []string{"0", "1", "2", "31", "32", "33"} {
			stripped = strings.ReplaceAll(stripped, "\x1b["+code+"m", "")
		}
		if stripped != plainText.String() {
			t.Errorf("%s: without its colours the summary differs from the plain one", name)
		}
	}
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	for name, run := range runs() {
		for width := 60; width <= 140; width++ {
			var out bytes.Buffer
			if err := Summary(&out, run, Options{Width: width, Dir: "runs/x"}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimRight(line, "\n")
				if columnsOf(line) > width && !strings.HasPrefix(line, "Next") { // which is to be copied
					t.Errorf("%s: %d columns of %d: %s", name, columnsOf(line), width, line)
				}
			}
		}
	}
}

type fullDisk struct{ room int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.room -= len(b); d.room < 0 {
		return 0, errors.New("no space left")
	}
	return len(b), nil
}

func TestSummaryReturnsTheErrorOfTheWriter(t *testing.T) {
	for _, room := range []int{0, 100, 1000} {
		if err := Summary(&fullDisk{room}, runs()["breach"], Options{}); err == nil || err.Error() != "no space left" {
			t.Errorf("with room for %d bytes the error is %v", room, err)
		}
	}
}
