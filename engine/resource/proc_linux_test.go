package resource

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

// TestMain lets the test binary be a process that uses some processor time when a line
// comes in, and says so: by itself, by children that it starts one after the other, or by
// a worker that lives as long as it does.
func TestMain(m *testing.M) {
	cpu, err := time.ParseDuration(os.Getenv("BURN"))
	if err != nil {
		os.Exit(m.Run())
	}
	if os.Getenv("WORKER") != "" {
		worker := exec.Command(os.Args[0])
		worker.Env, worker.Stdin, worker.Stdout = []string{"BURN=" + cpu.String(), "GORACE=atexit_sleep_ms=0"}, os.Stdin, os.Stdout
		worker.Run()
		return
	}
	children := 0
	fmt.Sscan(os.Getenv("CHILDREN"), &children)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); fmt.Println("done") {
		for range children {
			child := exec.Command(os.Args[0])
			child.Env, child.Stdin = []string{"BURN=" + cpu.String(), "GORACE=atexit_sleep_ms=0"}, strings.NewReader("\n")
			if err := child.Run(); err != nil {
				os.Exit(1)
			}
		}
		if children == 0 {
			burn(cpu)
		}
	}
}

// burn uses processor time, however long that takes.
func burn(cpu time.Duration) {
	for end := used() + cpu; used() < end; {
	}
}

// used is the processor time of this process.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// burner is this test binary as another process, which ends with the test.
type burner struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startBurner(t *testing.T, env ...string) *burner {
	t.Helper()
	b := &burner{Cmd: exec.CommandContext(t.Context(), os.Args[0])}
	b.Env = append(env, "GORACE=atexit_sleep_ms=0")
	var err error
	if b.in, err = b.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := b.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	b.out = bufio.NewReader(out)
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Process.Kill()
		b.Wait()
	})
	b.work(t)
	return b
}

// work lets the process use its processor time once.
func (b *burner) work(t *testing.T) {
	t.Helper()
	io.WriteString(b.in, "\n")
	if line, err := b.out.ReadString('\n'); line != "done\n" {
		t.Errorf("the process says %q: %v", line, err)
	}
}

// look watches the process while it works, and returns the unit-seconds that were in use
// beside the uses. On a machine so busy that a moment cannot be told, it looks again, and
// gives up after a while.
func look(t *testing.T, b *burner) (uses map[string]Use, spent map[string]float64, notes []string) {
	t.Helper()
	for range 5 {
		s := watched(t, b)
		var all []Use
		all, notes = s.Uses()
		uses, spent = map[string]Use{}, map[string]float64{}
		for _, u := range all {
			uses[u.Name], spent[u.Name] = u, u.Utilisation*u.Units*s.last.Sub(s.first).Seconds()
		}
		if !strings.Contains(strings.Join(notes, ""), "reading it took") {
			return uses, spent, notes
		}
	}
	t.Skipf("the machine is too busy: %q", notes)
	return nil, nil, nil
}

// watched reads while the process works, from before to after.
func watched(t *testing.T, b *burner) *Span {
	t.Helper()
	w, err := NewProcesses(b.Process.Pid, "it")
	if err != nil {
		t.Fatal(err)
	}
	s := &Span{}
	read := func() {
		r, err := w.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Add(r)
	}
	read()
	done := make(chan struct{})
	go func() { b.work(t); close(done) }()
	for {
		select {
		case <-done:
			read()
			return s
		case <-time.After(50 * time.Millisecond):
			read()
		}
	}
}

// near demands processor seconds: ticks are 10 ms long, and starting takes some, too.
func near(t *testing.T, what string, got, least, most float64) {
	t.Helper()
	if got < least-.03 || got > most+.03 {
		t.Errorf("%s: %.3f s, want %.3f to %.3f", what, got, least, most)
	}
}

