package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestListenOnlyOnLoopbackUnlessAllowed(t *testing.T) {
	for _, test := range []struct {
		name, address string
		public        bool
		wantPublic    bool
	}{
		{"loopback by number", "127.0.0.1:0", false, false},
		{"loopback by another number", "127.0.0.2:0", false, false},
		{"loopback by name", "localhost:0", false, false},
		{"all interfaces, said by nothing", ":0", false, true},
		{"all interfaces, said by zeroes", "0.0.0.0:0", false, true},
		{"all interfaces of IPv6", "[::]:0", false, true},
		{"another network", "192.0.2.1:0", false, true},
		{"all interfaces, allowed", "0.0.0.0:0", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := Listen(t.Context(), test.address, test.public)
			if got := errors.Is(err, ErrPublic); got != test.wantPublic {
				t.Errorf("got %v, refused as public: %v, want %v", err, got, test.wantPublic)
			}
			if l != nil {
				l.Close()
			}
		})
	}
}

// serve starts a server whose only path waits until release is closed.
func serve(t *testing.T, drain time.Duration) (url string, entered, release chan struct{}, stop context.CancelFunc, ended chan error) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	entered, release, ended = make(chan struct{}), make(chan struct{}), make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		ended <- Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			entered <- struct{}{}
			<-release
			io.WriteString(w, "done")
		}), drain)
	}()
	return "http://" + l.Addr().String(), entered, release, stop, ended
}

func fetch(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	url, entered, release, stop, ended := serve(t, 10*time.Second)
	if got, err := fetch(t.Context(), url+"/healthz"); got != "ok\n" || err != nil {
		t.Errorf("healthz: %q, %v", got, err)
	}
	answer := make(chan string)
	go func() {
		got, _ := fetch(t.Context(), url)
		answer <- got
	}()
	<-entered
	stop()
	for { // the port closes although a request is under way
		c, err := net.Dial("tcp", url[len("http://"):])
		if err != nil {
			break
		}
		c.Close()
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestServeCutsOffWhatDoesNotFinish(t *testing.T) {
	url, entered, release, stop, ended := serve(t, 20*time.Millisecond)
	failed := make(chan error)
	go func() {
		_, err := fetch(t.Context(), url)
		failed <- err
	}()
	<-entered
	stop()
	if err := <-ended; err == nil {
		t.Error("serve reported no request cut off")
	}
	if err := <-failed; err == nil {
		t.Error("the request that was cut off got an answer")
	}
	close(release)
}

func TestServeReturnsWhenItsListenerFails(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Serve(t.Context(), l, http.NotFoundHandler(), time.Second); err == nil {
		t.Error("no error")
	}
}
