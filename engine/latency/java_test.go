package latency_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"plimsoll/engine/latency"
)

// The Java library's own processor must count, below every value that it prints, what
// we count.
func TestJavaReadsTheLog(t *testing.T) {
	const jar = "/usr/share/java/hdrhistogram.jar"
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("no java to check against: install default-jre-headless and libhdrhistogram-java")
	}
	if _, err := os.Stat(jar); err != nil {
		t.Skip("no Java library to check against: install libhdrhistogram-java")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	const tag = "shop/peak/GET /v1, ok"
	var lines []written
	sum := of()
	for i := range 5 {
		h := of()
		for _, v := range draw(rng, 1000) {
			h.Record(v >> 10) // Java prints no more than 16 digits
		}
		lines = append(lines, written{tag, time.Duration(i) * time.Second, time.Duration(i+1) * time.Second, h}, written{"other", 0, 1, of(1)})
		sum.Merge(h)
	}
	file := filepath.Join(t.TempDir(), "intervals.hlog")
	if err := os.WriteFile(file, []byte(writeLog(t, lines...)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), java, "-cp", jar, "org.HdrHistogram.HistogramLogProcessor",
		"-i", file, "-tag", "shop/peak/GET%20/v1%2C%20ok", "-outputValueUnitRatio", "1").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rows := regexp.MustCompile(`(?m)^ *(\d+)\.000 +[01]\.\d+ +(\d+)`).FindAllSubmatch(out, -1)
	if len(rows) < 50 {
		t.Fatalf("only %d rows:\n%s", len(rows), out)
	}
	for _, row := range rows {
		value, _ := strconv.ParseInt(string(row[1]), 10, 64)
		want, _ := strconv.ParseUint(string(row[2]), 10, 64)
		if got := below(sum, time.Duration(value)); got != want {
			t.Errorf("up to %d: Java counts %d, we count %d", value, want, got)
		}
	}
	if total := fmt.Sprintf("Total count    = %12d]", sum.Count()); !bytes.Contains(out, []byte(total)) {
		t.Errorf("no %q in\n%s", total, out)
	}
}

// below counts the values in the buckets up to the one that ends at v.
func below(h *latency.Histogram, v time.Duration) (sum uint64) {
	for highest, n := range h.Buckets {
		if highest <= v {
			sum += n
		}
	}
	return sum
}
