package html_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheBrowserNoticesWhatAPageMustNotDo holds the checks of this package against a page
// that fails all of them.
func TestTheBrowserNoticesWhatAPageMustNotDo(t *testing.T) {
	b := startBrowser(t)
	file := filepath.Join(t.TempDir(), "bad.html")
	text := `<!doctype html><meta charset=utf-8><title>bad</title><body>
<img src="other.png"><link rel=stylesheet href="http://127.0.0.1:1/style.css">
<script>console.error("said", 7); fetch("http://127.0.0.1:1/data").catch(() => 0); setTimeout(() => { throw new Error("thrown") })</script>`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := b.load(t, file, view{})
	evaluate[bool](p, `new Promise(done => setTimeout(() => done(true), 50))`) // after the error of the page, which is thrown later
	found := strings.Join(p.wrongs(), "\n")
	for _, want := range []string{"console.error: \"said\" 7", "thrown", "other.png", "style.css", "http://127.0.0.1:1/data"} {
		if !strings.Contains(found, want) {
			t.Errorf("%s went unnoticed in\n%s", want, found)
		}
	}
	if v := p.violations(); len(v) == 0 || v[0].Impact == "" {
		t.Errorf("axe-core finds nothing in a picture without a text: %v", v)
	}
	if t.Failed() {
		p.screenshot("bad")
	}
}
