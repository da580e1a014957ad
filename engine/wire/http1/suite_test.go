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

func newProtocol(tb testing.TB, ca []byte) engine.Protocol {
	tb.Helper()
	return newClient(tb, http1.Config{TLS: http1.TLS{CA: ca}})
}

func newClient(tb testing.TB, cfg http1.Config) *http1.Client {
	tb.Helper()
	client, err := http1.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return client
}
