//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTheCountIsThatOfAnswersAsTheyShouldBe(t *testing.T) {
	if n, err := countOfWrk("  200000 requests in 2.00s, 58.21MB read\n"); n != 200_000 || err != nil {
		t.Errorf("wrk: %v, %v", n, err)
	}
	if n, err := countOfHit([]byte(`{"loads":[{"completed":122554,"failed":0}]}`)); n != 122_554 || err != nil {
		t.Errorf("hit: %v, %v", n, err)
	}
	if _, err := countOfWrk("  10 requests in 2.00s\n  Non-2xx or 3xx responses: 3\n"); !errors.Is(err, errRefused) {
		t.Errorf("wrk with refusals: %v", err)
	}
	if _, err := countOfHit([]byte(`{"loads":[{"completed":10,"failed":3}]}`)); !errors.Is(err, errRefused) {
		t.Errorf("hit with failures: %v", err)
	}
	for _, said := range []string{"", "  0 requests in 2.00s\n"} {
		if _, err := countOfWrk(said); err == nil {
			t.Errorf("no error for %q", said)
		}
	}
	for _, said := range []string{"", "{}", `{"loads":[{}]}`} {
		if _, err := countOfHit([]byte(said)); err == nil {
			t.Errorf("no error for %q", said)
		}
	}
}

func TestTheKernelsAccountIsUnderstood(t *testing.T) {
	got, err := parseStat([]byte("77 (a (b) c) S 1 77 77 0 -1 4194304 100 200 0 0 250 50 900 900 20 0 9 0 1000 1 2 3"))
	if want := (stat{pid: 77, parent: 1, cpu: 3 * time.Second}); got != want || err != nil {
		t.Errorf("%+v, %v; want %+v: not what its own children used", got, err, want)
	}
	m, err := parseMemory("55d0-7ffd ---p 00000000 00:00 0    [rollup]\nRss:   20000 kB\nPss:   10000 kB\nPss_Anon:   7 kB\n")
	if want := (memory{rss: 20.48, pss: 10.24}); m != want || err != nil {
		t.Errorf("%+v, %v; want %+v", m, err, want)
	}
	for _, text := range []string{"", "77 (a) S 1", "x (a) S 1 77 77 0 -1 0 0 0 0 0 1 1"} {
		if _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
	if processes, err := tree(os.Getpid()); err != nil || len(processes) == 0 || processes[0].parent != os.Getppid() {
		t.Errorf("own tree: %+v, %v", processes, err)
	}
}

func TestTheRatioIsThatOfRounds(t *testing.T) {
	var out bytes.Buffer
	contenders := []contender{{name: "bare"}, {name: "minimal", bound: ">= 0.7"}}
	// the ratio of the medians would be 0.5
	if err := write(&out, contenders, [][]float64{{10_000, 20_000, 40_000}, {9_000, 10_000, 32_000}}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if got := strings.Join(strings.Fields(lines[2]), " "); got != "minimal 10000 100.00 0.80 >= 0.7" {
		t.Errorf("%q in\n%s", got, out.String())
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("the median of four is %v, want 2.5", got)
	}
}

func TestTheBareServerAnswersUntilItsInputEnds(t *testing.T) {
	in, end := io.Pipe()
	said, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serveBare(t.Context(), in, out) }()
	var at ready
	if err := json.NewDecoder(said).Decode(&at); err != nil || at.PID != os.Getpid() {
		t.Fatalf("%+v, %v", at, err)
	}
	conns, err := openAll(t.Context(), at.URL+"/x/ok", 3)
	if err != nil || len(conns) != 3 {
		t.Errorf("%d connections, %v", len(conns), err)
	}
	for _, c := range conns {
		c.Close()
	}
	if _, err := openAll(t.Context(), at.URL+"/x y", 3); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("400 counts as an answer: %v", err)
	}
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, at.URL+"/x/ok", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); string(body) != "ok\n" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	end.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
