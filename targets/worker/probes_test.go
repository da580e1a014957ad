package worker

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDocumentsAreCheckedAsTheTopologySays(t *testing.T) {
	for _, how := range []string{"off", "interp", "compiled"} {
		w := worked(t, "minimal", "work.validate="+how)
		ask := func(method, path, body string) (int, string) {
			a := httptest.NewRecorder()
			w.ServeHTTP(a, httptest.NewRequest(method, path, strings.NewReader(body)))
			return a.Code, a.Body.String()
		}
		status, document := ask(http.MethodGet, "/x/json?n=8", "")
		if status != http.StatusOK {
			t.Fatalf("%s: GET answers %d: %s", how, status, document)
		}
		refused := http.StatusUnprocessableEntity
		if how == "off" {
			refused = http.StatusOK
		}
		for _, test := range []struct {
			name, path, body string
			want             int
		}{
			{"a document", "/x/json?n=8", document, http.StatusOK},
			{"a document of another size", "/x/json?n=9", document, refused},
			{"fifty fields unless it is said", "/x/json", document, refused},
			{"a text in place of a truth value", "/x/json?n=8", strings.Replace(document, "true", `"true"`, 1), refused},
			{"half a document", "/x/json?n=8", document[:len(document)/2], refused},
			{"no document", "/x/json?n=8", "", refused},
			{"no number of fields", "/x/json?n=0", document, http.StatusBadRequest},
			{"more than is read", "/x/json?n=8", document + strings.Repeat(" ", longestDocument), http.StatusRequestEntityTooLarge},
		} {
			if got, text := ask(http.MethodPost, test.path, test.body); got != test.want {
				t.Errorf("%s, %s: %d, want %d: %s", how, test.name, got, test.want, text)
			}
		}
	}
}
