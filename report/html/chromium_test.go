package html_test

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is one Chromium, which opens each page in a tab of its own.
type browser struct{ ctx context.Context }

// startBrowser starts Chromium, or skips the test where it is not installed.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1280, 900))
	if os.Getuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("start chromium: ", err)
	}
	return &browser{ctx}
}

// view is how a page is looked at.
type view struct {
	width    int64 // CSS pixels; 0: 1280
	dark     bool
	print    bool
	noScript bool
}

func (v view) String() string {
	name := fmt.Sprint(cmp.Or(v.width, 1280))
	if v.dark {
		name += "-dark"
	}
	if v.print {
		name += "-print"
	}
	if v.noScript {
		name += "-without-script"
	}
	return name
}

// page is a page that is open in a tab, and what it did that it should not.
type page struct {
	t    *testing.T
	ctx  context.Context
	file string

	mu        sync.Mutex
	complains []string // console messages, exceptions and what the browser itself logs
	requests  []string
}

// patience is how long all that is done with a page may take, on a machine with much else to
// do.
const patience = 3 * time.Minute

// open opens a file. When the test ends it fails if the page complained about anything or
// asked for anything but itself.
func (b *browser) open(t *testing.T, file string, v view) *page {
	t.Helper()
	p := b.load(t, file, v)
	t.Cleanup(p.verify)
	return p
}

// load opens a file, whatever it does.
func (b *browser) load(t *testing.T, file string, v view) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx, file: (&url.URL{Scheme: "file", Path: file}).String()}
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, v.prepare(), v.apply(), chromedp.Navigate(p.file)); err != nil {
		t.Fatal("open page: ", err)
	}
	if !v.noScript {
		p.settle()
	}
	return p
}

// prepare sets a tab up before it loads anything.
func (v view) prepare() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: spy})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.noScript})
		return err
	})
}

// apply makes a tab show its page so.
func (v view) apply() chromedp.Action[chromedp.Void] {
	scheme, media := "light", "screen"
	if v.dark {
		scheme = "dark"
	}
	if v.print {
		media = "print"
	}
	return chromedp.Steps(
		chromedp.EmulateViewport(cmp.Or(v.width, 1280), 900),
		chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		}),
	)
}

// show shows the page in another way, as when a reader turns a phone or the lights off.
func (p *page) show(v view) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, v.apply()); err != nil {
		p.t.Fatal("change the view: ", err)
	}
	p.settle()
}

// hear takes note of what the tab does.
func (p *page) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, a := range e.Args {
			words = append(words, string(a.Value)+a.Description)
		}
		p.complains = append(p.complains, fmt.Sprintf("console.%s: %s", e.Type, strings.Join(words, " ")))
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		p.complains = append(p.complains, "exception: "+text)
	case *log.EventEntryAdded:
		p.complains = append(p.complains, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	}
}

// settle waits until the page has drawn: two frames after it was loaded.
func (p *page) settle() {
	p.t.Helper()
	evaluate[bool](p, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}

// verify fails the test if the page did what a report must not do.
func (p *page) verify() {
	for _, w := range p.wrongs() {
		p.t.Error(w)
	}
}

// wrongs lists what the page did that a report must not do.
func (p *page) wrongs() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.complains {
		all = append(all, "the page complains: "+c)
	}
	for _, r := range p.requests {
		if r, _, _ := strings.Cut(r, "#"); r != p.file && !strings.HasPrefix(r, "data:") && !strings.HasPrefix(r, "blob:") {
			all = append(all, fmt.Sprintf("the page asks for %.200s", r))
		}
	}
	if !slices.Contains(p.requests, p.file) {
		all = append(all, "requests are not heard, so nothing is known of them")
	}
	return all
}

// spy keeps the plots that a page makes, so that a test can see what is drawn.
const spy = `{
	let library;
	window.plots = [];
	Object.defineProperty(window, "uPlot", {configurable: true, get: () => library, set: real => {
		library = new Proxy(real, {construct(target, args) {
			const plot = new target(...args);
			window.plots.push(plot);
			return plot;
		}});
	}});
}`

