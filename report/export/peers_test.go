package export

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"plimsoll/engine"
	"plimsoll/report"
)

// vegetaCommand returns vegeta's own command, which .ci/run installs.
func vegetaCommand(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("PLIMSOLL_TEST_VEGETA"); path != "" {
		return path
	}
	path, err := exec.LookPath("vegeta")
	if err != nil {
		t.Skip("no vegeta to check against: go install github.com/tsenart/vegeta/v12@v12.13.0")
	}
	return path
}

// busy is a run of some thousand requests, of which some fail.
func busy() *maker {
	return newMaker(shop()).add(0, 0, 1500, 10*time.Millisecond, engine.OK, 200, "").add(0, 0, 50, 3*time.Millisecond, engine.Failed, 503, "").
		add(1, 1, 400, 30*time.Millisecond, engine.OK, 201, "").add(1, 1, 5, time.Second, engine.Error, 0, engine.ErrTimeout).add(1, 1, 2, time.Second, engine.Unfinished, 0, "")
}

// vegetaReport is what vegeta's report says as JSON.
type vegetaReport struct {
	Requests  uint64
	Success   float64
	Rate      float64
	Codes     map[string]int `json:"status_codes"`
	Errors    []string
	Latencies struct {
		Mean, Max, Min float64
		P50            float64 `json:"50th"`
		P99            float64 `json:"99th"`
	}
	In struct{ Total int64 } `json:"bytes_in"`
}

func TestVegetaReadsTheResults(t *testing.T) {
	command := vegetaCommand(t)
	saved := busy().save(t, "shop", report.Complete)
	all := newSum(saved)
	for _, name := range []string{"r.json", "r.csv", "r.gob"} {
		path := filepath.Join(t.TempDir(), name)
		var b bytes.Buffer
		notes, err := Vegeta(&b, saved, path)
		if err != nil || len(notes) > 0 {
			t.Fatalf("%v, %q", err, notes)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), command, "report", "-type=json", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		var got vegetaReport
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if got.Requests != all.Count() || got.Codes["200"] != 6000 || got.Codes["201"] != 1600 || got.Codes["503"] != 200 || got.Codes["0"] != 28 || got.In.Total != all.BytesIn {
			t.Errorf("%s: vegeta counts otherwise:\n%s", name, out)
		}
		if len(got.Errors) != 3 || math.Abs(got.Success-7600.0/7828) > 1e-9 {
			t.Errorf("%s: vegeta finds other errors:\n%s", name, out)
		}
		for what, pair := range map[string][2]float64{
			"mean": {got.Latencies.Mean, float64(all.Latency.Mean())}, "p50": {got.Latencies.P50, float64(all.Latency.Quantile(.5))},
			"max": {got.Latencies.Max, float64(all.Latency.Max())},
		} {
			if math.Abs(pair[0]-pair[1]) > 0.01*pair[1] {
				t.Errorf("%s: vegeta's %s is %v, ours %v", name, what, pair[0], pair[1])
			}
		}
		// Its digest interpolates: p99 lies between ours of the neighbouring ranks.
		if low, high := float64(all.Latency.Quantile(.988)), float64(all.Latency.Quantile(.992)); got.Latencies.P99 < low || got.Latencies.P99 > high {
			t.Errorf("%s: vegeta's p99 is %v, ours between %v and %v", name, got.Latencies.P99, low, high)
		}
		page, err := exec.CommandContext(t.Context(), command, "plot", path).Output()
		if err != nil || !bytes.Contains(page, []byte("GET /product")) {
			t.Errorf("%s: vegeta does not plot it: %v", name, err)
		}
	}
}

// newSum returns everything that a run counted.
func newSum(saved *report.Saved) *engine.Cell {
	sum := &engine.Cell{}
	for s := range saved.Intervals() {
		sum.Merge(s.Select(func(engine.Key) bool { return true }))
	}
	return sum
}