func TestProcessThatWorks(t *testing.T) {
	uses, spent, notes := look(t, startBurner(t, "BURN=300ms", "GOMAXPROCS=1"))
	if _, there := uses["cpu of it"]; !there {
		t.Fatalf("no processor time in %v, notes %q", uses, notes)
	}
	near(t, "processor time", spent["cpu of it"], .3, .35)
	near(t, "the busiest thread", spent["busiest thread of it"], .15, spent["cpu of it"])
	if spent["machine cpu"] < spent["cpu of it"]-.05 || !uses["machine cpu"].Context {
		t.Errorf("the machine was busy for %.3f s, and the process for %.3f s", spent["machine cpu"], spent["cpu of it"])
	}
	for _, name := range []string{"memory of it", "threads of it", "open files of it"} {
		if u, there := uses[name]; !there || u.Utilisation <= 0 || u.Utilisation > .5 {
			t.Errorf("%s: %+v, %q", name, u, notes)
		}
	}
}

// TestProcessWithChildren has children that end all the time: what they used has to be
// counted once, whether they are there or their parent has waited for them.
func TestProcessWithChildren(t *testing.T) {
	uses, spent, notes := look(t, startBurner(t, "BURN=40ms", "CHILDREN=5"))
	if _, there := uses["cpu of it"]; !there {
		t.Fatalf("no processor time in %v, notes %q", uses, notes)
	}
	near(t, "processor time", spent["cpu of it"], .2, .45)
}

func TestProcessWithAWorker(t *testing.T) {
	uses, spent, notes := look(t, startBurner(t, "BURN=300ms", "WORKER=1"))
	if _, there := uses["cpu of it"]; !there {
		t.Fatalf("no processor time in %v, notes %q", uses, notes)
	}
	near(t, "processor time", spent["cpu of it"], .3, .35)
	near(t, "the busiest thread", spent["busiest thread of it"], .1, spent["cpu of it"])
}

func TestProcessThatEnds(t *testing.T) {
	p := startBurner(t, "BURN=1ms")
	w, err := NewProcesses(p.Process.Pid, "it")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.in.Close()
	deadline := time.Now().Add(5 * time.Second)
	for err == nil && time.Now().Before(deadline) { // it stays a zombie: nobody waits for it
		_, err = w.Read(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("got %v", err)
	}
	p.Wait()
	if _, err := NewProcesses(p.Process.Pid, "it"); err == nil || !strings.Contains(err.Error(), "there is no process") {
		t.Errorf("watch a process that has ended: %v", err)
	}
}

func TestQuota(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("pods/cpu.max", "150000 100000\n")
	write("pods/a/cpu.max", "max 100000\n")
	write("pods/b/cpu.max", "50000 100000\n")
	write("cpu/old/cpu.cfs_quota_us", "300000\n")
	write("cpu/old/cpu.cfs_period_us", "100000\n")
	write("cpu/free/cpu.cfs_quota_us", "-1\n")
	write("cpu/free/cpu.cfs_period_us", "100000\n")
	for name, test := range map[string]struct {
		group procfs.Cgroup
		want  float64
	}{
		"the group around it": {procfs.Cgroup{Path: "/pods/a"}, 1.5},
		"its own":             {procfs.Cgroup{Path: "/pods/b"}, .5},
		"none":                {procfs.Cgroup{Path: "/other"}, 8},
		"version 1":           {procfs.Cgroup{HierarchyID: 2, Controllers: []string{"cpu", "cpuacct"}, Path: "/old"}, 3},
		"version 1, none":     {procfs.Cgroup{HierarchyID: 2, Controllers: []string{"cpu"}, Path: "/free"}, 8},
		"another controller":  {procfs.Cgroup{HierarchyID: 3, Controllers: []string{"memory"}, Path: "/old"}, 8},
	} {
		if got := quota(root, []procfs.Cgroup{test.group}, 8); got != test.want {
			t.Errorf("%s: %v processors, want %v", name, got, test.want)
		}
	}
}
