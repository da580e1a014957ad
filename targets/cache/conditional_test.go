package cache

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestPreconditionsAreThoseOfRFC9110(t *testing.T) {
	modified := time.Date(2026, 5, 1, 12, 0, 0, 500, time.UTC)
	const same, before = "Fri, 01 May 2026 12:00:00 GMT", "Fri, 01 May 2026 11:59:59 GMT"
	for _, test := range []struct {
		name, method, etag string
		header             map[string]string
		want               int
	}{
		{"no condition", "GET", `"1"`, nil, 0},
		{"none-match compares weakly", "GET", `W/"1"`, map[string]string{"If-None-Match": `"1"`}, 304},
		{"none-match, the other way round", "GET", `"1"`, map[string]string{"If-None-Match": `W/"1"`}, 304},
		{"match compares strongly", "GET", `W/"1"`, map[string]string{"If-Match": `W/"1"`}, 412},
		{"match", "PUT", `"1"`, map[string]string{"If-Match": `"0", "1"`}, 0},
		{"match of another", "PUT", `"1"`, map[string]string{"If-Match": `"0"`}, 412},
		{"match of any", "PUT", `"1"`, map[string]string{"If-Match": `*`}, 0},
		{"none-match of any, read", "GET", `"1"`, map[string]string{"If-None-Match": "*"}, 304},
		{"none-match of any, asked", "HEAD", `"1"`, map[string]string{"If-None-Match": "*"}, 304},
		{"none-match of any, written", "PUT", `"1"`, map[string]string{"If-None-Match": "*"}, 412},
		{"none-match in a list", "GET", `"c"`, map[string]string{"If-None-Match": `"a,b" ,, W/"c"`}, 304},
		{"none-match of another", "GET", `"1"`, map[string]string{"If-None-Match": `"2"`}, 0},
		{"none-match comes before since", "GET", `"1"`, map[string]string{"If-None-Match": `"2"`, "If-Modified-Since": same}, 0},
		{"a tag without its end", "GET", `"1"`, map[string]string{"If-None-Match": `"1`}, 0},
		{"a tag without quotes", "GET", `"1"`, map[string]string{"If-None-Match": `1`}, 0},
		{"not modified since", "GET", "", map[string]string{"If-Modified-Since": same}, 304},
		{"modified since", "GET", "", map[string]string{"If-Modified-Since": before}, 0},
		{"since of a write is ignored", "PUT", "", map[string]string{"If-Modified-Since": same}, 0},
		{"since what is no date", "GET", "", map[string]string{"If-Modified-Since": "yesterday"}, 0},
		{"unmodified since", "PUT", "", map[string]string{"If-Unmodified-Since": same}, 0},
		{"not unmodified since", "PUT", "", map[string]string{"If-Unmodified-Since": before}, 412},
		{"match comes before unmodified", "PUT", `"1"`, map[string]string{"If-Match": `"1"`, "If-Unmodified-Since": before}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, "/", http.NoBody)
			for k, v := range test.header {
				r.Header.Set(k, v)
			}
			if got := Precondition(r, test.etag, modified); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func FuzzPrecondition(f *testing.F) {
	f.Add(`"1", W/"2"`, `"1"`)
	f.Add(`W/`, `W/"`)
	f.Fuzz(func(t *testing.T, condition, etag string) {
		r := httptest.NewRequest("GET", "/", http.NoBody)
		r.Header["If-None-Match"] = []string{condition}
		if got := Precondition(r, etag, time.Time{}); got != 0 && got != 304 {
			t.Errorf("got %d", got)
		}
	})
}
