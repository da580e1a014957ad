package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// arrows says which folder may import which: imports run one way. The first line that
// matches a folder holds for it. x/* is every folder in x, x/** every folder below x. A
// folder may always import itself, and one without a line may not exist. engine/flow and
// engine/latency go with engine where its snapshots are read: they are made of them.
const arrows = `
.                 -> cmd
cmd               -> **
scenarios         -> engine engine/** report/budget
scenarios/*       -> scenarios engine engine/** report/budget

engine            -> engine/arrivals engine/flow engine/latency
engine/arrivals   ->
engine/flow       ->
engine/latency    ->
engine/capacity   ->
engine/resource   ->
engine/wire/*     -> engine engine/flow
engine/experiment -> engine engine/latency
engine/search     -> engine engine/latency
engine/fleet      -> engine engine/latency
engine/simulate   -> engine/capacity engine/latency

report            -> engine engine/capacity engine/flow engine/latency engine/search report/budget
report/budget     -> engine engine/latency
report/live       -> report report/live/quiet engine engine/latency engine/search report/budget
report/live/quiet ->
report/*          -> report engine engine/flow engine/latency engine/capacity engine/search report/budget

targets/station    -> targets/alarm
targets/knob       ->
targets/middleware ->
targets/service/*  -> targets/service targets/store targets/knob targets/middleware
targets/servertest ->
targets/**         -> targets/**
examples/**       ->
`

// testArrows are what tests may import besides.
const testArrows = `
engine/wire/* -> engine/wire/wiretest
`

// doors says where a library may be used: a folder, or every file of a name. A library
// without a line may be used anywhere, and tests may use any.
const doors = `
github.com/spf13/                         -> cmd
github.com/charmbracelet/                 -> report/live
charm.land/                               -> report/live
github.com/muesli/termenv                 -> report/live
github.com/NimbleMarkets/ntcharts         -> report/live
github.com/HdrHistogram/hdrhistogram-go   -> engine/latency targets/station
gonum.org/v1/gonum                        -> engine/capacity engine/search engine/simulate report/budget report/compare report/history
github.com/nats-io/                       -> engine/fleet targets/**
github.com/tsenart/vegeta                 -> vegeta.go
github.com/tidwall/redcon                 -> targets/resp
github.com/redis/go-redis                 -> cmd targets/**
github.com/jackc/pgx                      -> targets/store targets/servertest
modernc.org/sqlite                        -> targets/store report/history
github.com/maypok86/otter                 -> targets/cache
golang.org/x/sync                         -> targets/cache
github.com/prometheus/                    -> targets/admin engine/resource report/export
github.com/felixge/fgprof                 -> targets/worker
github.com/dunglas/httpsfv                -> targets/**
`

// vague are names that say nothing about what is in a package.
var vague = strings.Fields("util utils common helper helpers types lib core base models shared misc")

// world are the functions that reach for the process around us. Only cmd may, main.go,
// which exits with what cmd returns, and the examples, which are programs of their own.
var world = strings.Fields("os.Exit os.Getenv os.LookupEnv os.Environ os.ExpandEnv log.Fatal log.Fatalf log.Fatalln " +
	"os/signal.Notify os/signal.NotifyContext")

func TestTheHouseIsBuiltAsDrawn(t *testing.T) {
	for _, v := range violations(t, os.DirFS(".")) {
		t.Error(v)
	}
}