// plot is a chart as it was drawn.
type plot struct {
	ID     string      `json:"id"`
	Ink    bool        `json:"ink"` // something is drawn within the axes
	Series []drawnLine `json:"series"`
}

// drawnLine is a series of a chart as it was drawn.
type drawnLine struct {
	Label  string `json:"label"`
	Points int    `json:"points"` // that have a value
	Inside int    `json:"inside"` // of them lie within the axes
	Drawn  bool   `json:"drawn"`  // as a line, points, or the edge of a band
}

// plots returns the charts of the page.
func (p *page) plots() map[string]plot {
	p.t.Helper()
	all := map[string]plot{}
	for _, one := range evaluate[[]plot](p, `plots.map(u => {
		const b = u.bbox, pixels = u.ctx.getImageData(b.left, b.top, b.width, b.height).data;
		const within = (x, y) => x >= b.left - 1 && x <= b.left + b.width + 1 && y >= b.top - 1 && y <= b.top + b.height + 1;
		return {
			id: u.root.closest("figure").id, ink: pixels.some((v, i) => i % 4 === 3 && v > 128),
			series: u.series.slice(1).map((s, i) => {
				let points = 0, inside = 0;
				u.data[i + 1].forEach((y, k) => {
					if (y == null) return;
					points++;
					if (within(u.valToPos(u.data[0][k], "x", true), u.valToPos(y, "y", true))) inside++;
				});
				const edge = (u.bands || []).some(b => b.series.includes(i + 1));
				return {label: s.label, points, inside, drawn: s.width > 0 || edge};
			}),
		};
	})`) {
		all[one.ID] = one
	}
	return all
}

// evaluate returns what an expression comes to in the page. It may be a promise.
func evaluate[T any](p *page, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("evaluate %.200s: %v", expression, err)
	}
	return value
}

// press presses keys, such as kb.Tab.
func (p *page) press(keys string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.KeyEvent(keys)); err != nil {
		p.t.Fatal("press a key: ", err)
	}
}

// keeping returns the directory that screenshots are to be kept in, empty if nobody asks.
func keeping() string { return os.Getenv("SCREENSHOTS") }

// screenshot takes a picture of the whole page, into the directory for them or with the
// other artifacts of the test.
func (p *page) screenshot(name string) {
	p.t.Helper()
	dir := cmp.Or(keeping(), p.t.ArtifactDir())
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100)) // 100: as PNG
	if err != nil {
		p.t.Fatal("take a screenshot: ", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".png"), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// violation is a rule of axe-core that a page breaks.
type violation struct {
	ID     string   `json:"id"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Nodes  []string `json:"nodes"`
}

// accessible fails the test for each serious or critical violation that axe-core finds.
func (p *page) accessible() {
	p.t.Helper()
	for _, v := range p.violations() {
		if v.Impact == "serious" || v.Impact == "critical" {
			p.t.Errorf("axe-core: %s (%s): %s\n  %s", v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n  "))
		} else {
			p.t.Logf("axe-core: %s (%s): %s\n  %s", v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n  "))
		}
	}
}

// violations returns what axe-core finds.
func (p *page) violations() []violation {
	p.t.Helper()
	if !evaluate[bool](p, `"axe" in window`) {
		axe, err := os.ReadFile("testdata/axe/axe.min.js")
		if err != nil {
			p.t.Fatal(err)
		}
		if err := chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void](string(axe))); err != nil {
			p.t.Fatal("load axe-core: ", err)
		}
	}
	return evaluate[[]violation](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({
		id: v.id, impact: v.impact, help: v.help,
		nodes: v.nodes.slice(0, 5).map(n => n.target.join(" ") + ": " + (n.any[0] || n.all[0] || n.none[0] || {message: ""}).message),
	})))`)
}
