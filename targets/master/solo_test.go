package master

import (
	"io"
	"net/http"
	"testing"

	"plimsoll/targets/topology"
)

// TestATargetInOneProcessAnswersAsOthersDo is what systems without worker processes get.
func TestATargetInOneProcessAnswersAsOthersDo(t *testing.T) {
	cfg, err := topology.Load("golden")
	if err != nil {
		t.Fatal(err)
	}
	s, err := StartSolo(t.Context(), Options{Topology: cfg, Listen: "127.0.0.1:0", Stderr: t.Output()}, func(int) { t.Error("it ended the process") })
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/healthz", "/x/ok", "/v1/products/1", "/v1/prices/1", "/v1/search?q=a", "/v1/carts/c", "/x/dep/redis"} {
		answer, err := http.Get("http://" + s.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, answer.StatusCode, text)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + s.Addr().String() + "/healthz"); err == nil {
		t.Error("it answers after its end")
	}
}
