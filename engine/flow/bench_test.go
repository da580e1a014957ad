package flow

import (
	"strings"
	"testing"
	"time"
)

// allocates fails the test when f allocates more than limit times.
func allocates(t *testing.T, limit float64, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(100, f); n > limit {
		t.Errorf("%v allocations, at most %v allowed", n, limit)
	}
}

func fixedCall(tb testing.TB) *Call {
	tb.Helper()
	return prepare(tb, &Call{URL: Literal("http://h/x"), Checks: []Check{mustCheck(tb, "status in 200,3xx")}})
}

func variableCall(tb testing.TB) *Call {
	tb.Helper()
	return prepare(tb, &Call{URL: mustURL(tb, "http://h/v1/products/{{ id }}"), Header: []HeaderTemplate{{"Accept", Literal("*/*")}}})
}

func TestTheHotPathAllocatesLittle(t *testing.T) {
	u := testUser(t, map[string]string{"id": "12345"})
	resp := respond(200, "", "")
	fixed, variable := fixedCall(t), variableCall(t)
	req := rendered(t, fixed, u)
	allocates(t, 0, func() { _, _ = fixed.Render(u) })
	allocates(t, 2, func() { _, _ = variable.Render(u) })
	allocates(t, 0, func() { _ = fixed.Judge(u, req, resp, time.Second) })
	allocates(t, 0, func() { _ = u.Begin() })
}

func BenchmarkRenderFixed(b *testing.B) {
	u, c := testUser(b, nil), fixedCall(b)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = c.Render(u)
	}
}

func BenchmarkRenderOneVariable(b *testing.B) {
	u, c := testUser(b, map[string]string{"id": "12345"}), variableCall(b)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = c.Render(u)
	}
}

func BenchmarkJudgeStatus(b *testing.B) {
	u, c := testUser(b, nil), fixedCall(b)
	req, resp := rendered(b, c, u), respond(200, "", "")
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Judge(u, req, resp, time.Second)
	}
}

func BenchmarkJudgeJSON(b *testing.B) {
	u := testUser(b, map[string]string{"id": "7"})
	c := prepare(b, &Call{
		URL: Literal("http://h"), Checks: []Check{mustCheck(b, "json $.id == {{ id }}")},
		Extracts: []Extract{{"price", mustExtractor(b, "json $.price")}},
	})
	req, resp := rendered(b, c, u), respond(200, "", `{"id": 7, "name": "x", "price": 10.5, "tags": ["a", "b"]}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Judge(u, req, resp, time.Second)
	}
}

func BenchmarkTakeRow(b *testing.B) {
	text := numbered(10000)
	for _, pick := range []Pick{Random, Sequential} {
		b.Run(pick.String(), func(b *testing.B) {
			f, err := OpenCSV("feed", strings.NewReader(text), int64(len(text)), pick)
			if err != nil {
				b.Fatal(err)
			}
			rng := newRand()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = f.take(rng)
			}
		})
	}
}