// violations returns what breaks the layout, one line each, sorted.
func violations(t *testing.T, repo fs.FS) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(repo, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := path.Base(name); d.IsDir() && name != "." && (base == "testdata" || base[0] == '.' || base[0] == '_') {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(repo, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		found = append(found, check(name, file)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// check holds one file against every rule.
func check(name string, file *ast.File) []string {
	dir, isTest := path.Dir(name), strings.HasSuffix(name, "_test.go")
	if dir == "cmd" && isTest {
		return nil
	}
	var found []string
	if slices.Contains(vague, strings.TrimSuffix(file.Name.Name, "_test")) {
		found = append(found, fmt.Sprintf("%s: package %s says nothing about what is in it", name, file.Name.Name))
	}
	allowed, known := lookUp(arrows, dir)
	if !known {
		found = append(found, fmt.Sprintf("%s: folder %s is not in the drawing", name, dir))
	}
	if isTest {
		more, _ := lookUp(testArrows, dir)
		allowed = append(allowed, more...)
	}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		ours, isOurs := strings.CutPrefix(imported+"/", "plimsoll/")
		ours = strings.TrimSuffix(ours, "/")
		switch {
		case isOurs && ours != dir && !matchAny(allowed, ours):
			found = append(found, fmt.Sprintf("%s: %s may not import %s", name, dir, ours))
		case isOurs && !isTest && strings.HasSuffix(ours, "test"):
			found = append(found, fmt.Sprintf("%s: %s is for tests only", name, ours))
		}
		if !isOurs && !isTest && !open(imported, name) {
			found = append(found, fmt.Sprintf("%s: %s is behind a door elsewhere", name, imported))
		}
	}
	if dir != "cmd" && name != "main.go" && dir != "report/live/quiet" && !match("examples/*", dir) && !isTest {
		found = append(found, reaches(name, file)...)
	}
	return found
}

// open tells whether the file may use the library.
func open(library, file string) bool {
	for prefix, places := range lines(doors) {
		if strings.HasPrefix(library, prefix) {
			return slices.Contains(places, path.Base(file)) || matchAny(places, path.Dir(file))
		}
	}
	return true
}

// reaches returns every mention of a function of the world outside.
func reaches(name string, file *ast.File) []string {
	packages := map[string]string{}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		packages[local] = imported
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if pkg, ok := sel.X.(*ast.Ident); ok && slices.Contains(world, packages[pkg.Name]+"."+sel.Sel.Name) {
				found = append(found, fmt.Sprintf("%s: only cmd may use %s.%s", name, packages[pkg.Name], sel.Sel.Name))
			}
		}
		return true
	})
	return found
}

// lookUp returns the right side of the first line of the table whose left side matches.
func lookUp(table, dir string) (right []string, known bool) {
	for left, right := range lines(table) {
		if match(left, dir) {
			return right, true
		}
	}
	return nil, false
}

// lines yields the two sides of each line of a table.
func lines(table string) func(yield func(string, []string) bool) {
	return func(yield func(string, []string) bool) {
		for line := range strings.Lines(table) {
			left, right, isRule := strings.Cut(line, "->")
			if isRule && !yield(strings.TrimSpace(left), strings.Fields(right)) {
				return
			}
		}
	}
}

func matchAny(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, dir) })
}

func match(pattern, dir string) bool {
	if above, ok := strings.CutSuffix(pattern, "**"); ok {
		return strings.HasPrefix(dir, above) && dir != above
	}
	ok, err := path.Match(pattern, dir)
	return ok && err == nil
}

