package netem

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A new connection with TLS 1.3 costs a round trip for TCP, one for TLS and one for the
// request; the next request on it costs one.
func TestANewTLSConnectionCostsThreeRoundTripsAndAKeptOneOne(t *testing.T) {
	const rtt = 20 * ms
	id, err := NewIdentity(time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(id) // as it is passed on to another process
	if err != nil {
		t.Fatal(err)
	}
	var copied Identity
	if err := json.Unmarshal(text, &copied); err != nil {
		t.Fatal(err)
	}
	server, err := copied.Server(true, "http/1.1")
	if err != nil {
		t.Fatal(err)
	}
	roots, err := id.Roots()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && r.TLS.DidResume {
			w.Header().Set("Resumed", "yes")
		}
		io.WriteString(w, "ok")
	}))
	s.Listener = tls.NewListener(New(Config{RTT: rtt}).Listener(s.Listener), server)
	s.Start()
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots, MinVersion: tls.VersionTLS13, ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}}}
	get := func() (took time.Duration, resumed bool) {
		began := time.Now()
		resp, err := client.Get("https://" + s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		return time.Since(began), resp.Header.Get("Resumed") != ""
	}
	best := func() (fresh, kept time.Duration) { // the least of several, on a machine that is not ours alone
		fresh, kept = time.Hour, time.Hour
		for i := range 5 {
			client.CloseIdleConnections()
			took, resumed := get()
			fresh = min(fresh, took)
			if resumed != (i > 0) {
				t.Errorf("connection %d: resumed %v", i, resumed)
			}
			for range 3 {
				took, _ = get()
				kept = min(kept, took)
			}
		}
		return fresh, kept
	}
	fresh, kept := best()
	t.Logf("a new connection %v, a kept one %v", fresh, kept)
	if fresh < 3*rtt || fresh > 4*rtt {
		t.Errorf("a new connection takes %v, want three round trips of %v", fresh, rtt)
	}
	if kept < rtt || kept > 2*rtt {
		t.Errorf("a kept connection takes %v, want one round trip of %v", kept, rtt)
	}
}

func TestAnIdentityIsForItsHostsAndItsTime(t *testing.T) {
	id, err := NewIdentity(time.Hour, "127.0.0.1", "target.test")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewIdentity(time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	roots, err := id.Roots()
	if err != nil {
		t.Fatal(err)
	}
	handshake := func(id Identity, name string, at time.Time) error {
		cfg, err := id.Server(false)
		if err != nil {
			return err
		}
		client, server := local(t, New(Config{}))
		go tls.Server(server, cfg).Handshake()
		return tls.Client(client, &tls.Config{RootCAs: roots, ServerName: name, Time: func() time.Time { return at }}).Handshake()
	}
	now := time.Now()
	for name, ok := range map[string]bool{"127.0.0.1": true, "target.test": true, "other.test": false} {
		if err := handshake(id, name, now); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if handshake(id, "target.test", now.Add(2*time.Hour)) == nil {
		t.Error("it is valid past its time")
	}
	if handshake(other, "127.0.0.1", now) == nil {
		t.Error("another's is trusted")
	}
	if _, err := (Identity{}).Server(true); err == nil {
		t.Error("an empty one serves")
	}
	if _, err := (Identity{}).Roots(); err == nil {
		t.Error("an empty one is trusted")
	}
}
