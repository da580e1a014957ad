//go:build !linux

package http1

// idleState cannot be asked for here: a connection that was closed meanwhile fails its
// next call.
func (c *conn) idleState() idleState { return idleQuiet }