func TestLayoutNotices(t *testing.T) {
	tests := map[string]struct {
		file, text string
		want       []string
	}{
		"nothing in a file that keeps to the drawing": {
			"engine/run.go", `package engine; import ("os"; "plimsoll/engine/flow"); var _ = os.Open`, nil,
		},
		"an arrow that runs up": {
			"engine/flow/flow.go", `package flow; import "plimsoll/engine"`,
			[]string{"engine/flow/flow.go: engine/flow may not import engine"},
		},
		"an arrow between neighbours": {
			"report/text/text.go", `package text; import ("plimsoll/report"; "plimsoll/report/html")`,
			[]string{"report/text/text.go: report/text may not import report/html"},
		},
		"a target in the engine": {
			"engine/run_test.go", `package engine_test; import ("plimsoll/engine"; "plimsoll/targets/server")`,
			[]string{"engine/run_test.go: engine may not import targets/server"},
		},
		"a context that asks another one": {
			"targets/service/cart/cart.go", `package cart; import ("plimsoll/targets/service"; "plimsoll/targets/service/catalog")`,
			[]string{"targets/service/cart/cart.go: targets/service/cart may not import targets/service/catalog"},
		},
		"a context that knows how it is put together": {
			"targets/service/cart/cart_test.go", `package cart; import ("plimsoll/targets/store"; "plimsoll/targets/cache")`,
			[]string{"targets/service/cart/cart_test.go: targets/service/cart may not import targets/cache"},
		},
		"what all else in the target stands on standing on something": {
			"targets/knob/knob.go", `package knob; import "plimsoll/targets/middleware"`,
			[]string{"targets/knob/knob.go: targets/knob may not import targets/middleware"},
		},
		"nothing about the alarm of a station": {
			"targets/station/station.go", `package station; import "plimsoll/targets/alarm"`, nil,
		},
		"a driver outside of the store": {
			"targets/cache/cache.go", `package cache; import ("github.com/maypok86/otter/v2"; "github.com/jackc/pgx/v5")`,
			[]string{"targets/cache/cache.go: github.com/jackc/pgx/v5 is behind a door elsewhere"},
		},
		"the generator with a client of the target": {
			"engine/run.go", `package engine; import "github.com/redis/go-redis/v9"`,
			[]string{"engine/run.go: github.com/redis/go-redis/v9 is behind a door elsewhere"},
		},
		"the root itself being imported": {
			"engine/run.go", `package engine; import "plimsoll"`,
			[]string{"engine/run.go: engine may not import "},
		},
		"a folder that nobody drew": {
			"engine/stuff/stuff.go", `package stuff`,
			[]string{"engine/stuff/stuff.go: folder engine/stuff is not in the drawing"},
		},
		"the conformance suite outside of tests": {
			"engine/wire/http1/conn.go", `package http1; import "plimsoll/engine/wire/wiretest"`,
			[]string{"engine/wire/http1/conn.go: engine/wire/http1 may not import engine/wire/wiretest"},
		},
		"real servers outside of tests": {
			"targets/store/sql.go", `package store; import "plimsoll/targets/servertest"`,
			[]string{"targets/store/sql.go: targets/servertest is for tests only"},
		},
		"nothing when a test starts real servers": {
			"targets/store/sql_test.go", `package store; import "plimsoll/targets/servertest"`, nil,
		},
		"nothing when a test runs the conformance suite": {
			"engine/wire/http1/conn_test.go", `package http1; import "plimsoll/engine/wire/wiretest"`, nil,
		},
		"cobra outside of cmd": {
			"report/text/text.go", `package text; import "github.com/spf13/cobra"`,
			[]string{"report/text/text.go: github.com/spf13/cobra is behind a door elsewhere"},
		},
		"vegeta in a file of another name": {
			"engine/arrivals/sine.go", `package arrivals; import "github.com/tsenart/vegeta/v12/lib"`,
			[]string{"engine/arrivals/sine.go: github.com/tsenart/vegeta/v12/lib is behind a door elsewhere"},
		},
		"nothing about vegeta behind its door": {
			"engine/arrivals/vegeta.go", `package arrivals; import "github.com/tsenart/vegeta/v12/lib"`, nil,
		},
		"nothing about a library in a test": {
			"report/text/text_test.go", `package text; import "gonum.org/v1/gonum/stat"`, nil,
		},
		"an exit, an environment and a signal outside of cmd": {
			"targets/server/server.go",
			`package server; import ("os"; sig "os/signal"); func f() { os.Exit(1); _ = os.Getenv("X"); sig.Notify(nil) }`,
			[]string{
				"targets/server/server.go: only cmd may use os.Exit",
				"targets/server/server.go: only cmd may use os.Getenv",
				"targets/server/server.go: only cmd may use os/signal.Notify",
			},
		},
		"nothing about an exit in cmd and main.go": {
			"main.go", `package main; import ("os"; "plimsoll/cmd"); func main() { os.Exit(cmd.Main()) }`, nil,
		},
		"nothing about an exit in an example, which is a program of its own": {
			"examples/versus/main.go", `package main; import "os"; func main() { os.Exit(1) }`, nil,
		},
		"an example that is built into the house": {
			"examples/versus/main.go", `package main; import "plimsoll/engine"`,
			[]string{"examples/versus/main.go: examples/versus may not import engine"},
		},
		"a package with a vague name": {
			"targets/util/util.go", `package util`,
			[]string{"targets/util/util.go: package util says nothing about what is in it"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := violations(t, fstest.MapFS{test.file: {Data: []byte(test.text)}})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
