package netem

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

// pipe returns both ends of a connection, the first of which is on the network.
func pipe(t *testing.T, n *Net) (near, far net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	near = newConn(n, a, 0, 0)
	t.Cleanup(func() {
		near.Close()
		b.Close()
		time.Sleep(time.Minute) // what is on the line runs out
	})
	return near, b
}

func read(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func TestARoundTripTakesItsTimeHalfOfItEachWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{RTT: 20 * ms})
		near, far := pipe(t, n)
		began := time.Now()
		write(t, near, "ping")
		if took := time.Since(began); took != 0 {
			t.Errorf("the write took %v", took)
		}
		read(t, far, 4)
		if took := time.Since(began); took != 10*ms {
			t.Errorf("there after %v", took)
		}
		write(t, far, "pong")
		if got := read(t, near, 2) + read(t, near, 2); got != "pong" {
			t.Errorf("read %q", got)
		}
		if took := time.Since(began); took != 20*ms {
			t.Errorf("back after %v", took)
		}
		n.Configure(Config{RTT: 4 * ms}) // holds for connections that are there
		began = time.Now()
		write(t, near, "ping")
		read(t, far, 4)
		if took := time.Since(began); took != 2*ms {
			t.Errorf("there after %v, with a shorter round trip", took)
		}
	})
}

func TestWhatIsSentMeanwhileArrivesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pipe(t, New(Config{RTT: 200 * ms}))
		go func() {
			for range 10 {
				io.WriteString(far, "0123456789")
				time.Sleep(ms)
			}
		}()
		began := time.Now()
		read(t, near, 100)
		if took := time.Since(began); took != 109*ms { // the last is sent after 9 ms
			t.Errorf("ten writes arrive within %v", took)
		}
	})
}

func TestBandwidthTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pipe(t, New(Config{RTT: 20 * ms, Bandwidth: 100_000}))
		began := time.Now()
		go near.Write(make([]byte, 50_000))
		read(t, far, 50_000)
		if took := time.Since(began); took < 509*ms || took > 511*ms {
			t.Errorf("50 kB at 100 kB/s arrive within %v, want 510 ms", took)
		}
		began = time.Now()
		go far.Write(make([]byte, 50_000))
		read(t, near, 50_000)
		if took := time.Since(began); took < 509*ms || took > 511*ms {
			t.Errorf("50 kB back arrive within %v, want 510 ms", took)
		}
	})
}

func TestJitterKeepsTheOrderAndItsRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pipe(t, New(Config{RTT: 20 * ms, Jitter: 10 * ms}))
		var trips []time.Duration
		for i := range 200 {
			began := time.Now()
			write(t, near, string(rune('a'+i%26)))
			if got := read(t, far, 1); got != string(rune('a'+i%26)) {
				t.Fatalf("read %q", got)
			}
			write(t, far, "x")
			read(t, near, 1)
			trips = append(trips, time.Since(began))
		}
		if least, most := slices.Min(trips), slices.Max(trips); least < 10*ms || most > 30*ms || most-least < 8*ms {
			t.Errorf("round trips from %v to %v, want 10 ms to 30 ms", least, most)
		}
		go func() {
			for i := range 100 {
				io.WriteString(near, string(rune(i)))
				time.Sleep(ms / 2)
			}
		}()
		for i := range 100 {
			if got := read(t, far, 1); got != string(rune(i)) {
				t.Fatalf("%d overtaken by %d", i, got[0])
			}
		}
	})
}

func TestWithoutSettingsConnectionsAreLeftAsTheyAre(t *testing.T) {
	n := New(Config{})
	a, b := net.Pipe()
	defer b.Close()
	if n.Accepted(a) != a {
		t.Error("an accepted connection is wrapped")
	}
	c, err := n.Dialer(func(context.Context, string, string) (net.Conn, error) { return a, nil })(t.Context(), "", "")
	if err != nil || c != a {
		t.Errorf("a dialled connection is wrapped: %v", err)
	}
	if s := n.Stats(); s != (Stats{}) {
		t.Errorf("%+v", s)
	}
}

func TestSettingUpAConnectionCostsARoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{RTT: 20 * ms})
		a, b := net.Pipe()
		dial := n.Dialer(func(context.Context, string, string) (net.Conn, error) { return a, nil })
		began := time.Now()
		c, err := dial(t.Context(), "tcp", "example.test:80")
		if took := time.Since(began); err != nil || took != 20*ms {
			t.Errorf("dialled within %v: %v", took, err)
		}
		c.Close()
		b.Close()

		ctx, cancel := context.WithTimeout(t.Context(), 5*ms)
		defer cancel()
		if _, err := dial(ctx, "tcp", "example.test:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dialled past the deadline: %v", err)
		}

		server, client := net.Pipe()
		began = time.Now()
		accepted := n.Accepted(server)
		write(t, client, "request")
		read(t, accepted, 7)
		if took := time.Since(began); took != 30*ms {
			t.Errorf("the first bytes arrive within %v, want 1 1/2 round trips", took)
		}
		write(t, accepted, "answer")
		read(t, client, 6)
		if took := time.Since(began); took != 40*ms {
			t.Errorf("the answer arrives within %v, want 2 round trips", took)
		}
		accepted.Close()
		client.Close()
		time.Sleep(time.Minute)
	})
}

func TestDeadlinesEndWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pipe(t, New(Config{RTT: 20 * ms}))
		timedOut := func(what string, want time.Duration, wait func() error) {
			t.Helper()
			began := time.Now()
			if err := wait(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != want {
				t.Errorf("%s ends after %v: %v, want %v", what, time.Since(began), err, want)
			}
		}
		readOne := func() error { _, err := near.Read(make([]byte, 1)); return err }
		near.SetReadDeadline(time.Now().Add(50 * ms))
		timedOut("a read", 50*ms, readOne)
		timedOut("another", 0, readOne)
		near.SetReadDeadline(time.Time{})
		time.AfterFunc(30*ms, func() { near.SetReadDeadline(time.Unix(1, 0)) }) // as net/http ends a read
		timedOut("a read whose deadline is set meanwhile", 30*ms, readOne)
		near.SetReadDeadline(time.Now().Add(time.Hour))
		near.SetReadDeadline(time.Now().Add(2 * time.Hour))
		timedOut("a read whose deadline is put off", 2*time.Hour, readOne)
		near.SetReadDeadline(time.Time{})
		go io.WriteString(far, "x")
		read(t, near, 1)

		near.SetWriteDeadline(time.Now().Add(time.Second))
		timedOut("a write nobody reads", time.Second, func() error {
			n, err := near.Write(make([]byte, 4*window))
			if n < window || n > window+(64<<10) {
				t.Errorf("%d bytes on the line, which holds %d", n, window)
			}
			return err
		})
	})
}

func TestCloseSendsWhatWasWrittenAndEndsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{RTT: 20 * ms})
		near, far := pipe(t, n)
		blocked := make(chan error)
		go func() {
			_, err := near.Read(make([]byte, 1))
			blocked <- err
		}()
		synctest.Wait()
		write(t, near, "last words")
		if err := near.Close(); err != nil {
			t.Error(err)
		}
		if err := <-blocked; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the read ends with %v", err)
		}
		if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write ends with %v", err)
		}
		if err := near.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
		began := time.Now()
		all, err := io.ReadAll(far)
		if err != nil || string(all) != "last words" || time.Since(began) != 10*ms {
			t.Errorf("%q after %v: %v", all, time.Since(began), err)
		}
		synctest.Wait()
		if s := n.Stats(); s.Open != 0 || s.Opened != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestACloseDoesNotWaitForOneWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{RTT: 20 * ms})
		near, _ := pipe(t, n)
		write(t, near, "unread")
		near.Close()
		time.Sleep(linger + time.Second)
		synctest.Wait()
		if s := n.Stats(); s.Open != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTheOtherEndsCloseArrivesAfterItsData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{RTT: 20 * ms})
		near, far := pipe(t, n)
		go func() {
			io.WriteString(far, "bye")
			far.Close()
		}()
		began := time.Now()
		all, err := io.ReadAll(near)
		if err != nil || string(all) != "bye" || time.Since(began) != 10*ms {
			t.Errorf("%q after %v: %v", all, time.Since(began), err)
		}
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a read after the end: %v", err)
		}
		near.Close()
		time.Sleep(20 * ms)
		synctest.Wait()
		if s := n.Stats(); s.Open != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// local returns both ends of a TCP connection whose server is on the network.
func local(t *testing.T, n *Net) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = n.Listener(l).Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestBytesArriveWholeOverTCPInBothDirections(t *testing.T) {
	n := New(Config{RTT: 2 * ms, Jitter: ms})
	client, server := local(t, n)
	sent := make([]byte, 3<<20)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(sent)
	var wg sync.WaitGroup
	send := func(c net.Conn) {
		for rest := sent; len(rest) > 0; {
			k := min(len(rest), 70_000)
			if _, err := c.Write(rest[:k]); err != nil {
				t.Error(err)
				return
			}
			rest = rest[k:]
		}
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	receive := func(c net.Conn) {
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d of %d bytes, or other ones: %v", len(got), len(sent), err)
		}
	}
	for _, f := range []func(){func() { send(client) }, func() { send(server) }, func() { receive(client) }, func() { receive(server) }} {
		wg.Go(f)
	}
	wg.Wait()
}
