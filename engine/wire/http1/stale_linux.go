package http1

import (
	"crypto/tls"
	"syscall"

	"golang.org/x/sys/unix"
)

// idleState asks the kernel. Data before a close (a server's 408, a TLS alert) only says
// why it closes; within TLS, data alone may be a session ticket.
func (c *conn) idleState() idleState {
	inner, secure := c.Conn, false
	if t, ok := inner.(*tls.Conn); ok {
		inner, secure = t.NetConn(), true
	}
	raw, err := inner.(syscall.Conn).SyscallConn()
	if err != nil {
		return idleClosed
	}
	state := idleClosed
	_ = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
		_, err := unix.Poll(fds, 0)
		switch {
		case err != nil || fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0:
		case fds[0].Revents != 0 && !secure:
			state = idleData
		default:
			state = idleQuiet
		}
	})
	return state
}
