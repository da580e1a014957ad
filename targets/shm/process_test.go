//go:build unix

package shm

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// role names what a copy of the test binary does instead of testing.
const role = "PLIMSOLL_TEST_SHM_ROLE"

func TestMain(m *testing.M) {
	if name := os.Getenv(role); name != "" {
		if err := act(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// act plays a role on the memory behind descriptor 3: it says ready, waits for the word to
// go, and ends when it is done or its standard input ends.
func act(name string) error {
	m, err := Open(os.NewFile(3, "shared memory"))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	switch name {
	case "count":
		return count(m)
	case "mutex":
		return exclude(m)
	case "share":
		return share(m)
	case "hold mutex":
		err = m.Mutex("x").Lock(context.Background())
		fmt.Println("holding")
	case "hold record":
		err = m.Do(7, 0, func(w *[Words]int64) int64 { w[0] = 41; halt(); return 1 << 60 })
	case "hold claim":
		_, err = m.lock(&m.head.claims[stripe(7)])
		fmt.Println("holding")
	case "hold moment":
		at, e := m.Moment(7, 1)
		at.at.value.Store(-int64(m.ticket)) // as if it were taking the place over
		err = e
		fmt.Println("holding")
	}
	if err != nil {
		return err
	}
	halt()
	return nil
}

func halt() {
	fmt.Println("holding")
	io.Copy(io.Discard, os.Stdin)
}

const rounds = 2000

// count does everything that adds, with as many races as the keys allow.
func count(m *Memory) error {
	for i := range rounds {
		c, err := m.Counter(fmt.Sprint("c", i%50))
		if err != nil {
			return err
		}
		c.Add(1)
		for swapped := false; !swapped; {
			at, err := m.Moment(m.Key(fmt.Sprint("m", i%50)), 1)
			if err != nil {
				return err
			}
			swapped = at.CompareAndSwap(max(at.Value(), 1) + 1)
		}
		err = m.Do(m.Key(fmt.Sprint("r", i%50)), 1, func(w *[Words]int64) int64 {
			w[0]++
			w[1] += 2
			return 1 << 60
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// exclude adds without any care but the mutex.
func exclude(m *Memory) error {
	c, err := m.Counter("careless")
	if err != nil {
		return err
	}
	x := m.Mutex("x")
	for range rounds {
		if err := x.Lock(context.Background()); err != nil {
			return err
		}
		c.Store(c.Load() + 1)
		x.Unlock()
	}
	return nil
}

// share takes the mutex as often as it can, until somebody ends it, in each of two goroutines.
func share(m *Memory) error {
	mine, err := m.Counter(fmt.Sprint("share", m.ticket))
	if err != nil {
		return err
	}
	inside, err := m.Counter("inside")
	if err != nil {
		return err
	}
	overlaps, err := m.Counter("overlaps")
	if err != nil {
		return err
	}
	x := m.Mutex("x")
	turn := func() {
		for x.Lock(context.Background()) == nil {
			if inside.Add(1) != 1 {
				overlaps.Add(1)
			}
			for begin := time.Now(); time.Since(begin) < 100*time.Microsecond; { // to sleep would let the others in
			}
			inside.Add(-1)
			mine.Add(1)
			x.Unlock()
		}
	}
	go turn()
	go turn()
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0) // as a killed worker would: it may hold the mutex
	return nil
}

type child struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a copy that plays the role and waits until it is ready.
func start(t testing.TB, m *Memory, name string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+name, "GORACE=atexit_sleep_ms=0")
	cmd.ExtraFiles = []*os.File{m.File()}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd, in, bufio.NewReader(out)}
	t.Cleanup(func() { c.kill() })
	c.hear(t, "ready")
	return c
}

func (c *child) hear(t testing.TB, want string) {
	t.Helper()
	if got, err := c.out.ReadString('\n'); strings.TrimSpace(got) != want {
		t.Fatalf("the child said %q, %v, want %q", got, err, want)
	}
}

func (c *child) begin() { c.in.Write([]byte{'!'}) }

func (c *child) kill() {
	c.Process.Signal(syscall.SIGKILL)
	c.Wait()
}

// together lets n copies play the role at the same time, to the end.
func together(t *testing.T, m *Memory, n int, name string) {
	t.Helper()
	children := make([]*child, n)
	for i := range children {
		children[i] = start(t, m, name)
	}
	for _, c := range children {
		c.begin()
	}
	for _, c := range children {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestProcessesThatCountTogetherLoseNothing(t *testing.T) {
	m := open(t, Options{})
	const n = 4
	together(t, m, n, "count")
	const want = n * rounds / 50
	for i := range 50 {
		c, _ := m.Counter(fmt.Sprint("c", i))
		at, _ := m.Moment(m.Key(fmt.Sprint("m", i)), 1)
		var words [Words]int64
		m.Do(m.Key(fmt.Sprint("r", i)), 1, func(w *[Words]int64) int64 { words = *w; return 1 << 60 })
		if c.Load() != want || at.Value() != 1+want || words[0] != want || words[1] != 2*want {
			t.Errorf("key %d: counter %d, moment %d, record %v, want %d of each", i, c.Load(), at.Value(), words[:2], want)
		}
	}
	if s := m.Stats(); s.Counters != 50 || s.Moments != 50 || s.Records != 50 {
		t.Errorf("50 names took %+v", s)
	}
}

func TestAMutexExcludesOtherProcesses(t *testing.T) {
	m := open(t, Options{})
	begin := time.Now()
	together(t, m, 4, "mutex")
	took := time.Since(begin)
	c, _ := m.Counter("careless")
	if c.Load() != 4*rounds {
		t.Errorf("%d additions of %d are left", c.Load(), 4*rounds)
	}
	t.Logf("%v per turn with 4 processes in line", took/(4*rounds))
}

func TestAMutexGoesRoundAmongProcessesAndOutlivesThem(t *testing.T) {
	m := open(t, Options{})
	var children []*child
	for range 3 {
		c := start(t, m, "share")
		c.begin()
		children = append(children, c)
	}
	counts := func() (sum, least int64) {
		least = 1 << 62
		for i := range children {
			c, _ := m.Counter(fmt.Sprint("share", i+2)) // tickets: this process has the first
			sum += c.Load()
			least = min(least, c.Load())
		}
		return sum, least
	}
	await(t, "every process to have had the mutex 20 times", func() bool { _, least := counts(); return least >= 20 })
	sum, least := counts()
	t.Logf("of %d turns, each of three processes had at least %d", sum, least)
	if c, _ := m.Counter("overlaps"); c.Load() != 0 { // a killed one never says that it left
		t.Errorf("%d times two were inside at once", c.Load())
	}
	for _, c := range children {
		c.kill()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := m.Mutex("x").Lock(ctx); err != nil {
		t.Errorf("after all holders were killed: %v", err)
	} else {
		m.Mutex("x").Unlock()
	}
}

func TestWhoWaitsForAMutexKeepsOthersOutOfTheTurnstile(t *testing.T) {
	m := open(t, Options{})
	holder, waiter := start(t, m, "hold mutex"), start(t, m, "hold mutex")
	holder.begin()
	holder.hear(t, "holding")
	turnstile := m.Mutex("x").offset - lifeBytes
	if m.alive(uint64(turnstile)) { // which asks whether anybody else has the byte
		t.Error("the turnstile is closed, and nobody waits")
	}
	waiter.begin()
	await(t, "the turnstile to close", func() bool { return m.alive(uint64(turnstile)) })
	holder.kill()
	waiter.hear(t, "holding")
	await(t, "the turnstile to open", func() bool { return !m.alive(uint64(turnstile)) })
}

func TestAKilledHolderIsReplaced(t *testing.T) {
	for what, use := range map[string]func(m *Memory) error{
		"mutex": func(m *Memory) error {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			err := m.Mutex("x").Lock(ctx)
			if err == nil {
				m.Mutex("x").Unlock()
			}
			return err
		},
		"record": func(m *Memory) error {
			return m.Do(7, 0, func(w *[Words]int64) int64 {
				if w[0] != 0 {
					panic("what the killed process had half written is still there")
				}
				return 1
			})
		},
		"claim": func(m *Memory) error {
			_, err := m.Moment(7, 1)
			return err
		},
		"moment": func(m *Memory) error {
			at, err := m.Moment(7, 5)
			if err == nil && (at.Value() != 5 || !at.CompareAndSwap(6)) {
				err = fmt.Errorf("the moment is %d, want 5", at.Value())
			}
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			m := open(t, Options{})
			c := start(t, m, "hold "+what)
			c.begin()
			c.hear(t, "holding")
			done, err := atomic.Bool{}, make(chan error, 1)
			go func() { err <- use(m); done.Store(true) }()
			time.Sleep(20 * time.Millisecond) // not needed for a pass; it lets a lock that does not hold be seen
			if done.Load() {
				t.Error("what the child holds was free")
			}
			c.kill()
			if err := <-err; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAStoppedHolderOfAMutexKeepsIt(t *testing.T) {
	m := open(t, Options{})
	c := start(t, m, "hold mutex")
	c.begin()
	c.hear(t, "holding")
	c.Process.Signal(syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := m.Mutex("x").Lock(ctx); err == nil {
		t.Error("the mutex of a process that is only stopped was taken")
	}
	c.kill()
	if err := m.Mutex("x").Lock(t.Context()); err != nil {
		t.Error(err)
	}
	m.Mutex("x").Unlock()
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func BenchmarkMutexThatFourProcessesWant(b *testing.B) {
	m := open(b, Options{})
	for range 3 {
		start(b, m, "share").begin()
	}
	x := m.Mutex("x")
	for b.Loop() {
		x.Lock(b.Context())
		x.Unlock()
	}
}
