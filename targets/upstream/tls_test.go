package upstream

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"plimsoll/targets/netem"
)

func TestOverTLSTheServerIsVerifiedAndSessionsAreResumed(t *testing.T) {
	id, err := netem.NewIdentity(time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	roots, err := id.Roots()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && r.TLS.DidResume {
			io.WriteString(w, "resumed over ")
		}
		io.WriteString(w, r.Proto)
	}))
	if s.TLS, err = id.Server(true, "h2", "http/1.1"); err != nil {
		t.Fatal(err)
	}
	s.EnableHTTP2, s.Config.ErrorLog = true, log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	tests := map[string]struct {
		change func(*Config)
		trust  bool
		want   []string // nothing: no answer
	}{
		"resumed":               {nil, true, []string{"HTTP/1.1", "resumed over HTTP/1.1"}},
		"not resumed":           {func(c *Config) { c.TLS.Resume = false }, true, []string{"HTTP/1.1", "HTTP/1.1"}},
		"over HTTP/2":           {func(c *Config) { c.HTTP, c.KeepAlive = "h2", true }, true, []string{"HTTP/2.0", "HTTP/2.0"}},
		"unknown":               {nil, false, nil},
		"unknown, but whatever": {func(c *Config) { c.TLS.Verify = false }, false, []string{"HTTP/1.1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := defaults()
			cfg.KeepAlive = false
			if test.change != nil {
				test.change(&cfg)
			}
			options := Options{}
			if test.trust {
				options.Roots = roots
			}
			u := New(cfg, options)
			defer u.Close()
			for _, want := range test.want {
				if got, err := get(t.Context(), u, s.URL); err != nil || got != want {
					t.Errorf("%q, want %q: %v", got, want, err)
				}
			}
			if len(test.want) == 0 {
				if got, err := get(t.Context(), u, s.URL); err == nil {
					t.Errorf("answered %q", got)
				}
			}
		})
	}
}

func TestHTTP2WithoutTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	cfg := defaults()
	cfg.HTTP = "h2c"
	u := open(t, cfg)
	if got, err := get(t.Context(), u, s.URL); err != nil || got != "HTTP/2.0" {
		t.Errorf("%q: %v", got, err)
	}
}