func TestResultsOfALongRunAreThinnedEvenly(t *testing.T) {
	saved := busy().save(t, "shop", report.Complete)
	var got []vegeta.Result
	notes, err := vegetaResults(func(r *vegeta.Result) error {
		got = append(got, *r)
		return nil
	}, saved, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < 990 || len(got) > 1000 {
		t.Errorf("%d results of at most 1000", len(got))
	}
	if want := "of 7,828 requests, " + report.FormatCount(uint64(len(got))) + " are in it"; !strings.Contains(strings.Join(notes, "\n"), want) {
		t.Errorf("the notes are %q", notes)
	}
	seq, codes, before := map[string]uint64{}, map[uint16]int{}, time.Time{}
	for _, r := range got {
		if r.Seq != seq[r.Attack] || r.Timestamp.Before(before) {
			t.Fatalf("%s %d is out of order, which vegeta cannot plot", r.Attack, r.Seq)
		}
		seq[r.Attack]++
		codes[r.Code]++
		before = r.Timestamp
	}
	for code, want := range map[uint16]float64{200: 6000, 201: 1600, 503: 200, 0: 28} {
		if n := float64(codes[code]); math.Abs(n-want*1000/7828) > 2 {
			t.Errorf("%v of code %d, want %.1f", n, code, want*1000/7828)
		}
	}
}

func TestWhereVegetaCountsOtherwiseIsSaid(t *testing.T) {
	saved := newMaker(shop()).add(0, 0, 2, time.Millisecond, engine.Failed, 200, "").add(0, 0, 1, time.Millisecond, engine.OK, 404, "").save(t, "shop", report.Complete)
	notes, err := Vegeta(&bytes.Buffer{}, saved, "x")
	if all := strings.Join(notes, "\n"); err != nil || !strings.Contains(all, "8 requests failed a check") || !strings.Contains(all, "4 requests were answered as expected") {
		t.Errorf("%v, the notes are %q", err, notes)
	}
}

func TestJavaReadsTheLog(t *testing.T) {
	const jar = "/usr/share/java/hdrhistogram.jar"
	java, err := exec.LookPath("java")
	if _, missing := os.Stat(jar); err != nil || missing != nil {
		t.Skip("nothing to check against: install default-jre-headless and libhdrhistogram-java")
	}
	saved := busy().save(t, "shop", report.Complete)
	text, _ := write(t, "hlog", saved)
	path := filepath.Join(t.TempDir(), "x.hlog")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]string{"": "7808", "GET%20/product": "6200", "GET%20/product;service": "6200", "order;error": "20"} {
		args := []string{"-cp", jar, "org.HdrHistogram.HistogramLogProcessor", "-i", path}
		if tag != "" {
			args = append(args, "-tag", tag)
		}
		out, err := exec.CommandContext(t.Context(), java, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		total := regexp.MustCompile(`Total count    = +(\d+)\]`).FindSubmatch(out)
		if total == nil || string(total[1]) != want {
			t.Errorf("tag %q: Java does not count %s:\n%s", tag, want, out)
		}
	}
}

// Prometheus' own parser of OpenMetrics wants times, and its linter another way to name
// counters; otherwise the file is as it is.
func TestPromtoolReadsTheMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool to check against: install prometheus")
	}
	for _, name := range []string{"breach", "hostile"} {
		text, _ := write(t, "openmetrics", runs(t)[name])
		dir := t.TempDir()
		path := filepath.Join(dir, "metrics.txt")
		timed := regexp.MustCompile(`(?m)^([^#].*)$`).ReplaceAll(text, []byte("$1 1795408808"))
		if err := os.WriteFile(path, timed, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), promtool, "tsdb", "create-blocks-from", "openmetrics", path, filepath.Join(dir, "data")).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		lint := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		counters := string(text)
		for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) counter$`).FindAllStringSubmatch(counters, -1) {
			counters = regexp.MustCompile(`(?m)^(# (?:HELP|TYPE) `+m[1]+`) `).ReplaceAllString(counters, "${1}_total ")
		}
		lint.Stdin = strings.NewReader(counters)
		if out, err := lint.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
