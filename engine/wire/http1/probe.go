package http1

import (
	"context"

	"plimsoll/engine/flow"
)

// Probe connects to an origin as a session would, handshake included, and hangs up: it
// tells whether the origin can be reached without sending it a request. The error is an
// *engine.Failure.
func (c *Client) Probe(ctx context.Context, scheme, host string) error {
	var unused flow.Response
	nc, err := c.dialer.dial(ctx, &flow.Request{Scheme: scheme, Host: host}, &unused, c.base, never)
	if err != nil {
		return err
	}
	_ = nc.Close() // it was reached, which is all that was asked
	return nil
}
