package admin

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOthersAreKeptOut(t *testing.T) {
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, test := range []struct {
		name, token, method, host string
		header                    [2]string
		want                      int
	}{
		{"a program asks by address", "", "POST", "127.0.0.1:9901", [2]string{}, 200},
		{"a program asks by IPv6", "", "POST", "[::1]:9901", [2]string{}, 200},
		{"a program asks by localhost", "", "GET", "localhost:9901", [2]string{}, 200},
		{"a name that points here", "", "GET", "evil.example:9901", [2]string{}, 421},
		{"a page of another site", "", "POST", "127.0.0.1:9901", [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a page of another site in an old browser", "", "POST", "127.0.0.1:9901", [2]string{"Origin", "http://evil.example"}, 403},
		{"no token where one is needed", "secret", "GET", "target.example", [2]string{}, 401},
		{"another token", "secret", "GET", "target.example", [2]string{"Authorization", "Bearer secre"}, 401},
		{"the token", "secret", "GET", "target.example", [2]string{"Authorization", "Bearer secret"}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, "/admin/v1/faults", nil)
			r.Host = test.host
			if test.header[0] != "" {
				r.Header.Set(test.header[0], test.header[1])
			}
			w := httptest.NewRecorder()
			guarded(answer, test.token).ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
		})
	}
}
