package admin

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"plimsoll/targets/middleware"
)

// guarded keeps others out: pages of other sites in the browser of somebody on this
// machine, which could else ask a port on loopback for anything, and where there is a
// token, all who do not send it as a bearer token (RFC 6750).
func guarded(next http.Handler, token string) http.Handler {
	checked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1:
			w.Header().Set("WWW-Authenticate", "Bearer")
			middleware.Problem{Status: http.StatusUnauthorized, Detail: "send the token that the target printed: Authorization: Bearer …"}.Write(w, r)
		case token == "" && !byNumber(r.Host):
			middleware.Problem{Status: http.StatusMisdirectedRequest, Detail: "the admin API answers to addresses and to localhost only"}.Write(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
	sites := http.NewCrossOriginProtection()
	sites.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		middleware.Problem{Status: http.StatusForbidden, Detail: "the request comes from a page of another site"}.Write(w, r)
	}))
	return sites.Handler(checked)
}

// byNumber tells whether a host is an address, or localhost: a name of somebody else's
// could be made to point here (DNS rebinding).
func byNumber(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil
}
