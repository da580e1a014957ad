package executor

import (
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"
)

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

func TestAThreadPerTaskEndsWithIt(t *testing.T) {
	cfg := config("goroutine")
	cfg.CPUPool.Spawn = "per_task"
	e := New(cfg)
	defer e.Close()
	ids := map[int]int{}
	c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
		Compute(r.Context(), Task{Run: func([]byte) ([]byte, error) {
			ids[syscall.Gettid()]++
			return nil, nil
		}})
	})
	before := threads(t)
	const tasks = 50
	for range tasks {
		c.send(t.Context(), "/")
		c.wg.Wait()
	}
	if len(ids) < tasks*9/10 || e.Stats().Tasks.Threads != tasks {
		t.Errorf("%d tasks ran on %d threads: %+v", tasks, len(ids), e.Stats().Tasks)
	}
	// the system takes a thread away a moment after its goroutine has ended
	for end := time.Now().Add(10 * time.Second); threads(t) > before+tasks/5; time.Sleep(ms) {
		if time.Now().After(end) {
			t.Fatalf("there are %d threads, and were %d", threads(t), before)
		}
	}
}
