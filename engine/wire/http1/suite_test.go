package http1_test

import (
	"testing"

	"plimsoll/engine"
	"plimsoll/engine/wire/http1"
	"plimsoll/engine/wire/wiretest"
)

func TestPlainConformance(t *testing.T) {
	wiretest.Run(t, wiretest.Subject{Serve: wiretest.Plain, New: newProtocol})
}

func TestSecureConformance(t *testing.T) {
	wiretest.Run(t, wiretest.Subject{Serve: wiretest.Secure, New: newProtocol})
}

func newProtocol(t testing.TB, ca []byte) engine.Protocol {
	t.Helper()
	return newClient(t, http1.Config{TLS: http1.TLS{CA: ca}})
}

func newClient(t testing.TB, cfg http1.Config) *http1.Client {
	t.Helper()
	client, err := http1.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
