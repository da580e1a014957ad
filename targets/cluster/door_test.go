//go:build unix

package cluster

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTurnsGoOnWhenALaneLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &ring{}
		for range rapid.IntRange(2, 6).Draw(t, "lanes") {
			r.lanes = append(r.lanes, &lane{ring: r})
		}
		r.next = rapid.IntRange(0, len(r.lanes)-1).Draw(t, "next")
		gone := rapid.IntRange(0, len(r.lanes)-1).Draw(t, "gone")
		want := r.lanes[r.next]
		if gone == r.next {
			want = r.lanes[(r.next+1)%len(r.lanes)]
		}
		r.leave(r.lanes[gone])
		if got := r.lanes[r.next%len(r.lanes)]; got != want {
			t.Fatalf("lane %d left and the turn moved", gone)
		}
	})
}

// listeners returns sockets that share one port and listen, each with the way to accept.
func listeners(t *testing.T, n int) (files []*os.File, address *net.TCPAddr) {
	t.Helper()
	address = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	for range n {
		file, got, err := bind(address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		if err := listen(file); err != nil {
			t.Fatal(err)
		}
		files, address = append(files, file), got
	}
	return files, address
}

func TestASocketIsClosedWithoutHarmToWhoComesMeanwhile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("new connections cannot be turned away on this system")
	}
	files, address := listeners(t, 2)
	var accepting sync.WaitGroup
	for _, file := range files {
		accepting.Go(func() {
			for {
				fd, err := accept(file)
				if err != nil {
					return
				}
				closeDescriptor(fd)
			}
		})
	}
	hush(files[0])
	const clients = 16
	results := make(chan error, clients)
	for range clients {
		go func() {
			conn, err := net.DialTimeout("tcp", address.String(), 20*time.Second)
			if err == nil {
				_, err = conn.Read(make([]byte, 1))
				conn.Close()
			}
			results <- err
		}()
	}
	time.Sleep(50 * time.Millisecond) // lets those that are heard be heard
	turnAway(files[0])
	files[0].Close()
	for range clients {
		if err := <-results; err.Error() != "EOF" {
			t.Errorf("a client that came meanwhile: %v, want that the server ended it in good order", err)
		}
	}
	files[1].Close()
	accepting.Wait()
}

func TestASocketThatIsTurnedAwayFromHearsNobody(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("new connections cannot be turned away on this system")
	}
	files, address := listeners(t, 1)
	waits, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer waits.Close()
	await(t, "the connection to wait", func() bool { return waiting(files[0]) == 1 })
	begin, done := time.Now(), make(chan time.Duration)
	go func() { turnAway(files[0]); done <- time.Since(begin) }()
	heard := 1
	for ; heard < 20; heard++ { // until the door is shut
		conn, err := net.DialTimeout("tcp", address.String(), 200*time.Millisecond)
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		time.Sleep(time.Millisecond)
	}
	if heard == 20 {
		t.Error("every new connection was heard")
	}
	select {
	case took := <-done:
		if took < 900*time.Millisecond {
			t.Errorf("it was over after %v while a connection waited", took)
		}
	default:
		for range heard {
			fd, err := accept(files[0])
			if err != nil {
				t.Fatal(err)
			}
			closeDescriptor(fd)
		}
		<-done
	}
}

func TestAHelloArrivesAsItWasSent(t *testing.T) {
	want := hello{ID: 3, Generation: 2, Seat: 17, Share: ReusePort, Address: "127.0.0.1:80", Shared: true}
	var pipe bytes.Buffer
	if err := want.greet(&pipe, []byte("boot")); err != nil {
		t.Fatal(err)
	}
	whole := pipe.String()
	got, boot, err := readHello(bufio.NewReader(&pipe))
	if err != nil || got != want || string(boot) != "boot" {
		t.Errorf("got %+v %q, %v, want %+v", got, boot, err, want)
	}
	for n := range len(whole) {
		if _, _, err := readHello(bufio.NewReader(strings.NewReader(whole[:n]))); err == nil {
			t.Errorf("the first %d bytes of %d were taken for all", n, len(whole))
		}
	}
}

func FuzzHello(f *testing.F) {
	var pipe bytes.Buffer
	if err := (hello{ID: 1}).greet(&pipe, []byte("boot")); err != nil {
		f.Fatal(err)
	}
	f.Add(pipe.Bytes())
	f.Add([]byte(greeting + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, boot, err := readHello(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := h.greet(&again, boot); err != nil {
			t.Fatal(err)
		}
		if h2, boot2, err := readHello(bufio.NewReader(&again)); err != nil || h2 != h || !bytes.Equal(boot, boot2) {
			t.Errorf("%+v came back as %+v, %v", h, h2, err)
		}
	})
}
